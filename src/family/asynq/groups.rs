//! Tasks of asynq that wait in groups until they are aggregated to one: a set of the groups, a sorted set for each.

use super::super::Read;
use super::super::site::{count, join};
use crate::domain::queue::Detail;
use crate::domain::{Bytes, Reply};

/// Groups of one queue that are counted.
const MOST_GROUPS: u32 = 32;
/// Groups that are named.
const NAMED: usize = 6;

/// The read of the groups' names.
pub(super) fn names(base: &[u8]) -> Read {
    Read::SetLook { key: join(&[base, b":groups"]), count: MOST_GROUPS }
}

/// The reads of their lengths; `told` answers [`names`].
pub(super) fn lengths(base: &[u8], told: Option<&Reply>) -> Vec<Read> {
    let of = |group: &Bytes| Read::SortedLen(join(&[base, b":g:", group.as_slice()]));
    parse(told).0.iter().map(of).collect()
}

/// Names of the groups that are counted, and how many there are; `None` where that is not known.
fn parse(told: Option<&Reply>) -> (Vec<Bytes>, Option<u64>) {
    let (names, all) = match told.and_then(Reply::as_array) {
        // SSCAN, where scripts are not permitted: cursor and members.
        Some([cursor, Reply::Array(names)]) => {
            let whole = cursor.as_bytes().is_some_and(|cursor| cursor.as_slice() == b"0");
            (names.as_slice(), whole.then_some(names.len() as u64))
        }
        Some([Reply::Int(all), names @ ..]) => (names, u64::try_from(*all).ok()),
        _ => return (Vec::new(), None),
    };
    (names.iter().take(MOST_GROUPS as usize).filter_map(Reply::as_bytes).collect(), all)
}

/// What the details say of them; `lengths` answers [`lengths`].
pub(super) fn detail(told: Option<&Reply>, lengths: &[Reply]) -> Option<Detail> {
    let (names, all) = parse(told);
    let each: Vec<(Bytes, u64)> =
        names.into_iter().zip(lengths).filter_map(|(name, len)| Some((name, count(Some(len))?))).collect();
    let first = each.iter().take(NAMED).map(|(name, n)| format!("{name}: {n}"));
    let more = all.unwrap_or(0).saturating_sub(each.len().min(NAMED) as u64);
    let listed: Vec<String> = first.chain((more > 0).then(|| format!("{more} more groups"))).collect();
    let sum: u64 = each.iter().map(|(_, n)| n).sum();
    let least = if all == Some(each.len() as u64) { "" } else { "at least " };
    (!each.is_empty()).then(|| {
        Detail::new("groups", format!("{least}{sum} tasks wait to be aggregated ({})", listed.join(", ")))
    })
}

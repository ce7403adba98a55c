//! Sorted sets as queue libraries use them: scores are times, and what is due depends on the clock.

use super::Context;
use super::site::count;
use crate::domain::{Bytes, Reply};

/// Members with their scores, lowest first.
#[derive(Default)]
pub(super) struct Scored {
    /// Length of the whole set; `None` where scripts are not permitted.
    pub(super) len: Option<u64>,
    /// The first members.
    pub(super) first: Vec<(Bytes, f64)>,
}

impl Scored {
    /// Reads the reply of [`super::Read::ZsetLook`], or of `ZRANGE` where scripts are not permitted. `None`: it could
    /// not be read.
    pub(super) fn parse(reply: Option<&Reply>) -> Option<Self> {
        let items = reply?.as_array()?;
        let (len, flat) = match items {
            [Reply::Int(len), flat @ ..] => (Some(u64::try_from(*len).ok()?), flat),
            flat => (None, flat),
        };
        let pair = |pair: &[Reply]| match pair {
            [member, score] => Some((member.as_bytes()?, number(score)?)),
            _ => None,
        };
        // RESP3 sends ZRANGE's pairs as arrays of their own.
        let first = if flat.iter().all(|item| item.as_array().is_some()) {
            flat.iter().filter_map(Reply::as_array).filter_map(pair).collect()
        } else {
            flat.chunks(2).filter_map(pair).collect()
        };
        Some(Self { len, first })
    }

    /// The same, nothing where it could not be read.
    pub(super) fn or_none(reply: Option<&Reply>) -> Self {
        Self::parse(reply).unwrap_or_default()
    }

    /// The first member.
    pub(super) fn next(&self) -> Option<&Bytes> {
        self.first.first().map(|(member, _)| member)
    }

    /// True when these are all members, of which so many were asked for.
    pub(super) fn is_all(&self, most: u32) -> bool {
        let shown = self.first.len() as u64;
        self.len.map_or(shown < u64::from(most), |len| len == shown)
    }
}

/// What [`super::Read::Due`] counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// All members.
    pub(super) all: u64,
    /// Members with a score of zero or less: no time.
    pub(super) zero: u64,
    /// Members of which the time has come.
    pub(super) due: u64,
}

impl Counts {
    /// Reads the reply; where scripts are not permitted it is a bare length, and `look` at the first members must
    /// have seen them all.
    pub(super) fn parse(
        reply: Option<&Reply>,
        look: Option<&Scored>,
        per_second: u32,
        ctx: &Context,
    ) -> Option<Self> {
        if let Some(counts) = Self::counted(reply) {
            return Some(counts);
        }
        let all = count(reply)?;
        let first = &look?.first;
        if first.len() as u64 != all {
            return None;
        }
        let now = ctx.server_ms as f64 / 1e3 * f64::from(per_second);
        let of =
            |wanted: &dyn Fn(f64) -> bool| first.iter().filter(|(_, score)| wanted(*score)).count() as u64;
        Some(Self { all, zero: of(&|s| s <= 0.0), due: of(&|s| s > 0.0 && s <= now) })
    }

    /// Reads the reply of the script.
    fn counted(reply: Option<&Reply>) -> Option<Self> {
        let items = reply?.as_array()?;
        let [all, zero, due] = [0, 1, 2].map(|at| count(items.get(at)));
        Some(Self { all: all?, zero: zero?, due: due? })
    }

    /// Members of which the time is still to come.
    pub(super) fn later(self) -> u64 {
        self.all.saturating_sub(self.zero).saturating_sub(self.due)
    }
}

/// Number of members and how many of them are due, from [`super::Read::Due`]; what is due is not known where
/// scripts are denied.
pub(super) fn due(reply: Option<&Reply>) -> (Option<u64>, Option<u64>) {
    match Counts::counted(reply) {
        Some(counts) => (Some(counts.all), Some(counts.zero.saturating_add(counts.due))),
        None => (count(reply), None),
    }
}

/// A score.
fn number(reply: &Reply) -> Option<f64> {
    match reply {
        Reply::Double(score) => Some(*score),
        other => other.as_bytes()?.as_utf8()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_set_in_each_form_it_comes_in() {
        let member = || Reply::Bulk("job".into());
        let pair = vec![member(), Reply::Double(1.5)];
        let flat = vec![member(), Reply::Bulk("1.5".into())];
        let script = [vec![Reply::Int(9)], flat.clone()].concat();
        for (reply, len) in [
            (Reply::Array(script), Some(9)),
            (Reply::Array(flat), None),
            // ZRANGE by RESP3.
            (Reply::Array(vec![Reply::Array(pair)]), None),
        ] {
            let look = Scored::parse(Some(&reply)).unwrap();
            assert_eq!((look.len, look.first), (len, vec![("job".into(), 1.5)]), "{reply:?}");
        }
        assert!(Scored::parse(Some(&Reply::Nil)).is_none(), "not read is not empty");
    }
}

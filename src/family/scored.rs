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
    /// Reads the reply of [`super::Read::ZsetLook`], or of `ZRANGE` where scripts are not permitted.
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
        Some(Self { len, first: flat.chunks(2).filter_map(pair).collect() })
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
        if let Some(Reply::Array(items)) = reply {
            return Some(Self {
                all: count(items.first())?,
                zero: count(items.get(1))?,
                due: count(items.get(2))?,
            });
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

    /// Members of which the time is still to come.
    pub(super) fn later(self) -> u64 {
        self.all.saturating_sub(self.zero).saturating_sub(self.due)
    }
}

fn number(reply: &Reply) -> Option<f64> {
    match reply {
        Reply::Int(n) => Some(*n as f64),
        other => other.as_bytes()?.as_utf8()?.parse().ok().filter(|n: &f64| n.is_finite()),
    }
}

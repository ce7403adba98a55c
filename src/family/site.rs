//! A site: one installation of a queue library on a node, as its clue tells, and what its queues share.

use std::collections::BTreeMap;

use crate::domain::queue::Detail;
use crate::domain::{Bytes, Reply};

/// What a clue told.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Its queues.
    pub queues: Vec<SiteQueue>,
    /// True for a registry, which is looked at again: queues come and go in it. False for a key of one queue.
    pub registry: bool,
}

/// One queue of a site.
#[derive(Clone, Debug)]
pub struct SiteQueue {
    /// The key that stands for the queue.
    pub key: Bytes,
    /// What is known of it without reading its own keys.
    pub part: Part,
}

/// A queue's part in what its site shares. `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Tasks taken and not finished.
    pub in_flight: Option<u64>,
    /// Tasks for later.
    pub scheduled: Option<u64>,
    /// Tasks to be tried again.
    pub retry: Option<u64>,
    /// Failed or dead tasks.
    pub failed: Option<u64>,
    /// Live workers that take from this queue.
    pub workers: Option<u64>,
    /// Paused.
    pub paused: Option<bool>,
    /// The rest, for the details.
    pub details: Vec<Detail>,
    /// Type of the queue's key, where the library has queues of several types.
    pub key_type: Option<&'static str>,
}

/// How many entries name which queue, from [`super::Read::QueuesNamed`].
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// All entries, if known.
    pub(super) total: Option<u64>,
    by_queue: Option<BTreeMap<Bytes, u64>>,
}

impl Tally {
    pub(super) fn parse(reply: Option<&Reply>) -> Self {
        let total = match reply {
            Some(Reply::Array(items)) => count(items.first()),
            other => count(other),
        };
        let names = match reply {
            Some(Reply::Array(items)) => items.get(1).and_then(Reply::as_array),
            _ => None,
        };
        let by_queue = names.map(|names| {
            let mut tally = BTreeMap::new();
            for name in names.iter().filter_map(Reply::as_bytes) {
                *tally.entry(name).or_default() += 1;
            }
            tally
        });
        Self { total, by_queue }
    }

    /// All of them as one; unknown is what one of them does not know.
    pub(super) fn sum(parts: impl Iterator<Item = Self>) -> Self {
        let nothing = Self { total: Some(0), by_queue: Some(BTreeMap::new()) };
        parts.fold(nothing, |sum, part| Self {
            total: sum.total.zip(part.total).and_then(|(a, b)| a.checked_add(b)),
            by_queue: sum.by_queue.zip(part.by_queue).map(|(mut all, more)| {
                for (queue, n) in more {
                    *all.entry(queue).or_default() += n;
                }
                all
            }),
        })
    }

    /// How many there are of all queues of a site, said of each where they can't be told apart.
    pub(super) fn shared(&self, label: &'static str, of_all: &str) -> Option<Detail> {
        let n = self.total.filter(|n| *n > 0)?;
        Some(Detail::new(label, format!("{n} jobs of all {of_all}")))
    }

    /// Entries of this queue; all of them where it is the only one.
    pub(super) fn of(&self, queue: &Bytes, only_one: bool) -> Option<u64> {
        match &self.by_queue {
            Some(tally) => Some(tally.get(queue).copied().unwrap_or(0)),
            None if only_one || self.total == Some(0) => self.total,
            None => None,
        }
    }
}

/// A queue's key that is told by a key of its own.
pub(super) fn single(key: Bytes, key_type: Option<&'static str>) -> Site {
    Site { queues: vec![SiteQueue { key, part: Part { key_type, ..Part::default() } }], registry: false }
}

/// Members of a set, from [`super::Read::Members`]; `None` when it could not be read.
pub(super) fn members(reply: Option<&Reply>) -> Option<Vec<Bytes>> {
    let page = reply?.as_array()?.get(1)?.as_array()?;
    Some(page.iter().filter_map(Reply::as_bytes).collect())
}

/// A length or counter.
pub(super) fn count(reply: Option<&Reply>) -> Option<u64> {
    reply.and_then(Reply::as_int).and_then(|n| u64::try_from(n).ok())
}

/// A string that was read whole or cut, but not the length that stands for it where scripts are denied.
pub(super) fn text(reply: Option<&Reply>) -> Option<Bytes> {
    match reply {
        Some(Reply::Bulk(bytes)) => Some(bytes.clone()),
        _ => None,
    }
}

/// True when `TYPE` answered this.
pub(super) fn is_type(reply: Option<&Reply>, name: &str) -> bool {
    matches!(reply, Some(Reply::Status(t)) if t == name)
}

/// True when `TYPE` found something there; `None` when it could not be asked.
pub(super) fn exists(reply: Option<&Reply>) -> Option<bool> {
    match reply {
        Some(Reply::Status(t)) => Some(t != "none"),
        _ => None,
    }
}

/// True when a string or a field was there; `None` when it could not be asked.
pub(super) fn is_set(reply: Option<&Reply>) -> Option<bool> {
    match reply {
        Some(Reply::Bulk(_)) => Some(true),
        Some(Reply::Nil) => Some(false),
        _ => None,
    }
}

/// The JSON in a string.
pub(super) fn json(reply: Option<&Reply>) -> Option<serde_json::Value> {
    serde_json::from_slice(text(reply)?.as_slice()).ok()
}

/// Key made of parts.
pub(super) fn join(parts: &[&[u8]]) -> Bytes {
    parts.concat().into()
}

/// The first bytes of a list element, if there is one: from [`super::Read::ElementHead`].
pub(super) fn element(reply: Option<&Reply>) -> Option<Bytes> {
    reply?.as_array()?.get(1)?.as_bytes()
}

/// The number in a string.
pub(super) fn number(reply: Option<&Reply>) -> Option<i64> {
    text(reply)?.as_utf8()?.trim().parse().ok()
}

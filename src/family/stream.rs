//! Redis streams with consumer groups: what a group was not given yet waits, what it did not acknowledge is taken.

use super::backlog::{age, begin, counted, is_wrong_type, settle, since_last, unreadable};
use super::site::{Site, count, single};
use super::{Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, Told, Wish, canary};
use crate::domain::lock::Unknown;
use crate::domain::queue::{Detail, Oldest, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct StreamFamily;

/// Groups that are looked at.
const MOST_GROUPS: usize = 16;
/// Entries counted where the server does not know the lag.
const MOST_COUNTED: u32 = 1000;

impl QueueFamily for StreamFamily {
    fn id(&self) -> &'static str {
        "stream"
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "stream"
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        vec![Read::StreamGroups(clue.clone())]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        // Without a group it is a log, not a queue.
        replies.first().and_then(Reply::as_array).filter(|groups| !groups.is_empty())?;
        Some(single(clue.clone(), None))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<super::TaskPlace> {
        vec![super::TaskPlace::stream(key.clone())]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, _: &QueueMemory) -> Vec<Read> {
        vec![Read::StreamLook(key.clone()), Read::StreamGroups(key.clone())]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        groups(replies.get(1))
            .iter()
            .map(|group| Read::StreamAhead {
                key: key.clone(),
                after: group.delivered.clone(),
                most: if group.lag.is_some() { 1 } else { MOST_COUNTED },
            })
            .collect()
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        canary::stream::reads(key)
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::stream::canary(self.id(), wish)
    }

    fn canary_told(&self, canary: &Canary, replies: &[Reply]) -> Told {
        canary::stream::told(canary, replies)
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        interpret(self.id(), &fact.key, fact, previous, memory, replies, ctx)
    }
}

/// [`QueueFamily::interpret`] for a library of which the queue is a stream.
pub(super) fn interpret(
    family: &'static str,
    name: &Bytes,
    fact: &KeyFact,
    previous: Option<&Queue>,
    memory: &mut QueueMemory,
    replies: &[Reply],
    ctx: &Context,
) -> Option<Queue> {
    let mut queue = begin(family, name, fact, PushEnd::Right, previous, memory, ctx);
    for reply in [replies.first(), replies.get(1)] {
        let Some(Reply::Error(error)) = reply else { continue };
        let text = error.message.to_ascii_lowercase();
        if is_wrong_type(reply) || text.contains("no such key") || text.contains("wrong kind of value") {
            return None;
        }
        return Some(unreadable(queue, super::string::unknown(reply, "XINFO")));
    }
    let (length, added) = match replies.first() {
        Some(Reply::Array(pair)) => (count(pair.first()), pair.get(1).and_then(Reply::as_int)),
        other => (count(other), None),
    };
    let mut groups = groups(replies.get(1));
    if groups.is_empty() {
        return None;
    }
    for (group, ahead) in groups.iter_mut().zip(replies.get(2..).unwrap_or_default()) {
        group.look_ahead(ahead, length, added);
    }
    queue.details.extend(groups.iter().map(|g| Detail::new("group", g.words())));
    // A backlog that is not known may be the largest.
    let worst = groups.iter().max_by_key(|g| (g.waiting.unwrap_or(u64::MAX), g.pending))?;
    queue.in_flight = worst.pending;
    let added = since_last(memory, &Bytes::default(), added.filter(|n| *n >= 0));
    let delivered: Vec<Option<u64>> = groups.iter().map(|g| since_last(memory, &g.name, g.read)).collect();
    let delivered = groups.iter().position(|g| g.name == worst.name).and_then(|at| *delivered.get(at)?);
    let Some(depth) = worst.waiting else {
        let why = worst.trouble.clone().unwrap_or(Unknown::NotRead);
        return Some(unreadable(queue, why));
    };
    let sample = counted(depth, added, delivered, memory, ctx);
    let moved = delivered.is_some_and(|n| n > 0);
    settle(&mut queue, depth, sample, moved, RateSource::Counters, memory, ctx);
    queue.oldest = match (depth, worst.first_ms) {
        (0, _) => Oldest::Empty,
        (_, Some(ms)) => age(ms, ctx),
        (_, None) => Oldest::Unknown(Unknown::NotRead),
    };
    Some(queue)
}

/// One consumer of a group.
pub(super) struct Consumer {
    pub(super) name: Bytes,
    /// Entries it was given and did not acknowledge.
    pub(super) pending: Option<u64>,
    idle_ms: Option<u64>,
}

impl Consumer {
    /// What is said of it.
    pub(super) fn detail(&self) -> Detail {
        let pending = self.pending.map_or_else(|| "?".into(), |n| n.to_string());
        let idle = self.idle_ms.map_or_else(String::new, |ms| format!(", last heard {}s ago", ms / 1000));
        Detail::new("consumer", format!("{}: {pending} not acknowledged{idle}", self.name))
    }
}

/// The consumers of a reply of [`Read::StreamConsumers`].
pub(super) fn consumers(reply: Option<&Reply>) -> Vec<Consumer> {
    let items = reply.and_then(Reply::as_array).unwrap_or_default();
    let one = |fields: &[Reply]| match fields {
        [name, pending, idle] => Some(Consumer {
            name: name.as_bytes()?,
            pending: count(Some(pending)),
            idle_ms: count(Some(idle)),
        }),
        _ => None,
    };
    items.get(1..).unwrap_or_default().chunks(3).filter_map(one).collect()
}

/// How many there are.
pub(super) fn consumer_count(reply: Option<&Reply>) -> Option<u64> {
    count(reply.and_then(Reply::as_array)?.first())
}

/// Names of the groups of a reply of XINFO GROUPS.
pub(super) fn group_names(reply: &Reply) -> Vec<Bytes> {
    groups(Some(reply)).into_iter().map(|group| group.name).collect()
}

/// One consumer group.
pub struct Group {
    /// Its name.
    pub name: Bytes,
    consumers: Option<u64>,
    pending: Option<u64>,
    /// The last entry that it was given.
    pub delivered: Bytes,
    read: Option<i64>,
    /// Entries that it was not given yet, if the server knows.
    pub lag: Option<u64>,
    waiting: Option<u64>,
    /// Entries that were trimmed away before this group was given them.
    trimmed: u64,
    /// Time in the id of the first entry it was not given yet.
    first_ms: Option<i64>,
    trouble: Option<Unknown>,
}

impl Group {
    /// The two numbers of the last entry that it was given.
    pub fn delivered(&self) -> (u64, u64) {
        let numbers = self.delivered.as_utf8().and_then(|id| id.split_once('-'));
        numbers.map_or((0, 0), |(ms, within)| (ms.parse().unwrap_or(0), within.parse().unwrap_or(0)))
    }

    fn look_ahead(&mut self, ahead: &Reply, length: Option<u64>, added: Option<i64>) {
        let pair = ahead.as_array().unwrap_or_default();
        let first = pair.first().and_then(Reply::as_bytes);
        self.first_ms = first.and_then(|id| id.as_utf8()?.split('-').next()?.parse().ok());
        let counted = count(pair.get(1));
        self.waiting = match (self.lag, counted) {
            // The lag of older servers knows nothing of trimming.
            (Some(_), Some(0)) => Some(0),
            (Some(lag), _) => Some(length.map_or(lag, |length| lag.min(length))),
            (None, Some(n)) if n < u64::from(MOST_COUNTED) => Some(n),
            _ => None,
        };
        // Newer servers leave what was trimmed out of the lag; all ever added less all ever read has it.
        let unread =
            added.zip(self.read).and_then(|(added, read)| u64::try_from(added.checked_sub(read)?).ok());
        self.trimmed = match (self.lag.max(unread), self.waiting) {
            (Some(unread), Some(waiting)) => unread.saturating_sub(waiting),
            _ => 0,
        };
        if self.waiting.is_none() {
            self.trouble = Some(match counted {
                Some(n) => {
                    Unknown::Failed(format!("the server does not know the lag; at least {n} entries wait"))
                }
                None => super::string::unknown(Some(ahead), "XRANGE"),
            });
        }
    }

    fn words(&self) -> String {
        let or = |n: Option<u64>| n.map_or_else(|| "?".into(), |n| n.to_string());
        let trimmed = match self.trimmed {
            0 => String::new(),
            n => format!(", {n} trimmed before they were read"),
        };
        format!(
            "{}: {} waiting, {} not acknowledged, {} consumers{trimmed}",
            self.name,
            or(self.waiting),
            or(self.pending),
            or(self.consumers)
        )
    }
}

/// The groups of a reply of XINFO GROUPS, as flat arrays (RESP2) or maps (RESP3).
pub fn groups(reply: Option<&Reply>) -> Vec<Group> {
    let listed = reply.and_then(Reply::as_array).unwrap_or_default();
    listed.iter().take(MOST_GROUPS).filter_map(group).collect()
}

fn group(reply: &Reply) -> Option<Group> {
    let field = |name: &str| -> Option<&Reply> {
        let is = |r: &Reply| r.as_bytes().is_some_and(|b| b.as_slice() == name.as_bytes());
        match reply {
            Reply::Array(flat) => flat.chunks(2).find(|pair| pair.first().is_some_and(is))?.get(1),
            Reply::Map(pairs) => pairs.iter().find(|(k, _)| is(k)).map(|(_, v)| v),
            _ => None,
        }
    };
    Some(Group {
        name: field("name")?.as_bytes()?,
        consumers: count(field("consumers")),
        pending: count(field("pending")),
        delivered: field("last-delivered-id")?.as_bytes()?,
        read: field("entries-read").and_then(Reply::as_int),
        lag: count(field("lag")),
        waiting: None,
        trimmed: 0,
        first_ms: None,
        trouble: None,
    })
}

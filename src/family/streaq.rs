//! streaQ: a stream for each priority of a queue with the group `workers`, whose consumers keep a health key.

use super::read::PART;
use super::site::{Site, count, is_type, join, single};
use super::stream::{self, StreamFamily};
use super::{Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskPlace, TaskSet};
use crate::domain::queue::{Detail, Oldest, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct StreaqFamily;

const PREFIX: &[u8] = b"streaq:";
const STREAMS: &[u8] = b":queues:";
const LATER: &[u8] = b"delayed:";
const GROUP: &[u8] = b"workers";
/// The only priority unless the application names others.
const USUAL: &[u8] = b"normal";
/// Replies of `reads`; those of the stream stand in front.
const FIRST: usize = 6;
/// Replies about the stream in front.
const OF_STREAM: usize = 2;

impl QueueFamily for StreaqFamily {
    fn id(&self) -> &'static str {
        "streaq"
    }

    fn failed_unknown(&self) -> Option<&'static str> {
        Some("stands in the pickled results of single tasks")
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        split(key).is_some()
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(PREFIX)
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        let later = split(fact.key.as_slice()).map(|(_, priority)| priority.starts_with(LATER));
        later.is_some_and(|later| &*fact.key_type == if later { "zset" } else { "stream" })
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        stream_key(clue).map(Read::StreamGroups).into_iter().collect()
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let names = stream::group_names(replies.first()?);
        names.iter().any(|name| name.as_slice() == GROUP).then_some(())?;
        Some(single(stream_key(clue)?, Some("stream")))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<TaskPlace> {
        vec![TaskPlace::stream(key.clone())]
    }

    fn id_field(&self) -> &'static str {
        "task_id"
    }

    fn task_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        let base = split(key.as_slice()).map_or(key.as_slice(), |(base, _)| base);
        vec![("data", Read::Head(join(&[base, b":task:data:", id.as_slice()]), PART))]
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let (base, priority) = split(key.as_slice()).unwrap_or((key.as_slice(), USUAL));
        vec![SetPlace::new(TaskSet::Scheduled, join(&[base, STREAMS, LATER, priority])).due(1_000)]
    }

    fn reads(&self, key: &Bytes, push: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let (base, priority) = split(key.as_slice()).unwrap_or((key.as_slice(), USUAL));
        let mut reads = StreamFamily.reads(key, push, memory);
        reads.extend([
            Read::SortedLen(join(&[base, STREAMS, LATER, priority])),
            Read::SetLen(join(&[base, b":index:running"])),
            Read::SortedLen(join(&[base, b":index:results"])),
            Read::StreamConsumers { key: key.clone(), group: GROUP.into() },
        ]);
        reads
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let base = split(key.as_slice()).map_or(key.as_slice(), |(base, _)| base);
        let mut reads = StreamFamily.more_reads(key, replies);
        let health = |c: &stream::Consumer| Read::Type(join(&[base, b":health:", c.name.as_slice()]));
        reads.extend(stream::consumers(replies.get(FIRST - 1)).iter().map(health));
        reads
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let (base, priority) = split(fact.key.as_slice())?;
        let base = base.strip_prefix(PREFIX).unwrap_or(base);
        let name = if priority == USUAL { base.into() } else { join(&[base, b":", priority]) };
        let consumers = stream::consumers(replies.get(FIRST - 1));
        let more = replies.get(FIRST..).unwrap_or_default();
        let ahead = more.len().saturating_sub(consumers.len());
        let of_stream: Vec<Reply> =
            replies.iter().take(OF_STREAM).chain(more.iter().take(ahead)).cloned().collect();
        let mut queue = stream::interpret(self.id(), &name, fact, previous, memory, &of_stream, ctx)?;
        if queue.oldest == Oldest::Unknown(crate::domain::lock::Unknown::NotRead) && queue.waiting == Some(0)
        {
            queue.oldest = Oldest::Empty;
        }
        queue.scheduled = count(replies.get(OF_STREAM));
        let all: u64 = stream::consumer_count(replies.get(FIRST - 1)).unwrap_or(u64::MAX);
        let (mut live, mut known) = (0, all == consumers.len() as u64);
        for (consumer, health) in consumers.iter().zip(more.iter().skip(ahead)) {
            let gone = is_type(Some(health), "none");
            known &= matches!(health, Reply::Status(_));
            live += u64::from(!gone);
            if !gone || consumer.pending.is_some_and(|n| n > 0) {
                let label = if gone { "gone" } else { "worker" };
                queue.details.push(Detail::new(label, consumer.detail().text));
            }
        }
        queue.workers = known.then_some(live);
        for (label, at, what) in [("running", 3, "of all priorities"), ("results", 4, "kept")] {
            if let Some(n) = count(replies.get(at)).filter(|n| *n > 0) {
                queue.details.push(Detail::new(label, format!("{n} tasks, {what}")));
            }
        }
        Some(queue)
    }
}

/// What all keys of the queue begin with, and the priority; that of a sorted set of later tasks begins with
/// `delayed:`.
fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = key.strip_prefix(PREFIX)?;
    let at = rest.windows(STREAMS.len()).position(|w| w == STREAMS)? + PREFIX.len();
    let (base, priority) = (key.get(..at)?, key.get(at + STREAMS.len()..)?);
    (at > PREFIX.len() && !priority.is_empty()).then_some((base, priority))
}

/// The stream that a clue tells of.
fn stream_key(clue: &Bytes) -> Option<Bytes> {
    let (base, priority) = split(clue.as_slice())?;
    Some(join(&[base, STREAMS, priority.strip_prefix(LATER).unwrap_or(priority)]))
}

//! Queues of the user's own: the keys of a queue are named after it by templates in the configuration.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::backlog::{
    begin, is_wrong_type, list_look, list_step, settle, settle_list, unreadable, with_events,
};
use super::list::{self, Look};
use super::scored::{Counts, Scored};
use super::site::{Site, SiteQueue, count, exists, members, single};
use super::stream::{self, StreamFamily};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskKind, TaskPlace, TaskSet, Told,
    Wish, canary,
};
use crate::config::{Liveness, QueueSchema, QueueType};
use crate::domain::lock::Unknown;
use crate::domain::queue::{Detail, Oldest, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct OwnFamily {
    id: &'static str,
    schema: QueueSchema,
}

/// Workers looked at.
const MOST_WORKERS: u32 = 64;
/// Members of a sorted set that are looked at for the next task.
const LOOKED_AT: u32 = 8;

impl OwnFamily {
    /// The family that a schema describes.
    pub fn new(schema: QueueSchema) -> Self {
        Self { id: interned(&schema.id), schema }
    }

    /// Keys whose length is shown, with the reads for them.
    fn lengths(&self, name: &[u8]) -> Vec<(&'static str, Read)> {
        let all = [
            ("processing", &self.schema.processing),
            ("delayed", &self.schema.delayed),
            ("retry", &self.schema.retry),
            ("failed", &self.schema.failed),
            ("completed", &self.schema.completed),
        ];
        let of = |(label, key): (&'static str, &Option<super::template::Template>)| {
            key.as_ref().map(|key| (label, Read::AnyLen(key.fill(name))))
        };
        all.into_iter().filter_map(of).collect()
    }

    /// Name of the queue of which this is one of the keys beside the queue's own.
    fn beside<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let s = &self.schema;
        let keys = [&s.processing, &s.delayed, &s.retry, &s.failed, &s.completed, &s.paused];
        keys.into_iter().flatten().find_map(|template| template.matched(key))
    }

    /// Name of the queue of which this key tells.
    fn name<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        self.beside(key).or_else(|| self.schema.queue.matched(key))
    }

    fn is_registry(&self, key: &[u8]) -> bool {
        self.schema.registry.as_ref().is_some_and(|registry| registry.as_bytes() == key)
    }

    fn front(&self, key: &Bytes, memory: &QueueMemory) -> Vec<Read> {
        let push = self.schema.push;
        match self.schema.kind {
            QueueType::List => {
                vec![list_look(key, push, memory)]
            }
            QueueType::Stream => StreamFamily.reads(key, push, memory),
            QueueType::Zset => vec![
                Read::ZsetLook { key: key.clone(), count: LOOKED_AT },
                Read::Due { key: key.clone(), per_second: self.schema.per_second.unwrap_or(1) },
            ],
        }
    }

    /// How many replies are about the queue's own key.
    fn fronts(&self) -> usize {
        if self.schema.kind == QueueType::List { 1 } else { 2 }
    }

    /// Where the replies about workers and the pause are: behind those of the lengths.
    fn behind(&self) -> usize {
        self.fronts() + self.lengths(b"").len()
    }

    fn worker_names(&self, replies: &[Reply]) -> Option<Vec<Bytes>> {
        let at = self.behind() + usize::from(self.schema.paused.is_some());
        members(replies.get(at))
    }

    fn depth(
        &self,
        queue: &mut Queue,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Result<(), Unknown> {
        if self.schema.kind == QueueType::List {
            let look = Look::parse(replies.first())?;
            settle_list(queue, &look, None, memory, ctx);
            queue.oldest = list::oldest(&look, memory, ctx);
            return Ok(());
        }
        let unknown = || super::string::unknown(replies.get(1), "ZCARD");
        let per_second = self.schema.per_second;
        let scored = Scored::parse(replies.first()).ok_or_else(unknown)?;
        let counts = Counts::parse(replies.get(1), Some(&scored), per_second.unwrap_or(1), ctx);
        let counts = counts.ok_or_else(unknown)?;
        let (depth, later) = match per_second {
            Some(_) => (counts.zero + counts.due, Some(counts.later())),
            None => (counts.all, None),
        };
        if later.is_some() {
            queue.scheduled = Some(later.unwrap_or(0) + queue.scheduled.unwrap_or(0));
        }
        let next = scored.first.first();
        let front = Look::of(depth, next.map(|(member, _)| member.clone()));
        let (sample, moved) = list_step(&front, memory, ctx);
        // What is due follows from the clock as well, and no event tells that.
        let all = per_second.is_none();
        let sample = if all { with_events(sample, TaskKind::Sorted, memory) } else { sample };
        settle(queue, depth, sample, moved, RateSource::NetOnly, memory, ctx);
        queue.oldest = match (depth, next, per_second) {
            (0, ..) => Oldest::Empty,
            (_, Some((_, score)), Some(steps)) if *score > 0.0 => {
                super::backlog::age((score / f64::from(steps) * 1e3) as i64, ctx)
            }
            _ => super::backlog::at_least(memory),
        };
        Ok(())
    }

    fn workers(&self, queue: &mut Queue, replies: &[Reply], more: &[Reply], ctx: &Context) {
        let Some(liveness) = &self.schema.workers else { return };
        let mut told: Vec<(Bytes, Option<bool>, String)> = Vec::new();
        let all = match liveness {
            Liveness::Keys { .. } => {
                let Some(names) = self.worker_names(replies) else { return };
                let len = names.len() as u64;
                for (name, reply) in names.into_iter().take(MOST_WORKERS as usize).zip(more) {
                    told.push((name, exists(Some(reply)), String::new()));
                }
                Some(len)
            }
            Liveness::Scores { alive_for, .. } => {
                let at = self.behind() + usize::from(self.schema.paused.is_some());
                let Some(beats) = Scored::parse(replies.get(at)) else { return };
                let steps = f64::from(self.schema.per_second.unwrap_or(1));
                for (name, score) in beats.first.iter().take(MOST_WORKERS as usize) {
                    let ago = (ctx.server_ms as f64 / 1e3 - score / steps).clamp(-1e9, 1e9);
                    let alive = ago <= alive_for.as_secs_f64();
                    told.push((name.clone(), Some(alive), format!(", beat {:.0}s ago", ago.max(0.0))));
                }
                beats.len
            }
        };
        let live = told.iter().filter(|(_, alive, _)| *alive == Some(true)).count() as u64;
        let known = all == Some(told.len() as u64) && told.iter().all(|(_, alive, _)| alive.is_some());
        queue.workers = known.then_some(live);
        for (name, alive, words) in told {
            let (label, what) = match alive {
                Some(true) => ("worker", "alive"),
                Some(false) => ("gone", "no heartbeat"),
                None => ("worker", "not known whether it lives"),
            };
            queue.details.push(Detail::new(label, format!("{name}: {what}{words}")));
        }
    }
}

impl QueueFamily for OwnFamily {
    fn id(&self) -> &'static str {
        self.id
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        self.is_registry(key) || self.name(key).is_some()
    }

    fn owns(&self, key: &[u8]) -> bool {
        self.may_be_clue(key)
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        let key = fact.key.as_slice();
        if self.is_registry(key) {
            return &*fact.key_type == "set";
        }
        self.beside(key).is_some()
            || (self.schema.queue.matched(key).is_some() && *fact.key_type == *self.schema.kind.word())
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        if self.is_registry(clue.as_slice()) {
            return vec![Read::Members { key: clue.clone(), cursor: "0".into() }];
        }
        let name = self.name(clue.as_slice()).unwrap_or_default();
        vec![Read::Type(self.schema.queue.fill(name))]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        if self.is_registry(clue.as_slice()) {
            let names = members(replies.first())?;
            let queue = |name: &Bytes| SiteQueue {
                key: self.schema.queue.fill(name.as_slice()),
                part: super::site::Part::default(),
            };
            return Some(Site { queues: names.iter().map(queue).collect(), registry: true });
        }
        let name = self.name(clue.as_slice())?;
        let fits = match replies.first() {
            // An empty one has no key.
            Some(Reply::Status(kind)) => kind == "none" || kind == self.schema.kind.word(),
            _ => false,
        };
        fits.then(|| single(self.schema.queue.fill(name), None))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<TaskPlace> {
        let key = key.clone();
        vec![match self.schema.kind {
            QueueType::List => TaskPlace::list(key, self.schema.push),
            QueueType::Stream => TaskPlace::stream(key),
            QueueType::Zset => TaskPlace::sorted(key),
        }]
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let (schema, key) = (&self.schema, key.as_slice());
        let Some(name) = schema.queue.matched(key) else { return Vec::new() };
        let sets = [
            (TaskSet::InFlight, &schema.processing),
            (TaskSet::Scheduled, &schema.delayed),
            (TaskSet::Retry, &schema.retry),
            (TaskSet::Failed, &schema.failed),
        ];
        let of = |(set, key): (TaskSet, &Option<super::template::Template>)| {
            key.as_ref().map(|key| SetPlace::new(set, key.fill(name)))
        };
        sets.into_iter().filter_map(of).collect()
    }

    fn blocks_for(&self) -> Option<TaskKind> {
        Some(match self.schema.kind {
            QueueType::List => TaskKind::List,
            QueueType::Stream => TaskKind::Stream,
            QueueType::Zset => TaskKind::Sorted,
        })
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let name = self.schema.queue.matched(key.as_slice()).unwrap_or_default();
        let mut reads = self.front(key, memory);
        reads.extend(self.lengths(name).into_iter().map(|(_, read)| read));
        reads.extend(self.schema.paused.as_ref().map(|paused| Read::Type(paused.fill(name))));
        reads.extend(self.schema.workers.as_ref().map(|workers| match workers {
            Liveness::Keys { registry, .. } => {
                Read::Members { key: registry.as_str().into(), cursor: "0".into() }
            }
            Liveness::Scores { registry, .. } => {
                Read::ZsetLook { key: registry.as_str().into(), count: MOST_WORKERS }
            }
        }));
        reads
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let mut reads = Vec::new();
        if let Some(Liveness::Keys { heartbeat, .. }) = &self.schema.workers {
            let names = self.worker_names(replies).unwrap_or_default();
            let beat = |name: &Bytes| Read::Type(heartbeat.fill(name.as_slice()));
            reads.extend(names.iter().take(MOST_WORKERS as usize).map(beat));
        }
        if self.schema.kind == QueueType::Stream {
            reads.extend(StreamFamily.more_reads(key, replies));
        }
        reads
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        match self.schema.kind {
            QueueType::Stream => canary::stream::reads(key),
            _ => Vec::new(),
        }
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        match self.schema.kind {
            QueueType::List => canary::payload(self.id, wish, self.schema.push),
            QueueType::Stream => canary::stream::canary(self.id, wish),
            QueueType::Zset => {
                Err(format!("{} is a sorted set: which score a task has is up to the app", wish.key))
            }
        }
    }

    fn canary_told(&self, canary: &Canary, replies: &[Reply]) -> Told {
        match self.schema.kind {
            QueueType::Stream => canary::stream::told(canary, replies),
            QueueType::List | QueueType::Zset => Told::Nothing,
        }
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let name = self.schema.queue.matched(fact.key.as_slice())?;
        let first = self.behind()
            + usize::from(self.schema.paused.is_some())
            + usize::from(self.schema.workers.is_some());
        let more = replies.get(first..).unwrap_or_default();
        let stream = self.schema.kind == QueueType::Stream;
        let beats = match &self.schema.workers {
            Some(Liveness::Keys { .. }) => {
                self.worker_names(replies).map_or(0, |names| names.len().min(MOST_WORKERS as usize))
            }
            _ => 0,
        };
        let mut queue = if stream {
            let ahead = more.get(beats..).unwrap_or_default();
            let of_stream: Vec<Reply> = replies.iter().take(2).chain(ahead).cloned().collect();
            stream::interpret(self.id, &name.into(), fact, previous, memory, &of_stream, ctx)?
        } else {
            if is_wrong_type(replies.first()) {
                return None;
            }
            begin(self.id, &name.into(), fact, self.schema.push, previous, memory, ctx)
        };
        let lengths = self.lengths(name);
        for ((label, _), reply) in lengths.iter().zip(replies.get(self.fronts()..).unwrap_or_default()) {
            let n = count(Some(reply));
            match *label {
                "processing" => queue.in_flight = n,
                "delayed" => queue.scheduled = n,
                "retry" => queue.retry = n,
                "failed" => queue.failed = n,
                _ => queue.details.extend(n.map(|n| Detail::new("completed", format!("{n} tasks")))),
            }
        }
        if self.schema.paused.is_some() {
            queue.paused = exists(replies.get(self.behind()));
        }
        self.workers(&mut queue, replies, more, ctx);
        if !stream && let Err(why) = self.depth(&mut queue, memory, replies, ctx) {
            return Some(unreadable(queue, why));
        }
        Some(queue)
    }
}

/// The same text for as long as the program runs. There are as many as names in configurations.
fn interned(text: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(text) {
        return known;
    }
    let name: &'static str = Box::leak(text.to_owned().into_boxed_str());
    names.insert(name);
    name
}

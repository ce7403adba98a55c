//! BullMQ 4 to 6 and Bull 3 and 4: a bundle of keys under `bull:<queue>:`, found by its `meta` hash or `id` counter.

use super::backlog::{
    begin, counted, done_of_open, left_of, list_look, list_step, look_at, oldest, settle, since_last,
    unreadable,
};
use super::list::Look;
use super::site::{Site, count, is_type, join, number, single, text};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, Told, UsualPrefix, Wish,
    canary,
};
use crate::domain::queue::{Detail, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct BullFamily {
    id: &'static str,
    /// End of the key by which a queue is found.
    clue: &'static [u8],
    /// Its type.
    clue_type: &'static str,
}

impl BullFamily {
    /// BullMQ.
    pub const BULLMQ: Self = Self { id: "bullmq", clue: b":meta", clue_type: "hash" };
    /// Its predecessor.
    pub const BULL: Self = Self { id: "bull", clue: b":id", clue_type: "string" };

    fn is_bullmq(&self) -> bool {
        self.clue_type == "hash"
    }
}

/// The key that stands for the queue: producers push there.
const WAIT: &[u8] = b":wait";

impl QueueFamily for BullFamily {
    fn id(&self) -> &'static str {
        self.id
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "bull:", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        usual_prefix(key) && key.ends_with(self.clue)
    }

    fn owns(&self, key: &[u8]) -> bool {
        usual_prefix(key)
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        fact.key.as_slice().ends_with(self.clue) && &*fact.key_type == self.clue_type
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let base = clue.as_slice().strip_suffix(self.clue).unwrap_or_default();
        let of = |end: &str| join(&[base, end.as_bytes()]);
        let meta = |field: &str| Read::HashHead { key: of(":meta"), field: field.into(), max: 64 };
        let mut reads = vec![meta("version"), meta("opts.maxLenEvents"), Read::Type(of(":events"))];
        if !self.is_bullmq() {
            let ends = [":stalled-check", ":jobs", ":wait", ":paused", ":delayed", ":completed", ":failed"];
            reads.extend(ends.map(|end| Read::Type(of(end))));
        }
        reads
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let base = clue.as_slice().strip_suffix(self.clue)?;
        let version = text(replies.first()).is_some_and(|v| v.as_slice().starts_with(b"bullmq"));
        let events = is_type(replies.get(2), "stream");
        let ours = if self.is_bullmq() {
            version || (events && text(replies.get(1)).is_some())
        } else {
            let is = |at: usize, kind: &str| is_type(replies.get(at), kind);
            let states = is(5, "list") || is(6, "list") || is(7, "zset") || is(8, "zset") || is(9, "zset");
            // bee-queue keeps all jobs in one hash; BullMQ keeps events.
            let other = version || events || is(4, "hash");
            !other && (is(3, "string") || (states && usual_prefix(base)))
        };
        ours.then(|| single(join(&[base, WAIT]), None))
    }

    fn task_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        let job = join(&[base(key), b":", id.as_slice()]);
        ["name", "data", "opts"].map(|f| (f, Read::part(&job, f))).to_vec()
    }

    fn tasks_at(&self, key: &Bytes, push: PushEnd) -> Vec<super::TaskPlace> {
        let of = |end: &[u8]| join(&[base(key), end]);
        let paused = super::TaskPlace::list(of(b":paused"), push);
        let prioritized = super::TaskPlace::sorted(of(b":prioritized"));
        vec![super::TaskPlace::list(key.clone(), PushEnd::Left), paused, prioritized]
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        use TaskSet::{Failed, InFlight, Scheduled};
        let sets = [(InFlight, ":active"), (Scheduled, ":delayed"), (Failed, ":failed")];
        let [active, delayed, failed] =
            sets.map(|(set, end)| SetPlace::new(set, join(&[base(key), end.as_bytes()])));
        // Twelve bits below the milliseconds keep the order of those due at once.
        vec![active, delayed.due(1_000 << 12), failed.timed("failed", 1_000)]
    }

    fn failure_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        let job = join(&[base(key), b":", id.as_slice()]);
        ["failedReason", "stacktrace"].map(|f| (f, Read::part(&job, f))).to_vec()
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let base = base(key);
        let of = |end: &str| join(&[base, end.as_bytes()]);
        let meta = |field: &str| Read::HashHead { key: of(":meta"), field: field.into(), max: 64 };
        vec![
            list_look(key, PushEnd::Left, memory),
            Read::ListLen(of(":paused")),
            Read::SortedLen(of(":prioritized")),
            Read::ListLen(of(":active")),
            Read::SortedLen(of(":delayed")),
            Read::SortedLen(of(":waiting-children")),
            Read::SortedLen(of(":completed")),
            Read::SortedLen(of(":failed")),
            Read::Head(of(":id"), 24),
            meta("paused"),
            Read::Type(of(":meta-paused")),
            meta("version"),
            meta("concurrency"),
            Read::ElementHead { key: of(":paused"), index: -1, max: 256 },
            Read::Type(join(&[base, self.clue])),
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let paused = || {
            let next = replies.get(13)?.as_array()?;
            let (len, id) = (count(next.first())?, next.get(1)?.as_bytes()?);
            Some(id).filter(|id| id.len() as u64 == len && len <= 256)
        };
        let waits = Look::parse(replies.first()).ok().filter(|look| look.next.is_some());
        let next = waits.map_or_else(paused, |look| look.next_id().cloned());
        let Some(id) = next else { return Vec::new() };
        let job = join(&[base(key), b":", id.as_slice()]);
        vec![Read::HashHead { key: job, field: "timestamp".into(), max: 24 }]
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        canary::bull::reads(base(key))
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::bull::canary(self.id, base(wish.key), wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::bull::told(replies)
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id, &name(&fact.key), fact, PushEnd::Left, previous, memory, ctx);
        let at = |index: usize| count(replies.get(index));
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        let (Some(paused_list), Some(prioritized)) = (at(1), at(2)) else {
            let why = if at(1).is_none() { (replies.get(1), "LLEN") } else { (replies.get(2), "ZCARD") };
            return Some(unreadable(queue, super::string::unknown(why.0, why.1)));
        };
        let depth = look.depth.saturating_add(paused_list).saturating_add(prioritized);
        queue.in_flight = at(3);
        queue.scheduled = at(4);
        queue.failed = at(7);
        if depth == 0 && is_type(replies.get(14), "none") {
            // Obliterated.
            return None;
        }
        queue.paused = paused(replies.get(9), replies.get(10));
        describe(&mut queue, &look, paused_list, prioritized, replies);
        // All jobs that are somewhere between being added and being done: what was added and is not there any
        // more is done. Removed jobs count as done, too.
        let open = [at(3), at(4), at(5)].into_iter().try_fold(depth, |sum, n| Some(sum.saturating_add(n?)));
        let counter = number(replies.get(8));
        let added = since_last(memory, &"id".into(), counter);
        let done = done_of_open(added, open, memory);
        let mut sample = counted(depth, added, done, memory, ctx);
        let mut source = RateSource::Counters;
        let (found_again, moved) = list_step(&look, memory, ctx);
        if counter.is_none() && prioritized == 0 && paused_list == 0 {
            sample = found_again;
            source = RateSource::NewestFoundAgain;
        }
        settle(&mut queue, depth, sample, moved, source, memory, ctx);
        let told = number(replies.get(15));
        queue.oldest = oldest(depth, told, memory, ctx);
        Some(queue)
    }
}

fn describe(queue: &mut Queue, look: &Look, paused_list: u64, prioritized: u64, replies: &[Reply]) {
    let mut say = |label: &'static str, n: Option<u64>| {
        if let Some(n) = n.filter(|n| *n > 0) {
            queue.details.push(Detail::new(label, format!("{n} jobs")));
        }
    };
    if prioritized > 0 || paused_list > 0 {
        say("plain", Some(look.depth));
        say("prioritized", Some(prioritized));
        say("held back", Some(paused_list));
    }
    say("waits for children", count(replies.get(5)));
    say("completed", count(replies.get(6)));
    for (label, at) in [("version", 11), ("concurrency", 12)] {
        if let Some(value) = text(replies.get(at)).filter(|v| !v.is_empty()) {
            queue.details.push(Detail::new(label, value.escaped()));
        }
    }
}

/// BullMQ has a field in the meta hash, Bull a key.
fn paused(field: Option<&Reply>, key: Option<&Reply>) -> Option<bool> {
    match (field, key) {
        (Some(Reply::Bulk(b)), _) if b.as_slice() == b"1" => Some(true),
        (_, Some(Reply::Status(t))) if t == "string" => Some(true),
        (Some(Reply::Nil | Reply::Bulk(_)), Some(Reply::Status(_))) => Some(false),
        _ => None,
    }
}

/// The default prefix, also as the hash tag it is on a cluster.
fn usual_prefix(key: &[u8]) -> bool {
    key.starts_with(b"bull:") || key.starts_with(b"{bull}:")
}

/// What all keys of the queue begin with.
fn base(key: &Bytes) -> &[u8] {
    key.as_slice().strip_suffix(WAIT).unwrap_or(key.as_slice())
}

/// The queue's name; a prefix that is not the usual one stays, so that applications are told apart.
fn name(key: &Bytes) -> Bytes {
    let base = base(key);
    let name = base.strip_prefix(b"bull:").or_else(|| base.strip_prefix(b"{bull}:")).unwrap_or(base);
    name.into()
}

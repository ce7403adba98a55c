//! Kue 0.11 (legacy): the set `q:job:types`, a sorted set by priority for each type and state.

use super::backlog::{begin, counted, is_wrong_type, oldest, settle, unreadable};
use super::crew::since;
use super::scored::Scored;
use super::site::{Part, Site, SiteQueue, count, join, members, number, text};
use super::{Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, UsualPrefix};
use crate::domain::queue::{Detail, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct KueFamily;

const CLUE: &[u8] = b"job:types";
const JOBS: &[u8] = b"jobs:";
/// End of the key that stands for the queue.
const INACTIVE: &[u8] = b":inactive";
/// Running jobs that are named, and where their replies begin: after `reads` and the next job's time.
const MOST_RUNNING: u32 = 8;
const FIRST: usize = 8;
const RUNNING_FIELDS: [&str; 2] = ["workerId", "started_at"];

impl QueueFamily for KueFamily {
    fn id(&self) -> &'static str {
        "kue"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["q:job:types"]
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "q:", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key.ends_with(b":job:types")
    }

    // `q:<type>:jobs`, by which idle workers are woken, is a list, but none of tasks.
    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(b"q:") && key.ends_with(b":jobs")
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "set" && self.may_be_clue(fact.key.as_slice())
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        vec![
            Read::Members { key: clue.clone(), cursor: "0".into() },
            Read::Type(join(&[prefix(clue), b"jobs"])),
            Read::Type(join(&[prefix(clue), b"ids"])),
        ]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let types = members(replies.first())?;
        let is = |at: usize, kind: &str| super::site::is_type(replies.get(at), kind);
        if !is(1, "zset") && !is(2, "string") {
            return None;
        }
        let queue = |kind: &Bytes| SiteQueue {
            key: join(&[prefix(clue), JOBS, kind.as_slice(), INACTIVE]),
            part: Part::default(),
        };
        Some(Site { queues: types.iter().map(queue).collect(), registry: true })
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<super::TaskPlace> {
        vec![super::TaskPlace::sorted(key.clone())]
    }

    fn task_parts(&self, key: &Bytes, member: &Bytes) -> Vec<(&'static str, Read)> {
        let job = join(&[split(key).0, b"job:", id(member)]);
        ["type", "data"].map(|f| (f, Read::part(&job, f))).to_vec()
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        use TaskSet::{Failed, InFlight, Scheduled};
        let sets = [(InFlight, ":active"), (Scheduled, ":delayed"), (Failed, ":failed")];
        sets.map(|(set, end)| SetPlace::new(set, join(&[base(key), end.as_bytes()]))).to_vec()
    }

    fn failure_parts(&self, key: &Bytes, member: &Bytes) -> Vec<(&'static str, Read)> {
        vec![("error", Read::part(&join(&[split(key).0, b"job:", id(member)]), "error"))]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, _: &QueueMemory) -> Vec<Read> {
        let of = |state: &str| Read::SortedLen(join(&[base(key), b":", state.as_bytes()]));
        let active = join(&[base(key), b":active"]);
        vec![
            Read::SortedLen(key.clone()),
            of("active"),
            of("delayed"),
            of("failed"),
            of("complete"),
            Read::ZsetLook { key: key.clone(), count: 1 },
            Read::ZsetLook { key: active, count: MOST_RUNNING },
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let next = Scored::or_none(replies.get(5)).next().cloned().unwrap_or_default();
        let running = Scored::or_none(replies.get(6)).first;
        let field = |member: &Bytes, field: &str| {
            let job = join(&[split(key).0, b"job:", id(member)]);
            Read::HashHead { key: job, field: field.into(), max: 256 }
        };
        // Asked in any case, so that the places of the replies stand.
        let each = running.iter().flat_map(|(member, _)| RUNNING_FIELDS.map(|f| field(member, f)));
        std::iter::once(field(&next, "created_at")).chain(each).collect()
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id(), &name(&fact.key), fact, PushEnd::Right, previous, memory, ctx);
        let at = |index: usize| count(replies.get(index));
        let Some(depth) = at(0) else {
            if is_wrong_type(replies.first()) {
                return None;
            }
            return Some(unreadable(queue, super::string::unknown(replies.first(), "ZCARD")));
        };
        queue.in_flight = at(1);
        queue.scheduled = at(2);
        queue.failed = at(3);
        if let Some(n) = at(4).filter(|n| *n > 0) {
            queue.details.push(Detail::new("complete", format!("{n} jobs kept")));
        }
        let running = Scored::or_none(replies.get(6)).first;
        let told = replies.get(FIRST..).unwrap_or_default().chunks(RUNNING_FIELDS.len());
        for ((member, _), fields) in running.iter().zip(told) {
            let worker = text(fields.first()).map_or_else(|| "?".into(), |w| w.escaped());
            let began = number(fields.get(1)).map(|ms| format!(" since {}", since(ms, ctx)));
            let text = format!("job {} at {worker}{}", Bytes::from(id(member)), began.unwrap_or_default());
            queue.details.push(Detail::new("running", text));
        }
        let first = Scored::or_none(replies.get(5)).next().cloned();
        let moved = super::backlog::next_moved(first, memory, ctx);
        // Nothing counts what goes in and out: jobs may be removed when they are complete.
        let sample = counted(depth, None, None, memory, ctx);
        settle(&mut queue, depth, sample, moved, RateSource::NetOnly, memory, ctx);
        queue.oldest = oldest(depth, number(replies.get(7)), memory, ctx);
        Some(queue)
    }
}

/// What stands before `job:types`: `q:`, on a cluster `{q}:`, or another prefix.
fn prefix(clue: &Bytes) -> &[u8] {
    clue.as_slice().strip_suffix(CLUE).unwrap_or_default()
}

/// What all keys of the queue begin with.
fn base(key: &Bytes) -> &[u8] {
    key.as_slice().strip_suffix(INACTIVE).unwrap_or(key.as_slice())
}

/// Prefix and type.
fn split(key: &Bytes) -> (&[u8], &[u8]) {
    let base = base(key);
    match base.windows(JOBS.len()).position(|w| w == JOBS) {
        Some(at) => (&base[..at], &base[at + JOBS.len()..]),
        None => (b"", base),
    }
}

/// The type; a prefix that is not the usual one stays, so that applications are told apart.
fn name(key: &Bytes) -> Bytes {
    match split(key) {
        (b"q:" | b"{q}:" | b"", kind) => kind.into(),
        (prefix, kind) => join(&[prefix, kind]),
    }
}

/// The id in a member, which has its length before it: `02|10`.
fn id(member: &Bytes) -> &[u8] {
    let member = member.as_slice();
    member.iter().position(|b| *b == b'|').and_then(|at| member.get(at + 1..)).unwrap_or(member)
}

//! RQ 1 to 3: the set `rq:queues`, a list of job ids for each queue, sorted sets for the other states.

mod workers;

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::list::Look;
use super::read::PART;
use super::site::{Part, Site, SiteQueue, count, exists, is_type, join, members, text};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, Told, UsualPrefix, Wish,
    canary,
};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};
use workers::Crew;

/// See the module.
pub struct RqFamily;

impl QueueFamily for RqFamily {
    fn id(&self) -> &'static str {
        "rq"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["rq:queues"]
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "rq:", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key == b"rq:queues"
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(b"rq:")
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "set" && prefix(&fact.key).is_some()
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let prefix = prefix(clue).unwrap_or_default();
        vec![
            Read::Members { key: clue.clone(), cursor: "0".into() },
            Read::Members { key: join(&[prefix, b"workers"]), cursor: "0".into() },
            Read::Type(join(&[prefix, b"suspended"])),
        ]
    }

    fn site_more(&self, clue: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let prefix = prefix(clue).unwrap_or_default();
        if !is_rq(prefix, &members(replies.first()).unwrap_or_default()) {
            return Vec::new();
        }
        let workers = members(replies.get(1)).unwrap_or_default();
        workers::reads(prefix, &workers, &names(prefix, replies.first()))
    }

    fn site_deep(&self, clue: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let workers = members(replies.get(1)).unwrap_or_default();
        workers::job_reads(prefix(clue).unwrap_or_default(), &workers, replies.get(3..).unwrap_or_default())
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], ctx: &Context) -> Option<Site> {
        let prefix = prefix(clue)?;
        if !is_rq(prefix, &members(replies.first())?) {
            return None;
        }
        let names = names(prefix, replies.first());
        let workers = members(replies.get(1));
        let paused = exists(replies.get(2));
        let told = replies.get(3..).unwrap_or_default();
        let asked = workers::reads(prefix, workers.as_deref().unwrap_or_default(), &names).len();
        let (told, jobs) = told.split_at_checked(asked).unwrap_or((told, &[]));
        let crew = Crew::read(prefix, workers.as_deref(), told, jobs);
        let queues = names.iter().map(|name| SiteQueue {
            key: join(&[prefix, b"queue:", name.as_slice()]),
            part: Part { paused, ..crew.part(name.as_slice(), ctx) },
        });
        Some(Site { queues: queues.collect(), registry: true })
    }

    fn task_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        let job = join(&[split(key).0, b"job:", id.as_slice()]);
        ["description", "data"].map(|f| (f, Read::part(&job, f))).to_vec()
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let (prefix, name) = split(key);
        let of = |set, state: &str| SetPlace::new(set, join(&[prefix, state.as_bytes(), b":", name]));
        vec![
            of(TaskSet::InFlight, "wip"),
            of(TaskSet::Scheduled, "scheduled").due(1),
            of(TaskSet::Scheduled, "deferred"),
            of(TaskSet::Failed, "failed").timed("kept until", 1),
        ]
    }

    fn set_parts(&self, _: TaskSet, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        self.task_parts(key, &job_id(id))
    }

    fn failure_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        let of = |kind: &[u8]| join(&[split(key).0, kind, b":", job_id(id).as_slice()]);
        // Up to version 1.12 in the job itself.
        let result = Read::LastEntry { key: of(b"results"), field: "exc_string", max: PART };
        vec![("failure", result), ("exc_info", Read::part(&of(b"job"), "exc_info"))]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let (prefix, name) = split(key);
        let of = |state: &str| Read::SortedLen(join(&[prefix, state.as_bytes(), b":", name]));
        vec![
            list_look(key, PushEnd::Right, memory),
            Read::ListLen(join(&[key.as_slice(), b":intermediate"])),
            of("wip"),
            of("scheduled"),
            of("failed"),
            of("deferred"),
            of("finished"),
            Read::Type(join(&[prefix, b"scheduler-lock:", name])),
            workers::lost_read(prefix, name),
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let next = Look::parse(replies.first()).ok();
        let Some(id) = next.as_ref().and_then(Look::next_whole) else { return Vec::new() };
        let job = join(&[split(key).0, b"job:", id.as_slice()]);
        vec![Read::HashHead { key: job, field: "enqueued_at".into(), max: 64 }]
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        let (prefix, name) = split(key);
        canary::rq::reads(prefix, name, key)
    }

    fn canary_more(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        canary::rq::more(split(key).0, replies)
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        let (prefix, name) = split(wish.key);
        canary::rq::canary(prefix, name, wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::rq::told(replies)
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let name = Bytes::from(split(&fact.key).1);
        let mut queue = begin(self.id(), &name, fact, PushEnd::Right, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        let at = |index: usize| count(replies.get(index));
        // Between the queue and the registry of started jobs a job stands in the intermediate list.
        queue.in_flight = at(2).map(|wip| wip.saturating_add(at(1).unwrap_or(0)));
        queue.scheduled = at(3);
        queue.failed = at(4);
        for (label, n) in [("deferred", at(5)), ("finished", at(6))] {
            if let Some(n) = n.filter(|n| *n > 0) {
                queue.details.push(Detail::new(label, format!("{n} jobs")));
            }
        }
        if queue.scheduled.is_some_and(|n| n > 0) && is_type(replies.get(7), "none") {
            queue.details.push(Detail::new("scheduler", "none alive: scheduled jobs do not move"));
        }
        queue.details.extend(workers::lost(replies.get(8), ctx));
        settle_list(&mut queue, &look, None, memory, ctx);
        let told = text(replies.get(9)).and_then(|t| t.as_utf8()?.parse::<jiff::Timestamp>().ok());
        queue.oldest = oldest(look.depth, told.map(jiff::Timestamp::as_millisecond), memory, ctx);
        Some(queue)
    }
}

/// What stands before `queues` in the registry's name: empty or ending in `:`.
fn prefix(clue: &Bytes) -> Option<&[u8]> {
    clue.as_slice().strip_suffix(b"queues").filter(|p| p.ends_with(b":"))
}

/// RQ registers whole keys, Sidekiq and Resque bare names.
fn is_rq(prefix: &[u8], listed: &[Bytes]) -> bool {
    let head = [prefix, b"queue:"].concat();
    listed.iter().any(|key| key.as_slice().starts_with(&head))
}

/// Names of the queues that are listed.
fn names(prefix: &[u8], listed: Option<&Reply>) -> Vec<Bytes> {
    let head = [prefix, b"queue:"].concat();
    let listed = members(listed).unwrap_or_default();
    listed.iter().filter_map(|key| key.as_slice().strip_prefix(head.as_slice())).map(Bytes::from).collect()
}

/// A started job stands with the id of its run behind a colon since version 2.
fn job_id(member: &Bytes) -> Bytes {
    member.as_slice().split(|b| *b == b':').next().unwrap_or_default().into()
}

/// Prefix and name of the key of a queue. A name may hold `queue:` itself, a prefix hardly.
fn split(key: &Bytes) -> (&[u8], &[u8]) {
    let key = key.as_slice();
    match key.windows(6).position(|w| w == b"queue:") {
        Some(at) => (&key[..at], &key[at + 6..]),
        None => (b"", key),
    }
}

//! RQ 1 to 3: the set `rq:queues`, a list of job ids for each queue, sorted sets for the other states.

use std::time::Duration;

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::list::Look;
use super::read::PART;
use super::site::{Part, Site, SiteQueue, count, exists, is_set, is_type, join, members, text};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, Told, UsualPrefix, Wish,
    canary,
};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::worker_sign::{Beat, WorkerSign};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct RqFamily;

/// Workers looked at in one site.
const MOST_WORKERS: usize = 100;
/// Reads for each worker.
const WORKER_FIELDS: [&str; 5] = ["queues", "state", "hostname", "pid", "last_heartbeat"];
/// A worker beats so often while it runs a job; an idle one at least every seven minutes, as long as its key stands.
const BEATS_EVERY: Duration = Duration::from_secs(30);

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
        let field =
            |key: &Bytes, field: &str| Read::HashHead { key: key.clone(), field: field.into(), max: 1024 };
        workers.iter().take(MOST_WORKERS).flat_map(|w| WORKER_FIELDS.map(|f| field(w, f))).collect()
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let prefix = prefix(clue)?;
        let listed = members(replies.first())?;
        if !is_rq(prefix, &listed) {
            return None;
        }
        let workers = members(replies.get(1));
        let paused = exists(replies.get(2));
        let asked: Vec<Worker> = workers
            .iter()
            .flatten()
            .zip(replies.get(3..).unwrap_or_default().chunks(WORKER_FIELDS.len()))
            .map(|(key, fields)| Worker::read(prefix, key, fields))
            .collect();
        let all_asked = workers.as_ref().is_some_and(|w| w.len() == asked.len());
        let head = join(&[prefix, b"queue:"]);
        let queues = listed.iter().filter(|key| key.as_slice().starts_with(head.as_slice())).map(|key| {
            let name = &key.as_slice()[head.len()..];
            let mine: Vec<&Worker> = asked.iter().filter(|w| w.takes(name)).collect();
            let known = all_asked && asked.iter().all(|w| w.sign.lives.is_some());
            let live = mine.iter().filter(|w| w.sign.lives == Some(true)).count() as u64;
            let gone = asked.iter().filter(|w| w.sign.lives == Some(false));
            let details = mine.iter().map(|w| Detail::new("worker", &w.words).signed(w.sign.clone()));
            SiteQueue {
                key: key.clone(),
                part: Part {
                    workers: known.then_some(live),
                    paused,
                    details: details
                        .chain(gone.map(|w| Detail::new("gone", &w.words).signed(w.sign.clone())))
                        .take(MOST_WORKERS)
                        .collect(),
                    ..Part::default()
                },
            }
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
        settle_list(&mut queue, &look, None, memory, ctx);
        let told = text(replies.get(8)).and_then(|t| t.as_utf8()?.parse::<jiff::Timestamp>().ok());
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

/// Prefix and name of the key of a queue. A name may hold `queue:` itself, a prefix hardly.
/// A started job stands with the id of its run behind a colon since version 2.
fn job_id(member: &Bytes) -> Bytes {
    member.as_slice().split(|b| *b == b':').next().unwrap_or_default().into()
}

fn split(key: &Bytes) -> (&[u8], &[u8]) {
    let key = key.as_slice();
    match key.windows(6).position(|w| w == b"queue:") {
        Some(at) => (&key[..at], &key[at + 6..]),
        None => (b"", key),
    }
}

/// One worker as its hash tells.
struct Worker {
    queues: Vec<Vec<u8>>,
    /// It does not live when its hash ran out though the set still names it.
    sign: WorkerSign,
    words: String,
}

impl Worker {
    fn read(prefix: &[u8], key: &Bytes, fields: &[Reply]) -> Self {
        let queues = text(fields.first());
        let alive = is_set(fields.first());
        let head = [prefix, b"worker:"].concat();
        let name = Bytes::from(key.as_slice().strip_prefix(head.as_slice()).unwrap_or(key.as_slice()));
        let or = |at: usize| text(fields.get(at)).map_or_else(|| "?".into(), |b| b.escaped());
        let words = match alive {
            Some(false) => format!("{name}: its hash ran out, it was killed or hangs"),
            _ => format!("{name}: {} on {}, pid {}", or(1), or(2), or(3)),
        };
        let beat = text(fields.get(4)).and_then(|t| t.as_utf8()?.parse::<jiff::Timestamp>().ok());
        let beat = beat.map(|at| Beat { at_ms: at.as_millisecond(), every: BEATS_EVERY });
        let queues = queues.map(|q| q.as_slice().split(|b| *b == b',').map(<[u8]>::to_vec).collect());
        let sign = WorkerSign { beat, client: Some(name.clone()), ..WorkerSign::new(name, alive) };
        Self { queues: queues.unwrap_or_default(), sign, words }
    }

    fn takes(&self, queue: &[u8]) -> bool {
        self.queues.iter().any(|q| q == queue)
    }
}

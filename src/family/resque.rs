//! Resque 1 to 3: the set `queues`, a list of JSON for each, and workers that name the job they are at. Its relatives
//! (node-resque) beat in keys of their own; resque-scheduler keeps a list for each second in which jobs are due.

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::crew::{Worker, seen_by};
use super::scored::Scored;
use super::site::{Part, Site, SiteQueue, Tally, count, element, is_type, join, json, members, text};
use super::{
    Canary, Context, KeyFact, Named, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, UsualPrefix, Wish,
    canary,
};
use crate::domain::glob::Glob;
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct ResqueFamily;

/// Workers looked at in one site.
const MOST_WORKERS: usize = 100;
/// Queues whose next job is looked at to tell Resque from Sidekiq.
const SAMPLES: usize = 3;
/// Replies of `site_reads` and, after the samples, for each worker.
const FIRST: usize = 8;
const PER_WORKER: usize = 3;
/// Seconds with delayed jobs whose lists are looked at.
const MOST_SECONDS: u32 = 16;
/// A worker whose heartbeat, one a minute, is older than this is pruned by the others.
const PRUNED_AFTER_MS: i64 = 300_000;

impl QueueFamily for ResqueFamily {
    fn id(&self) -> &'static str {
        "resque"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["resque:queues"]
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "resque:", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key.ends_with(b"resque:queues")
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(b"resque:")
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "set" && namespace(&fact.key).is_some()
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let of = |end: &str| join(&[namespace(clue).unwrap_or_default(), end.as_bytes()]);
        vec![
            Read::Members { key: clue.clone(), cursor: "0".into() },
            Read::Members { key: of("workers"), cursor: "0".into() },
            Read::Head(of("pause-all-workers"), 8),
            Read::ListLen(of("failed")),
            Read::Members { key: of("failed_queues"), cursor: "0".into() },
            Read::Type(of("workers:heartbeat")),
            Read::Type(of("processes")),
            Read::ZsetLook { key: of("delayed_queue_schedule"), count: MOST_SECONDS },
        ]
    }

    fn site_more(&self, clue: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let of = |parts: &[&[u8]]| {
            let all: Vec<&[u8]> =
                std::iter::once(namespace(clue).unwrap_or_default()).chain(parts.iter().copied()).collect();
            join(&all)
        };
        let mut reads: Vec<Read> = members(replies.first())
            .unwrap_or_default()
            .iter()
            .take(SAMPLES)
            .map(|name| Read::ElementHead { key: list_key(clue, name), index: 0, max: 512 })
            .collect();
        for worker in members(replies.get(1)).unwrap_or_default().iter().take(MOST_WORKERS) {
            reads.push(Read::Head(of(&[b"worker:", worker.as_slice()]), 2048));
            let beats = of(&[b"workers:heartbeat"]);
            reads.push(Read::HashHead { key: beats, field: worker.clone(), max: 64 });
            let name = parts(worker).map_or_else(|| worker.clone(), |w| w.name);
            reads.push(Read::Head(of(&[b"worker:ping:", name.as_slice()]), 512));
        }
        let seconds = Scored::or_none(replies.get(FIRST - 1)).first;
        reads.extend(seconds.iter().map(|(second, _)| Read::QueuesNamed {
            key: of(&[b"delayed:", second.as_slice()]),
            kind: Named::List,
            field: "queue",
        }));
        reads
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], ctx: &Context) -> Option<Site> {
        let names = members(replies.first())?;
        let registered = members(replies.get(1));
        let samples = replies.get(FIRST..FIRST + names.len().min(SAMPLES)).unwrap_or_default();
        if !is_resque(clue, registered.as_deref(), samples, replies) {
            return None;
        }
        let fields = replies.get(FIRST + samples.len()..).unwrap_or_default();
        let asked = registered.as_ref().map_or(0, |r| r.len().min(MOST_WORKERS));
        let delayed = delayed(replies.get(FIRST - 1), fields.get(asked * PER_WORKER..));
        let crew: Vec<(Option<Vec<Bytes>>, Option<Bytes>, Worker)> = registered
            .iter()
            .flatten()
            .zip(fields.chunks(PER_WORKER))
            .take(asked)
            .map(|(name, fields)| worker(name, fields, ctx))
            .collect();
        let all = registered.as_ref().is_some_and(|r| r.len() == crew.len());
        let only_one = names.len() == 1;
        let failed = count(replies.get(3));
        let by_queue = members(replies.get(4)).unwrap_or_default();
        let paused = match replies.get(2) {
            Some(Reply::Bulk(flag)) => Some(flag.as_slice() == b"true"),
            Some(Reply::Nil) => Some(false),
            _ => None,
        };
        let queues = names.iter().map(|name| {
            let seen = crew.iter().map(|(patterns, _, w)| (takes(patterns.as_deref(), name), w));
            // A name in another form does not tell its queues.
            let told = crew.iter().all(|(patterns, _, w)| patterns.is_some() || w.alive == Some(false));
            let (workers, mut details) = seen_by(seen, all && told, ctx);
            let running = crew.iter().filter(|(_, at, _)| at.as_ref() == Some(name)).count() as u64;
            let own_failures = by_queue.contains(&join(&[name.as_slice(), b"_failed"]));
            let failures = failed.filter(|n| !own_failures && (only_one || *n == 0));
            if let (None, Some(n), false) = (failures, failed, own_failures) {
                details.push(Detail::new("failed list", format!("{n} jobs of all queues")));
            }
            SiteQueue {
                key: list_key(clue, name),
                part: Part {
                    in_flight: all.then_some(running),
                    scheduled: delayed.of(name, only_one),
                    failed: failures,
                    workers,
                    paused,
                    details,
                    ..Part::default()
                },
            }
        });
        Some(Site { queues: queues.collect(), registry: true })
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let (namespace, name) = split(key);
        let all = SetPlace::new(TaskSet::Failed, join(&[namespace, b"failed"])).shared();
        vec![all, SetPlace::new(TaskSet::Failed, join(&[namespace, name, b"_failed"]))]
    }

    fn holders(&self, key: &Bytes) -> Option<Bytes> {
        Some(join(&[split(key).0, b"workers"]))
    }

    fn held_by(&self, key: &Bytes, worker: &Bytes) -> Vec<SetPlace> {
        let held = join(&[split(key).0, b"worker:", worker.as_slice()]);
        vec![SetPlace::new(TaskSet::InFlight, held).shared()]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let (namespace, name) = split(key);
        vec![list_look(key, PushEnd::Right, memory), Read::ListLen(join(&[namespace, name, b"_failed"]))]
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        canary::ruby::resque_reads(key)
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::ruby::resque(wish)
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
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        // A failed list for each queue is an option; without it there is one for all.
        if let Some(own) = count(replies.get(1)).filter(|n| *n > 0) {
            queue.failed = Some(own);
        }
        settle_list(&mut queue, &look, None, memory, ctx);
        queue.oldest = oldest(look.depth, None, memory, ctx);
        Some(queue)
    }
}

/// What stands before `queues`.
fn namespace(clue: &Bytes) -> Option<&[u8]> {
    clue.as_slice().strip_suffix(b"queues").filter(|n| n.is_empty() || n.ends_with(b":"))
}

fn list_key(clue: &Bytes, name: &Bytes) -> Bytes {
    join(&[namespace(clue).unwrap_or_default(), b"queue:", name.as_slice()])
}

/// Namespace and name of the key of a queue.
fn split(key: &Bytes) -> (&[u8], &[u8]) {
    let key = key.as_slice();
    match key.windows(6).position(|w| w == b"queue:") {
        Some(at) => (&key[..at], &key[at + 6..]),
        None => (b"", key),
    }
}

/// The queue's name; a namespace that is not the usual one stays, so that applications are told apart.
fn name(key: &Bytes) -> Bytes {
    match split(key) {
        (b"resque:" | b"", name) => name.into(),
        (namespace, name) => join(&[namespace, name]),
    }
}

/// Sidekiq's jobs have an id, RQ registers whole keys.
fn is_resque(clue: &Bytes, workers: Option<&[Bytes]>, samples: &[Reply], replies: &[Reply]) -> bool {
    let has = |needle: &[u8]| {
        let head = |sample| element(Some(sample));
        samples.iter().filter_map(head).any(|h| h.as_slice().windows(needle.len()).any(|w| w == needle))
    };
    if has(b"\"jid\":") || !is_type(replies.get(6), "none") {
        return false;
    }
    let beats = is_type(replies.get(5), "hash");
    // `<host>:<pid>:<queues>`
    let named = workers.is_some_and(|w| w.first().is_some_and(|w| parts(w).is_some()));
    clue.as_slice().ends_with(b"resque:queues") || beats || named || (has(b"\"class\":") && has(b"\"args\":"))
}

/// A worker's entry: `<host>:<pid>:<queues>`; node-resque numbers the workers of one process, `<host>:<pid>+<n>`.
struct Entry {
    /// Without the queues.
    name: Bytes,
    host: Bytes,
    pid: Bytes,
    queues: Vec<Bytes>,
}

fn parts(entry: &Bytes) -> Option<Entry> {
    let mut parts = entry.as_slice().splitn(3, |b| *b == b':');
    let (host, pid, queues) = (parts.next()?, parts.next()?, parts.next()?);
    let mut digits = pid.splitn(2, |b| *b == b'+');
    let numbers = digits.all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    numbers.then(|| Entry {
        name: join(&[host, b":", pid]),
        host: host.into(),
        pid: pid.into(),
        queues: queues.split(|b| *b == b',').map(Bytes::from).collect(),
    })
}

fn takes(patterns: Option<&[Bytes]>, queue: &Bytes) -> bool {
    patterns.unwrap_or_default().iter().any(|p| match p.as_utf8() {
        Some(glob) if glob.contains('*') => Glob::new(glob).matches(queue.as_slice()),
        _ => p == queue,
    })
}

/// Jobs that are due later, from the index of seconds and their lists.
fn delayed(index: Option<&Reply>, lists: Option<&[Reply]>) -> Tally {
    let Some(seconds) = Scored::parse(index).filter(|s| s.is_all(MOST_SECONDS)) else {
        return Tally::default();
    };
    let lists = lists.unwrap_or_default();
    Tally::sum((0..seconds.first.len()).map(|at| Tally::parse(lists.get(at))))
}

/// The queues it takes from, the queue of the job it is at, and itself.
fn worker(entry: &Bytes, fields: &[Reply], ctx: &Context) -> (Option<Vec<Bytes>>, Option<Bytes>, Worker) {
    let told = parts(entry);
    let pinged = || json(fields.get(2))?.get("time")?.as_i64()?.checked_mul(1000);
    let beat_ms = text(fields.get(1)).and_then(|t| time_ms(t.as_utf8()?)).or_else(pinged);
    let job = json(fields.first());
    let word = |path: &str| job.as_ref().and_then(|j| j.pointer(path)?.as_str());
    let runs = job.as_ref().map(|_| {
        let class = word("/payload/class").unwrap_or("?");
        (Bytes::from(class).escaped(), word("/run_at").and_then(time_ms))
    });
    let worker = Worker {
        name: "process".into(),
        host: told.as_ref().map(|t| t.host.escaped()),
        pid: told.as_ref().map(|t| t.pid.escaped()),
        // Without a heartbeat (before 1.27) nothing tells.
        alive: beat_ms.map(|ms| ctx.server_ms.saturating_sub(ms) <= PRUNED_AFTER_MS),
        beat_ms,
        state: None,
        runs: runs.into_iter().collect(),
    };
    (told.map(|t| t.queues), word("/queue").map(Bytes::from), worker)
}

/// Resque writes ISO 8601, node-resque as JavaScript shows a date: `Fri Dec 12 2014 14:01:16 GMT-0800 (PST)`.
fn time_ms(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let date = text.split(" (").next()?;
    let parsed = jiff::fmt::strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", date).ok()?;
    Some(parsed.to_timestamp().ok()?.as_millisecond())
}

//! gocraft/work: the set `<namespace>:known_jobs`, a list of JSON for each job name, pools with a heartbeat.

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::crew::{Worker, seen_by};
use super::site::{Part, Site, SiteQueue, Tally, exists, join, members, number, text};
use super::{
    Context, KeyFact, Named, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, UsualPrefix, hash_pairs,
};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct GocraftWorkFamily;

/// With an empty namespace it is the whole key.
const CLUE: &[u8] = b"known_jobs";
/// Before the name of a job in the key of its list.
const JOBS: &[u8] = b"jobs:";
/// Pools and job names looked at in one site, and workers of one pool.
const MOST_POOLS: usize = 50;
const MOST_JOBS: usize = 500;
const MOST_WORKERS: usize = 32;
/// Replies of `site_reads`, for each pool after them, and for each worker in the last round.
const FIRST: usize = 5;
const POOL_FIELDS: [&str; 6] = ["heartbeat_at", "host", "pid", "concurrency", "job_names", "worker_ids"];
const WORKER_FIELDS: [&str; 2] = ["job_name", "started_at"];
/// A pool whose heartbeat, one every 5 s, is older than this is dead to its reaper.
const DEAD_AFTER_MS: i64 = 10_000;

impl QueueFamily for GocraftWorkFamily {
    fn id(&self) -> &'static str {
        "gocraft-work"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["known_jobs"]
    }

    // Most applications have a namespace, and each its own.
    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key.strip_suffix(CLUE).is_some_and(|before| before.is_empty() || before.ends_with(b":"))
    }

    // What a pool took of a job: no queue, and `lock` counts it.
    fn owns(&self, key: &[u8]) -> bool {
        key.ends_with(b":inprogress") && jobs_at(key).is_some()
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "set" && self.may_be_clue(fact.key.as_slice())
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let of = |end: &str| join(&[namespace(clue), end.as_bytes()]);
        let named = |end: &str| Read::QueuesNamed { key: of(end), kind: Named::Sorted, field: "name" };
        vec![
            Read::Members { key: clue.clone(), cursor: "0".into() },
            Read::Members { key: of("worker_pools"), cursor: "0".into() },
            named("scheduled"),
            named("retry"),
            named("dead"),
        ]
    }

    fn site_more(&self, clue: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let base = namespace(clue);
        let pools = members(replies.get(1)).unwrap_or_default();
        let fields = pools.iter().take(MOST_POOLS).flat_map(|pool| {
            let key = join(&[base, b"worker_pools:", pool.as_slice()]);
            POOL_FIELDS.map(|field| Read::HashHead { key: key.clone(), field: field.into(), max: 4096 })
        });
        let jobs = members(replies.first()).unwrap_or_default();
        let running = jobs.iter().take(MOST_JOBS).map(|job| {
            let key = join(&[base, b"jobs:", job.as_slice(), b":lock_info"]);
            Read::HashValues { key, count: 100, max: 24 }
        });
        fields.chain(running).collect()
    }

    fn site_deep(&self, clue: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let pools = members(replies.get(1)).unwrap_or_default().len().min(MOST_POOLS);
        let told = replies.get(FIRST..).unwrap_or_default().chunks(POOL_FIELDS.len()).take(pools);
        told.flat_map(|fields| worker_ids(fields.get(5)))
            .flat_map(|worker| {
                let key = join(&[namespace(clue), b"worker:", worker.as_slice()]);
                WORKER_FIELDS.map(|field| Read::HashHead { key: key.clone(), field: field.into(), max: 128 })
            })
            .collect()
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], ctx: &Context) -> Option<Site> {
        let names = members(replies.first())?;
        let registered = members(replies.get(1));
        let pools = registered.as_ref().map_or(0, |p| p.len().min(MOST_POOLS));
        let told = replies.get(FIRST..).unwrap_or_default();
        let (fields, told) = told.split_at(told.len().min(pools * POOL_FIELDS.len()));
        let (running, mut workers) = told.split_at(told.len().min(names.len().min(MOST_JOBS)));
        let mut crew: Vec<Pool> = registered
            .iter()
            .flatten()
            .zip(fields.chunks(POOL_FIELDS.len()))
            .map(|(id, fields)| {
                let asked = (worker_ids(fields.get(5)).len() * WORKER_FIELDS.len()).min(workers.len());
                let (mine, rest) = workers.split_at(asked);
                workers = rest;
                Pool::read(id, fields, mine, ctx)
            })
            .collect();
        let all = registered.as_ref().is_some_and(|r| r.len() == crew.len());
        // What a pool that is gone still holds of each job.
        for (job, reply) in names.iter().zip(running) {
            for (pool, count) in hash_pairs(reply).unwrap_or_default().0 {
                let count = count.as_utf8().and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 0);
                let gone = crew.iter_mut().find(|p| p.id == pool && p.worker.alive == Some(false));
                if let (Some(gone), Some(n)) = (gone, count) {
                    gone.worker.runs.push((format!("{n} of {job}"), None));
                }
            }
        }
        let tallies = [2, 3, 4].map(|at| Tally::parse(replies.get(at)));
        let only_one = names.len() == 1;
        let [scheduled, retry, dead] = tallies;
        let shared: Vec<Detail> = [("schedule", &scheduled), ("retry set", &retry), ("dead set", &dead)]
            .into_iter()
            .filter(|_| !only_one)
            .filter_map(|(label, tally)| tally.shared(label, "names"))
            .collect();
        let queues = names.iter().map(|name| {
            let pools = crew.iter().map(|pool| (pool.jobs.contains(name), &pool.worker));
            let (workers, mut details) = seen_by(pools, all, ctx);
            details.extend(shared.iter().cloned());
            SiteQueue {
                key: join(&[namespace(clue), b"jobs:", name.as_slice()]),
                part: Part {
                    scheduled: scheduled.of(name, only_one),
                    retry: retry.of(name, only_one),
                    failed: dead.of(name, only_one),
                    workers,
                    details,
                    ..Part::default()
                },
            }
        });
        Some(Site { queues: queues.collect(), registry: true })
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        use TaskSet::{Failed, Retry, Scheduled};
        let namespace = key.as_slice().get(..jobs_at(key.as_slice()).unwrap_or(0)).unwrap_or_default();
        let sets = [(Scheduled, "scheduled"), (Retry, "retry"), (Failed, "dead")];
        let [scheduled, retry, dead] =
            sets.map(|(set, end)| SetPlace::new(set, join(&[namespace, end.as_bytes()])).shared());
        vec![scheduled.due(1), retry.due(1), dead.timed("died", 1)]
    }

    fn holders(&self, key: &Bytes) -> Option<Bytes> {
        let namespace = key.as_slice().get(..jobs_at(key.as_slice())?)?;
        Some(join(&[namespace, b"worker_pools"]))
    }

    fn held_by(&self, key: &Bytes, pool: &Bytes) -> Vec<SetPlace> {
        let held = join(&[key.as_slice(), b":", pool.as_slice(), b":inprogress"]);
        vec![SetPlace::new(TaskSet::InFlight, held)]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let of = |end: &str| join(&[key.as_slice(), end.as_bytes()]);
        vec![
            list_look(key, PushEnd::Left, memory),
            Read::Head(of(":lock"), 24),
            Read::Type(of(":paused")),
            Read::Head(of(":max_concurrency"), 24),
        ]
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id(), &name(&fact.key), fact, PushEnd::Left, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        queue.in_flight = match replies.get(1) {
            // Nothing of this name ran yet.
            Some(Reply::Bulk(b)) if b.is_empty() => Some(0),
            other => number(other).and_then(|n| u64::try_from(n).ok()),
        };
        queue.paused = exists(replies.get(2));
        if let Some(most) = number(replies.get(3)).filter(|n| *n > 0) {
            queue.details.push(Detail::new("concurrency", format!("at most {most} at once")));
        }
        settle_list(&mut queue, &look, None, memory, ctx);
        let told = look.next_whole().and_then(|job| {
            let job: serde_json::Value = serde_json::from_slice(job.as_slice()).ok()?;
            job.get("t")?.as_i64()?.checked_mul(1000)
        });
        queue.oldest = oldest(look.depth, told, memory, ctx);
        Some(queue)
    }
}

/// What all keys of the application begin with, with its colon.
fn namespace(clue: &Bytes) -> &[u8] {
    clue.as_slice().strip_suffix(CLUE).unwrap_or_default()
}

/// Where what follows the namespace begins, in the key of a job's list.
fn jobs_at(key: &[u8]) -> Option<usize> {
    let within = key.windows(6).position(|w| w == b":jobs:").map(|at| at + 1);
    within.or_else(|| key.starts_with(JOBS).then_some(0))
}

/// `<namespace>:<job name>`: the namespace has no default, so that it always tells applications apart.
fn name(key: &Bytes) -> Bytes {
    let key = key.as_slice();
    match jobs_at(key) {
        Some(at) => join(&[&key[..at], &key[at + JOBS.len()..]]),
        None => key.into(),
    }
}

fn words(reply: Option<&Reply>) -> Vec<Bytes> {
    let list = text(reply).unwrap_or_default();
    list.as_slice().split(|b| *b == b',').filter(|w| !w.is_empty()).map(Bytes::from).collect()
}

fn worker_ids(reply: Option<&Reply>) -> Vec<Bytes> {
    let mut ids = words(reply);
    ids.truncate(MOST_WORKERS);
    ids
}

struct Pool {
    id: Bytes,
    jobs: Vec<Bytes>,
    worker: Worker,
}

impl Pool {
    fn read(id: &Bytes, fields: &[Reply], workers: &[Reply], ctx: &Context) -> Self {
        let beat_ms = number(fields.first()).and_then(|s| s.checked_mul(1000));
        let alive = match fields.first() {
            Some(Reply::Nil) => Some(false),
            _ => beat_ms.map(|ms| ctx.server_ms.saturating_sub(ms) <= DEAD_AFTER_MS),
        };
        let word = |at: usize| text(fields.get(at)).map(|b| b.escaped());
        let runs = workers.chunks(WORKER_FIELDS.len()).filter_map(|told| {
            let job = text(told.first()).filter(|j| !j.is_empty())?;
            Some((job.escaped(), number(told.get(1)).and_then(|s| s.checked_mul(1000))))
        });
        let worker = Worker {
            name: format!("pool {id}"),
            host: word(1),
            pid: word(2),
            alive,
            beat_ms,
            state: word(3).map(|n| format!("{n} at once")),
            runs: if alive == Some(false) { Vec::new() } else { runs.collect() },
        };
        Self { id: id.clone(), jobs: words(fields.get(4)), worker }
    }
}

//! SAQ: a list of what waits, a list of what runs, a sorted set of all that is not done, workers that tell their
//! figures every ten seconds.

use super::backlog::{begin, left_of, list_look, look_at, next_id, oldest, settle_list};
use super::read::PART;
use super::scored::{Counts, Scored};
use super::site::{Site, count, join, json, single};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskPlace, TaskSet, Told, Wish,
    canary,
};
use crate::domain::bytes::escape_text;
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct SaqFamily;

const PREFIX: &[u8] = b"saq:";
/// What the keys of jobs begin with, which are also their ids.
const JOBS: &[u8] = b"saq:job:";
/// The key that stands for the queue: producers push there.
const QUEUED: &[u8] = b":queued";
/// Ends of the keys by which a queue is found. The lists alone may be another library's.
const CLUES: [&[u8]; 2] = [b":incomplete", b":stats"];
/// Workers and running jobs that are looked at.
const MOST: u32 = 16;
/// Bytes read of a job.
const JOB_HEAD: u32 = 4096;

impl QueueFamily for SaqFamily {
    fn id(&self) -> &'static str {
        "saq"
    }

    fn failed_unknown(&self) -> Option<&'static str> {
        Some("stands in the status of single jobs")
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        base(key).is_some()
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(PREFIX)
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "zset" && base(fact.key.as_slice()).is_some()
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        vec![Read::ZsetLook { key: clue.clone(), count: 1 }]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let base = base(clue.as_slice())?;
        let look = Scored::parse(replies.first())?;
        let name = base.strip_prefix(PREFIX)?;
        let heads = [join(&[JOBS, name, b":"]), join(&[base, b":worker_info:"])];
        let (member, _) = look.first.first()?;
        let ours = heads.iter().any(|head| member.as_slice().starts_with(head.as_slice()));
        ours.then(|| single(join(&[base, QUEUED]), None))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<TaskPlace> {
        vec![TaskPlace::list(key.clone(), PushEnd::Right)]
    }

    fn task_parts(&self, _: &Bytes, job: &Bytes) -> Vec<(&'static str, Read)> {
        // Nobody who writes to the queue chooses which other keys are shown.
        let is_job = job.as_slice().starts_with(JOBS);
        is_job.then(|| ("job", Read::Head(job.clone(), PART))).into_iter().collect()
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::saq::canary(wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::saq::told(replies)
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let base = key.as_slice().strip_suffix(QUEUED).unwrap_or(key.as_slice());
        let of = |set, end: &[u8]| SetPlace::new(set, join(&[base, end]));
        vec![of(TaskSet::InFlight, b":active"), of(TaskSet::Scheduled, b":incomplete").with_a_time(1)]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let base = key.as_slice().strip_suffix(QUEUED).unwrap_or(key.as_slice());
        let of = |end: &str| join(&[base, end.as_bytes()]);
        vec![
            list_look(key, PushEnd::Right, memory),
            Read::ListHeads { key: of(":active"), count: MOST, max: 256 },
            Read::Due { key: of(":incomplete"), per_second: 1 },
            Read::ZsetLook { key: of(":stats"), count: MOST },
        ]
    }

    fn more_reads(&self, _: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let next = next_id(replies.first());
        // A place for the next job also where there is none, so that those behind are found.
        let mut reads = vec![Read::Head(next.unwrap_or_else(|| JOBS.into()), JOB_HEAD)];
        reads.extend(active(replies).1.into_iter().map(|job| Read::Head(job, JOB_HEAD)));
        reads.extend(workers(replies).into_iter().map(|(key, _)| Read::Head(key, 1024)));
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
        let name = fact.key.as_slice().strip_suffix(QUEUED).unwrap_or(fact.key.as_slice());
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let mut queue = begin(self.id(), &name.into(), fact, PushEnd::Right, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        let (in_flight, running) = active(replies);
        queue.in_flight = in_flight;
        let incomplete = match replies.get(2) {
            Some(Reply::Array(_)) => {
                Counts::parse(replies.get(2), None, 1, ctx).map(|d| d.all - d.zero.min(d.all))
            }
            // As the library itself counts.
            other => count(other).and_then(|all| all.checked_sub(look.depth + in_flight?)),
        };
        // Those to be tried again stand between them, and only their own keys tell which they are.
        queue.scheduled = incomplete;
        let workers = workers(replies);
        let more = replies.get(4..).unwrap_or_default();
        let jobs = more.get(1..).unwrap_or_default();
        let infos = jobs.get(running.len()..).unwrap_or_default();
        let now = ctx.server_ms as f64;
        let live: Vec<&Bytes> =
            workers.iter().filter(|(_, until)| *until > now).map(|(key, _)| key).collect();
        let stats = Scored::parse(replies.get(3));
        let all_seen = stats.and_then(|s| s.len).is_some_and(|len| len <= u64::from(MOST));
        queue.workers = all_seen.then_some(live.len() as u64);
        for ((key, until), info) in workers.iter().zip(infos) {
            let label = if *until > now { "worker" } else { "gone" };
            queue.details.push(Detail::new(label, worker_words(key, *until, now, info)));
        }
        for (key, job) in running.iter().zip(jobs) {
            let (text, dead) = job_words(key, job, if all_seen { Some(live.as_slice()) } else { None }, now);
            queue.details.push(Detail::new(if dead { "orphaned" } else { "runs" }, text));
        }
        settle_list(&mut queue, &look, None, memory, ctx);
        let told = json(more.first()).and_then(|job| job.get("queued")?.as_i64());
        queue.oldest = oldest(look.depth, told, memory, ctx);
        Some(queue)
    }
}

/// What all keys of a queue begin with, by one of its clues.
fn base(clue: &[u8]) -> Option<&[u8]> {
    let base = CLUES.iter().find_map(|end| clue.strip_suffix(*end))?;
    (base.len() > PREFIX.len() && base.starts_with(PREFIX)).then_some(base)
}

/// How many jobs run, and the keys of the first of them.
fn active(replies: &[Reply]) -> (Option<u64>, Vec<Bytes>) {
    match replies.get(1) {
        Some(Reply::Array(items)) => {
            let jobs = items.iter().skip(1).take(MOST as usize).filter_map(Reply::as_bytes);
            (count(items.first()), jobs.collect())
        }
        other => (count(other), Vec::new()),
    }
}

/// The keys of the workers' figures and until when they hold, milliseconds.
fn workers(replies: &[Reply]) -> Vec<(Bytes, f64)> {
    let mut workers = Scored::or_none(replies.get(3)).first;
    workers.truncate(MOST as usize);
    workers
}

/// The worker's own id.
fn worker_id(key: &Bytes) -> Bytes {
    let key = key.as_slice();
    let at = key.windows(13).rposition(|w| w == b":worker_info:");
    at.and_then(|at| key.get(at + 13..)).unwrap_or(key).into()
}

fn worker_words(key: &Bytes, until: f64, now: f64, info: &Reply) -> String {
    let id = worker_id(key);
    if until <= now {
        let ago = ((now - until) / 1e3).clamp(0.0, 1e9);
        return format!("{id}: its last word ran out {ago:.0}s ago");
    }
    let info = json(Some(info));
    let figure = |name: &str| {
        let n = info.as_ref().and_then(|i| i.get("stats")?.get(name)?.as_i64());
        n.map_or_else(|| "?".into(), |n| n.to_string())
    };
    format!(
        "{id}: {} complete, {} failed, {} retried, up {}s",
        figure("complete"),
        figure("failed"),
        figure("retried"),
        figure("uptime")
    )
}

/// What runs, since when, and where; true when its worker is not among the live ones.
fn job_words(key: &Bytes, reply: &Reply, live: Option<&[&Bytes]>, now: f64) -> (String, bool) {
    let Some(job) = json(Some(reply)) else { return (key.escaped(), false) };
    let word = |name: &str| job.get(name).and_then(serde_json::Value::as_str).map(escape_text);
    let worker = job.get("worker_id").and_then(serde_json::Value::as_str);
    let dead = match (worker, live) {
        (Some(worker), Some(live)) => !live.iter().any(|key| worker_id(key).as_slice() == worker.as_bytes()),
        _ => false,
    };
    let started = job.get("started").and_then(serde_json::Value::as_f64).filter(|ms| *ms > 0.0);
    let since =
        started.map_or_else(String::new, |ms| format!(" for {:.0}s", ((now - ms) / 1e3).clamp(0.0, 1e9)));
    let on = worker.map_or_else(String::new, |w| format!(" on {}", escape_text(w)));
    let gone = if dead { ", which is gone" } else { "" };
    (format!("{}{since}{on}{gone}", word("function").unwrap_or_else(|| key.escaped())), dead)
}

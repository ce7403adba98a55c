//! Who works for RQ's queues: the hash of each worker, and of each started job who runs it since when.

use std::time::Duration;

use super::super::crew::{self, seen_by};
use super::super::scored::Scored;
use super::super::site::{Part, join, text};
use super::super::{Context, Read, hash_pairs};
use super::job_id;
use crate::domain::queue::Detail;
use crate::domain::worker_sign::{Beat, WorkerSign};
use crate::domain::{Bytes, Reply};

/// A worker beats so often while it runs a job; an idle one at least every seven minutes, as long as its key stands.
const BEATS_EVERY: Duration = Duration::from_secs(30);
/// Workers looked at in one site.
const MOST_WORKERS: usize = 100;
/// Started jobs of one queue that are looked at, those first that RQ gives up first, and of all queues together.
const JOBS_OF_A_QUEUE: u32 = 16;
const MOST_JOBS: usize = 64;
/// What is read of a started job's hash.
const JOB_FIELDS: [&str; 3] = ["worker_name", "started_at", "description"];

/// The hashes of the workers, then the started jobs of each queue.
pub(super) fn reads(prefix: &[u8], workers: &[Bytes], queues: &[Bytes]) -> Vec<Read> {
    let hash = |key: &Bytes| Read::HashValues { key: key.clone(), count: 64, max: 1024 };
    let started = |name: &Bytes| Read::ZsetLook {
        key: join(&[prefix, b"wip:", name.as_slice()]),
        count: JOBS_OF_A_QUEUE,
    };
    workers.iter().take(MOST_WORKERS).map(hash).chain(queues.iter().map(started)).collect()
}

/// The jobs that those replies name.
pub(super) fn job_reads(prefix: &[u8], workers: &[Bytes], replies: &[Reply]) -> Vec<Read> {
    let of = |job: &Bytes| {
        let key = join(&[prefix, b"job:", job.as_slice()]);
        JOB_FIELDS.map(|field| Read::HashHead { key: key.clone(), field: field.into(), max: 200 })
    };
    started(workers, replies).iter().flat_map(|(job, _)| of(job)).collect()
}

/// Started jobs with the time at which RQ gives them up, seconds since the epoch.
fn started(workers: &[Bytes], replies: &[Reply]) -> Vec<(Bytes, f64)> {
    let sets = replies.get(workers.len().min(MOST_WORKERS)..).unwrap_or_default();
    let jobs = sets.iter().flat_map(|set| Scored::or_none(Some(set)).first);
    jobs.map(|(member, until)| (job_id(&member), until)).take(MOST_JOBS).collect()
}

/// The workers of a site.
pub(super) struct Crew {
    workers: Vec<Worker>,
    /// True when none was left out, and all that live tell their queues.
    complete: bool,
}

/// A worker, and the queues that it takes from.
struct Worker {
    queues: Vec<Bytes>,
    told: crew::Worker,
}

impl Crew {
    /// `replies` answer [`reads`], `jobs` [`job_reads`]; `workers`: `None` where they could not be listed.
    pub(super) fn read(prefix: &[u8], workers: Option<&[Bytes]>, replies: &[Reply], jobs: &[Reply]) -> Self {
        let listed = workers.unwrap_or_default();
        let mut all: Vec<Worker> = listed
            .iter()
            .zip(replies)
            .take(MOST_WORKERS)
            .map(|(key, hash)| Worker::read(prefix, key, hash))
            .collect();
        let mut complete = workers.is_some_and(|w| w.len() == all.len());
        complete &= all.iter().all(|w| w.told.alive == Some(false) || !w.queues.is_empty());
        for ((job, _), fields) in started(listed, replies).iter().zip(jobs.chunks(JOB_FIELDS.len())) {
            let Some(name) = text(fields.first()).filter(|name| !name.is_empty()) else { continue };
            let what = text(fields.get(2))
                .filter(|what| !what.is_empty())
                .map_or(job.escaped(), |what| format!("{} ({})", what.escaped(), job.escaped()));
            let run = (what, time_ms(text(fields.get(1))));
            match all.iter_mut().find(|w| w.told.name == name.escaped()) {
                Some(worker) => {
                    worker.told.runs.retain(|(known, _)| *known != job.escaped());
                    worker.told.runs.push(run);
                }
                // Other workers strike those off whose hashes ran out; the job still tells who had it.
                None if complete => all.push(Worker {
                    queues: Vec::new(),
                    told: crew::Worker {
                        name: name.escaped(),
                        alive: Some(false),
                        state: Some("registered no more".into()),
                        runs: vec![run],
                        ..crew::Worker::default()
                    },
                }),
                None => {}
            }
        }
        Self { workers: all, complete }
    }

    /// A queue's part in them.
    pub(super) fn part(&self, queue: &[u8], ctx: &Context) -> Part {
        let takes = |worker: &Worker| worker.queues.iter().any(|name| name.as_slice() == queue);
        let crew = self.workers.iter().map(|w| (takes(w), &w.told));
        let (workers, mut details) = seen_by(crew, self.complete, ctx);
        details.truncate(MOST_WORKERS);
        Part { workers, details, ..Part::default() }
    }
}

impl Worker {
    fn read(prefix: &[u8], key: &Bytes, hash: &Reply) -> Self {
        let head = [prefix, b"worker:"].concat();
        let name = Bytes::from(key.as_slice().strip_prefix(head.as_slice()).unwrap_or(key.as_slice()));
        let (pairs, alive) = match hash_pairs(hash) {
            Some((pairs, fields)) => (pairs, Some(fields > 0)),
            // Without scripts only the number of fields is known.
            None => (Vec::new(), hash.as_int().map(|fields| fields > 0)),
        };
        let field = |name: &str| {
            let found = pairs.iter().find(|(field, _)| field.as_slice() == name.as_bytes());
            found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        let queues = field("queues").unwrap_or_default();
        let queues = queues.as_slice().split(|b| *b == b',').filter(|name| !name.is_empty());
        let beat_ms = time_ms(field("last_heartbeat"));
        let beat = beat_ms.map(|at_ms| Beat { at_ms, every: BEATS_EVERY });
        // The worker's name is its client's name.
        let client = Some(name.clone());
        let told = crew::Worker {
            sign: Some(WorkerSign { beat, client, ..WorkerSign::new(name.clone(), alive) }),
            name: name.escaped(),
            host: field("hostname").map(|host| host.escaped()),
            pid: field("pid").map(|pid| pid.escaped()),
            alive,
            beat_ms,
            state: field("state").map(|state| state.escaped()),
            // Of versions 1 and 2; where the job itself tells more, that is said.
            runs: field("current_job").map(|job| (job.escaped(), None)).into_iter().collect(),
        };
        Self { queues: queues.map(Bytes::from).collect(), told }
    }
}

/// A time as RQ writes it, in milliseconds since the epoch.
fn time_ms(text: Option<Bytes>) -> Option<i64> {
    Some(text?.as_utf8()?.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

/// Started jobs that RQ itself takes for lost: nobody renewed them in time.
pub(super) fn lost(wip: Option<&Reply>, ctx: &Context) -> Option<Detail> {
    let overdue =
        Scored::or_none(wip).first.iter().filter(|(_, until)| until * 1e3 < ctx.server_ms as f64).count();
    let more = if overdue >= JOBS_OF_A_QUEUE as usize { " or more" } else { "" };
    (overdue > 0).then(|| {
        Detail::new(
            "lost",
            format!(
                "{overdue}{more} started jobs: their workers were killed or hang; fail at RQ's next cleaning"
            ),
        )
    })
}

/// The first started jobs of a queue.
pub(super) fn lost_read(prefix: &[u8], name: &[u8]) -> Read {
    Read::ZsetLook { key: join(&[prefix, b"wip:", name]), count: JOBS_OF_A_QUEUE }
}

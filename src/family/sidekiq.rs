//! Sidekiq 6 to 8: the set `queues`, a list of JSON for each, and processes that beat every ten seconds.

use std::time::Duration;

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::site::{Part, Site, SiteQueue, Tally, is_set, is_type, join, json, members, text};
use super::{
    Canary, Context, KeyFact, Named, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, UsualPrefix, Wish,
    canary,
};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::worker_sign::{Beat, WorkerSign};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct SidekiqFamily;

/// Processes looked at in one site.
const MOST_PROCESSES: usize = 100;
/// Queues whose next job is looked at to tell Sidekiq from Resque.
const SAMPLES: usize = 3;
/// Replies of `site_reads` and, after the samples, for each process.
const FIRST: usize = 8;
const PER_PROCESS: usize = 5;
/// A process beats so often.
const BEATS_EVERY: Duration = Duration::from_secs(10);

impl QueueFamily for SidekiqFamily {
    fn id(&self) -> &'static str {
        "sidekiq"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["queues"]
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key == b"queues"
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        let key = fact.key.as_slice();
        // Resque's own prefix; a Resque under another one is told by its set of workers.
        &*fact.key_type == "set" && namespace(&fact.key).is_some() && !key.starts_with(b"resque:")
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let of = |end: &str| join(&[namespace(clue).unwrap_or_default(), end.as_bytes()]);
        let named = |end: &str| Read::QueuesNamed { key: of(end), kind: Named::Sorted, field: "queue" };
        vec![
            Read::Members { key: clue.clone(), cursor: "0".into() },
            Read::Members { key: of("processes"), cursor: "0".into() },
            named("schedule"),
            named("retry"),
            named("dead"),
            Read::Members { key: of("paused"), cursor: "0".into() },
            Read::Type(of("workers")),
            Read::Type(of("stat:processed")),
        ]
    }

    fn site_more(&self, clue: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let of = |end: &[u8]| join(&[namespace(clue).unwrap_or_default(), end]);
        let mut reads: Vec<Read> = members(replies.first())
            .unwrap_or_default()
            .iter()
            .take(SAMPLES)
            .map(|name| Read::ElementHead { key: list_key(clue, name), index: -1, max: 2048 })
            .collect();
        for process in members(replies.get(1)).unwrap_or_default().iter().take(MOST_PROCESSES) {
            let field = |field: &str, max: u32| Read::HashHead {
                key: of(process.as_slice()),
                field: field.into(),
                max,
            };
            let tasks = |end: &[u8]| Read::QueuesNamed {
                key: of(&[process.as_slice(), end].concat()),
                kind: Named::Hash,
                field: "queue",
            };
            // Up to version 6 the hash of running jobs was called `workers`.
            reads.extend([field("info", 16 * 1024), field("beat", 32), field("quiet", 8)]);
            reads.extend([tasks(b":work"), tasks(b":workers")]);
        }
        reads
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], ctx: &Context) -> Option<Site> {
        let names = members(replies.first())?;
        let registered = members(replies.get(1));
        let samples = replies.get(FIRST..FIRST + names.len().min(SAMPLES)).unwrap_or_default();
        let tallies = [2, 3, 4].map(|at| Tally::parse(replies.get(at)));
        let stored = tallies.iter().any(|t| t.total.is_some_and(|n| n > 0));
        let counted = is_type(replies.get(7), "string");
        let runs = registered.as_ref().is_some_and(|p| !p.is_empty());
        let resque = is_type(replies.get(6), "set");
        if resque || !(runs || samples.iter().any(has_jid) || stored || counted) {
            return None;
        }
        let fields = replies.get(FIRST + samples.len()..).unwrap_or_default();
        let processes: Vec<Process> = registered
            .iter()
            .flatten()
            .zip(fields.chunks(PER_PROCESS))
            .map(|(identity, fields)| Process::read(identity, fields, ctx))
            .collect();
        let all = registered.as_ref().is_some_and(|r| r.len() == processes.len())
            && processes.iter().all(|p| p.sign.lives.is_some());
        let paused = members(replies.get(5));
        let only_one = names.len() == 1;
        let [schedule, retry, dead] = tallies;
        let shared: Vec<Detail> = [("schedule", &schedule), ("retry set", &retry), ("dead set", &dead)]
            .into_iter()
            .filter(|_| !only_one)
            .filter_map(|(label, tally)| tally.shared(label, "queues"))
            .collect();
        let queues = names.iter().map(|name| {
            let mine: Vec<&Process> = processes.iter().filter(|p| p.takes(name)).collect();
            let known = all && processes.iter().all(|p| p.queues.is_some() || p.sign.lives == Some(false));
            let gone = processes.iter().filter(|p| p.sign.lives == Some(false));
            let running =
                processes.iter().try_fold(0_u64, |sum, p| Some(sum + p.running.of(name, only_one)?));
            SiteQueue {
                key: list_key(clue, name),
                part: Part {
                    in_flight: running.filter(|_| all),
                    scheduled: schedule.of(name, only_one),
                    retry: retry.of(name, only_one),
                    failed: dead.of(name, only_one),
                    workers: known.then_some(mine.len() as u64),
                    paused: paused.as_ref().map(|p| p.contains(name)),
                    details: mine
                        .iter()
                        .map(|p| Detail::new("process", &p.words).signed(p.sign.clone()))
                        .chain(gone.map(|p| Detail::new("gone", &p.words).signed(p.sign.clone())))
                        .chain(shared.iter().cloned())
                        .collect(),
                    ..Part::default()
                },
            }
        });
        Some(Site { queues: queues.collect(), registry: true })
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        use TaskSet::{Failed, Retry, Scheduled};
        let namespace = namespace_of(key);
        let sets = [(Scheduled, "schedule"), (Retry, "retry"), (Failed, "dead")];
        let [schedule, retry, dead] =
            sets.map(|(set, end)| SetPlace::new(set, join(&[namespace, end.as_bytes()])).shared());
        vec![schedule.due(1), retry.due(1), dead.timed("died", 1)]
    }

    fn holders(&self, key: &Bytes) -> Option<Bytes> {
        Some(join(&[namespace_of(key), b"processes"]))
    }

    fn held_by(&self, key: &Bytes, process: &Bytes) -> Vec<SetPlace> {
        // Up to version 6 the hash of running jobs was called `workers`; those of all queues stand in it.
        let of = |end: &[u8]| join(&[namespace_of(key), process.as_slice(), end]);
        [of(b":work"), of(b":workers")].map(|at| SetPlace::new(TaskSet::InFlight, at).shared()).to_vec()
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        vec![list_look(key, PushEnd::Left, memory)]
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        canary::ruby::sidekiq_reads(key)
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::ruby::sidekiq(wish)
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
        settle_list(&mut queue, &look, None, memory, ctx);
        queue.oldest = oldest(look.depth, look.next_time_ms(), memory, ctx);
        Some(queue)
    }
}

/// What stands before `queues`: nothing, or a namespace up to version 6.
fn namespace(clue: &Bytes) -> Option<&[u8]> {
    clue.as_slice().strip_suffix(b"queues").filter(|n| n.is_empty() || n.ends_with(b":"))
}

/// The same of a queue's key.
fn namespace_of(key: &Bytes) -> &[u8] {
    let whole = key.as_slice();
    match whole.windows(7).position(|w| w == b":queue:") {
        Some(at) if !whole.starts_with(b"queue:") => whole.get(..=at).unwrap_or_default(),
        _ => b"",
    }
}

fn list_key(clue: &Bytes, name: &Bytes) -> Bytes {
    join(&[namespace(clue).unwrap_or_default(), b"queue:", name.as_slice()])
}

/// The queue's name; a namespace stays, so that applications are told apart.
fn name(key: &Bytes) -> Bytes {
    let key = key.as_slice();
    if let Some(bare) = key.strip_prefix(b"queue:") {
        return bare.into();
    }
    match key.windows(7).position(|w| w == b":queue:") {
        Some(at) => join(&[&key[..=at], &key[at + 7..]]),
        None => key.into(),
    }
}

/// True for the head of a job of Sidekiq: Resque's have no id.
fn has_jid(sample: &Reply) -> bool {
    let head = sample.as_array().and_then(|parts| parts.get(1)?.as_bytes());
    head.is_some_and(|h| h.as_slice().windows(6).any(|w| w == b"\"jid\":"))
}

/// One process as its hash tells.
struct Process {
    queues: Option<Vec<Bytes>>,
    /// It does not live when its hash ran out though the set still names it.
    sign: WorkerSign,
    running: Tally,
    words: String,
}

impl Process {
    fn read(identity: &Bytes, fields: &[Reply], ctx: &Context) -> Self {
        let info = json(fields.first());
        let alive = is_set(fields.get(1));
        let work = Tally::parse(fields.get(3));
        let running = if work.total == Some(0) { Tally::parse(fields.get(4)) } else { work };
        let queues = info
            .as_ref()
            .and_then(|i| i.get("queues")?.as_array())
            .map(|names| names.iter().filter_map(serde_json::Value::as_str).map(Bytes::from).collect());
        let beat = text(fields.get(1)).and_then(|b| b.as_utf8()?.parse::<f64>().ok());
        let words = if alive == Some(false) {
            format!("{identity}: its heartbeat ran out, it was killed or hangs")
        } else {
            let threads = info.as_ref().and_then(|i| i.get("concurrency")?.as_u64());
            let or = |n: Option<u64>| n.map_or_else(|| "?".into(), |n| n.to_string());
            let ago = beat.map_or_else(String::new, |beat| {
                format!(", beat {:.0}s ago", (ctx.server_ms as f64 / 1e3 - beat).clamp(0.0, 1e9))
            });
            let quiet = text(fields.get(2)).is_some_and(|q| q.as_slice() == b"true");
            let quiet = if quiet { ", quiet: takes no new jobs" } else { "" };
            format!("{identity}: {} of {} threads busy{ago}{quiet}", or(running.total), or(threads))
        };
        let takes_none = alive == Some(false);
        let beat = beat.map(|at| Beat { at_ms: (at * 1e3) as i64, every: BEATS_EVERY });
        let sign = WorkerSign { beat, ..WorkerSign::new(identity.clone(), alive) };
        Self { queues: if takes_none { None } else { queues }, sign, running, words }
    }

    fn takes(&self, queue: &Bytes) -> bool {
        self.sign.lives == Some(true) && self.queues.as_ref().is_some_and(|q| q.contains(queue))
    }
}

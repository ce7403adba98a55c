//! A model of the queue against the real thing, from a seed: producers, workers that are killed, a node that is
//! killed and started again. What was acknowledged to a producer must be done; what ran again must be explained.
//!
//! The long run: `cargo nextest run --release --test worker --run-ignored only model --no-capture`, or with
//! `cargo test --release --test worker -- --ignored --nocapture model`. `REDWARDEN_SEED=N` repeats a run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use redwarden::domain::Command;
use redwarden::launcher::Server;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

use super::db::{Db, eventually};
use super::lines;
use super::process::Process;

const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

struct Plan {
    seed: u64,
    tasks: usize,
    nodes: usize,
    workers: usize,
    worker_kills: usize,
    node_kills: usize,
    /// Tasks that fail at their first attempt.
    failing: f64,
}

/// Tasks at once of a worker, from one after the other to batches of several: by the seed.
const CONCURRENCY: std::ops::RangeInclusive<usize> = 1..=12;

/// What the model knows of a task.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Known {
    /// The push was acknowledged; one whose answer was lost may or may not be there, and may be there twice.
    acknowledged: u32,
    unsure: u32,
    /// Runs that did their work.
    done: u32,
}

struct Model {
    dir: tempfile::TempDir,
    servers: Vec<Server>,
    tasks: BTreeMap<String, Known>,
    workers: Vec<(usize, Process)>,
    started: usize,
    random: fastrand::Rng,
}

impl Model {
    fn start(plan: &Plan) -> Self {
        let servers = (0..plan.nodes).map(|_| Server::start(&DURABLE).unwrap()).collect();
        let mut model = Self {
            dir: tempfile::tempdir().unwrap(),
            servers,
            tasks: BTreeMap::new(),
            workers: Vec::new(),
            started: 0,
            random: fastrand::Rng::with_seed(plan.seed),
        };
        for i in 0..plan.workers {
            let worker = model.worker(i % plan.nodes);
            model.workers.push((i % plan.nodes, worker));
        }
        model
    }

    /// Where tasks leave their trace.
    fn ran(&self) -> PathBuf {
        self.dir.path().join("ran")
    }

    fn notes(&self, worker: usize) -> PathBuf {
        self.dir.path().join(format!("notes{worker}"))
    }

    fn worker(&mut self, node: usize) -> Process {
        let notes = self.notes(self.started);
        self.started += 1;
        // The run leaves its trace before the task is removed: a line of the whole payload, at once.
        let exec = format!(
            "IFS= read -r line; case $line in f*) [ \"$REDWARDEN_ATTEMPT\" -gt 1 ] || exit 1;; esac; printf '%s\\n' \"$line\" >> '{}'",
            self.ran().display()
        );
        let concurrency = self.random.usize(CONCURRENCY);
        Process::with(concurrency, self.servers[node].port(), "jobs", &exec, &notes)
    }

    /// Pushes one task and remembers what it learnt.
    async fn push(&mut self, writers: &mut [Option<Writer>], node: usize, id: String) {
        if writers[node].is_none() {
            let (timeout, permit) = (Duration::from_secs(5), WritePermit::for_own_servers());
            let endpoint = self.servers[node].endpoint();
            writers[node] = Writer::open(&endpoint, ClientRole::Demo, timeout, permit).await.ok();
        }
        let known = self.tasks.entry(id.clone()).or_default();
        let Some(writer) = &mut writers[node] else { return };
        match writer.call(&Command::new("LPUSH jobs").arg(id)).await {
            Ok(reply) if reply.as_int().is_some() => known.acknowledged += 1,
            // Refused while it loads its data: not there.
            Ok(_) => {}
            Err(_) => {
                known.unsure += 1;
                writers[node] = None;
            }
        }
    }

    async fn run(&mut self, plan: &Plan) {
        let mut random = fastrand::Rng::with_seed(plan.seed);
        let mut writers: Vec<Option<Writer>> = (0..plan.nodes).map(|_| None).collect();
        // When, in pushes, something dies: worker or node.
        let kinds =
            std::iter::repeat_n(false, plan.worker_kills).chain(std::iter::repeat_n(true, plan.node_kills));
        let mut deaths: Vec<(usize, bool)> = kinds.map(|node| (random.usize(..plan.tasks), node)).collect();
        deaths.sort_unstable();
        let mut deaths = deaths.into_iter().peekable();
        for i in 0..plan.tasks {
            while let Some((_, node)) = deaths.next_if(|(at, _)| *at <= i) {
                if node {
                    let node = random.usize(..plan.nodes);
                    self.servers[node].kill();
                    self.servers[node].restart().unwrap();
                } else {
                    let which = random.usize(..self.workers.len());
                    let node = self.workers[which].0;
                    self.workers[which].1.kill();
                    self.workers[which].1 = self.worker(node);
                }
            }
            let kind = if random.f64() < plan.failing { 'f' } else { 't' };
            self.push(&mut writers, random.usize(..plan.nodes), format!("{kind}{i:06}")).await;
        }
        drop(writers);
        for i in 0..plan.nodes {
            let mut db = Db::open(&self.servers[i].endpoint()).await;
            drained(&mut db).await;
        }
        // Drained, so that what they did is written down to the end.
        for (_, worker) in &self.workers {
            worker.signal(rustix::process::Signal::TERM);
        }
        for (_, worker) in &mut self.workers {
            eventually("it ended", async || worker.has_ended()).await;
        }
    }

    /// Counts runs, and what the workers said of second ones.
    fn read_notes(&mut self) -> (usize, usize) {
        let (mut recovered, mut run_twice) = (0, 0);
        for id in lines(&self.ran()) {
            self.tasks.entry(id).or_default().done += 1;
        }
        for worker in 0..self.started {
            for line in lines(&self.notes(worker)) {
                run_twice += usize::from(line.contains("it runs twice"));
                if let Some((n, _)) = line.split_once(" tasks of a dead worker") {
                    recovered += n.parse::<usize>().unwrap_or(0);
                }
            }
        }
        (recovered, run_twice)
    }
}

/// Nothing waits, rests or is in work on this node.
async fn drained(db: &mut Db) {
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        let waiting = db.int("LLEN jobs").await;
        let held =
            db.keys("redwarden:*:processing:*").await.len() + db.keys("redwarden:*:retrying:*").await.len();
        let resting = db.int("ZCARD redwarden:{jobs}:v1:retries").await;
        if waiting == 0 && held == 0 && resting == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{waiting} wait, {held} lists are held, {resting} rest");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn prove(plan: Plan) {
    let begun = Instant::now();
    let mut model = Model::start(&plan);
    model.run(&plan).await;
    let (recovered, run_twice) = model.read_notes();
    let lost: Vec<&String> =
        model.tasks.iter().filter(|(_, k)| k.acknowledged > 0 && k.done == 0).map(|(id, _)| id).collect();
    let pushed: usize = model.tasks.values().map(|k| k.acknowledged as usize).sum();
    let unsure: usize = model.tasks.values().map(|k| k.unsure as usize).sum();
    let surplus: usize =
        model.tasks.values().map(|k| k.done.saturating_sub(k.acknowledged + k.unsure) as usize).sum();
    eprintln!(
        "seed {}: {pushed} tasks acknowledged ({unsure} pushes without an answer), {} nodes, {} workers; killed: {} workers, {} nodes; lost: {}; ran again: {surplus} (recovered {recovered}, removal found nothing {run_twice}); {:.1} s",
        plan.seed,
        plan.nodes,
        plan.workers,
        plan.worker_kills,
        plan.node_kills,
        lost.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(lost.is_empty(), "seed {}: lost {lost:?}", plan.seed);
    // A second run needs a reason: a worker was killed, or lost its node, with tasks in hand. Those are at most the
    // ones that ran and as many that had just ended.
    let reasons = plan.worker_kills + plan.node_kills * plan.workers.div_ceil(plan.nodes);
    assert!(surplus <= reasons * 2 * CONCURRENCY.end(), "seed {}: {surplus} runs too many", plan.seed);
    // A task that was never pushed is never run.
    let invented = model.tasks.iter().find(|(_, k)| k.acknowledged + k.unsure == 0 && k.done > 0);
    assert_eq!(invented, None, "seed {}", plan.seed);
}

fn seed() -> u64 {
    std::env::var("REDWARDEN_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}

#[tokio::test]
async fn model_nothing_is_lost_whatever_is_killed() {
    let plan = Plan {
        seed: seed(),
        tasks: 3_000,
        nodes: 2,
        workers: 4,
        worker_kills: 6,
        node_kills: 2,
        failing: 0.02,
    };
    prove(plan).await;
}

#[tokio::test]
#[ignore = "minutes: 100,000 tasks over three nodes"]
async fn model_a_hundred_thousand_tasks_over_three_nodes() {
    let plan = Plan {
        seed: seed(),
        tasks: 100_000,
        nodes: 3,
        workers: 6,
        worker_kills: 60,
        node_kills: 12,
        failing: 0.01,
    };
    prove(plan).await;
}

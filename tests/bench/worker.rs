//! Tasks a second: the embedded worker, which keeps every task in a list until it is done, beside a plain loop that
//! pops and forgets.
//!
//! `cargo bench --bench worker`, about a minute; each figure is the best of three, all in one run. redis-py's loop, RQ's
//! and BullMQ's workers are beside them once `cargo nextest run --test libraries rq bullmq` has fetched them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its result"
)]
#![cfg(unix)]

#[path = "../support/driver.rs"]
mod driver;
#[path = "../support/node.rs"]
mod node;
#[path = "../support/python.rs"]
mod python;
#[path = "../support/runtime.rs"]
mod runtime;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::act::Audit;
use redwarden::config::{Config, Endpoint};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Command, NodeId, QueueId};
use redwarden::launcher::Server;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};
use redwarden::worker::{LineKind, Source, WorkerCommand, WorkerLine, WorkerSpec, run_headless};

const TASKS: u64 = 5_000;
/// RQ is slower, and its default worker forks for each task.
const RQ_TASKS: [(&str, u64); 2] = [("rq-simple", 500), ("rq", 50)];
/// BullMQ's worker, one after the other and eight at once as ours.
const BULLMQ_TASKS: u64 = 2_000;
const ROUNDS: u32 = 3;

#[tokio::main]
async fn main() {
    let server = Server::start(&["--save", ""]).unwrap();
    let endpoint = server.endpoint();
    let dir = tempfile::tempdir().unwrap();
    let mut figures = Figures(Vec::new());
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let python = python::Python::made(&tests.join("libraries/python/rq.txt"));
    let peer = |who: &str, tasks: u64| {
        let arguments = [who, &server.port().to_string(), &tasks.to_string()];
        let seconds = python.as_ref()?.run(&tests.join("bench/peers.py"), &arguments);
        Some(Duration::from_secs_f64(seconds.trim().parse().unwrap()))
    };
    let node = node::Node::made(&tests.join("libraries/node/bullmq"));
    let bullmq = |concurrency: usize| {
        let arguments = [server.port().to_string(), BULLMQ_TASKS.to_string(), concurrency.to_string()];
        let arguments = arguments.each_ref().map(String::as_str);
        let seconds = node.as_ref()?.run(&tests.join("bench/peers.js"), &arguments);
        Some(Duration::from_secs_f64(seconds.trim().parse().unwrap()))
    };
    for _ in 0..ROUNDS {
        fill(&endpoint).await;
        figures.note("BRPOP loop, as bare as it gets", TASKS, plain_loop(&endpoint).await);
        fill(&endpoint).await;
        match peer("brpop", TASKS) {
            Some(took) => figures.note("BRPOP loop of redis-py", TASKS, took),
            None => drop(open(&endpoint).await.call(&Command::new("DEL jobs")).await.unwrap()),
        }
        for (who, tasks) in RQ_TASKS {
            if let Some(took) = peer(who, tasks) {
                figures.note(&format!("worker of RQ ({who})"), tasks, took);
            }
        }
        for concurrency in [1, 8] {
            if let Some(took) = bullmq(concurrency) {
                figures.note(&format!("worker of BullMQ, {concurrency} at once"), BULLMQ_TASKS, took);
            }
        }
        for concurrency in [1, 8] {
            fill(&endpoint).await;
            let took = worker(&endpoint, concurrency, dir.path()).await;
            figures.note(&format!("embedded worker, {concurrency} at once"), TASKS, took);
        }
    }
    figures.print();
}

/// Tasks a second of each contender: the best of all rounds.
struct Figures(Vec<(String, f64)>);

impl Figures {
    fn note(&mut self, name: &str, tasks: u64, took: Duration) {
        let rate = tasks as f64 / took.as_secs_f64();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, best)) => *best = rate.max(*best),
            None => self.0.push((name.into(), rate)),
        }
    }

    /// Each one beside all others: how many times as fast the row is as the column.
    fn print(&self) {
        println!("tasks that do nothing, best of {ROUNDS}");
        let columns: Vec<String> = (1..=self.0.len()).map(|n| format!("{:>8}", format!("/ {n}"))).collect();
        println!("{:36} {:>10} {}", "", "tasks/s", columns.concat());
        for (n, (name, rate)) in self.0.iter().enumerate() {
            let ratios: Vec<String> =
                self.0.iter().map(|(_, other)| format!("{:8.2}", rate / other)).collect();
            println!("{:36} {rate:>10.0} {}", format!("{} {name}", n + 1), ratios.concat());
        }
    }
}

async fn open(endpoint: &Endpoint) -> Writer {
    let permit = WritePermit::for_own_servers();
    Writer::open(endpoint, ClientRole::Demo, Duration::from_secs(10), permit).await.unwrap()
}

async fn fill(endpoint: &Endpoint) {
    let mut writer = open(endpoint).await;
    let task = |i: &u64| format!(r#"{{"id":"{i}","kind":"redwarden.test","work_ms":0}}"#);
    for batch in (0..TASKS).collect::<Vec<_>>().chunks(500) {
        let push = batch.iter().fold(Command::new("LPUSH jobs"), |push, i| push.arg(task(i)));
        writer.call(&push).await.unwrap();
    }
}

async fn plain_loop(endpoint: &Endpoint) -> Duration {
    let mut writer = open(endpoint).await;
    let pop = Command::new("BRPOP jobs 1");
    let begun = Instant::now();
    for _ in 0..TASKS {
        let popped = writer.call_within(&pop, Duration::from_secs(10)).await.unwrap();
        assert!(popped.as_array().is_some(), "{popped:?}");
    }
    begun.elapsed()
}

/// From the start of the worker, its registration and looks included, until the last task is off its list.
async fn worker(endpoint: &Endpoint, concurrency: usize, dir: &Path) -> Duration {
    let queue = QueueId { node: NodeId::new("bench"), db: 0, key: "jobs".into() };
    let sources = vec![Source::new(queue, PushEnd::Left)];
    let at = endpoint.clone();
    let directory = Arc::new(move |_: &NodeId| Some(at.clone()));
    let spec = WorkerSpec::configured(&Config::default(), sources, directory, Arc::new(Vec::new));
    let spec = WorkerSpec { concurrency, audit: Audit::in_dir(dir), ..spec };
    let (commands, inbox) = tokio::sync::mpsc::channel(1);
    let (done, mut all_done) = tokio::sync::watch::channel(0);
    let on_line = move |line: &WorkerLine| done.send_modify(|n| *n += u64::from(line.kind == LineKind::Done));
    let begun = Instant::now();
    let run = tokio::spawn(run_headless(spec, Some(WritePermit::for_own_servers()), inbox, on_line));
    let all = all_done.wait_for(|n| *n == TASKS);
    let ended = matches!(tokio::time::timeout(Duration::from_secs(60), all).await, Ok(Ok(_)));
    let took = begun.elapsed();
    assert!(ended, "{} of {TASKS} tasks in {took:?}", *all_done.borrow());
    commands.send(WorkerCommand::Stop).await.unwrap();
    let view = run.await.unwrap();
    assert_eq!((view.counts.done, view.counts.run_twice), (TASKS, 0));
    took
}

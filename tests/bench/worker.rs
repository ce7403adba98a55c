//! Tasks a second: the embedded worker, which keeps every task in a list until it is done, beside a plain loop that
//! pops and forgets. `cargo bench --bench worker`; each figure is the best of three, all in one run.
//! With redis-py installed its BRPOP loop is a third bar.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a benchmark speaks")]

use std::process::Command as Process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::act::Audit;
use redwarden::config::{Config, Endpoint};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Command, NodeId, QueueId, Reply};
use redwarden::launcher::Server;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};
use redwarden::worker::{Source, WorkerCommand, WorkerSpec, WorkerView, run_headless};

const TASKS: u64 = 20_000;
const ROUNDS: u32 = 3;

/// The same three steps in redis-py: connect, pop until it is empty, say how long it took.
const PYTHON: &str = "
import sys, time, redis
r = redis.Redis(port=int(sys.argv[1]))
begun = time.perf_counter()
n = 0
while r.brpop('jobs', timeout=1) and n < int(sys.argv[2]) - 1:
    n += 1
print(time.perf_counter() - begun)
";

async fn open(endpoint: &Endpoint) -> Writer {
    let permit = WritePermit::for_own_servers();
    Writer::open(endpoint, ClientRole::Demo, Duration::from_secs(10), permit).await.unwrap()
}

async fn fill(endpoint: &Endpoint) {
    let mut writer = open(endpoint).await;
    let task = |i: u64| format!(r#"{{"id":"{i}","kind":"redwarden.test","work_ms":0}}"#);
    for batch in (0..TASKS).collect::<Vec<_>>().chunks(500) {
        let push = batch.iter().fold(Command::new("LPUSH jobs"), |push, i| push.arg(task(*i)));
        writer.call(&push).await.unwrap();
    }
}

async fn worker(endpoint: &Endpoint, concurrency: usize, dir: &std::path::Path) -> Duration {
    let queue = QueueId { node: NodeId::new("bench"), db: 0, key: "jobs".into() };
    let sources = vec![Source::new(queue, PushEnd::Left)];
    let at = endpoint.clone();
    let directory = Arc::new(move |_: &NodeId| Some(at.clone()));
    let spec = WorkerSpec::configured(&Config::default(), sources, directory, Arc::new(Vec::new));
    let spec = WorkerSpec { concurrency, audit: Audit::in_dir(dir), ..spec };
    let (commands, inbox) = tokio::sync::mpsc::channel(1);
    let begun = Instant::now();
    let run = tokio::spawn(run_headless(spec, Some(WritePermit::for_own_servers()), inbox, |_| {}));
    let mut writer = open(endpoint).await;
    while writer.call(&Command::new("LLEN jobs")).await.unwrap() != Reply::Int(0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    commands.send(WorkerCommand::Stop).await.unwrap();
    let view: WorkerView = run.await.unwrap();
    assert_eq!((view.counts.done, view.counts.run_twice), (TASKS, 0));
    begun.elapsed()
}

async fn plain_loop(endpoint: &Endpoint) -> Duration {
    let mut writer = open(endpoint).await;
    let pop = Command::new("BRPOP jobs 1");
    let begun = Instant::now();
    for _ in 0..TASKS {
        writer.call_within(&pop, Duration::from_secs(10)).await.unwrap();
    }
    begun.elapsed()
}

fn python(port: u16) -> Option<Duration> {
    let args = ["-c", PYTHON, &port.to_string(), &TASKS.to_string()];
    let output = Process::new("python3").args(args).output().ok().filter(|o| o.status.success())?;
    let seconds: f64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(Duration::from_secs_f64(seconds))
}

#[tokio::main]
async fn main() {
    let server = Server::start(&["--save", ""]).unwrap();
    let endpoint = server.endpoint();
    let dir = tempfile::tempdir().unwrap();
    let mut best: Vec<(String, Duration)> = Vec::new();
    let mut note = |name: &str, took: Duration| match best.iter_mut().find(|(n, _)| n == name) {
        Some((_, least)) => *least = took.min(*least),
        None => best.push((name.into(), took)),
    };
    for _ in 0..ROUNDS {
        fill(&endpoint).await;
        note("BRPOP loop (pops and forgets)", plain_loop(&endpoint).await);
        fill(&endpoint).await;
        if let Some(took) = python(server.port()) {
            note("BRPOP loop of redis-py", took);
        }
        open(&endpoint).await.call(&Command::new("DEL jobs")).await.unwrap();
        for concurrency in [1, 16] {
            fill(&endpoint).await;
            let took = worker(&endpoint, concurrency, dir.path()).await;
            note(&format!("embedded worker, {concurrency} at once"), took);
        }
    }
    let base = best[0].1;
    println!("{TASKS} no-op tasks, best of {ROUNDS}:");
    for (name, took) in &best {
        let rate = TASKS as f64 / took.as_secs_f64();
        println!("  {name:<32} {rate:>8.0} tasks/s   {:.2} x", base.as_secs_f64() / took.as_secs_f64());
    }
}

//! The embedded worker on real servers: it never loses a task, whatever is killed, frozen or cut.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![cfg(unix)]

#[path = "../support/cut_proxy.rs"]
mod cut_proxy;
#[path = "../support/db.rs"]
mod db;

mod cost;
mod crash;
mod exec;
mod failover;
mod hostile;
mod model;
mod policy;
mod process;
mod refusals;
mod tasks;

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use redwarden::act::Audit;
use redwarden::config::Endpoint;
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, NodeId, QueueId};
use redwarden::redis_io::WritePermit;
use redwarden::worker::{Policy, Source, WorkerCommand, WorkerLine, WorkerSpec, WorkerView, run_headless};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Of this process, so that no audit file of this machine is touched.
fn state_dir() -> &'static std::path::Path {
    static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    DIR.path()
}

/// A queue of node `a`.
fn source(queue: &str, exec: Option<String>) -> Source {
    let queue = QueueId { node: NodeId::new("a"), db: 0, key: Bytes::from(queue) };
    Source { exec, ..Source::new(queue, PushEnd::Left) }
}

/// A worker for test tasks of a queue of node `a`, which is there.
fn spec(endpoint: &Endpoint, queue: &str) -> WorkerSpec {
    let endpoint = endpoint.clone();
    WorkerSpec {
        sources: vec![source(queue, None)],
        directory: Arc::new(move |_| Some(endpoint.clone())),
        peers: Arc::new(Vec::new),
        concurrency: 1,
        policy: Policy::default(),
        force: false,
        heartbeat_ttl: Duration::from_secs(1),
        timeout: Duration::from_millis(500),
        secret_variables: vec!["MY_SECRET".into()],
        audit: Audit::in_dir(state_dir()),
    }
}

/// Changes what the tests change often.
trait Adjust {
    fn exec(self, exec: Option<String>) -> Self;
    fn push(self, push: PushEnd) -> Self;
}

impl Adjust for WorkerSpec {
    fn exec(mut self, exec: Option<String>) -> Self {
        self.sources[0].exec = exec;
        self
    }

    fn push(mut self, push: PushEnd) -> Self {
        self.sources[0].push = push;
        self
    }
}

/// A command that appends its payload to that file.
fn append_to(file: &std::path::Path) -> String {
    format!("IFS= read -r line; printf '%s\\n' \"$line\" >> '{}'", file.display())
}

fn lines(file: &std::path::Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(ToString::to_string).collect()
}

fn test_task(id: &str, work_ms: u64, fail: bool) -> String {
    format!(r#"{{"id":"{id}","kind":"redwarden.test","enqueued_at":0,"work_ms":{work_ms},"fail":{fail}}}"#)
}

/// A worker in this process.
struct Worker {
    commands: mpsc::Sender<WorkerCommand>,
    log: Arc<Mutex<Vec<WorkerLine>>>,
    task: JoinHandle<WorkerView>,
}

impl Worker {
    fn start(spec: WorkerSpec) -> Self {
        let (commands, inbox) = mpsc::channel(16);
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = log.clone();
        let on_line = move |line: &WorkerLine| sink.lock().unwrap().push(line.clone());
        let task = tokio::spawn(run_headless(spec, Some(WritePermit::for_own_servers()), inbox, on_line));
        Self { commands, log, task }
    }

    fn said(&self, text: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.text.contains(text))
    }

    async fn tell(&self, command: WorkerCommand) {
        self.commands.send(command).await.unwrap();
    }

    async fn stop(self) -> WorkerView {
        let _ = self.commands.send(WorkerCommand::Stop).await;
        self.task.await.unwrap()
    }
}

//! A worker in a process of its own, which can be killed and frozen: this test binary, run again.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use redwarden::redis_io::WritePermit;
use redwarden::worker::{run_headless, signals};
use tokio::sync::mpsc;

/// Tasks at once of each, unless said otherwise.
pub(crate) const CONCURRENCY: usize = 4;

pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(port: u16, queue: &str, exec: &str, notes: &Path) -> Self {
        Self::with(CONCURRENCY, port, queue, exec, notes)
    }

    /// With so many tasks at once.
    pub(crate) fn with(concurrency: usize, port: u16, queue: &str, exec: &str, notes: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::worker_process", "--nocapture", "--test-threads", "1"])
            .env("REDWARDEN_TEST_WORKER", "1")
            .env("TEST_PORT", port.to_string())
            .env("TEST_QUEUE", queue)
            .env("TEST_EXEC", exec)
            .env("TEST_NOTES", notes)
            .env("TEST_CONCURRENCY", concurrency.to_string())
            .env("REDISCLI_AUTH", "hunter2")
            .env("REDWARDEN_PASSWORD", "hunter2")
            .env("MY_SECRET", "hunter2")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.0.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test: the other side of [`Process::start`].
#[test]
fn worker_process() {
    if std::env::var_os("REDWARDEN_TEST_WORKER").is_none() {
        return;
    }
    let var = |name: &str| std::env::var(name).unwrap();
    let endpoint = redwarden::config::Endpoint::tcp("127.0.0.1", var("TEST_PORT").parse().unwrap());
    let mut spec = super::spec(&endpoint, &var("TEST_QUEUE"));
    spec.sources[0].exec = Some(var("TEST_EXEC"));
    spec.policy.retries = 1;
    spec.policy.retry_delay = std::time::Duration::from_millis(10);
    spec.concurrency = var("TEST_CONCURRENCY").parse().unwrap();
    spec.force = true;
    let notes = var("TEST_NOTES");
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&notes).unwrap();
    let on_line = move |line: &redwarden::worker::WorkerLine| {
        use std::io::Write;
        // At once: the process may be killed before anything could be flushed.
        writeln!(file, "{}", line.text).unwrap();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (commands, inbox) = mpsc::channel(16);
        signals::stop_on_signals(commands).unwrap();
        run_headless(spec, Some(WritePermit::for_own_servers()), inbox, on_line).await;
    });
}

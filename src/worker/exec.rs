//! Runs the user's command for a real task: `sh -c`, payload on stdin, exit code as result, output bounded.

use std::collections::VecDeque;
use std::io::{Seek, Write};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::task::{Ended, Job};
use crate::config::secrets::SECRET_VARIABLES;
use crate::domain::bytes::{escape, escape_text};
use crate::domain::{Bytes, QueueId};

/// What a pipe holds on every system without a reader, bytes.
const PIPE: usize = 4096;
/// What is kept of each output stream, from its end.
const OUTPUT: usize = 4096;
/// How long after the end of the command its output may still come, from something it left running.
const LINGER: Duration = Duration::from_millis(500);
/// How often it is looked whether a command that was told to end has ended.
#[cfg(unix)]
const LOOK: Duration = Duration::from_millis(10);

/// The command and what surrounds it.
#[derive(Clone, Debug)]
pub(super) struct Exec {
    pub(super) command: Arc<str>,
    pub(super) queue: QueueId,
    pub(super) worker: Uuid,
    /// Attempts a task has at most.
    pub(super) attempts: u32,
    /// How long a command that is told to end may take before it is killed.
    pub(super) grace: Duration,
    /// Variables with secrets, beside our own, that the command must not inherit.
    pub(super) secrets: Arc<[String]>,
}

/// Why a command is ended.
enum Stop {
    Limit,
    Kill,
}

pub(super) async fn run(exec: &Exec, job: &mut Job) -> Ended {
    let started = match stdin_with(job.payload.clone()).await {
        Ok(stdin) => spawn(exec, stdin, job),
        Err(error) => Err(error),
    };
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            return Ended::Failed(format!("sh could not be started: {}", escape_text(&error.to_string())));
        }
    };
    let out = tail(child.stdout.take());
    let err = tail(child.stderr.take());
    let limit = job.limit;
    let over = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let status = tokio::select! {
        status = child.wait() => Ok(status),
        () = over => Err(Stop::Limit),
        _ = job.kill.wait_for(|kill| *kill) => Err(Stop::Kill),
    };
    let status = match status {
        Ok(status) => Ok(status),
        Err(stop) => {
            end(&mut child, exec.grace).await;
            Err(stop)
        }
    };
    let (out, err) = (finish(out).await, finish(err).await);
    match status {
        Ok(Ok(status)) if status.success() => Ended::Done(said("", &out, &err)),
        Ok(Ok(status)) => Ended::Failed(said(&reason(status), &out, &err)),
        Ok(Err(error)) => Ended::Failed(escape_text(&error.to_string())),
        Err(Stop::Limit) => Ended::TimedOut(said("", &out, &err)),
        Err(Stop::Kill) => Ended::Killed,
    }
}

/// A stdin that holds the whole payload before the command starts: were this process killed while it still writes,
/// the command would take a part for the whole.
async fn stdin_with(payload: Bytes) -> std::io::Result<Stdio> {
    if payload.len() <= PIPE {
        let (reader, mut writer) = std::io::pipe()?;
        writer.write_all(payload.as_slice())?;
        return Ok(reader.into());
    }
    let file = tokio::task::spawn_blocking(move || {
        // Without a name from the start: nothing stays behind.
        let mut file = tempfile::tempfile()?;
        file.write_all(payload.as_slice())?;
        file.rewind()?;
        Ok::<_, std::io::Error>(file)
    });
    Ok(file.await.map_err(std::io::Error::other)??.into())
}

fn spawn(exec: &Exec, stdin: Stdio, job: &Job) -> std::io::Result<Child> {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(&*exec.command)
        .env("REDWARDEN_ATTEMPT", job.attempt.to_string())
        .env("REDWARDEN_MAX_ATTEMPTS", exec.attempts.to_string())
        .env("REDWARDEN_REDELIVERED", if job.again { "1" } else { "0" })
        .env("REDWARDEN_NODE", exec.queue.node.as_str().replace('\0', ""))
        .env("REDWARDEN_DB", exec.queue.db.to_string())
        .env("REDWARDEN_WORKER", exec.worker.to_string())
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for name in SECRET_VARIABLES.into_iter().chain(exec.secrets.iter().map(String::as_str)) {
        command.env_remove(name);
    }
    let key = &exec.queue.key;
    command.env(
        "REDWARDEN_QUEUE",
        key.as_utf8().filter(|q| !q.contains('\0')).map_or_else(|| key.escaped(), ToString::to_string),
    );
    match &job.envelope.id {
        Some(id) => command.env("REDWARDEN_TASK_ID", id),
        None => command.env_remove("REDWARDEN_TASK_ID"),
    };
    match job.limit {
        Some(limit) => command.env("REDWARDEN_TIMEOUT_MS", limit.as_millis().to_string()),
        None => command.env_remove("REDWARDEN_TIMEOUT_MS"),
    };
    // A group of its own: Ctrl-C on the terminal asks us to drain and must not end the running tasks.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

/// SIGTERM to the command's own group; once the command has ended or `grace` is over, SIGKILL to what is left of it.
async fn end(child: &mut Child, grace: Duration) {
    signal_group(child, GroupSignal::Terminate);
    let _ = tokio::time::timeout(grace, ended(child)).await;
    // What it started must not work on beside the next attempt, also where the command itself has ended.
    signal_group(child, GroupSignal::Kill);
    let _ = child.start_kill();
    let _ = child.wait().await;
}

/// Waits for the end of the command without reaping it: until then its number, and so its group, can be nobody else's.
#[cfg(unix)]
async fn ended(child: &Child) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while let Some(pid) = leader(child)
        && matches!(waitid(WaitId::Pid(pid), options), Ok(None))
    {
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(not(unix))]
async fn ended(child: &mut Child) {
    let _ = child.wait().await;
}

#[derive(Clone, Copy)]
enum GroupSignal {
    Terminate,
    Kill,
}

/// The process that leads the command's group, until it is reaped.
#[cfg(unix)]
fn leader(child: &Child) -> Option<rustix::process::Pid> {
    let id = i32::try_from(child.id()?).ok().filter(|id| *id > 1)?;
    rustix::process::Pid::from_raw(id)
}

#[cfg(unix)]
fn signal_group(child: &Child, signal: GroupSignal) {
    use rustix::process::{Signal, getpgid, getpgrp, kill_process_group};
    // While it is not reaped its number can't belong to anybody else; the group must be the one made for it.
    if let Some(pid) = leader(child)
        && getpgid(Some(pid)) == Ok(pid)
        && getpgrp() != pid
    {
        let signal = match signal {
            GroupSignal::Terminate => Signal::TERM,
            GroupSignal::Kill => Signal::KILL,
        };
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(not(unix))]
fn signal_group(_child: &Child, _signal: GroupSignal) {}

/// The last bytes of a stream, as they come.
type Kept = Arc<Mutex<VecDeque<u8>>>;

fn tail(stream: Option<impl AsyncRead + Send + Unpin + 'static>) -> (Kept, JoinHandle<()>) {
    let kept = Kept::default();
    let sink = Arc::clone(&kept);
    let reading = tokio::spawn(async move {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0_u8; 8192];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            let mut kept = sink.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(&buffer[..n]);
            let surplus = kept.len().saturating_sub(OUTPUT);
            kept.drain(..surplus);
        }
    });
    (kept, reading)
}

/// What came until the end, or until [`LINGER`] after the end of the command.
async fn finish((kept, mut reading): (Kept, JoinHandle<()>)) -> String {
    if tokio::time::timeout(LINGER, &mut reading).await.is_err() {
        reading.abort();
    }
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    escape(kept.make_contiguous().trim_ascii())
}

fn reason(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("ended by signal {signal}");
    }
    status.code().map_or_else(|| "ended".into(), |code| format!("exit code {code}"))
}

fn said(first: &str, out: &str, err: &str) -> String {
    let mut parts = Vec::new();
    if !first.is_empty() {
        parts.push(first.to_string());
    }
    if !err.is_empty() {
        parts.push(format!("stderr: {err}"));
    }
    if !out.is_empty() {
        parts.push(format!("stdout: {out}"));
    }
    parts.join("; ")
}

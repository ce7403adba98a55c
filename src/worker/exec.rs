//! Runs the user's command for a real task: `sh -c`, payload on stdin, exit code as result, output bounded.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::task::Ended;
use crate::config::secrets::SECRET_VARIABLES;
use crate::domain::Bytes;
use crate::domain::bytes::{escape, escape_text};

/// What is kept of each output stream, from its end.
const OUTPUT: usize = 4096;
/// How long a command that is told to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long after the end of the command its output may still come, from something it left running.
const LINGER: Duration = Duration::from_millis(500);

/// The command and what surrounds it.
#[derive(Clone, Debug)]
pub(super) struct Exec {
    pub(super) command: Arc<str>,
    pub(super) queue: Bytes,
    /// Variables with secrets, beside our own, that the command must not inherit.
    pub(super) secrets: Arc<[String]>,
}

pub(super) async fn run(
    exec: &Exec,
    payload: &Bytes,
    id: Option<&str>,
    attempt: u32,
    kill: &mut watch::Receiver<bool>,
) -> Ended {
    let mut child = match spawn(exec, id, attempt) {
        Ok(child) => child,
        Err(error) => {
            return Ended::Failed(format!("sh could not be started: {}", escape_text(&error.to_string())));
        }
    };
    let stdin = child.stdin.take();
    let payload = payload.clone();
    let feed = tokio::spawn(async move {
        if let Some(mut stdin) = stdin {
            // A command that reads nothing closes the pipe: not an error.
            let _ = stdin.write_all(payload.as_slice()).await;
        }
    });
    let out = tokio::spawn(tail(child.stdout.take()));
    let err = tokio::spawn(tail(child.stderr.take()));
    let status = tokio::select! {
        status = child.wait() => Some(status),
        _ = kill.wait_for(|kill| *kill) => None,
    };
    let Some(status) = status else {
        end(&mut child).await;
        return Ended::Killed;
    };
    feed.abort();
    let (out, err) = (finish(out).await, finish(err).await);
    match status {
        Ok(status) if status.success() => Ended::Done(said("", &out, &err)),
        Ok(status) => Ended::Failed(said(&reason(status), &out, &err)),
        Err(error) => Ended::Failed(escape_text(&error.to_string())),
    }
}

fn spawn(exec: &Exec, id: Option<&str>, attempt: u32) -> std::io::Result<Child> {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(&*exec.command)
        .env("REDWARDEN_ATTEMPT", attempt.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for name in SECRET_VARIABLES.into_iter().chain(exec.secrets.iter().map(String::as_str)) {
        command.env_remove(name);
    }
    command.env(
        "REDWARDEN_QUEUE",
        exec.queue
            .as_utf8()
            .filter(|q| !q.contains('\0'))
            .map_or_else(|| exec.queue.escaped(), ToString::to_string),
    );
    match id {
        Some(id) => command.env("REDWARDEN_TASK_ID", id),
        None => command.env_remove("REDWARDEN_TASK_ID"),
    };
    // A group of its own: Ctrl-C on the terminal asks us to drain and must not end the running tasks.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

/// SIGTERM to the command's own group, then SIGKILL to the command itself.
async fn end(child: &mut Child) {
    terminate(child);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.start_kill();
        let _ = child.wait().await;
    }
}

#[cfg(unix)]
fn terminate(child: &Child) {
    use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process_group};
    // While it is not reaped its number can't belong to anybody else; the group must be the one made for it.
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).filter(|id| *id > 1).and_then(Pid::from_raw);
    if let Some(pid) = pid
        && getpgid(Some(pid)) == Ok(pid)
        && getpgrp() != pid
    {
        let _ = kill_process_group(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(_child: &Child) {}

/// Reads to the end and keeps the last bytes.
async fn tail(stream: Option<impl AsyncRead + Unpin>) -> VecDeque<u8> {
    let mut kept = VecDeque::new();
    let Some(mut stream) = stream else { return kept };
    let mut buffer = [0_u8; 8192];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        kept.extend(&buffer[..n]);
        let surplus = kept.len().saturating_sub(OUTPUT);
        kept.drain(..surplus);
    }
    kept
}

async fn finish(mut reading: tokio::task::JoinHandle<VecDeque<u8>>) -> String {
    let Ok(Ok(mut kept)) = tokio::time::timeout(LINGER, &mut reading).await else {
        reading.abort();
        return String::new();
    };
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

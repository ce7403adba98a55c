//! One task: what its payload says, and how it is run. Test tasks sleep; real ones go to the user's command.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use super::exec::{self, Exec};
use crate::domain::Bytes;
use crate::domain::bytes::escape_text;

/// `kind` of the only tasks that are run without a command.
pub const TEST_KIND: &str = "redwarden.test";
/// A test task works no longer than this.
const MAX_WORK: Duration = Duration::from_secs(60);
/// Payloads up to this many bytes are searched for an id.
pub(super) const MAX_PARSED: usize = 64 * 1024;

/// What could be read from a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Its id, escaped.
    pub(super) id: Option<String>,
    /// One of our test tasks.
    pub(super) test: bool,
    work: Duration,
    fail: bool,
}

impl Envelope {
    pub(super) fn read(payload: &Bytes) -> Self {
        if payload.len() > MAX_PARSED {
            return Self::default();
        }
        let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(payload.as_slice()) else {
            return Self::default();
        };
        let id = match fields.get("id") {
            Some(Value::String(id)) if id.len() <= 256 => Some(escape_text(id)),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => None,
        };
        let work_ms = fields.get("work_ms").and_then(Value::as_f64).unwrap_or(0.0);
        Self {
            id,
            test: fields.get("kind").and_then(Value::as_str) == Some(TEST_KIND),
            work: Duration::try_from_secs_f64(work_ms / 1000.0).unwrap_or(MAX_WORK).min(MAX_WORK),
            fail: fields.get("fail") == Some(&Value::Bool(true)),
        }
    }

    /// How the log calls the task.
    pub(super) fn label(&self, payload: &Bytes) -> String {
        match &self.id {
            Some(id) => format!("task {id}"),
            None => format!("task of {} bytes", payload.len()),
        }
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The work is done; what it wrote, escaped.
    Done(String),
    /// It failed; why, escaped.
    Failed(String),
    /// It ran longer than it may; what it wrote, escaped.
    TimedOut(String),
    /// We ended it; it is put back.
    Killed,
}

impl Ended {
    fn of_test(fail: bool) -> Self {
        if fail { Self::Failed("the test task asks to fail".into()) } else { Self::Done(String::new()) }
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut(_))
    }
}

/// A task with all that its run needs.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) payload: Bytes,
    pub(super) envelope: Envelope,
    pub(super) exec: Option<Exec>,
    /// Which attempt, from 1.
    pub(super) attempt: u32,
    /// An earlier run of this attempt may have begun.
    pub(super) again: bool,
    /// How long it may run.
    pub(super) limit: Option<Duration>,
    /// Turns true when what runs is to be ended.
    pub(super) kill: watch::Receiver<bool>,
}

impl Job {
    /// How it ends, if there is nothing to do.
    pub(super) fn at_once(&self) -> Option<Ended> {
        (self.exec.is_none() && self.envelope.work.is_zero()).then(|| Ended::of_test(self.envelope.fail))
    }

    /// Runs the task to its end, its limit, or until it is to be ended.
    pub(super) async fn run(mut self) -> (Ended, Duration) {
        let started = Instant::now();
        let ended = if let Some(exec) = self.exec.take() {
            exec::run(&exec, &mut self).await
        } else {
            let work = self.envelope.work.min(self.limit.unwrap_or(MAX_WORK));
            tokio::select! {
                () = tokio::time::sleep(work) => {
                    if work < self.envelope.work {
                        Ended::TimedOut(String::new())
                    } else {
                        Ended::of_test(self.envelope.fail)
                    }
                }
                _ = self.kill.wait_for(|kill| *kill) => Ended::Killed,
            }
        };
        (ended, started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_leniently() {
        let read = |text: &str| Envelope::read(&text.into());
        let task = read(r#"{"id":"a\u001b","kind":"redwarden.test","work_ms":5,"fail":true}"#);
        assert!(task.test && task.fail);
        assert_eq!(task.work, Duration::from_millis(5));
        assert_eq!(task.id.as_deref(), Some("a\\x1b"));
        assert_eq!(read(r#"{"kind":"redwarden.test","work_ms":1e300}"#).work, MAX_WORK);
        assert_eq!(read(r#"{"kind":"redwarden.test","work_ms":-5}"#).work, MAX_WORK);
        assert_eq!(read(r#"{"id":7}"#).id.as_deref(), Some("7"));
        assert_eq!(read("[1]"), Envelope::default());
        assert_eq!(read("\u{0}"), Envelope::default());
    }
}

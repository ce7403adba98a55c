//! What becomes of a task whose run ended: counted, removed, tried again, or put to the dead letters.

use std::time::Duration;

use super::super::hand::{Finished, Task};
use super::super::retry;
use super::super::session::{Fate, Session, Settlement};
use super::super::task::Ended;
use super::super::trouble::Trouble;
use super::super::view::LineKind;
use super::{Engine, Joined};

/// Finished tasks removed in one pipeline.
const SETTLE_AT_ONCE: usize = 100;

impl Engine {
    pub(super) fn joined(&mut self, joined: Joined) {
        let (id, ended, took) = match joined {
            Ok((id, (ended, took))) => (id, ended, took),
            Err(error) => {
                (error.id(), Ended::Failed("the worker itself failed on it".into()), Duration::ZERO)
            }
        };
        if let Some((number, task)) = self.hand.running.remove(&id) {
            self.ended(number, task, ended, took);
        }
    }

    /// The run with that number is over.
    pub(super) fn ended(&mut self, number: u64, task: Task, ended: Ended, took: Duration) {
        self.shared.gate.ended(self.lane);
        self.shared.board().stopped(self.lane, number);
        if ended == Ended::Killed {
            // It stays in the processing list, and goes back with the rest.
            self.note(format!("{} ended before it was done", task.label()));
            return;
        }
        let fate = if ended.is_failed() { self.fate_of_failed(&task) } else { Fate::Done };
        self.hand.finished.push(Finished { task, ended, took, fate, attempted: false });
    }

    fn fate_of_failed(&self, task: &Task) -> Fate {
        let policy = &self.shared.spec.policy;
        if task.attempt > policy.retries {
            return Fate::Dead;
        }
        Fate::Retry {
            member: retry::member(task.attempt.saturating_add(1), &task.payload),
            pause: retry::pause(task.attempt, policy.retry_delay, policy.retry_max_delay, fastrand::f64()),
        }
    }

    /// Takes what is finished off our lists. After an error it stays in hand, marked as perhaps removed.
    pub(super) async fn settle(&mut self, session: &mut Session) -> Result<(), Trouble> {
        while !self.hand.finished.is_empty() && !self.compare {
            let n = self.hand.finished.len().min(SETTLE_AT_ONCE);
            let settlements: Vec<Settlement> = self.hand.finished[..n]
                .iter_mut()
                .map(|finished| {
                    finished.attempted = true;
                    Settlement {
                        element: finished.task.element.clone(),
                        payload: finished.task.payload.clone(),
                        slot: finished.task.slot,
                        fate: finished.fate.clone(),
                        test: finished.task.envelope.test,
                    }
                })
                .collect();
            let found = session.settle(&settlements).await?;
            self.replicated(!session.unreplicated);
            let settled: Vec<Finished> = self.hand.finished.drain(..n).collect();
            for (finished, found) in settled.into_iter().zip(found) {
                self.finish(&finished, found);
            }
        }
        Ok(())
    }

    /// Counts a task that is no longer in our list; `found`: it was until now.
    pub(super) fn finish(&mut self, finished: &Finished, found: bool) {
        let Finished { task, ended, took, fate, .. } = finished;
        let label = task.label();
        let (kind, word, said) = match ended {
            Ended::Failed(why) => (LineKind::Failed, "failed in", why.as_str()),
            Ended::TimedOut(said) => (LineKind::Failed, "failed: ended after", said.as_str()),
            Ended::Done(said) => (LineKind::Done, "done in", said.as_str()),
            Ended::Killed => return,
        };
        let next = match fate {
            _ if !found => "; it was no longer ours: it runs twice".to_string(),
            Fate::Retry { pause, .. } => {
                // Ours to know, so that nobody waits for the next look.
                let due = tokio::time::Instant::now() + *pause;
                self.retries_at = self.retries_at.min(due);
                format!("; attempt {} in {}", task.attempt.saturating_add(1), rounded(*pause))
            }
            Fate::Dead if self.shared.spec.policy.retries > 0 => "; no retry is left: dead".to_string(),
            Fate::Done | Fate::Dead => String::new(),
        };
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let text = format!("{label} {word} {}{said}{next}", rounded(*took));
        let mut board = self.shared.board();
        board.took(*took);
        board.count(self.lane, |counts| {
            counts.run_twice += u64::from(!found);
            counts.timeouts += u64::from(matches!(ended, Ended::TimedOut(_)));
            match fate {
                Fate::Done => counts.done += 1,
                Fate::Retry { .. } => counts.retried += 1,
                Fate::Dead => counts.dead += 1,
            }
            counts.failed += u64::from(ended.is_failed());
        });
        if let Some(id) = &task.envelope.id
            && task.envelope.test
            && !matches!(fate, Fate::Retry { .. })
        {
            board.ended(id, !ended.is_failed());
        }
        board.line(Some(self.lane), kind, text);
    }
}

/// In whole milliseconds.
fn rounded(took: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(took.as_millis() as u64))
}

//! Simulated producers and consumers: one client fills and drains a queue at given rates.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::place::Client;
use crate::domain::Command;
use crate::redis_io::CallError;

/// Time between two steps: short against a look of the dashboard, long for the processor.
const STEP: Duration = Duration::from_millis(500);
/// Elements in one LPUSH at most.
const BATCH: u32 = 250;

/// How a queue is drained.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drain {
    /// Nobody takes anything: stalled.
    Never,
    /// Other clients of the demo take.
    ByOthers,
    /// So many a second.
    Steady(f64),
    /// Nobody takes until it is this long; then it is emptied fast, and so on.
    Bursts {
        /// Depth at which taking begins.
        from: i64,
        /// Taken a second.
        rate: f64,
        /// Depth at which taking ends.
        until: i64,
    },
    /// So many a second; when it is empty the next backlog arrives.
    Refilled {
        /// Taken a second.
        rate: f64,
        /// Size of the next backlog.
        to: u32,
    },
}

/// A queue and what happens to it.
#[derive(Clone, Debug)]
pub(super) struct QueuePart {
    /// The key.
    pub(super) key: &'static str,
    /// Elements at the start.
    pub(super) backlog: u32,
    /// Pushed a second.
    pub(super) in_rate: f64,
    /// How it is drained.
    pub(super) drain: Drain,
}

impl QueuePart {
    /// The backlog, with the ages it would have.
    pub(super) fn seed(&self) -> Vec<Command> {
        // One element a second in the past, but an hour at most.
        let step = SignedDuration::from_millis(1_000.min(3_600_000 / i64::from(self.backlog.max(1))));
        let oldest = Timestamp::now() - step * i32::try_from(self.backlog).unwrap_or(0);
        let mut commands = Vec::new();
        let mut at = oldest;
        let mut left = self.backlog;
        while left > 0 {
            let n = left.min(BATCH);
            let mut push = Command::new("LPUSH").arg(self.key);
            for _ in 0..n {
                push = push.arg(self.task(at));
                at += step;
            }
            commands.push(push);
            left -= n;
        }
        commands
    }

    /// Plays until the connection fails.
    pub(super) async fn play(&self, client: &mut Client) -> Result<(), CallError> {
        let mut pushed = Meter::default();
        let mut taken = Meter::default();
        let mut bursting = false;
        loop {
            tokio::time::sleep(STEP).await;
            let mut commands = Vec::new();
            if matches!(self.drain, Drain::Bursts { .. } | Drain::Refilled { .. }) {
                commands.push(Command::new("LLEN").arg(self.key));
            }
            let now = Timestamp::now();
            let new = pushed.due(self.in_rate);
            if new > 0 {
                commands
                    .push((0..new).fold(Command::new("LPUSH").arg(self.key), |c, _| c.arg(self.task(now))));
            }
            let take = match self.drain {
                Drain::Steady(rate) | Drain::Refilled { rate, .. } => taken.due(rate),
                Drain::Bursts { rate, .. } if bursting => taken.due(rate),
                Drain::Never | Drain::ByOthers | Drain::Bursts { .. } => 0,
            };
            if take > 0 {
                commands.push(Command::new("RPOP").arg(self.key).arg(i64::from(take)));
            }
            // An empty pipeline sends nothing.
            let replies = client.pipeline(&commands).await?;
            let depth = replies.first().and_then(crate::domain::Reply::as_int).unwrap_or(0);
            match self.drain {
                Drain::Bursts { from, until, .. } => {
                    bursting = if bursting { depth > until } else { depth >= from };
                }
                Drain::Refilled { to, .. } if depth == 0 => {
                    client.pipeline(&Self { backlog: to, ..self.clone() }.seed()).await?;
                }
                _ => {}
            }
        }
    }

    fn task(&self, at: Timestamp) -> String {
        json!({
            "id": Uuid::new_v4().to_string(),
            "kind": self.key.trim_start_matches("queue:").trim_end_matches("_queue"),
            "enqueued_at": at.to_string(),
            "attempt": 1,
        })
        .to_string()
    }
}

/// Turns a rate into whole elements for each step, with a little noise, and carries the rest over.
#[derive(Default)]
struct Meter {
    rest: f64,
}

impl Meter {
    fn due(&mut self, rate: f64) -> u32 {
        self.rest += rate * STEP.as_secs_f64() * (0.75 + fastrand::f64() * 0.5);
        let whole = self.rest.floor();
        self.rest -= whole;
        whole as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_keeps_its_rate() {
        let mut meter = Meter::default();
        let total: u32 = (0..20_000).map(|_| meter.due(7.0)).sum();
        // 10,000 seconds of 7 a second; the noise is even.
        assert!((69_000..71_000).contains(&total), "{total}");
    }

    #[test]
    fn a_backlog_is_as_long_as_asked() {
        let part = QueuePart { key: "queue:a", backlog: 601, in_rate: 0.0, drain: Drain::Never };
        let elements: usize = part.seed().iter().map(|c| c.args.len() - 2).sum();
        assert_eq!(elements, 601);
    }
}

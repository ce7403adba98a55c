//! Our own cost on a server, measured.

use std::time::{Duration, Instant};

use crate::domain::snapshot::Cost;

/// Sums up calls and publishes a smoothed figure.
pub(super) struct CostMeter {
    since: Instant,
    commands: u64,
    pushes: u64,
    busy: Duration,
    total: Duration,
    smoothed: Cost,
}

impl CostMeter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            commands: 0,
            pushes: 0,
            busy: Duration::ZERO,
            total: Duration::ZERO,
            smoothed: Cost::default(),
        }
    }

    /// One call of `commands` that took `elapsed`, of which the network took about `rtt`.
    pub(super) fn add(&mut self, commands: usize, elapsed: Duration, rtt: Duration) {
        self.commands += commands as u64;
        self.busy += elapsed.saturating_sub(rtt);
        self.total += elapsed.saturating_sub(rtt);
    }

    /// Time that all calls so far took.
    pub(super) fn total(&self) -> Duration {
        self.total
    }

    /// Our commands a second, as last figured out.
    pub(super) fn commands_per_sec(&self) -> f64 {
        self.smoothed.commands_per_sec
    }

    /// Notices that came.
    pub(super) fn add_pushes(&mut self, pushes: u64) {
        self.pushes += pushes;
    }

    /// The figure, renewed about once a second. `tracking`: share of its time that the node spends on tracking.
    pub(super) fn figure(&mut self, now: Instant, tracking: f64) -> Cost {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        if seconds >= 0.9 {
            let fresh = Cost {
                commands_per_sec: self.commands as f64 / seconds,
                busy_share: (self.busy.as_secs_f64() / seconds + tracking).min(1.0),
                pushes_per_sec: self.pushes as f64 / seconds,
            };
            let old = self.smoothed;
            let mix = |new: f64, old: f64| if old == 0.0 { new } else { 0.3 * new + 0.7 * old };
            self.smoothed = Cost {
                commands_per_sec: mix(fresh.commands_per_sec, old.commands_per_sec),
                busy_share: mix(fresh.busy_share, old.busy_share),
                pushes_per_sec: mix(fresh.pushes_per_sec, old.pushes_per_sec),
            };
            self.since = now;
            self.commands = 0;
            self.pushes = 0;
            self.busy = Duration::ZERO;
        }
        self.smoothed
    }
}

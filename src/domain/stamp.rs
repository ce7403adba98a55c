//! A moment on both of our clocks: monotonic for ages, wall for display.

use std::time::{Duration, Instant, SystemTime};

/// A moment read once from both clocks of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// For ages and count-downs; never goes backwards.
    pub mono: Instant,
    /// For showing and writing down; may jump.
    pub wall: SystemTime,
}

impl Stamp {
    /// Both clocks, now. Only the event loop and the tasks that do I/O call this; `update` gets its time passed in.
    pub fn now() -> Self {
        Self { mono: Instant::now(), wall: SystemTime::now() }
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        self.mono.saturating_duration_since(earlier.mono)
    }

    /// This moment moved forward on both clocks.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self { mono: self.mono + by, wall: self.wall + by }
    }

    /// RFC 3339 in UTC with milliseconds.
    pub fn rfc3339(self) -> String {
        humantime::format_rfc3339_millis(self.wall).to_string()
    }
}

/// A duration for people: at most two units, whole seconds from one second on ("4m 10s", "250ms").
pub fn short(d: Duration) -> String {
    let whole = if d.as_secs() > 0 {
        Duration::from_secs(d.as_secs())
    } else {
        Duration::from_millis(d.as_millis() as u64)
    };
    humantime::format_duration(whole).to_string().split(' ').take(2).collect::<Vec<_>>().join(" ")
}

//! Thresholds of the verdicts, all configurable under `[rules]`.

use std::time::Duration;

/// When a fact becomes a finding. Sources: `overdue_after` is the 900 s of the Kestra stale-lock blueprint,
/// `down_after` and the rest are ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Misses in a row until a node is down; the first one makes it suspect.
    pub down_after: u32,
    /// A lock with less TTL left than this is `expiring`.
    pub expiring_below: Duration,
    /// A lock held longer than this is `overdue`.
    pub overdue_after: Duration,
    /// Net growth per second from which a queue counts as growing.
    pub growing_above: f64,
    /// A queue whose depth is not zero and that lost nothing for this long is `stalled`.
    pub stalled_after: Duration,
    /// Window of the smoothed rates.
    pub rate_window: Duration,
    /// Data older than this is shown as stale.
    pub stale_after: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            down_after: 3,
            expiring_below: Duration::from_secs(5),
            overdue_after: Duration::from_secs(900),
            growing_above: 0.5,
            stalled_after: Duration::from_secs(30),
            rate_window: Duration::from_secs(10),
            stale_after: Duration::from_secs(10),
        }
    }
}

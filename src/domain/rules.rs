//! Thresholds of the verdicts, all configurable under `[rules]`.

use std::time::Duration;

/// When a fact becomes a finding. Sources: `overdue_after` is the 900 s of the Kestra stale-lock blueprint,
/// 70 and 90 % of memory are Datadog's, 90 % of clients, rejected connections and 48 h awesome-prometheus-alerts',
/// 80 % CPU and 10 ms Redis', 50 denials BetterDB's; 32 MiB of lag are half of what makes a server cut a replica off
/// after a minute, 50 ms per GiB of fork four times what Redis calls healthy; the rest are ours.
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
    /// Used memory in percent of `maxmemory` from which it is a warning.
    pub memory_warning: u32,
    /// The same, critical; without a limit, percent of the machine's memory.
    pub memory_critical: u32,
    /// Clients in percent of `maxclients`.
    pub clients_above: u32,
    /// Connections rejected within a minute.
    pub rejected_above: u32,
    /// Denials by ACL within a minute.
    pub acl_denials_above: u32,
    /// Percent of a core that the server's main thread uses.
    pub cpu_above: u32,
    /// Times of going away within five minutes that make a node flapping.
    pub flapping_after: u32,
    /// A replica not heard for longer than this lags.
    pub lag_above: Duration,
    /// Bytes of the replication stream that a replica may lack.
    pub lag_bytes_above: u64,
    /// Commands logged as slow within a minute.
    pub slowlog_above: u32,
    /// Latency events below this are no finding.
    pub latency_above: Duration,
    /// Time that a fork may take for each GiB of memory.
    pub fork_above: Duration,
    /// Round trips and slow commands below this are never slow.
    pub slow_above: Duration,
    /// The last save may be this old.
    pub backup_within: Duration,
    /// Share of the shortest lock TTL that a clock may be off the fleet's.
    pub skew_share: f64,
    /// Looks in a row that make or clear a verdict on figures.
    pub samples: u32,
    /// A verdict that comes back within this time stays until it was good that long.
    pub cool_down: Duration,
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
            memory_warning: 70,
            memory_critical: 90,
            clients_above: 90,
            rejected_above: 5,
            acl_denials_above: 50,
            cpu_above: 80,
            flapping_after: 3,
            lag_above: Duration::from_secs(60),
            lag_bytes_above: 32 << 20,
            slowlog_above: 10,
            latency_above: Duration::from_millis(100),
            fork_above: Duration::from_millis(50),
            slow_above: Duration::from_millis(10),
            backup_within: Duration::from_secs(48 * 3600),
            skew_share: 0.01,
            samples: 3,
            cool_down: Duration::from_secs(60),
        }
    }
}

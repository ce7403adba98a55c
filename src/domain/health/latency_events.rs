//! Spikes that the server's own latency monitor recorded: a stall that PING may have missed.

use super::{Rule, Sample};
use crate::domain::Severity;
use std::time::{Duration, UNIX_EPOCH};

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "latency-events",
    remedy: "LATENCY DOCTOR there explains the kinds; look at the disk, forks and slow commands",
    at_once: true,
    judge,
};

/// What is longer ago is no news.
const RECENT: Duration = Duration::from_secs(60);

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let events = sample.node.diagnostics.latency.known()?;
    let wall = sample.node.taken_at.wall.duration_since(UNIX_EPOCH).ok()?;
    let server = wall.as_secs().saturating_add_signed(sample.node.clock_offset_ms.unwrap_or(0) / 1000);
    let bad = events.iter().filter(|e| {
        e.latest >= sample.rules.latency_above && server.saturating_sub(e.at) <= RECENT.as_secs()
    });
    let told: Vec<String> = bad
        .map(|e| format!("{} {} ms (most ever {} ms)", e.event, e.latest.as_millis(), e.most.as_millis()))
        .collect();
    (!told.is_empty())
        .then(|| (Severity::Warning, format!("latency events within the last minute: {}", told.join(", "))))
}

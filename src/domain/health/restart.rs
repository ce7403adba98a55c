//! Restarted within the longest lock TTL in use: a Redlock voter that forgot its votes.

use super::{Rule, Sample};
use crate::domain::Severity;
use crate::domain::stamp::short;
use std::time::Duration;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "restarted",
    remedy: "do not count its vote until that time is over; look at why it restarted (log, OOM killer)",
    at_once: true,
    judge,
};

/// A restart is worth a word for this long (Netdata's maturity model: uptime below five minutes).
const RECENT: Duration = Duration::from_secs(300);

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let at = sample.memory.restarted?;
    let since = sample.node.taken_at.since(at);
    match sample.memory.longest_ttl.and_then(|ttl| ttl.checked_sub(since).map(|left| (ttl, left))) {
        Some((ttl, left)) => Some((
            Severity::Warning,
            format!(
                "restarted {} ago: locks granted before may be forgotten; not a safe Redlock voter for {} (longest TTL seen {})",
                short(since),
                short(left),
                short(ttl)
            ),
        )),
        None if since < RECENT => Some((Severity::Info, format!("restarted {} ago", short(since)))),
        None => None,
    }
}

//! Does it answer, and does it stay? No hysteresis here: suspect after one miss, back at once.

use std::time::Instant;

use crate::domain::node::{FLAP_WINDOW, NodeState, Reason};
use crate::domain::stamp::short;
use crate::domain::{Finding, NodeSnapshot, Rules, Severity};

pub(super) fn findings(node: &NodeSnapshot, rules: &Rules, now: Instant) -> Vec<Finding> {
    let status = &node.status;
    let detail = status.detail.as_deref().map(|d| format!(" ({d})")).unwrap_or_default();
    let mut out = Vec::new();
    match (status.state, status.reason) {
        (NodeState::Up, _) => {}
        (NodeState::Suspect, Some(Reason::Connecting) | None) => {
            out.push(Finding::new(Severity::Unknown, "connecting", "not heard yet").since(status.since));
        }
        (NodeState::Suspect, Some(reason)) => {
            let words = format!("{}{detail}", reason.words());
            let finding = Finding::new(Severity::Warning, "suspect", words).since(status.since);
            out.push(finding.with_remedy(reason.remedy()));
        }
        (NodeState::Down, reason) => {
            let words = reason.map_or("no answer", Reason::words);
            let finding = Finding::new(Severity::Critical, "down", format!("down: {words}{detail}"))
                .since(status.since);
            out.push(match reason {
                Some(reason) => finding.with_remedy(reason.remedy()),
                None => finding,
            });
        }
    }
    if status.flaps >= rules.flapping_after {
        let words = format!("flapping: it went away {} times within {}", status.flaps, short(FLAP_WINDOW));
        let remedy = "look for restarts (uptime, log), a full accept queue, or a lossy network";
        let finding = Finding::new(Severity::Warning, "flapping", words).since(status.flapping_since);
        out.push(finding.with_remedy(remedy));
    }
    if status.state == NodeState::Up && now.saturating_duration_since(node.taken_at.mono) > rules.stale_after
    {
        let finding = Finding::new(Severity::Unknown, "stale", "its data is stale");
        out.push(finding.since(node.taken_at));
    }
    out
}

//! Fewer replicas than a while ago.

use super::{Rule, Sample};
use crate::domain::Severity;
use crate::domain::stamp::short;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "replica-lost",
    remedy: "look at the missing replica, and at the output buffer limits of this node",
    at_once: false,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let now = sample.facts.connected_replicas?;
    let (most, at) = sample.memory.most_replicas?;
    (now < most).then(|| {
        let ago = short(sample.node.taken_at.since(at));
        (
            Severity::Warning,
            format!("replicas dropped from {most} to {now} ({most} were last seen {ago} ago)"),
        )
    })
}

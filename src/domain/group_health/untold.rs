//! Nobody tells the topology: what is shown of the group is old, or nothing.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "topology-unknown",
    remedy: "look at the seeds, their credentials and the ACL line in the README; nodes behind NAT need an address_map",
    at_once: false,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    let why = sample.group.trouble.as_deref()?;
    // Once told, the nodes are still watched where they were: only failovers would be missed.
    Some(match sample.group.told {
        Some(_) => (Severity::Warning, format!("nobody tells its nodes any more ({why})")),
        None => (Severity::Unknown, format!("nobody tells its nodes ({why})")),
    })
}

//! A replica without its primary: stale reads now, lost locks at a failover.

use super::{Rule, Sample};
use crate::domain::Severity;
use crate::domain::node::Role;
use crate::domain::stamp::short;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "replication-link",
    remedy: "look at the primary and the network between; INFO replication there",
    at_once: false,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let facts = sample.facts;
    if facts.role != Some(Role::Replica) || facts.primary_link_up != Some(false) {
        return None;
    }
    let since = facts.primary_link_down.map(|d| format!(" for {}", short(d))).unwrap_or_default();
    let to = facts.primary_address.as_deref().map(|a| format!(" {a}")).unwrap_or_default();
    Some((Severity::Critical, format!("its link to the primary{to} is down{since}")))
}

//! Members tell different stories: a node cut off, a failover not heard of, or two clusters taken for one.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;
use crate::domain::group::GroupFacts;

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "views-differ",
    remedy: "compare CLUSTER NODES or SENTINEL MASTERS there with the others; look at the network between them",
    at_once: false,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    match &sample.group.facts {
        GroupFacts::Cluster(facts) => {
            let first = facts.dissenters.first()?;
            let more = facts.dissenters.len() - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Some((Severity::Warning, format!("{first}{more} tell another slot map than most")))
        }
        GroupFacts::Sentinel(facts) => {
            let other = facts.dissenters().next()?;
            let (says, most) = (other.primary.as_ref()?, facts.primary.as_ref()?);
            Some((Severity::Warning, format!("{} names {says} as the primary, most name {most}", other.node)))
        }
        GroupFacts::Unknown => None,
    }
}

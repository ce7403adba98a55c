//! `cluster_state` is not ok: the cluster refuses all or part of what clients ask.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "cluster-state",
    remedy: "CLUSTER INFO and CLUSTER SHARDS tell which slots nobody serves; bring their primary or a replica back",
    at_once: true,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    let facts = sample.group.cluster()?;
    (facts.is_ok == Some(false)).then(|| {
        (Severity::Critical, format!("the cluster is down: {} of 16384 slots are assigned", facts.assigned()))
    })
}

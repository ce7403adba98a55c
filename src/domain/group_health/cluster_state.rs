//! `cluster_state` is not ok: the cluster refuses all or part of what clients ask.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;
use crate::domain::group::ClusterFacts;
use crate::domain::slots::SLOTS;

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "cluster-state",
    remedy: "CLUSTER INFO and CLUSTER SHARDS tell which slots nobody serves; bring their primary or a replica back",
    at_once: true,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    let facts = sample.group.cluster()?;
    let by = sample.group.told.as_ref().map_or_else(|| "a node".into(), |told| told.by.to_string());
    (facts.is_ok == Some(false))
        .then(|| (Severity::Critical, format!("the cluster is down: {}", why(facts, &by))))
}

/// What makes a node call its cluster down: a slot without a primary that works (unless
/// `cluster-require-full-coverage` is off), or that it does not reach most primaries.
fn why(facts: &ClusterFacts, by: &str) -> String {
    if facts.assigned() < SLOTS {
        return format!("{} of {SLOTS} slots are assigned", facts.assigned());
    }
    let failed = facts.slots_failed();
    if failed > 0 {
        return format!("the primary of {failed} slots failed and no replica took over");
    }
    match facts.slots_pfail {
        Some(lost) if lost > 0 => {
            format!(
                "{by} does not reach the primary of {lost} slots, and without most primaries none is replaced"
            )
        }
        _ => format!(
            "{by} says so although each slot has a primary: it was cut off from most of them or just came back"
        ),
    }
}

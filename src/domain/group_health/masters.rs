//! Not as many primaries as there should be: none refuses all writes, two in one group give two lock holders.

use super::{GroupRule, GroupSample, claims_primary};
use crate::domain::node::{NodeState, Role};
use crate::domain::{NodeSnapshot, Severity};

/// See the module. Grafana's redis-enterprise mixin and awesome-prometheus-alerts: 0 or more than 1 is critical.
pub(super) const RULE: GroupRule = GroupRule {
    code: "masters",
    remedy: "two primaries: stop clients from writing to the old one (REPLICAOF on it); none: look at the failover",
    at_once: false,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    if let Some(facts) = sample.group.cluster() {
        for shard in facts.shards.iter().filter(|s| !s.slots.is_empty()) {
            let members = shard.primary.iter().chain(&shard.replicas);
            let claim: Vec<&NodeSnapshot> =
                members.filter_map(|m| sample.node(&m.node)).filter(|n| claims_primary(n)).collect();
            if claim.len() > 1 {
                return Some((Severity::Critical, two(&claim)));
            }
        }
        let masters = facts.masters();
        let expected = sample.expected_masters?;
        return (masters != expected as usize).then(|| {
            let severity = if masters == 0 { Severity::Critical } else { Severity::Warning };
            (severity, format!("{masters} primaries serve slots, {expected} are expected"))
        });
    }
    let facts = sample.group.sentinel()?;
    let watches = |n: &NodeSnapshot| facts.sentinels.iter().any(|w| w.node == n.meta.id) || is_sentinel(n);
    let data = || sample.nodes.iter().filter(|n| !watches(n));
    let claim: Vec<&NodeSnapshot> = data().map(|n| &**n).filter(|n| claims_primary(n)).collect();
    if claim.len() > 1 {
        return Some((Severity::Critical, two(&claim)));
    }
    let heard = data().all(|n| n.seq > 0);
    (claim.is_empty() && heard && data().next().is_some()).then(|| {
        let down = data().filter(|n| n.status.state != NodeState::Up).count();
        let down =
            if down > 0 { format!(", {down} of {} do not answer", data().count()) } else { String::new() };
        (Severity::Critical, format!("no node takes writes{down}"))
    })
}

fn is_sentinel(node: &NodeSnapshot) -> bool {
    node.facts.as_ref().and_then(|f| f.role) == Some(Role::Sentinel)
}

fn two(claim: &[&NodeSnapshot]) -> String {
    let names: Vec<&str> = claim.iter().take(4).map(|n| n.meta.id.as_str()).collect();
    format!("{} nodes claim to be its primary: {}", claim.len(), names.join(", "))
}

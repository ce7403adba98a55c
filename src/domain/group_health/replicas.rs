//! A primary without a replica where one is to be expected: nobody could take over.

use super::{GroupRule, GroupSample};
use crate::domain::group::{GroupFacts, Shard};
use crate::domain::{GroupSnapshot, Severity};

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "no-replica",
    remedy: "bring the replica back, or add one (CLUSTER REPLICATE, REPLICAOF)",
    at_once: false,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    match &sample.group.facts {
        GroupFacts::Cluster(facts) => {
            let serving = || facts.shards.iter().filter(|s| !s.slots.is_empty());
            // A cluster without any replica is meant so, unless it had some.
            let some_have = serving().any(has_replica);
            let bare: Vec<&str> = serving()
                .filter(|s| !has_replica(s))
                .filter(|s| some_have || first_slot(s).is_some_and(|f| sample.had_replicas.contains(&f)))
                .map(|s| s.primary.as_ref().map_or("a shard without primary", |p| p.node.as_str()))
                .collect();
            let first = bare.first()?;
            let more = if bare.len() > 1 { format!(" and {} more", bare.len() - 1) } else { String::new() };
            Some((Severity::Warning, format!("no replica could take over from {first}{more}")))
        }
        // Not permitted is not none.
        GroupFacts::Sentinel(_) if sample.group.denied.iter().any(|d| d == "SENTINEL|SLAVES") => None,
        GroupFacts::Sentinel(facts) => {
            let fit = facts.replicas.iter().any(|r| r.is_online != Some(false));
            let name = facts.primary.as_ref().map(|p| format!(" from {p}")).unwrap_or_default();
            let count = facts.replicas.len();
            let why = if count == 0 { String::new() } else { format!(": {count} known, none is online") };
            (!fit).then(|| (Severity::Warning, format!("no replica could take over{name}{why}")))
        }
        GroupFacts::Unknown => None,
    }
}

fn has_replica(shard: &Shard) -> bool {
    shard.replicas.iter().any(|r| r.is_online != Some(false))
}

fn first_slot(shard: &Shard) -> Option<u16> {
    shard.slots.first().map(|r| r.first)
}

/// The first slots of the shards that have a replica now.
pub(super) fn with_replicas(group: &GroupSnapshot) -> Vec<u16> {
    let shards = group.cluster().map(|c| c.shards.as_slice()).unwrap_or_default();
    shards.iter().filter(|s| has_replica(s)).filter_map(first_slot).collect()
}

//! What happened to groups: failovers, verdicts that appeared and cleared, and who stopped telling.

use std::collections::HashMap;

use super::events::FleetEvent;
use crate::domain::group::{GroupFacts, Shard};
use crate::domain::{FleetView, GroupId, GroupSnapshot, NodeId, Severity, Stamp};

/// What is known of each group, so that only changes are told.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupWatch {
    known: HashMap<GroupId, Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// Shards that had a primary when last seen; of a primary that Sentinels watch, one.
    shards: Vec<Shard>,
    findings: Vec<(&'static str, Severity)>,
}

impl GroupWatch {
    /// Tells what changed since the last board.
    pub(super) fn observe(&mut self, fleet: &FleetView, now: Stamp, told: &mut Vec<FleetEvent>) {
        self.known.retain(|id, _| fleet.groups.iter().any(|g| g.id == *id));
        for group in &fleet.groups {
            let known = self.known.entry(group.id.clone()).or_default();
            let mut tell = |severity, text: String| {
                told.push(FleetEvent { at: now, severity, node: None, group: Some(group.id.clone()), text });
            };
            failovers(known, group, &mut tell);
            verdicts(known, group, &mut tell);
        }
    }
}

fn failovers(known: &mut Known, group: &GroupSnapshot, tell: &mut impl FnMut(Severity, String)) {
    for shard in shards(group) {
        let Some(primary) = &shard.primary else { continue };
        let before = known.shards.iter().position(|old| is_same(old, &shard));
        let Some(place) = before else {
            known.shards.push(shard);
            continue;
        };
        let Some(old) = known.shards.get_mut(place) else { continue };
        let was = old.primary.as_ref().map(|p| p.node.clone());
        if let Some(was) = was.filter(|was| *was != primary.node) {
            let slots = match (shard.slots.first(), group.kind) {
                (Some(first), crate::domain::group::GroupKind::Cluster) => {
                    let more = if shard.slots.len() > 1 { ", ..." } else { "" };
                    format!(" of slots {first}{more}")
                }
                _ => String::new(),
            };
            let text = format!("failover: the primary{slots} is {} instead of {was}", primary.node);
            tell(Severity::Warning, text);
        }
        *old = shard;
    }
    // A shard that gave all its slots away, or left, is nobody's predecessor any more.
    if let GroupFacts::Cluster(facts) = &group.facts {
        known.shards.retain(|old| facts.shards.iter().any(|s| is_same(old, s)));
    }
}

/// The shards that serve something; what Sentinels watch is one shard.
fn shards(group: &GroupSnapshot) -> Vec<Shard> {
    match &group.facts {
        GroupFacts::Unknown => Vec::new(),
        GroupFacts::Cluster(facts) => facts.shards.iter().filter(|s| !s.slots.is_empty()).cloned().collect(),
        GroupFacts::Sentinel(facts) => {
            let primary =
                facts.primary.clone().map(|node| crate::domain::group::Member { node, is_online: None });
            vec![Shard { primary, replicas: facts.replicas.clone(), slots: Vec::new() }]
        }
    }
}

/// The same shard at another time: it shares slots with the old one and has a node in common. A slot that moved to
/// another shard is no failover.
fn is_same(old: &Shard, new: &Shard) -> bool {
    let members =
        |s: &Shard| -> Vec<NodeId> { s.primary.iter().chain(&s.replicas).map(|m| m.node.clone()).collect() };
    let (before, after) = (members(old), members(new));
    let overlap = |a: &crate::domain::slots::SlotRange, b: &crate::domain::slots::SlotRange| {
        a.first <= b.last && b.first <= a.last
    };
    let in_common = old.slots.iter().any(|a| new.slots.iter().any(|b| overlap(a, b)));
    let no_slots = old.slots.is_empty() && new.slots.is_empty();
    (in_common || no_slots) && before.iter().any(|id| after.contains(id))
}

fn verdicts(known: &mut Known, group: &GroupSnapshot, tell: &mut impl FnMut(Severity, String)) {
    let findings = group.findings();
    let next: Vec<(&'static str, Severity)> =
        findings.iter().filter(|f| f.severity > Severity::Info).map(|f| (f.code, f.severity)).collect();
    for finding in findings {
        let this = (finding.code, finding.severity);
        if next.contains(&this) && !known.findings.contains(&this) {
            tell(finding.severity, finding.message);
        }
    }
    for (code, _) in &known.findings {
        if !next.iter().any(|(c, _)| c == code) {
            tell(Severity::Info, format!("cleared: {}", code.replace('-', " ")));
        }
    }
    known.findings = next;
}

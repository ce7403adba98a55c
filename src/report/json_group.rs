//! Groups in the JSON of the headless commands.

use serde::Serialize;

use crate::domain::group::{GroupFacts, GroupKind, Member, MovingSlot, Shard};
use crate::domain::slots::SlotRange;
use crate::domain::{Finding, FleetView, GroupSnapshot, NodeId};

/// A group as a JSON object.
#[derive(Serialize)]
pub(super) struct Group<'a> {
    name: &'a str,
    kind: GroupKind,
    told_by: Option<&'a str>,
    told_at: Option<String>,
    trouble: Option<&'a str>,
    nodes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<Cluster<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentinel: Option<Sentinel<'a>>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Cluster<'a> {
    ok: Option<bool>,
    slots_assigned: u32,
    slots_pfail: Option<u64>,
    slots_fail: Option<u64>,
    uncovered: Vec<[u16; 2]>,
    epoch: Option<u64>,
    shards: Vec<ShardRow<'a>>,
    moving: Vec<Moving<'a>>,
}

#[derive(Serialize)]
struct ShardRow<'a> {
    primary: Option<MemberRow<'a>>,
    replicas: Vec<MemberRow<'a>>,
    slots: Vec<[u16; 2]>,
}

#[derive(Serialize)]
struct MemberRow<'a> {
    node: &'a str,
    online: Option<bool>,
}

#[derive(Serialize)]
struct Moving<'a> {
    slot: u16,
    from: Option<&'a str>,
    to: Option<&'a str>,
}

#[derive(Serialize)]
struct Sentinel<'a> {
    master_name: &'a str,
    primary: Option<&'a str>,
    replicas: Option<Vec<MemberRow<'a>>>,
    sentinels: Vec<WatcherRow<'a>>,
    quorum: Option<u64>,
    can_fail_over: Option<bool>,
    why_not: Option<&'a str>,
    flags: &'a [String],
    epoch: Option<u64>,
}

#[derive(Serialize)]
struct WatcherRow<'a> {
    node: &'a str,
    answered: bool,
    primary: Option<&'a str>,
}

/// A group with the names of its nodes.
pub(super) fn group<'a>(group: &'a GroupSnapshot, fleet: &'a FleetView) -> Group<'a> {
    let metas = fleet.nodes.iter().map(|n| &n.snapshot.meta);
    let mut cluster = None;
    let mut sentinel = None;
    match &group.facts {
        GroupFacts::Unknown => {}
        GroupFacts::Cluster(facts) => {
            cluster = Some(Cluster {
                ok: facts.is_ok,
                slots_assigned: facts.assigned(),
                slots_pfail: facts.slots_pfail,
                slots_fail: facts.slots_fail,
                uncovered: ranges(&facts.uncovered()),
                epoch: facts.epoch,
                shards: facts.shards.iter().map(shard).collect(),
                moving: facts.moving.iter().map(moving).collect(),
            });
        }
        GroupFacts::Sentinel(facts) => {
            sentinel = Some(Sentinel {
                master_name: &facts.master_name,
                primary: name(facts.primary.as_ref()),
                replicas: group.knows_replicas().then(|| facts.replicas.iter().map(member).collect()),
                sentinels: facts
                    .sentinels
                    .iter()
                    .map(|w| WatcherRow {
                        node: w.node.as_str(),
                        answered: w.answered,
                        primary: name(w.primary.as_ref()),
                    })
                    .collect(),
                quorum: facts.quorum,
                can_fail_over: facts.ckquorum.as_ref().map(Result::is_ok),
                why_not: facts.ckquorum.as_ref().and_then(|c| c.as_ref().err()).map(String::as_str),
                flags: &facts.flags,
                epoch: facts.epoch,
            });
        }
    }
    Group {
        name: group.id.as_str(),
        kind: group.kind,
        told_by: group.told.as_ref().map(|t| t.by.as_str()),
        told_at: group.told.as_ref().map(|t| t.at.rfc3339()),
        trouble: group.trouble.as_deref(),
        nodes: metas.filter(|m| m.group.as_ref() == Some(&group.id)).map(|m| m.id.as_str()).collect(),
        cluster,
        sentinel,
        findings: group.findings(),
    }
}

fn shard(shard: &Shard) -> ShardRow<'_> {
    ShardRow {
        primary: shard.primary.as_ref().map(member),
        replicas: shard.replicas.iter().map(member).collect(),
        slots: ranges(&shard.slots),
    }
}

fn member(member: &Member) -> MemberRow<'_> {
    MemberRow { node: member.node.as_str(), online: member.is_online }
}

fn moving(moving: &MovingSlot) -> Moving<'_> {
    Moving { slot: moving.slot, from: name(moving.from.as_ref()), to: name(moving.to.as_ref()) }
}

fn name(id: Option<&NodeId>) -> Option<&str> {
    id.map(NodeId::as_str)
}

fn ranges(ranges: &[SlotRange]) -> Vec<[u16; 2]> {
    ranges.iter().map(|r| [r.first, r.last]).collect()
}

//! Boards with groups, for tests that need no server.
#![allow(dead_code, unreachable_pub, reason = "shared by test binaries that each use a part")]

use std::sync::Arc;

use redwarden::domain::group::{
    ClusterFacts, GroupFacts, GroupKind, Member, MovingSlot, SentinelFacts, Shard, Told, Watcher,
};
use redwarden::domain::group_health::GroupTracker;
use redwarden::domain::node::Reason;
use redwarden::domain::slots::SlotRange;
use redwarden::domain::snapshot::Board;
use redwarden::domain::{GroupId, GroupSnapshot, NodeId, NodeSnapshot, Rules};

use super::fixtures::{NodeBuilder, base, board, lock, node};

/// A board of these nodes, the groups judged at first sight.
pub fn grouped(nodes: Vec<NodeBuilder>, groups: Vec<GroupSnapshot>) -> Board {
    let plain = board(nodes);
    let judge = |mut group: GroupSnapshot| {
        let own = |n: &&Arc<NodeSnapshot>| n.meta.group.as_ref() == Some(&group.id);
        let own: Vec<_> = plain.nodes.iter().filter(own).cloned().collect();
        group.health = GroupTracker::default().observe(&group, &own, &Rules::default(), base());
        Arc::new(group)
    };
    Board { groups: Arc::new(groups.into_iter().map(judge).collect()), nodes: plain.nodes }
}

/// A cluster of three primaries with one replica each, `c1` to `c6`, and a primary that three Sentinels watch.
pub fn mixed_board(well: bool) -> Board {
    let id = |n: usize| NodeId::new(&format!("10.0.0.{n}:7000"));
    let member = |n: usize| Member { node: id(n), is_online: Some(true) };
    let thirds = [(0, 5460), (5461, 10922), (10923, 16383)];
    let shards = thirds.iter().enumerate().map(|(i, (a, b))| Shard {
        primary: Some(member(2 * i + 1)),
        replicas: if well || i > 0 { vec![member(2 * i + 2)] } else { Vec::new() },
        slots: if well || i < 2 { vec![SlotRange::new(*a, *b).unwrap()] } else { Vec::new() },
    });
    let mut cluster = GroupSnapshot::unheard(GroupId::new("sessions"), GroupKind::Cluster);
    cluster.told = Some(Told { by: id(1), at: base() });
    cluster.facts = GroupFacts::Cluster(ClusterFacts {
        is_ok: Some(well),
        epoch: Some(6),
        shards: shards.collect(),
        moving: vec![MovingSlot { slot: 866, from: Some(id(1)), to: Some(id(3)) }],
        ..ClusterFacts::default()
    });
    let at = |n: usize| NodeId::new(&format!("10.0.1.{n}:6379"));
    let watcher = |n: usize| Watcher {
        node: NodeId::new(&format!("10.0.1.{n}:26379")),
        answered: well || n == 1,
        primary: Some(at(1)),
    };
    let mut orders = GroupSnapshot::unheard(GroupId::new("orders"), GroupKind::Sentinel);
    orders.told = Some(Told { by: watcher(1).node, at: base() });
    orders.facts = GroupFacts::Sentinel(SentinelFacts {
        master_name: "orders".into(),
        primary: Some(at(1)),
        replicas: vec![Member { node: at(2), is_online: Some(well) }],
        sentinels: (1..=3).map(watcher).collect(),
        quorum: Some(2),
        ckquorum: Some(if well { Ok(()) } else { Err("1 usable Sentinels".into()) }),
        ..SentinelFacts::default()
    });
    let in_group = |name: &str, group: &str| {
        let mut node = node(name);
        node.0.meta.group = Some(GroupId::new(group));
        name.clone_into(&mut node.0.meta.address);
        node
    };
    let mut nodes = vec![node("plain-1").locks(vec![lock("lock:a")]), node("plain-2")];
    for n in 1..=6 {
        let node = in_group(id(n).as_str(), "sessions");
        nodes.push(if n % 2 == 0 { node.replica() } else { node });
    }
    nodes.push(in_group("10.0.1.1:6379", "orders"));
    nodes.push(if well {
        in_group("10.0.1.2:6379", "orders").replica()
    } else {
        in_group("10.0.1.2:6379", "orders").down(Reason::Refused)
    });
    for n in 1..=3 {
        let node = in_group(&format!("10.0.1.{n}:26379"), "orders");
        nodes.push(if well || n == 1 { node.sentinel() } else { node.down(Reason::Timeout) });
    }
    grouped(nodes, vec![cluster, orders])
}

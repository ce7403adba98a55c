//! A cluster and a Sentinel group whose primary dies, and slots that move: followed without a restart.

use std::time::{Duration, Instant};

use redwarden::domain::Bytes;
use redwarden::domain::group::{GroupFacts, GroupKind, SentinelFacts};
use redwarden::domain::lock::Token;
use redwarden::domain::node::{Reason, Role};
use redwarden::domain::{FleetView, GroupId, GroupSnapshot, NodeId};
use redwarden::launcher::{Cluster, ClusterShape, SentinelGroup, SentinelShape};

use super::fleets::{Followed, blocking, is_down, is_up, of_cluster, of_sentinels};
use super::reshard::Pair;
use super::{fixtures, run, writer};

const TOKEN: &str = "3f8a61c2-9a7e-4a1f-8a55-0c8a2f0d7b11";
const LOCKS: usize = 30;

#[tokio::test]
async fn a_cluster_whose_primary_dies() {
    let shape = ClusterShape { replicas: 1, ..ClusterShape::default() };
    let mut cluster = blocking(move || Cluster::start(&shape)).await.unwrap();
    let ports: Vec<u16> = cluster.servers().map(redwarden::launcher::Server::port).collect();
    for n in 0..LOCKS {
        let key = format!("lock:{n}");
        let owner = cluster.owner_of(redwarden::domain::slots::slot_of(key.as_bytes())).unwrap();
        run(&mut writer(cluster.server(owner).unwrap()).await, &format!("SET {key} {TOKEN}")).await;
    }
    // A seed that stays: the one that dies must be followed from what it told.
    let mut followed = Followed::start(of_cluster(cluster.server(0).unwrap().endpoint()));
    followed
        .until("six nodes in their roles and all locks", |v| {
            v.nodes.len() == 6
                && ports[..3].iter().all(|p| is_up(v, *p, Role::Primary))
                && ports[3..].iter().all(|p| is_up(v, *p, Role::Replica))
                && v.locks.len() == LOCKS
        })
        .await;
    cluster.server_mut(0).unwrap().kill();
    let on_others = |v: &FleetView| {
        let dead = format!(":{}", ports[0]);
        v.locks.iter().filter(|l| !l.id.node.as_str().ends_with(&dead)).count()
    };
    followed
        .until("its replica is the primary, and every lock is there", |v| {
            is_up(v, ports[3], Role::Primary)
                && is_down(v, ports[0], Reason::Refused)
                && on_others(v) == LOCKS
        })
        .await;
    cluster.server_mut(0).unwrap().restart().unwrap();
    followed
        .until("it is back as a replica", |v| is_up(v, ports[0], Role::Replica) && v.locks.len() == LOCKS)
        .await;
    let events = followed.events();
    let told = |port: u16, words: &str| {
        let node = format!(":{port}: ");
        assert!(events.iter().any(|e| e.contains(&node) && e.contains(words)), "{port} {words}: {events:#?}");
    };
    told(ports[0], "down: ");
    told(ports[3], "failover: role changed: replica became primary");
    told(ports[0], "role changed: primary became replica");
    assert!(!events.iter().any(|e| e.contains("no longer watched")), "{events:#?}");
}

#[tokio::test]
async fn a_sentinel_group_whose_primary_dies() {
    let shape = SentinelShape { replicas: 2, ..SentinelShape::default() };
    let mut group = blocking(move || SentinelGroup::start(&shape)).await.unwrap();
    run(&mut writer(group.server(0).unwrap()).await, &format!("SET lock:a {TOKEN}")).await;
    run(&mut writer(group.server(0).unwrap()).await, "WAIT 2 5000").await;
    let ports: Vec<u16> = group.servers().map(redwarden::launcher::Server::port).collect();
    let seeds = group.sentinels().map(redwarden::launcher::Server::endpoint).collect();
    let sentinels: Vec<u16> = group.sentinels().map(redwarden::launcher::Server::port).collect();
    let mut followed = Followed::start(of_sentinels(seeds, None));
    followed
        .until("the whole group", |v| {
            v.nodes.len() == 6
                && is_up(v, ports[0], Role::Primary)
                && ports[1..].iter().all(|p| is_up(v, *p, Role::Replica))
                && sentinels.iter().all(|p| is_up(v, *p, Role::Sentinel))
                && v.locks.len() == 1
        })
        .await;
    group.server_mut(0).unwrap().kill();
    let view = followed
        .until("another primary with the lock", |v| {
            ports[1..].iter().any(|p| is_up(v, *p, Role::Primary))
                && v.locks.iter().any(|l| !l.id.node.as_str().ends_with(&format!(":{}", ports[0])))
        })
        .await;
    assert!(view.locks.iter().all(|l| l.token == Token::Known(Bytes::from(TOKEN))));
    // Not before all Sentinels have agreed: a primary that is back too early may stay one.
    let told = |group: &SentinelGroup| (0..3).all(|i| matches!(group.primary_told_by(i), Some(1 | 2)));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !told(&group) {
        assert!(Instant::now() < deadline, "the Sentinels never agreed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    group.server_mut(0).unwrap().restart().unwrap();
    followed
        .until("it is back as a replica", |v| is_up(v, ports[0], Role::Replica) && v.locks.len() == 1)
        .await;
    let events = followed.events();
    assert!(
        events.iter().any(|e| e.contains("failover: role changed: replica became primary")),
        "{events:#?}"
    );
}

#[tokio::test]
async fn locks_of_a_slot_on_its_way_are_listed_once_each_with_their_tokens() {
    let pair = Pair::start().await;
    let still = pair.key_on(0);
    let keys: Vec<String> = (0..10).map(|n| format!("lock:{{{still}}}:{n}")).collect();
    for key in &keys {
        pair.say(0, &format!("SET {key} {TOKEN}")).await;
    }
    let mut followed = Followed::start(of_cluster(pair.endpoint(1)));
    let whole = |v: &redwarden::domain::FleetView, there: usize| {
        let on = |i: usize| v.locks.iter().filter(|l| l.id.node == pair.node(i)).count();
        v.locks.len() == keys.len()
            && v.locks.iter().all(|l| l.token == Token::Known(Bytes::from(TOKEN)))
            && (on(0), on(1)) == (keys.len() - there, there)
    };
    followed.until("all on the source", |v| whole(v, 0)).await;
    pair.begin_move(&still, 0, 1).await;
    for key in &keys[..4] {
        pair.carry(key, 0, 1).await;
    }
    followed.until("four have arrived", |v| whole(v, 4)).await;
    // And stay so.
    let seq = |v: &redwarden::domain::FleetView| v.nodes.iter().map(|n| n.snapshot.seq).min().unwrap_or(0);
    let before = seq(&followed.until("now", |_| true).await);
    followed.until("more looks", |v| seq(v) > before + 5).await;
    followed.until("still four", |v| whole(v, 4)).await;
    for key in &keys[4..] {
        pair.carry(key, 0, 1).await;
    }
    pair.end_move(&still, 1).await;
    followed.until("all on the target", |v| whole(v, keys.len())).await;
}

#[test]
fn what_is_in_one_place_only_is_listed_once() {
    let in_group = |mut node: fixtures::NodeBuilder, name: &str| {
        node.0.meta.group = Some(GroupId::new(name));
        node
    };
    let lists = |kind: GroupKind, primaries: &[&str]| {
        let old = in_group(
            fixtures::node("a").locks(vec![fixtures::lock("lock:a"), fixtures::lock("lock:b")]),
            "g",
        );
        let new = in_group(fixtures::node("b").locks(vec![fixtures::lock("lock:a")]), "g");
        let other = fixtures::node("c").locks(vec![fixtures::lock("lock:a")]);
        let mut board = fixtures::board(vec![old.down(Reason::Refused), new, other]);
        let mut group = GroupSnapshot::unheard(GroupId::new("g"), kind);
        if let Some(primary) = primaries.first() {
            group.facts = GroupFacts::Sentinel(SentinelFacts {
                primary: Some(NodeId::new(primary)),
                ..SentinelFacts::default()
            });
        }
        board.groups = std::sync::Arc::new(vec![std::sync::Arc::new(group)]);
        let view = FleetView::build(&board);
        view.locks.iter().map(|l| format!("{}@{}", l.id.key, l.id.node)).collect::<Vec<_>>().join(" ")
    };
    // Voters of a Redlock hold it on each.
    assert_eq!(lists(GroupKind::Independent, &[]), "lock:a@a lock:a@b lock:a@c lock:b@a");
    // The answering node's word counts; a node of no group is another world.
    assert_eq!(lists(GroupKind::Sentinel, &[]), "lock:a@b lock:a@c lock:b@a");
    assert_eq!(lists(GroupKind::Cluster, &["a"]), "lock:a@b lock:a@c lock:b@a");
    // What a dead node held is past when another one took over.
    assert_eq!(lists(GroupKind::Sentinel, &["b"]), "lock:a@b lock:a@c");
}

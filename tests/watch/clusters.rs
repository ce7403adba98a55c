//! Clusters: found, followed, judged.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::{AddressMap, Cluster as ClusterConfig, Config, Endpoint, NodeConfig, Topology};
use redwarden::domain::node::{NodeState, Role};
use redwarden::domain::{Command, FleetView, GroupSnapshot, NodeId, NodeMeta, Severity, Stamp};
use redwarden::launcher::{Cluster, ClusterShape, Server};
use redwarden::poll::Fleet;

use super::fleet::{config, run, wait_for, writer};
use super::proxy::Proxy;

fn one(seeds: Vec<Endpoint>) -> Config {
    let cluster = ClusterConfig { name: "c".into(), seeds, ..ClusterConfig::default() };
    of(cluster)
}

fn of(cluster: ClusterConfig) -> Config {
    let topology = Topology { clusters: vec![cluster], ..Topology::default() };
    Config { topology, timeout: Duration::from_secs(1), ..config(&[]) }
}

fn group(view: &FleetView) -> &GroupSnapshot {
    &view.groups[0]
}

fn has(view: &FleetView, code: &str) -> Option<Severity> {
    group(view).findings().into_iter().find(|f| f.code == code).map(|f| f.severity)
}

fn all_up(view: &FleetView, nodes: usize) -> bool {
    let (up, total) = view.up_of_total();
    up == total && total == nodes
}

fn name(server: &Server) -> NodeId {
    NodeId::new(&format!("127.0.0.1:{}", server.port()))
}

#[tokio::test]
async fn a_failover_is_followed_and_told() {
    let shape = ClusterShape { replicas: 1, ..ClusterShape::default() };
    let mut cluster = tokio::task::spawn_blocking(move || Cluster::start(&shape).unwrap()).await.unwrap();
    let fleet = Fleet::spawn(Arc::new(one(vec![cluster.server(4).unwrap().endpoint()])));
    let view = wait_for(&fleet, "six nodes", |v| {
        all_up(v, 6) && group(v).cluster().is_some_and(|c| c.masters() == 3 && c.is_ok == Some(true))
    })
    .await;
    let facts = group(&view).cluster().unwrap();
    assert_eq!((facts.assigned(), facts.uncovered().len(), facts.moving.len()), (16384, 0, 0));
    assert!(facts.shards.iter().all(|s| s.replicas.len() == 1), "{facts:?}");
    // A replica stands under its primary.
    let roles: Vec<_> = view.nodes.iter().map(|n| n.snapshot.facts.as_ref().unwrap().role).collect();
    assert_eq!(roles.iter().map(|r| *r == Some(Role::Primary)).collect::<Vec<_>>(), [true, false].repeat(3));
    let (old, heir) = {
        let shard = facts.shard_of(0).unwrap();
        (shard.primary.clone().unwrap().node, shard.replicas[0].node.clone())
    };
    let mut events = redwarden::app::events::EventLog::default();
    events.observe(&view, &redwarden::domain::Rules::default(), redwarden::domain::Stamp::now());
    let place = cluster.servers().position(|s| name(s) == old).unwrap();
    cluster.server_mut(place).unwrap().kill();
    let view = wait_for(&fleet, "the heir serves", |v| {
        let shard = group(v).cluster().and_then(|c| c.shard_of(0)).cloned();
        shard.and_then(|s| s.primary).is_some_and(|p| p.node == heir)
    })
    .await;
    events.observe(&view, &redwarden::domain::Rules::default(), redwarden::domain::Stamp::now());
    let told: Vec<_> = events.iter().map(|e| e.text.clone()).collect();
    let failover = format!("is {heir} instead of {old}");
    assert!(told.iter().any(|t| t.starts_with("failover") && t.ends_with(&failover)), "{told:?}");
    wait_for(&fleet, "nobody stands behind the heir", |v| has(v, "no-replica") == Some(Severity::Warning))
        .await;
    cluster.server_mut(place).unwrap().restart().unwrap();
    wait_for(&fleet, "the old one is its replica", |v| {
        let shard = group(v).cluster().and_then(|c| c.shard_of(0)).cloned();
        all_up(v, 6) && shard.is_some_and(|s| s.replicas.iter().any(|r| r.node == old))
    })
    .await;
}

#[tokio::test]
async fn slots_that_move_and_slots_that_nobody_serves() {
    let cluster =
        tokio::task::spawn_blocking(|| Cluster::start(&ClusterShape::default()).unwrap()).await.unwrap();
    let fleet = Fleet::spawn(Arc::new(one(vec![cluster.server(0).unwrap().endpoint()])));
    wait_for(&fleet, "three nodes", |v| all_up(v, 3) && has(v, "cluster-state").is_none()).await;
    let from = cluster.owner_of(7).unwrap();
    let to = (from + 1) % 3;
    let (from_id, to_id) = (cluster.id(from).unwrap(), cluster.id(to).unwrap());
    let mut at = Vec::new();
    for server in cluster.servers() {
        at.push(writer(server).await);
    }
    run(&mut at[to], &format!("CLUSTER SETSLOT 7 IMPORTING {from_id}")).await;
    let stuck = wait_for(&fleet, "one side moves", |v| {
        group(v).cluster().is_some_and(|c| c.moving.iter().any(|m| m.slot == 7 && m.from.is_none()))
    })
    .await;
    assert_eq!(group(&stuck).cluster().unwrap().moving[0].to, Some(name(cluster.server(to).unwrap())));
    wait_for(&fleet, "stuck is told", |v| has(v, "slots-moving") == Some(Severity::Warning)).await;
    run(&mut at[from], &format!("CLUSTER SETSLOT 7 MIGRATING {to_id}")).await;
    wait_for(&fleet, "both sides move", |v| {
        group(v).cluster().is_some_and(|c| c.moving.iter().any(|m| m.from.is_some() && m.to.is_some()))
            && has(v, "slots-moving") == Some(Severity::Info)
    })
    .await;
    for writer in [to, from] {
        run(&mut at[writer], &format!("CLUSTER SETSLOT 7 NODE {to_id}")).await;
    }
    wait_for(&fleet, "it arrived", |v| {
        group(v).cluster().is_some_and(|c| {
            c.moving.is_empty()
                && c.shard_of(7).and_then(|s| s.primary.as_ref()).map(|p| &p.node)
                    == Some(&name(cluster.server(to).unwrap()))
        })
    })
    .await;
    let lock = Command::new("SET").arg("lock:known").arg("token-of-a-holder-1");
    for writer in &mut at {
        // Only its owner takes it.
        let _ = writer.call(&lock).await;
    }
    wait_for(&fleet, "its lock", |v| v.locks.len() == 1).await;
    // Now nobody serves it.
    for writer in &mut at {
        run(writer, "CLUSTER DELSLOTS 7").await;
    }
    let view =
        wait_for(&fleet, "the gap is told", |v| has(v, "slots-uncovered") == Some(Severity::Critical)).await;
    let gap = group(&view).findings().into_iter().find(|f| f.code == "slots-uncovered").unwrap();
    assert_eq!(gap.message, "1 slots are served by nobody (7)");
    wait_for(&fleet, "the cluster is down", |v| has(v, "cluster-state") == Some(Severity::Critical)).await;
    // Reads of ours are refused now, and the server counts them. Nobody's writes are.
    let mut counted = false;
    while !counted {
        for writer in &mut at {
            let info = run(writer, "INFO errorstats").await;
            counted |= info.as_bytes().unwrap().escaped().contains("errorstat_CLUSTERDOWN");
        }
        tokio::task::yield_now().await;
    }
    let then = Stamp::now();
    let fresh = |v: &FleetView| {
        v.nodes
            .iter()
            .all(|n| n.snapshot.facts_at.is_some_and(|at| at.mono > then.mono + Duration::from_secs(1)))
    };
    let later = wait_for(&fleet, "later facts", fresh).await;
    for node in &later.nodes {
        assert_eq!(
            node.snapshot.facts.as_ref().unwrap().refused.unwrap().clusterdown,
            0,
            "{:?}",
            node.snapshot.meta
        );
    }
    let rules = redwarden::domain::Rules::default();
    let verdict = view.verdict(&rules, std::time::Instant::now());
    assert!(verdict.reasons.iter().any(|r| r.message.starts_with("c: 1 slots are served")), "{verdict:?}");
}

#[tokio::test]
async fn whoever_may_not_ask_for_shards_asks_for_slots_or_nodes() {
    let cluster = tokio::task::spawn_blocking(|| {
        Cluster::start(&ClusterShape { primaries: 2, replicas: 1, ..ClusterShape::default() }).unwrap()
    })
    .await
    .unwrap();
    for (user, denied, info) in [
        ("noshards", "-cluster|shards", true),
        ("onlynodes", "-cluster|shards -cluster|slots", true),
        ("noinfo", "-cluster|shards -cluster|nodes -cluster|info", false),
    ] {
        for server in cluster.servers() {
            let mut writer = writer(server).await;
            run(&mut writer, &format!("ACL SETUSER {user} on >pw ~* +@all {denied}")).await;
        }
        let seed = cluster.server(0).unwrap().endpoint();
        let seed = Endpoint {
            username: Some(user.into()),
            password: Some(redwarden::config::Secret::new("pw")),
            ..seed
        };
        let fleet = Fleet::spawn(Arc::new(one(vec![seed])));
        let view = wait_for(&fleet, user, |v| {
            all_up(v, 4) && group(v).cluster().is_some_and(|c| c.assigned() == 16384)
        })
        .await;
        let facts = group(&view).cluster().unwrap();
        assert!(facts.shards.iter().all(|s| s.replicas.len() == 1), "{user}: {facts:?}");
        assert_eq!(facts.is_ok, info.then_some(true), "{user}");
        assert_eq!(has(&view, "not-permitted"), (!info).then_some(Severity::Unknown), "{user}");
    }
}

#[tokio::test]
async fn each_right_for_clusters_removed_in_turn_leaves_the_rest_going() {
    let cluster = tokio::task::spawn_blocking(|| {
        Cluster::start(&ClusterShape { primaries: 2, replicas: 1, ..ClusterShape::default() }).unwrap()
    })
    .await
    .unwrap();
    let rights = super::acl::listed("In a cluster both also need");
    assert_eq!(rights.len(), 4);
    let all = rights.join(" ");
    for right in rights.iter().copied().chain([all.as_str()]) {
        let left: Vec<&str> = rights.iter().copied().filter(|r| !right.contains(r)).collect();
        for server in cluster.servers() {
            let words =
                format!("ACL SETUSER watcher reset on >pw {} {}", super::acl::without(&[]), left.join(" "));
            assert!(run(&mut writer(server).await, words.trim()).await.as_error().is_none());
        }
        let seed = Endpoint {
            username: Some("watcher".into()),
            password: Some(redwarden::config::Secret::new("pw")),
            ..cluster.server(0).unwrap().endpoint()
        };
        let fleet = Fleet::spawn(Arc::new(one(vec![seed])));
        if left.is_empty() {
            // Nothing tells the nodes: the seed is watched all the same, and the reason is said.
            let view = wait_for(&fleet, "nobody tells", |v| {
                has(v, "topology-unknown") == Some(Severity::Unknown) && all_up(v, 1)
            })
            .await;
            let why = group(&view).trouble.clone().unwrap();
            assert!(why.contains("no permissions"), "{why}");
            continue;
        }
        let view = wait_for(&fleet, right, |v| {
            all_up(v, 4) && group(v).cluster().is_some_and(|c| c.assigned() == 16384)
        })
        .await;
        let said = group(&view).findings().into_iter().find(|f| f.code == "not-permitted");
        match right {
            // One of the others tells the same.
            "+cluster|shards" | "+cluster|slots" => assert!(said.is_none(), "{right}: {said:?}"),
            _ => {
                let said = said.expect(right);
                let command = right.trim_start_matches('+').to_uppercase();
                assert!(said.message.contains(&command) && said.since.is_some(), "{right}: {said:?}");
                assert_eq!(
                    view.verdict(&redwarden::domain::Rules::default(), std::time::Instant::now()).code(),
                    "unknown"
                );
            }
        }
        assert_eq!(
            group(&view).cluster().unwrap().is_ok,
            (right != "+cluster|info").then_some(true),
            "{right}"
        );
    }
}

#[tokio::test]
async fn announced_addresses_that_cannot_be_reached_are_mapped() {
    let cluster = tokio::task::spawn_blocking(|| {
        let args = [
            "--cluster-announce-hostname",
            "unreachable.invalid",
            "--cluster-preferred-endpoint-type",
            "hostname",
        ];
        Cluster::start(&ClusterShape {
            primaries: 2,
            args: args.map(String::from).to_vec(),
            ..ClusterShape::default()
        })
        .unwrap()
    })
    .await
    .unwrap();
    let mut proxies = Vec::new();
    let mut addresses = AddressMap::default();
    for server in cluster.servers() {
        let proxy = Proxy::start(server.port()).await;
        let to = proxy.endpoint().address.to_string();
        addresses = addresses.with(&format!("unreachable.invalid:{}", server.port()), &to).unwrap();
        proxies.push(proxy);
    }
    let seeds = vec![proxies[0].endpoint()];
    let fleet = Fleet::spawn(Arc::new(of(ClusterConfig {
        name: "c".into(),
        seeds,
        addresses,
        ..ClusterConfig::default()
    })));
    let view =
        wait_for(&fleet, "two nodes behind proxies", |v| all_up(v, 2) && group(v).told.is_some()).await;
    for node in &view.nodes {
        let meta = &node.snapshot.meta;
        assert!(meta.id.as_str().starts_with("unreachable.invalid:"), "{meta:?}");
        assert!(proxies.iter().any(|p| p.endpoint().address.to_string() == meta.address), "{meta:?}");
    }
}

#[tokio::test]
async fn a_mixed_fleet_stands_on_one_board() {
    let cluster = tokio::task::spawn_blocking(|| {
        Cluster::start(&ClusterShape { primaries: 2, ..ClusterShape::default() }).unwrap()
    })
    .await
    .unwrap();
    let (plain, voter) = (Server::start(&[]).unwrap(), Server::start(&[]).unwrap());
    let mut mixed = one(vec![cluster.server(0).unwrap().endpoint()]);
    let node = |name: &str, endpoint: Endpoint, group: Option<&str>| NodeConfig {
        meta: NodeMeta {
            id: NodeId::new(name),
            address: endpoint.address.to_string(),
            db: 0,
            group: group.map(redwarden::domain::GroupId::new),
        },
        endpoint,
    };
    // One of the cluster's nodes has a name of its own.
    mixed.nodes = vec![
        node("voter-1", voter.endpoint(), Some("voters")),
        node("plain", plain.endpoint(), None),
        node("mine", cluster.server(1).unwrap().endpoint(), None),
    ];
    mixed.topology.clusters[0].masters = Some(3);
    let fleet = Fleet::spawn(Arc::new(mixed));
    let view =
        wait_for(&fleet, "all of it", |v| all_up(v, 4) && v.groups.len() == 2 && v.groups[1].told.is_some())
            .await;
    let mut order: Vec<_> = view
        .nodes
        .iter()
        .map(|n| (n.snapshot.meta.group.as_ref().map_or("-", |g| g.as_str()), n.snapshot.meta.id.as_str()))
        .collect();
    let first = name(cluster.server(0).unwrap());
    assert_eq!(
        order.split_off(2).into_iter().collect::<std::collections::BTreeSet<_>>(),
        [("c", "mine"), ("c", first.as_str())].into()
    );
    assert_eq!(order, [("-", "plain"), ("voters", "voter-1")]);
    let primaries: Vec<_> = view.groups[1].primaries().into_iter().map(|id| id.as_str().to_owned()).collect();
    assert!(primaries.contains(&"mine".to_owned()), "{primaries:?}");
    let view = wait_for(&fleet, "one primary too few", |v| {
        v.groups[1].findings().iter().any(|f| f.code == "masters")
    })
    .await;
    let finding = view.groups[1].findings().into_iter().find(|f| f.code == "masters").unwrap();
    assert_eq!(finding.message, "2 primaries serve slots, 3 are expected");
    assert!(view.nodes.iter().all(|n| n.snapshot.status.state == NodeState::Up && n.aliases.is_empty()));
}

//! The search for keys on replicas, if asked: the primary gets no SCAN of ours, and what keys hold is read from it.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::{Cluster as ClusterConfig, Config, ScanConfig, Topology};
use redwarden::domain::node::NodeState;
use redwarden::domain::snapshot::SearchedOn;
use redwarden::domain::{FleetView, NodeSnapshot};
use redwarden::launcher::{Cluster, ClusterShape, Server};
use redwarden::poll::Fleet;

use super::push::{find, info};
use super::{config, run, wait_for, writer};

fn on_replicas(config: Config) -> Config {
    Config { scan: ScanConfig { replicas: true, ..config.scan }, timeout: Duration::from_secs(1), ..config }
}

fn at<'a>(view: &'a FleetView, server: &Server) -> &'a NodeSnapshot {
    let port = format!(":{}", server.port());
    &view.nodes.iter().find(|n| n.snapshot.meta.address.ends_with(&port)).unwrap().snapshot
}

/// Which replica the search for this primary's keys reads.
fn searched_on<'a>(view: &'a FleetView, primary: &Server) -> &'a SearchedOn {
    &at(view, primary).scan.on
}

async fn calls(server: &Server, command: &str) -> i64 {
    info(&mut writer(server).await, &format!("cmdstat_{command}")).await
}

async fn follow(replica: &Server, primary: &Server) {
    run(&mut writer(replica).await, &format!("REPLICAOF 127.0.0.1 {}", primary.port())).await;
}

#[tokio::test]
async fn of_a_primary_with_a_replica_and_when_that_goes() {
    let primary = Server::start(&[]).unwrap();
    let mut replica = Server::start(&[]).unwrap();
    follow(&replica, &primary).await;
    let mut w = writer(&primary).await;
    run(&mut w, "SET first:lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 600000").await;
    // The replica last: nothing is known of it when the primary is looked at first.
    let fleet = Fleet::spawn(Arc::new(on_replicas(config(&[primary.endpoint(), replica.endpoint()]))));
    let view = wait_for(&fleet, "found on the replica", |v| {
        find(v, b"first:lock").is_some() && at(v, &primary).scan.passes > 0
    })
    .await;
    let reads = SearchedOn::Replica(at(&view, &replica).meta.id.clone());
    // While the first copy was made there was no replica that was fit.
    wait_for(&fleet, "the replica is read", |v| *searched_on(v, &primary) == reads).await;
    run(&mut w, "CONFIG RESETSTAT").await;
    run(&mut w, "SET second:lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0ab PX 600000").await;
    let view = wait_for(&fleet, "found on the replica", |v| find(v, b"second:lock").is_some()).await;
    assert_eq!(find(&view, b"second:lock").unwrap().id.node, at(&view, &primary).meta.id);
    run(&mut w, "DEL first:lock").await;
    wait_for(&fleet, "released", |v| find(v, b"first:lock").is_none()).await;
    assert_eq!(calls(&primary, "scan").await, 0, "the primary is not searched");
    assert!(calls(&replica, "scan").await > 0);
    for values in ["pttl", "getrange", "strlen", "type"] {
        assert_eq!(calls(&replica, values).await, 0, "{values}: what a key holds is read from the primary");
        assert!(calls(&primary, values).await > 0, "{values}");
    }
    // Without it the primary is searched, and that is told; nothing that was found is lost.
    replica.kill();
    wait_for(&fleet, "no replica is fit", |v| {
        at(v, &replica).status.state != NodeState::Up
            && matches!(searched_on(v, &primary), SearchedOn::NoReplica(why) if !why.is_empty())
            && find(v, b"second:lock").is_some()
    })
    .await;
    run(&mut w, "SET third:lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0ac PX 600000").await;
    wait_for(&fleet, "found on the primary", |v| find(v, b"third:lock").is_some()).await;
    assert!(calls(&primary, "scan").await > 0);
    // One that follows nobody is not it, though it is there again.
    replica.restart().unwrap();
    wait_for(&fleet, "it is back", |v| at(v, &replica).status.state == NodeState::Up).await;
    wait_for(&fleet, "still the primary", |v| matches!(searched_on(v, &primary), SearchedOn::NoReplica(_)))
        .await;
}

#[tokio::test]
async fn of_a_cluster() {
    let shape = ClusterShape { replicas: 1, ..ClusterShape::default() };
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&shape).unwrap()).await.unwrap();
    let servers: Vec<&Server> = cluster.servers().collect();
    let (primaries, replicas) = servers.split_at(3);
    let mut standing = 0;
    for primary in primaries {
        let mut w = writer(primary).await;
        for n in 0..30 {
            // MOVED elsewhere.
            let set =
                run(&mut w, &format!("SET {n}:lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 600000")).await;
            standing += usize::from(set.as_error().is_none());
        }
    }
    assert_eq!(standing, 30);
    let seeds = vec![primaries[0].endpoint()];
    let one = ClusterConfig { name: "c".into(), seeds, ..ClusterConfig::default() };
    let topology = Topology { clusters: vec![one], ..Topology::default() };
    let fleet = Fleet::spawn_live(Arc::new(on_replicas(Config { topology, ..config(&[]) })));
    let on_theirs = |v: &FleetView| {
        v.nodes.len() == 6
            && primaries.iter().all(|p| matches!(searched_on(v, p), SearchedOn::Replica(_)))
            && v.locks.len() == 30
    };
    let view = wait_for(&fleet, "each primary is searched on its replica", on_theirs).await;
    for primary in primaries {
        let replica = searched_on(&view, primary).replica().unwrap();
        assert_eq!(view.groups[0].primary_of(replica), Some(&at(&view, primary).meta.id));
        run(&mut writer(primary).await, "CONFIG RESETSTAT").await;
    }
    let before = { at(&view, primaries[0]).scan.passes };
    wait_for(&fleet, "two passes more", |v| at(v, primaries[0]).scan.passes > before + 1).await;
    for primary in primaries {
        assert_eq!(calls(primary, "scan").await, 0, "no primary is searched");
    }
    for replica in replicas {
        assert!(calls(replica, "scan").await > 0);
    }
}

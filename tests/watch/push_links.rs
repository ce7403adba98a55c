//! The connection on which changes are pushed: over whatever it runs, and when it fails without a word.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::{Address, Cluster as ClusterConfig, Config, Endpoint, Topology};
use redwarden::domain::node::{NodeState, Role};
use redwarden::domain::slots::slot_of;
use redwarden::domain::{Command, FleetView};
use redwarden::launcher::{Cluster, ClusterShape, Server};
use redwarden::poll::Fleet;

use super::listener::Listener;
use super::push::{clients, find, live, rarely, settled, watch_live};
use super::stall_proxy::StallProxy;
use super::tls::Authority;
use super::{config, run, wait_for, writer};

const TOKEN: &str = "4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa";

/// Looks are an hour apart: what is seen was pushed.
async fn is_pushed(server: &Server, endpoint: Endpoint) {
    let mut w = writer(server).await;
    let fleet = watch_live(rarely(&[endpoint]));
    settled(&fleet).await;
    run(&mut w, &format!("SET lock:a {TOKEN} PX 60000")).await;
    wait_for(&fleet, "taken", |v| find(v, b"lock:a").is_some()).await;
    run(&mut w, "DEL lock:a").await;
    wait_for(&fleet, "released", |v| v.locks.is_empty()).await;
    assert_eq!(clients(&mut w, "push").await.len(), 1);
}

#[tokio::test]
async fn over_tls() {
    let authority = Authority::new("ours");
    authority.issue("server", &["localhost"], |_| {});
    authority.issue("client", &["redwarden"], |_| {});
    let (server, endpoint) = authority.serve("server", "yes");
    is_pushed(&server, Endpoint { tls: Some(authority.trust_as("client")), ..endpoint }).await;
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.sock");
    let server = Server::start(&["--unixsocket", path.to_str().unwrap()]).unwrap();
    is_pushed(&server, Endpoint { address: Address::Unix(path), ..server.endpoint() }).await;
}

#[tokio::test]
async fn of_a_server_with_a_password_and_another_database() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ACL SETUSER watcher on >pw ~* &* +@all").await;
    let endpoint = Endpoint {
        username: Some("watcher".into()),
        password: Some(redwarden::config::Secret::new("pw")),
        db: 7,
        ..server.endpoint()
    };
    let fleet = watch_live(rarely(&[endpoint]));
    settled(&fleet).await;
    // Notices name no database: one of another is read, and found to be none of ours.
    run(&mut w, &format!("SET lock:elsewhere {TOKEN}")).await;
    run(&mut w, "SELECT 7").await;
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    let view = wait_for(&fleet, "taken", |v| find(v, b"lock:a").is_some()).await;
    assert_eq!(view.locks.len(), 1);
}

fn role(view: &FleetView, server: &Server) -> Option<Role> {
    let address = format!("127.0.0.1:{}", server.port());
    let node = view.nodes.iter().find(|n| n.snapshot.meta.address == address)?;
    node.snapshot.facts.as_ref()?.role
}

fn is_live(view: &FleetView, server: &Server) -> bool {
    let address = format!("127.0.0.1:{}", server.port());
    view.nodes.iter().any(|n| n.snapshot.meta.address == address && n.snapshot.live.pushed)
}

/// Each primary pushes its own; after a failover the heir does, and the old one, a replica by now, does not.
#[tokio::test]
async fn of_the_primaries_of_a_cluster_whoever_that_is() {
    let shape = ClusterShape { replicas: 1, ..ClusterShape::default() };
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&shape).unwrap()).await.unwrap();
    let seeds = vec![cluster.server(0).unwrap().endpoint()];
    let topology = Topology {
        clusters: vec![ClusterConfig { name: "c".into(), seeds, ..ClusterConfig::default() }],
        ..Topology::default()
    };
    let fleet = watch_live(Config { topology, timeout: Duration::from_secs(1), ..config(&[]) });
    let view = wait_for(&fleet, "three primaries push", |v| {
        v.up_of_total() == (6, 6)
            && v.nodes.iter().all(|n| n.snapshot.scan.passes > 0)
            && cluster.servers().take(3).all(|s| is_live(v, s))
    })
    .await;
    assert!(cluster.servers().skip(3).all(|s| !is_live(&view, s)), "replicas were asked");
    fleet.set_interval(Duration::from_secs(3600));
    let keys: Vec<String> = (0..3)
        .map(|i| {
            let mut names = (0..10_000).map(|n| format!("lock:{n}"));
            names.find(|k| cluster.owner_of(slot_of(k.as_bytes())) == Some(i)).unwrap()
        })
        .collect();
    for (i, key) in keys.iter().enumerate() {
        run(&mut writer(cluster.server(i).unwrap()).await, &format!("SET {key} {TOKEN}")).await;
        wait_for(&fleet, "taken", |v| find(v, key.as_bytes()).is_some()).await;
    }
    fleet.set_interval(Duration::from_millis(100));
    let (old, heir) = (cluster.server(0).unwrap(), cluster.server(3).unwrap());
    run(&mut writer(heir).await, "CLUSTER FAILOVER").await;
    let view = wait_for(&fleet, "the heir pushes", |v| {
        role(v, heir) == Some(Role::Primary)
            && role(v, old) == Some(Role::Replica)
            && is_live(v, heir)
            && !is_live(v, old)
            && v.locks.len() == 3
    })
    .await;
    let moved = find(&view, keys[0].as_bytes()).unwrap();
    assert!(moved.usual.is_none(), "a failover is no hand-over: {:?}", moved.usual);
    fleet.set_interval(Duration::from_secs(3600));
    run(&mut writer(heir).await, &format!("DEL {}", keys[0])).await;
    wait_for(&fleet, "released on the heir", |v| v.locks.len() == 2).await;
    assert_eq!(clients(&mut writer(old).await, "push").await.len(), 0);
}

/// In a cluster Redisson's waiters listen to the channel of the shard, which PUBSUB NUMSUB does not count.
#[tokio::test]
async fn waiters_on_a_shard_are_counted() {
    let shape = ClusterShape { primaries: 2, ..ClusterShape::default() };
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&shape).unwrap()).await.unwrap();
    let key = "lock:a";
    let owner = cluster.server(cluster.owner_of(slot_of(key.as_bytes())).unwrap()).unwrap();
    let mut w = writer(owner).await;
    run(&mut w, &format!("HSET {key} 285475da-9152-4c83-822a-67ee2f116a79:52 1")).await;
    let channel = format!("redisson_lock__channel:{{{key}}}");
    let _waiting = [
        Listener::start(owner.port(), "SSUBSCRIBE", &channel).await,
        Listener::start(owner.port(), "SSUBSCRIBE", &channel).await,
        Listener::start(owner.port(), "SUBSCRIBE", &channel).await,
    ];
    let seeds = vec![owner.endpoint()];
    let topology = Topology {
        clusters: vec![ClusterConfig { name: "c".into(), seeds, ..ClusterConfig::default() }],
        ..Topology::default()
    };
    let fleet = watch_live(Config { topology, timeout: Duration::from_secs(1), ..config(&[]) });
    let waiters = |n| move |v: &FleetView| find(v, b"lock:a").is_some_and(|l| l.waiters == n);
    wait_for(&fleet, "three wait", waiters(Some(3))).await;
    drop(fleet);
    run(&mut w, "ACL SETUSER few on >pw ~* &* +@all -pubsub|shardnumsub").await;
    let few = Endpoint {
        username: Some("few".into()),
        password: Some(redwarden::config::Secret::new("pw")),
        ..owner.endpoint()
    };
    let fleet = watch_live(config(&[few]));
    let denied = |v: &FleetView| {
        v.nodes[0]
            .snapshot
            .denied
            .iter()
            .any(|d| (d.pane, d.command.as_str()) == ("locks", "PUBSUB|SHARDNUMSUB"))
    };
    wait_for(&fleet, "it says so", |v| denied(v) && waiters(None)(v)).await;
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_noticed_by_its_ping() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    let proxy = StallProxy::start(server.port()).await;
    let fleet = watch_live(rarely(&[proxy.endpoint()]));
    settled(&fleet).await;
    proxy.stall_pushes();
    run(&mut w, "DEL lock:a").await;
    run(&mut w, &format!("SET lock:b {TOKEN}")).await;
    let view = wait_for(&fleet, "read again over another connection", |v| {
        find(v, b"lock:b").is_some() && find(v, b"lock:a").is_none()
    })
    .await;
    assert!(live(&view).pushed);
    assert_eq!(proxy.pushes(), 2);
    run(&mut w, "DEL lock:b").await;
    wait_for(&fleet, "pushed", |v| v.locks.is_empty()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_was_frozen_pushes_on() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    let fleet = watch_live(config(&[server.endpoint()]));
    settled(&fleet).await;
    for round in 0..2 {
        server.freeze();
        wait_for(&fleet, "down", |v| v.nodes[0].snapshot.status.state == NodeState::Down).await;
        if round == 1 {
            // So long that the push connection was given up as well.
            wait_for(&fleet, "no pushes", |v| !live(v).pushed).await;
        }
        server.thaw();
        let (gone, new) = (format!("lock:{round}"), format!("lock:{}", round + 1));
        w.pipeline(&[
            Command::new("DEL").arg(if round == 0 { "lock:a" } else { gone.as_str() }),
            Command::new("SET").arg(new.as_str()).arg(TOKEN),
        ])
        .await
        .unwrap();
        fleet.set_interval(Duration::from_millis(100));
        wait_for(&fleet, "up", |v| v.nodes[0].snapshot.status.state == NodeState::Up && live(v).pushed).await;
        fleet.set_interval(Duration::from_secs(3600));
        wait_for(&fleet, "the truth", |v| v.locks.len() == 1 && find(v, new.as_bytes()).is_some()).await;
        run(&mut w, &format!("SET lock:other {TOKEN}")).await;
        wait_for(&fleet, "taken", |v| find(v, b"lock:other").is_some()).await;
        run(&mut w, "DEL lock:other").await;
        wait_for(&fleet, "released", |v| v.locks.len() == 1).await;
        fleet.set_interval(Duration::from_millis(100));
    }
    assert_eq!(clients(&mut w, "push").await.len(), 1);
}

#[tokio::test]
async fn behind_what_speaks_only_resp2_it_polls_and_says_so() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let proxy = StallProxy::start(server.port()).await;
    proxy.refuse_resp3();
    let fleet = Fleet::spawn_live(Arc::new(config(&[proxy.endpoint()])));
    let view =
        wait_for(&fleet, "the reason", |v| live(v).why.is_some() && v.nodes[0].snapshot.scan.passes > 0)
            .await;
    assert_eq!(live(&view).why.as_deref(), Some("this server does not speak RESP3"));
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    wait_for(&fleet, "found by the search", |v| find(v, b"lock:a").is_some()).await;
    run(&mut w, "DEL lock:a").await;
    wait_for(&fleet, "read again", |v| v.locks.is_empty()).await;
}

/// The server tells of an expiry when it comes across the key, which may be late: ours is the clock that counts.
#[tokio::test]
async fn a_lock_whose_time_is_over_goes_before_the_server_says_so() {
    let server = Server::start(&["--enable-debug-command", "yes"]).or_else(|_| Server::start(&[])).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "DEBUG SET-ACTIVE-EXPIRE 0").await;
    // So many that neither the rotation of re-reads nor the search comes round to it in time.
    let fill = "for i=1,3000 do redis.call('SET','lock:other-'..i,ARGV[1]) end for i=1,200000 do redis.call('SET','x'..i,1) end";
    w.call(&Command::new("EVAL").arg(fill).arg(0_i64).arg(TOKEN)).await.unwrap();
    let fleet = watch_live(config(&[server.endpoint()]));
    settled(&fleet).await;
    run(&mut w, &format!("SET lock:a {TOKEN} PX 1500")).await;
    wait_for(&fleet, "taken", |v| find(v, b"lock:a").is_some()).await;
    wait_for(&fleet, "ended", |v| find(v, b"lock:a").is_none()).await;
}

/// While changes are pushed the search is only there in case: one call a second at the most.
#[tokio::test]
async fn the_search_asks_at_most_once_a_second_while_changes_are_pushed() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let fill = "for i=1,20000 do redis.call('SET','other:'..i,1) end";
    w.call(&Command::new("EVAL").arg(fill).arg(0_i64)).await.unwrap();
    let fleet = watch_live(config(&[server.endpoint()]));
    let seen = settled(&fleet).await;
    let (started, before) = (std::time::Instant::now(), super::push::info(&mut w, "cmdstat_scan").await);
    let looks = seen.nodes[0].snapshot.seq;
    wait_for(&fleet, "thirty more looks", |v| v.nodes[0].snapshot.seq > looks + 30).await;
    let calls = super::push::info(&mut w, "cmdstat_scan").await - before;
    let most = started.elapsed().as_secs_f64() + 1.0;
    assert!(calls as f64 <= most, "{calls} calls of SCAN within {most:.1} s");
}

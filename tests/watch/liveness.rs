//! One dead and one frozen node never delay another; every failure is told apart.

use std::io::{Read, Write};

use redwarden::config::{Endpoint, Secret};
use redwarden::domain::FleetView;
use redwarden::domain::node::{NodeState, Reason, Role};
use redwarden::launcher::{Server, free_port};

use super::{run, wait_for, watch, writer};

fn state(view: &FleetView, at: usize) -> (NodeState, Option<Reason>) {
    let status = &view.nodes[at].snapshot.status;
    (status.state, status.reason)
}

#[tokio::test]
async fn a_dead_and_a_frozen_node_do_not_delay_the_healthy_one() {
    let healthy = Server::start(&[]).unwrap();
    let mut dying = Server::start(&[]).unwrap();
    let freezing = Server::start(&[]).unwrap();
    let fleet = watch(&[dying.endpoint(), freezing.endpoint(), healthy.endpoint()]);
    wait_for(&fleet, "three up", |v| v.up_of_total() == (3, 3)).await;
    dying.kill();
    freezing.freeze();
    let view = wait_for(&fleet, "refused and timed out", |v| {
        state(v, 0) == (NodeState::Down, Some(Reason::Refused))
            && state(v, 1) == (NodeState::Down, Some(Reason::Timeout))
    })
    .await;
    // The healthy one went on at its own pace meanwhile: three misses of the frozen one take at least 900 ms.
    assert_eq!(state(&view, 2).0, NodeState::Up);
    assert!(view.nodes[2].snapshot.seq >= 5, "only {} looks", view.nodes[2].snapshot.seq);
    freezing.thaw();
    dying.restart().unwrap();
    wait_for(&fleet, "all back", |v| v.up_of_total() == (3, 3)).await;
}

#[tokio::test]
async fn facts_of_a_healthy_node() {
    let server = Server::start(&["--maxmemory", "100mb"]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "facts", |v| v.nodes[0].snapshot.facts.is_some()).await;
    let snapshot = &view.nodes[0].snapshot;
    let facts = snapshot.facts.as_ref().unwrap();
    assert_eq!(facts.role, Some(Role::Primary));
    assert_eq!(facts.maxmemory, Some(100 * 1024 * 1024));
    assert!(facts.used_memory.unwrap() > 0 && facts.connected_clients.unwrap() >= 1);
    assert!(snapshot.rtt.is_some() && snapshot.clock_offset_ms.unwrap().abs() < 1000);
    assert!(snapshot.denied.is_empty());
}

#[tokio::test]
async fn two_addresses_of_one_server_are_one_node() {
    let server = Server::start(&[]).unwrap();
    run(&mut writer(&server).await, "SET lock:a 11112222-token").await;
    let mut second = server.endpoint();
    second.address = redwarden::config::Address::Tcp { host: "localhost".into(), port: server.port() };
    let fleet = watch(&[server.endpoint(), second]);
    let view = wait_for(&fleet, "one node", |v| v.nodes.len() == 1 && v.locks.len() == 1).await;
    assert_eq!(view.nodes[0].aliases.len(), 1);
}

#[tokio::test]
async fn passwords_names_and_strangers() {
    let server = Server::start(&["--requirepass", "s3cret"]).unwrap();
    let no_password = server.endpoint();
    let wrong = Endpoint { password: Some(Secret::new("nope")), ..server.endpoint() };
    let right = Endpoint { password: Some(Secret::new("s3cret")), db: 1, ..server.endpoint() };
    let unresolved = Endpoint::tcp("no-such-host.invalid", 6379);
    let refused = Endpoint::tcp("127.0.0.1", free_port().unwrap());
    let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stranger = Endpoint::tcp("127.0.0.1", http.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in http.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut sink = [0; 512];
            let _ = stream.read(&mut sink);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let fleet = watch(&[no_password, Endpoint { db: 2, ..wrong }, right, unresolved, refused, stranger]);
    let view = wait_for(&fleet, "all told apart", |v| {
        v.nodes.iter().all(|n| n.snapshot.status.state != NodeState::Suspect)
    })
    .await;
    let reasons: Vec<_> = (0..6).map(|i| state(&view, i).1).collect();
    assert_eq!(
        reasons,
        [
            Some(Reason::Noauth),
            Some(Reason::Wrongpass),
            None,
            Some(Reason::Dns),
            Some(Reason::Refused),
            Some(Reason::NotRedis)
        ]
    );
    for node in &view.nodes {
        let shown = format!("{node:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("nope"), "a secret is shown: {shown}");
    }
}

#[tokio::test]
async fn a_replica_is_no_primary_and_its_keys_are_not_counted_twice() {
    let primary = Server::start(&[]).unwrap();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]).unwrap();
    run(&mut writer(&primary).await, "SET lock:a 11112222-token").await;
    let fleet = watch(&[primary.endpoint(), replica.endpoint()]);
    let view = wait_for(&fleet, "a linked replica", |v| {
        let facts = v.nodes.get(1).and_then(|n| n.snapshot.facts.clone());
        facts.is_some_and(|f| f.role == Some(Role::Replica) && f.primary_link_up == Some(true))
            && v.locks.len() == 1
    })
    .await;
    assert_eq!(view.locks[0].id.node, view.nodes[0].snapshot.meta.id);
}

#[tokio::test]
async fn no_connection_left() {
    let server = Server::start(&["--maxclients", "1"]).unwrap();
    let _taken = writer(&server).await;
    let fleet = watch(&[server.endpoint()]);
    wait_for(&fleet, "max clients", |v| state(v, 0) == (NodeState::Down, Some(Reason::MaxClients))).await;
}

//! Several databases of one server: one connection, one liveness, each with its keys.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::{Config, Endpoint};
use redwarden::domain::node::NodeState;
use redwarden::launcher::Server;
use redwarden::poll::Fleet;

use super::fleet::{config, run, wait_for, writer};

fn databases(server: &Server, dbs: &[u32]) -> Config {
    let endpoints: Vec<Endpoint> = dbs.iter().map(|db| Endpoint { db: *db, ..server.endpoint() }).collect();
    Config { timeout: Duration::from_millis(500), ..config(&endpoints) }
}

#[tokio::test]
async fn three_databases_take_one_connection() {
    let server = Server::start(&[]).unwrap();
    let mut own = writer(&server).await;
    for db in [0, 3, 7] {
        run(&mut own, &format!("SELECT {db}")).await;
        run(&mut own, &format!("SET lock:{db} token-of-a-holder-{db}")).await;
        run(&mut own, &format!("RPUSH queue:{db} a b c")).await;
    }
    run(&mut own, "SET lock:second token-of-another").await;
    let fleet = Fleet::spawn(Arc::new(databases(&server, &[0, 3, 7])));
    let view = wait_for(&fleet, "keys of all databases", |v| v.locks.len() == 4 && v.queues.len() == 3).await;
    let mut places: Vec<_> = view.locks.iter().map(|l| (l.id.db, l.id.key.to_string())).collect();
    places.sort();
    let expected = [(0, "lock:0"), (3, "lock:3"), (7, "lock:7"), (7, "lock:second")];
    assert_eq!(places, expected.map(|(db, key)| (db, key.to_owned())));
    assert_eq!((view.nodes.len(), view.nodes[0].aliases.len()), (1, 2));
    let keys: Vec<_> =
        fleet.board().borrow().iter().map(|s| (s.meta.db, s.facts.as_ref().unwrap().keys)).collect();
    assert_eq!(keys, [(0, Some(2)), (3, Some(2)), (7, Some(3))]);
    let list = run(&mut own, "CLIENT LIST").await.as_bytes().unwrap().to_string();
    assert_eq!(list.matches(":poll ").count(), 1, "{list}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_spoils_no_other() {
    let server = Server::start(&["--databases", "4"]).unwrap();
    let mut own = writer(&server).await;
    run(&mut own, "SET lock:a token-of-a-holder").await;
    let fleet = Fleet::spawn(Arc::new(databases(&server, &[9, 0])));
    let view = wait_for(&fleet, "the lock", |v| v.locks.len() == 1).await;
    assert_eq!(view.locks[0].id.db, 0);
    let board = fleet.board().borrow().clone();
    assert!(board.iter().all(|s| s.status.state == NodeState::Up));
    let error = board.nodes[0].scan.error.clone().unwrap_or_default();
    assert!(error.contains("DB index is out of range"), "{error}");
    let verdict = view.verdict(&redwarden::domain::Rules::default(), std::time::Instant::now());
    assert!(verdict.reasons.iter().any(|r| r.message.contains("out of range")), "{verdict:?}");
    // Whatever comes first, nothing is hidden.
    let fleet = Fleet::spawn(Arc::new(databases(&server, &[0, 9])));
    let told = |v: &redwarden::domain::FleetView| {
        let verdict = v.verdict(&redwarden::domain::Rules::default(), std::time::Instant::now());
        verdict.reasons.iter().any(|r| r.message.contains("out of range"))
    };
    wait_for(&fleet, "the error of the second database", told).await;
}

#[tokio::test]
async fn they_go_and_come_together() {
    let mut server = Server::start(&[]).unwrap();
    let fleet = Fleet::spawn(Arc::new(databases(&server, &[0, 1])));
    wait_for(&fleet, "up", |v| v.up_of_total() == (1, 1)).await;
    server.kill();
    let both = |state| {
        let board = fleet.board();
        move |_: &redwarden::domain::FleetView| board.borrow().iter().all(|s| s.status.state == state)
    };
    wait_for(&fleet, "both down", both(NodeState::Down)).await;
    server.restart().unwrap();
    wait_for(&fleet, "both up", both(NodeState::Up)).await;
}

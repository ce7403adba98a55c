//! A Redlock over five real servers: held, a voter that forgets at its restart, and one that cannot be asked.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::Config;
use redwarden::domain::quorum::{Answer, QuorumState, QuorumVerdict};
use redwarden::domain::{Finding, FleetView, GroupId, Stamp};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;

use super::{config, run, wait_for, writer};

const TOKEN: &str = "3dcb04b8-2e15-4208-8244-348d3fb4fa6c";

fn verdict(view: &FleetView) -> Option<QuorumVerdict> {
    view.quorums.first()?.verdict(Stamp::now().mono)
}

fn votes(view: &FleetView) -> Option<(QuorumState, usize, usize)> {
    verdict(view).map(|v| (v.state, v.votes, v.voters))
}

fn forgot(view: &FleetView, node: &str) -> bool {
    let is_told = |f: &Finding| f.code == "voter-restarted" && f.message.starts_with(node);
    verdict(view).is_some_and(|v| v.findings.iter().any(is_told))
}

fn grouped(servers: &[Server]) -> Config {
    let endpoints: Vec<_> = servers.iter().map(Server::endpoint).collect();
    let mut config = config(&endpoints);
    for node in &mut config.nodes {
        node.meta.group = Some(GroupId::new("voters"));
    }
    config
}

#[tokio::test]
async fn five_voters_of_which_one_forgets_and_one_freezes() {
    let mut servers: Vec<Server> = (0..5).map(|_| Server::start(&[]).unwrap()).collect();
    for server in &servers[..3] {
        let mut w = writer(server).await;
        run(&mut w, &format!("SET lock:import {TOKEN} NX PX 600000")).await;
    }
    // The same name elsewhere in the group: somebody's try that failed.
    let mut rest = writer(&servers[4]).await;
    run(&mut rest, "SET lock:import 99999999-9b52-4d8e-8c0c-0d7a4c8ad0ab NX PX 700000").await;
    let fleet = Fleet::spawn(Arc::new(grouped(&servers)));
    let view =
        wait_for(&fleet, "a majority", |v| votes(v) == Some((QuorumState::Held, 3, 5)) && v.locks.len() == 4)
            .await;
    let spread = verdict(&view).unwrap().ttl_spread.unwrap();
    assert!(spread < Duration::from_secs(5), "{spread:?}");
    let folded = view.locks.iter().filter(|l| view.is_folded(l, Stamp::now().mono)).count();
    assert_eq!((view.locks.len(), folded), (4, 2));

    // Without persistence a restart forgets the vote: two are no majority.
    let name = view.quorums[0].votes[0].node.to_string();
    assert!(!forgot(&view, &name));
    servers[0].kill();
    servers[0].restart().unwrap();
    let view = wait_for(&fleet, "a vote forgotten", |v| {
        votes(v).is_some_and(|(_, n, of)| (n, of) == (2, 5)) && forgot(v, &name)
    })
    .await;
    let restarted = &view.quorums[0].votes[0];
    assert!(matches!(restarted.answer, Answer::Free), "{restarted:?}");
    assert!(restarted.process_age(Stamp::now().mono) < Some(Duration::from_secs(60)));

    // Its vote might be the third one: nobody knows while it is silent.
    servers[3].freeze();
    wait_for(&fleet, "an unknown vote", |v| votes(v) == Some((QuorumState::Unknown, 2, 5))).await;
    servers[3].thaw();
    wait_for(&fleet, "a split", |v| votes(v) == Some((QuorumState::Split, 2, 5))).await;
    run(&mut rest, "DEL lock:import").await;
    wait_for(&fleet, "a minority", |v| votes(v) == Some((QuorumState::Minority, 2, 5))).await;
}

#[tokio::test]
async fn a_replica_and_a_second_name_give_no_vote() {
    let servers: Vec<Server> = (0..2).map(|_| Server::start(&[]).unwrap()).collect();
    let mut w = writer(&servers[0]).await;
    run(&mut w, &format!("SET lock:import {TOKEN}")).await;
    let mut replica = writer(&servers[1]).await;
    run(&mut replica, &format!("REPLICAOF 127.0.0.1 {}", servers[0].port())).await;
    let mut second = servers[0].endpoint();
    second.db = 1;
    run(&mut w, "SELECT 1").await;
    run(&mut w, &format!("SET lock:import {TOKEN}")).await;
    let fleet = super::watch(&[servers[0].endpoint(), servers[1].endpoint(), second]);
    let view = wait_for(&fleet, "both databases and the replica", |v| {
        let synced = v
            .nodes
            .iter()
            .any(|n| n.snapshot.facts.as_ref().is_some_and(|f| f.primary_link_up == Some(true)));
        synced && v.locks.len() == 2
    })
    .await;
    assert!(view.quorums.is_empty(), "{:?}", view.quorums);
}

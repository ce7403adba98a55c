//! Pushes that were lost, each way they can be lost: what happened meanwhile is on the board, and is no habit of a lock.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::{Config, Sentinel, Topology};
use redwarden::domain::node::{NodeState, Role};
use redwarden::domain::{Command, FleetView, Lock};
use redwarden::launcher::{SentinelGroup, SentinelShape, Server};
use redwarden::poll::Fleet;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

use super::push::{clients, find, live, settled};
use super::{config, wait_for, writer};

const TOKENS: [&str; 3] = [
    "99999999-9b52-4d8e-8c0c-0d7a4c8ad0a1",
    "99999999-9b52-4d8e-8c0c-0d7a4c8ad0a2",
    "99999999-9b52-4d8e-8c0c-0d7a4c8ad0a3",
];
/// More bytes of keys than are kept, in few enough keys to be read in a moment.
const MANY: &str =
    "for i=1,1500 do redis.call('SET','lock:many:'..i..string.rep('x',3000),ARGV[1]..i,'PX',600000) end";

fn held(token: &str) -> Command {
    Command::new("SET").arg("lock:a").arg(token).arg("PX").arg(600_000_i64)
}

fn lock(view: &FleetView) -> Option<&Lock> {
    find(view, b"lock:a")
}

fn is_held_by(view: &FleetView, token: &str) -> bool {
    lock(view).is_some_and(|l| l.token.known().is_some_and(|known| known.as_slice() == token.as_bytes()))
}

/// While the server is frozen these are sent; it carries them out when it goes on, before anybody can look. Then the
/// lock passed from one holder to another in the gap.
async fn lost_by(gap: impl Fn(&str) -> Vec<Command>, more: usize) {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let permit = WritePermit::for_own_servers();
    let mut late =
        Writer::open(&server.endpoint(), ClientRole::Demo, Duration::from_secs(60), permit).await.unwrap();
    let fleet = Fleet::spawn_live(Arc::new(config(&[server.endpoint()])));
    settled(&fleet).await;
    w.call(&held(TOKENS[0])).await.unwrap();
    let begun = wait_for(&fleet, "held", |v| is_held_by(v, TOKENS[0])).await;
    assert_eq!(lock(&begun).unwrap().held_before, Some(Duration::ZERO), "its beginning was seen");
    let push = clients(&mut w, "push").await;
    server.freeze();
    let commands = gap(push.first().unwrap());
    let changed = tokio::spawn(async move { late.pipeline(&commands).await.unwrap() });
    wait_for(&fleet, "frozen", |v| v.nodes[0].snapshot.status.state == NodeState::Down).await;
    server.thaw();
    changed.await.unwrap();
    let view = wait_for(&fleet, "the truth", |v| is_held_by(v, TOKENS[1]) && v.locks.len() == 1 + more).await;
    // Its end may have been seen, or not: more than one hold it was not, and of the second the beginning may be unknown.
    let holds = |v: &FleetView| lock(v).and_then(|l| l.usual).map_or((0, 0), |u| (u.holds, u.handovers));
    let before = holds(&view);
    assert!(before == (0, 0) || before == (1, 1), "{before:?}");
    let begun = lock(&view).unwrap().held_before == Some(Duration::ZERO);
    assert_eq!(begun, before == (1, 1), "what ended it and what began are one moment");
    // The next one's end is seen again, and what was left of the second holder's time is no whole hold.
    wait_for(&fleet, "pushes", |v| live(v).pushed).await;
    w.call(&held(TOKENS[2])).await.unwrap();
    let after = (before.0 + usize::from(begun), before.1 + 1);
    wait_for(&fleet, "seen to be handed over", |v| holds(v) == after).await;
}

#[tokio::test]
async fn by_a_flush() {
    lost_by(|_| vec![Command::new("FLUSHALL"), held(TOKENS[1])], 0).await;
}

#[tokio::test]
async fn by_more_changes_than_are_kept() {
    let many = |_: &str| vec![Command::new("EVAL").arg(MANY).arg(0_i64).arg("token-"), held(TOKENS[1])];
    lost_by(many, 1_500).await;
}

#[tokio::test]
async fn by_a_connection_that_was_cut() {
    let cut = |id: &str| vec![Command::new("CLIENT KILL").arg("ID").arg(id), held(TOKENS[1])];
    lost_by(cut, 0).await;
}

#[tokio::test]
async fn a_lock_that_was_taken_in_the_gap_did_not_begin_when_it_was_found() {
    let server = Server::start(&[]).unwrap();
    let permit = WritePermit::for_own_servers();
    let mut late =
        Writer::open(&server.endpoint(), ClientRole::Demo, Duration::from_secs(60), permit).await.unwrap();
    let fleet = Fleet::spawn_live(Arc::new(config(&[server.endpoint()])));
    settled(&fleet).await;
    server.freeze();
    // Under no literal prefix: only the search finds it.
    let taken = Command::new("SET").arg("a:lock").arg(TOKENS[0]).arg("PX").arg(600_000_i64);
    let changed = tokio::spawn(async move { late.call(&taken).await.unwrap() });
    wait_for(&fleet, "frozen", |v| v.nodes[0].snapshot.status.state == NodeState::Down).await;
    server.thaw();
    changed.await.unwrap();
    let view = wait_for(&fleet, "found", |v| find(v, b"a:lock").is_some()).await;
    assert_ne!(find(&view, b"a:lock").unwrap().held_before, Some(Duration::ZERO), "nobody looked just then");
}

#[tokio::test]
async fn by_a_failover_that_sentinels_make() {
    let mut redis = tokio::task::spawn_blocking(|| SentinelGroup::start(&SentinelShape::default()).unwrap())
        .await
        .unwrap();
    let seeds = redis.sentinels().map(Server::endpoint).collect();
    let topology =
        Topology { sentinels: vec![Sentinel { seeds, ..Sentinel::default() }], ..Topology::default() };
    let config = Config { topology, timeout: Duration::from_secs(1), ..config(&[]) };
    let fleet = Fleet::spawn_live(Arc::new(config));
    let pushed = |v: &FleetView, server: &Server| {
        let node = v.nodes.iter().find(|n| n.snapshot.meta.address.ends_with(&format!(":{}", server.port())));
        node.is_some_and(|n| {
            n.snapshot.live.pushed
                && n.snapshot.facts.as_ref().is_some_and(|f| f.role == Some(Role::Primary))
                && n.snapshot.scan.passes > 0
        })
    };
    let old = redis.primary().unwrap();
    wait_for(&fleet, "the primary pushes", |v| pushed(v, redis.server(old).unwrap())).await;
    redis.server_mut(old).unwrap().kill();
    let heir = 1 - old;
    wait_for(&fleet, "the heir pushes", |v| pushed(v, redis.server(heir).unwrap())).await;
    // From now on nobody looks: what is seen is pushed.
    fleet.set_interval(Duration::from_secs(3600));
    let mut w = writer(redis.server(heir).unwrap()).await;
    assert_eq!(clients(&mut w, "push").await.len(), 1);
    for token in TOKENS {
        w.call(&held(token)).await.unwrap();
        wait_for(&fleet, "the heir's lock", |v| is_held_by(v, token)).await;
    }
}

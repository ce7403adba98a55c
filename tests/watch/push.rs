//! Changes that the server pushes. The looks are an hour apart: what is seen here was pushed, or read because of it.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::{Config, Endpoint, Secret};
use redwarden::domain::lock::{LockState, Renewal, Ttl};
use redwarden::domain::node::NodeState;
use redwarden::domain::snapshot::Live;
use redwarden::domain::{Command, FleetView, Lock, Reply, Rules};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::Writer;

use super::{config, run, wait_for, writer};

const TOKEN: &str = "4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa";

/// Looks once an hour.
pub(super) fn rarely(endpoints: &[Endpoint]) -> Config {
    Config { interval: Duration::from_secs(3600), ..config(endpoints) }
}

pub(super) fn watch_live(config: Config) -> Fleet {
    Fleet::spawn_live(Arc::new(config))
}

pub(super) fn find<'a>(view: &'a FleetView, key: &[u8]) -> Option<&'a Lock> {
    view.locks.iter().find(|l| l.id.key.as_slice() == key).map(AsRef::as_ref)
}

pub(super) fn live(view: &FleetView) -> &Live {
    &view.nodes[0].snapshot.live
}

/// Waits until the first look is over and changes are pushed.
pub(super) async fn settled(fleet: &Fleet) -> FleetView {
    wait_for(fleet, "a whole pass, with pushes", |v| {
        v.nodes[0].snapshot.scan.passes > 0
            && live(v).pushed
            && v.nodes[0].snapshot.status.state == NodeState::Up
    })
    .await
}

/// The ids of the clients of that role of ours, as CLIENT LIST tells.
pub(super) async fn clients(writer: &mut Writer, role: &str) -> Vec<String> {
    let reply = run(writer, "CLIENT LIST").await;
    let text = reply.as_bytes().unwrap();
    let text = text.as_utf8().unwrap();
    let ours =
        format!("redwarden:{}:{}:{role} ", redwarden::redis_io::connect::host_name(), std::process::id());
    text.lines()
        .filter(|line| line.contains(&format!("name={ours}")))
        .filter_map(|line| line.strip_prefix("id=")?.split(' ').next().map(String::from))
        .collect()
}

#[tokio::test]
async fn taken_renewed_and_released_is_seen_at_once() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let fleet = watch_live(rarely(&[server.endpoint()]));
    settled(&fleet).await;
    run(&mut w, &format!("SET lock:a {TOKEN} PX 60000")).await;
    let view = wait_for(&fleet, "taken", |v| find(v, b"lock:a").is_some()).await;
    assert_eq!(find(&view, b"lock:a").unwrap().held_before, Some(Duration::ZERO), "its beginning was seen");
    run(&mut w, "PEXPIRE lock:a 600000").await;
    let renewed = |v: &FleetView| matches!(find(v, b"lock:a").map(|l| l.renewal), Some(Renewal::Renewed(_)));
    wait_for(&fleet, "renewed", renewed).await;
    run(&mut w, "PERSIST lock:a").await;
    wait_for(&fleet, "no TTL", |v| find(v, b"lock:a").is_some_and(|l| l.ttl == Ttl::Never)).await;
    run(&mut w, "DEL lock:a").await;
    wait_for(&fleet, "released", |v| find(v, b"lock:a").is_none()).await;
    let key = b"lock:\xff\x00\r\n\x1b[31m".as_slice();
    w.call(&Command::new("SET").arg(key).arg(TOKEN)).await.unwrap();
    wait_for(&fleet, "any bytes", |v| find(v, key).is_some()).await;
    // A family's own prefix.
    run(&mut w, "SET arq:in-progress:7 1 PX 60000").await;
    wait_for(&fleet, "arq's", |v| find(v, b"arq:in-progress:7").is_some()).await;
    // An event is one look at the keys, not one at the node.
    let looks: i64 = info(&mut w, "cmdstat_info").await;
    assert!(looks <= 2, "{looks} INFOs: it looked instead of listening");
}

/// How often a command was called, from INFO commandstats.
pub(super) async fn info(writer: &mut Writer, name: &str) -> i64 {
    let reply = run(writer, "INFO commandstats").await;
    let text = reply.as_bytes().unwrap().as_utf8().unwrap().to_string();
    let line = text.lines().find_map(|l| l.strip_prefix(&format!("{name}:calls=")).map(String::from));
    line.map_or(0, |l| l.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn the_depth_of_a_queue_is_pushed() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let fleet = watch_live(rarely(&[server.endpoint()]));
    settled(&fleet).await;
    let depth = |n: u64| move |v: &FleetView| v.queues.first().is_some_and(|q| q.waiting == Some(n));
    run(&mut w, "LPUSH queue:mail a b c").await;
    wait_for(&fleet, "a new queue", depth(3)).await;
    run(&mut w, "RPOP queue:mail").await;
    wait_for(&fleet, "one was taken", depth(2)).await;
    run(&mut w, "DEL queue:mail").await;
    wait_for(&fleet, "empty", depth(0)).await;
}

#[tokio::test]
async fn a_flush_empties_the_list() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for i in 0..700 {
        run(&mut w, &format!("SET lock:{i} {TOKEN}-{i}")).await;
    }
    let fleet = watch_live(rarely(&[server.endpoint()]));
    assert_eq!(settled(&fleet).await.locks.len(), 700);
    run(&mut w, "FLUSHALL").await;
    wait_for(&fleet, "all gone", |v| v.locks.is_empty()).await;
    run(&mut w, &format!("SET lock:after {TOKEN}")).await;
    wait_for(&fleet, "it goes on", |v| find(v, b"lock:after").is_some()).await;
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_all_is_read_again() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    let fleet = watch_live(rarely(&[server.endpoint()]));
    settled(&fleet).await;
    let mut last = String::new();
    for round in 0..3 {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        last = loop {
            match clients(&mut w, "push").await.as_slice() {
                [id] if *id != last => break id.clone(),
                _ => assert!(std::time::Instant::now() < deadline, "not connected again"),
            }
        };
        // What happens while it is gone is not pushed.
        w.pipeline(&[
            Command::new("MULTI"),
            Command::new("CLIENT KILL").arg("ID").arg(last.as_str()),
            Command::new("DEL").arg(format!("lock:{}", round - 1)),
            Command::new("DEL").arg("lock:a"),
            Command::new("SET").arg(format!("lock:{round}")).arg(TOKEN),
            Command::new("EXEC"),
        ])
        .await
        .unwrap();
        let key = format!("lock:{round}");
        wait_for(&fleet, "read again", |v| v.locks.len() == 1 && find(v, key.as_bytes()).is_some()).await;
    }
    run(&mut w, "DEL lock:2").await;
    wait_for(&fleet, "released", |v| v.locks.is_empty()).await;
}

#[tokio::test]
async fn a_server_that_starts_again_pushes_again() {
    let mut server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    let fleet = watch_live(Config { interval: Duration::from_millis(100), ..config(&[server.endpoint()]) });
    settled(&fleet).await;
    server.kill();
    wait_for(&fleet, "down", |v| v.nodes[0].snapshot.status.state == NodeState::Down).await;
    server.restart().unwrap();
    wait_for(&fleet, "up, empty", |v| v.locks.is_empty() && live(v).pushed).await;
    fleet.set_interval(Duration::from_secs(3600));
    let mut w = writer(&server).await;
    run(&mut w, &format!("SET lock:b {TOKEN}")).await;
    wait_for(&fleet, "pushed", |v| find(v, b"lock:b").is_some()).await;
}

#[tokio::test]
async fn who_may_not_track_polls_and_says_so() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for (rights, why) in [
        ("+@all -client|tracking &redwarden:*", "CLIENT TRACKING is not permitted"),
        ("+@all -subscribe &redwarden:*", "SUBSCRIBE is not permitted"),
        ("+@all resetchannels", "the channel redwarden:push is not permitted"),
    ] {
        run(&mut w, "FLUSHALL").await;
        let reply = run(&mut w, &format!("ACL SETUSER watcher reset on >pw ~* {rights}")).await;
        assert_eq!(reply, Reply::Status("OK".into()));
        let endpoint = Endpoint {
            username: Some("watcher".into()),
            password: Some(Secret::new("pw")),
            ..server.endpoint()
        };
        let fleet = watch_live(config(&[endpoint]));
        let view = wait_for(&fleet, why, |v| live(v).why.as_deref() == Some(why)).await;
        assert!(!live(&view).pushed);
        run(&mut w, &format!("SET lock:a {TOKEN}")).await;
        wait_for(&fleet, "found by the search", |v| find(v, b"lock:a").is_some()).await;
        run(&mut w, "DEL lock:a").await;
        wait_for(&fleet, "read again", |v| v.locks.is_empty()).await;
    }
    // With just what is needed.
    run(&mut w, "ACL SETUSER watcher reset on >pw %R~* resetchannels &redwarden:push +@read +@connection +subscribe +client|tracking +info +time").await;
    let endpoint =
        Endpoint { username: Some("watcher".into()), password: Some(Secret::new("pw")), ..server.endpoint() };
    settled(&watch_live(config(&[endpoint]))).await;
}

#[tokio::test]
async fn overlapping_patterns_are_tracked_by_the_shorter() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let patterns = ["lock:*", "lock:orders:*", "lo*", "lock:exact"].map(String::from).to_vec();
    let fleet = watch_live(Config { lock_patterns: patterns, ..rarely(&[server.endpoint()]) });
    settled(&fleet).await;
    run(&mut w, &format!("SET lock:orders:1 {TOKEN}")).await;
    wait_for(&fleet, "pushed", |v| find(v, b"lock:orders:1").is_some()).await;
    let flags = run(&mut w, "CLIENT LIST").await.as_bytes().unwrap().to_string();
    // t: tracking, B: broadcasting, P: falls under the limit for Pub/Sub clients.
    let push = flags.split("\\n").find(|line| line.contains(":push ")).unwrap();
    let flags = push.split(' ').find_map(|word| word.strip_prefix("flags=")).unwrap();
    assert!(['t', 'B', 'P'].iter().all(|flag| flags.contains(*flag)), "{push}");
}

#[tokio::test]
async fn patterns_that_begin_with_anything_are_polled() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let families = redwarden::family::registry::lock_family_ids().iter().map(ToString::to_string).collect();
    let fleet = watch_live(Config {
        lock_patterns: vec!["*:lock".into()],
        queue_patterns: Vec::new(),
        disabled_families: families,
        ..config(&[server.endpoint()])
    });
    let view =
        wait_for(&fleet, "the reason", |v| live(v).why.is_some() && v.nodes[0].snapshot.scan.passes > 0)
            .await;
    assert_eq!(live(&view).why.as_deref(), Some("no pattern in force begins with fixed text"));
    run(&mut w, &format!("SET a:lock {TOKEN}")).await;
    wait_for(&fleet, "found by the search", |v| v.locks.len() == 1).await;
    run(&mut w, "DEL a:lock").await;
    wait_for(&fleet, "read again", |v| v.locks.is_empty()).await;
}

#[tokio::test]
async fn a_prefix_of_mostly_other_keys_is_polled() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SET bull:mail:7:lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa:1 PX 600000").await;
    let fleet = watch_live(config(&[server.endpoint()]));
    let before = live(&settled(&fleet).await).prefixes;
    let jobs: Vec<Command> =
        (0..1000).map(|i| Command::new("SET").arg(format!("bull:mail:{i}")).arg("job")).collect();
    w.pipeline(&jobs).await.unwrap();
    let view = wait_for(&fleet, "given up", |v| live(v).polled.iter().any(|(p, _)| p == "bull:")).await;
    assert!(live(&view).pushed && live(&view).prefixes == before - 1, "{:?}", live(&view));
    // What is known is read again, and the others are pushed as before.
    run(&mut w, "DEL bull:mail:7:lock").await;
    wait_for(&fleet, "polled", |v| find(v, b"bull:mail:7:lock").is_none()).await;
    fleet.set_interval(Duration::from_secs(3600));
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    wait_for(&fleet, "pushed", |v| find(v, b"lock:a").is_some()).await;
    assert_eq!(clients(&mut w, "push").await.len(), 1, "the connection before was closed");
}

#[tokio::test]
async fn more_changes_than_are_kept_end_in_the_truth() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let fleet = watch_live(rarely(&[server.endpoint()]));
    settled(&fleet).await;
    let script = "for i=1,60000 do redis.call('SET','lock:'..i,ARGV[1]) end for i=1,60000 do if i%100~=0 then redis.call('DEL','lock:'..i) end end";
    w.call(&Command::new("EVAL").arg(script).arg(0_i64).arg(TOKEN)).await.unwrap();
    wait_for(&fleet, "what is left", |v| v.locks.len() == 600).await;
}

#[tokio::test]
async fn sleeping_closes_the_connection_and_waking_opens_it() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let fleet = watch_live(rarely(&[server.endpoint()]));
    settled(&fleet).await;
    fleet.sleep().await;
    // Closed on our side: the server learns it with its next turn.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !clients(&mut w, "push").await.is_empty() {
        assert!(std::time::Instant::now() < deadline);
    }
    run(&mut w, &format!("SET lock:a {TOKEN}")).await;
    fleet.wake();
    wait_for(&fleet, "read again", |v| find(v, b"lock:a").is_some() && live(v).pushed).await;
    run(&mut w, "DEL lock:a").await;
    wait_for(&fleet, "pushed", |v| v.locks.is_empty()).await;
}

#[tokio::test]
async fn a_single_look_opens_no_second_connection() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let fleet = super::watch(&[server.endpoint()]);
    wait_for(&fleet, "a pass", |v| v.nodes[0].snapshot.scan.passes > 1).await;
    assert!(clients(&mut w, "push").await.is_empty());
}

/// A lease of 3 s whose holder renews it each time so much later that most of it is over.
#[tokio::test]
async fn a_short_lease_is_judged_by_the_rhythm_of_its_holder() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let fleet = watch_live(rarely(&[server.endpoint()]));
    settled(&fleet).await;
    run(&mut w, &format!("SET lock:a {TOKEN} PX 3000")).await;
    wait_for(&fleet, "taken", |v| find(v, b"lock:a").is_some()).await;
    for round in 0..2 {
        while run(&mut w, "PTTL lock:a").await.as_int().unwrap() > 1200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(run(&mut w, "PEXPIRE lock:a 3000").await, Reply::Int(1), "{round}: it ran out");
        let view = wait_for(&fleet, "renewed", |v| {
            find(v, b"lock:a").is_some_and(|l| l.ttl_left(l.read_at.mono) > Some(Duration::from_millis(1500)))
        })
        .await;
        let lock = find(&view, b"lock:a").unwrap();
        assert!(matches!(lock.renewal, Renewal::Renewed(_)), "{lock:?}");
        let with = lock.renewed_with.unwrap();
        assert!(with <= Duration::from_millis(1200), "{with:?}");
        let rules = Rules { expiring_below: Duration::from_millis(1000), ..Rules::default() };
        let when_left =
            |ms| lock.read_at.mono + lock.ttl_left(lock.read_at.mono).unwrap() - Duration::from_millis(ms);
        for ms in [1500, 900, 250] {
            assert_eq!(lock.state(&rules, when_left(ms)), LockState::Renewed, "{ms} ms left, {with:?}");
        }
    }
}

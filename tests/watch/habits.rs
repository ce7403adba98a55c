//! How long locks are usually held, seen on a real server and remembered for the next time.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::Config;
use redwarden::domain::node::NodeState;
use redwarden::domain::{Command, FleetView, Lock};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

use super::{config, run, wait_for, writer};

fn find<'a>(view: &'a FleetView, key: &str) -> Option<&'a Lock> {
    view.locks.iter().find(|l| l.id.key.as_slice() == key.as_bytes()).map(AsRef::as_ref)
}

/// Takes the lock, and releases it once it was seen.
async fn hold(fleet: &Fleet, w: &mut Writer, token: &str) {
    run(w, &format!("SET lock:import {token} PX 600000")).await;
    wait_for(fleet, "held", |v| find(v, "lock:import").is_some()).await;
    run(w, "DEL lock:import").await;
    wait_for(fleet, "free", |v| find(v, "lock:import").is_none()).await;
}

#[tokio::test]
async fn holds_are_counted_and_survive_a_restart() {
    let server = Server::start(&[]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(Config { state_dir: dir.path().join("state"), ..config(&[server.endpoint()]) });
    let mut w = writer(&server).await;
    // It was held before anybody looked: its length is not known and not counted.
    run(&mut w, "SET lock:import 3dcb04b8-2e15-4208-8244-348d3fb4fa6c PX 600000").await;
    let fleet = Fleet::spawn_live(config.clone());
    wait_for(&fleet, "held", |v| find(v, "lock:import").is_some()).await;
    run(&mut w, "DEL lock:import").await;
    wait_for(&fleet, "free", |v| find(v, "lock:import").is_none()).await;
    for n in 0..3 {
        hold(&fleet, &mut w, &format!("99999999-9b52-4d8e-8c0c-0d7a4c8ad0a{n}")).await;
    }
    // From one holder to the next: one hold more, and a hand-over.
    run(&mut w, "SET lock:import 99999999-9b52-4d8e-8c0c-0d7a4c8ad0b1 PX 600000").await;
    let view = wait_for(&fleet, "held again", |v| find(v, "lock:import").is_some()).await;
    let usual = find(&view, "lock:import").unwrap().usual.unwrap();
    assert_eq!((usual.holds, usual.handovers), (3, 0));
    assert!(usual.p50.is_some() && usual.p50 <= usual.p95 && usual.p95 < Some(Duration::from_secs(60)));
    run(&mut w, "SET lock:import 99999999-9b52-4d8e-8c0c-0d7a4c8ad0b2 PX 600000").await;
    wait_for(&fleet, "handed over", |v| {
        find(v, "lock:import").and_then(|l| l.usual).is_some_and(|u| (u.holds, u.handovers) == (4, 1))
    })
    .await;
    // What a poller learnt is handed in now and then.
    let path = dir.path().join("state/holds.json");
    let written = || std::fs::read_to_string(&path).is_ok_and(|text| text.contains("\"handovers\":1"));
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !written() {
        assert!(std::time::Instant::now() < deadline, "never written: {:?}", std::fs::read_to_string(&path));
        fleet.save_memory().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(fleet);
    run(&mut w, "DEL lock:import").await;
    let fleet = Fleet::spawn_live(config.clone());
    wait_for(&fleet, "looked", |v| v.nodes.iter().all(|n| n.snapshot.scan.passes > 0)).await;
    run(&mut w, "SET lock:import 99999999-9b52-4d8e-8c0c-0d7a4c8ad0b3 PX 600000").await;
    wait_for(&fleet, "remembered", |v| {
        find(v, "lock:import").and_then(|l| l.usual).is_some_and(|u| (u.holds, u.handovers) == (4, 1))
    })
    .await;
    drop(fleet);
    // Who does not remember writes nothing.
    let other = dir.path().join("other");
    let silent = Config { state_dir: other.clone(), remember: false, ..(*config).clone() };
    let fleet = Fleet::spawn_live(Arc::new(silent));
    wait_for(&fleet, "held", |v| find(v, "lock:import").is_some()).await;
    run(&mut w, "DEL lock:import").await;
    wait_for(&fleet, "free", |v| find(v, "lock:import").is_none()).await;
    hold(&fleet, &mut w, "99999999-9b52-4d8e-8c0c-0d7a4c8ad0c1").await;
    fleet.save_memory().await;
    assert!(!other.exists());
}

#[tokio::test]
async fn what_happened_while_nobody_could_see_it_is_no_habit() {
    let server = Server::start(&[]).unwrap();
    let (mut w, other) = (writer(&server).await, server.endpoint());
    let patient = Duration::from_secs(60);
    let permit = WritePermit::for_own_servers();
    let mut late = Writer::open(&other, ClientRole::Demo, patient, permit).await.unwrap();
    for live in [false, true] {
        let start = if live { Fleet::spawn_live } else { Fleet::spawn };
        let fleet = start(Arc::new(config(&[server.endpoint()])));
        wait_for(&fleet, "looked", |v| {
            v.nodes.iter().all(|n| n.snapshot.scan.passes > 0 && n.snapshot.live.pushed == live)
        })
        .await;
        let keys = ["lock:passed", "lock:freed"];
        for key in keys {
            run(&mut w, &format!("SET {key} 99999999-9b52-4d8e-8c0c-0d7a4c8ad0a1 PX 600000")).await;
        }
        let begun = wait_for(&fleet, "held", |v| keys.iter().all(|key| find(v, key).is_some())).await;
        // A push shows their beginnings: only the gap keeps their lengths out. A search may come a moment late.
        let whole = |key: &&str| find(&begun, key).unwrap().held_before == Some(Duration::ZERO);
        assert!(!live || keys.iter().all(whole));
        server.freeze();
        let words = "SET lock:passed 99999999-9b52-4d8e-8c0c-0d7a4c8ad0a2 PX 600000".split(' ');
        let changes = [Command { args: words.map(Into::into).collect() }, Command::new("DEL").arg(keys[1])];
        // It is carried out when the server goes on, before anybody can look.
        let changed = tokio::spawn(async move { (late.pipeline(&changes).await.unwrap(), late) });
        let down = |v: &FleetView| v.nodes[0].snapshot.status.state == NodeState::Down;
        wait_for(&fleet, "frozen", down).await;
        server.thaw();
        late = changed.await.unwrap().1;
        let passed = |v: &FleetView| {
            find(v, keys[0])
                .is_some_and(|l| l.first_seen.mono > find(&begun, keys[0]).unwrap().first_seen.mono)
        };
        let view = wait_for(&fleet, "read again", |v| passed(v) && find(v, keys[1]).is_none()).await;
        let now = find(&view, keys[0]).unwrap();
        assert_eq!((now.usual, now.held_before), (None, None), "live: {live}");
        // Nor is what is left of the second holder's time a whole hold; the next one's is.
        run(&mut w, "DEL lock:passed").await;
        wait_for(&fleet, "free", |v| find(v, keys[0]).is_none()).await;
        for key in keys {
            run(&mut w, &format!("SET {key} 99999999-9b52-4d8e-8c0c-0d7a4c8ad0a3 PX 600000")).await;
        }
        let view = wait_for(&fleet, "held", |v| keys.iter().all(|key| find(v, key).is_some())).await;
        assert!(keys.iter().all(|key| find(&view, key).unwrap().usual.is_none()), "live: {live}");
        run(&mut w, "SET lock:passed 99999999-9b52-4d8e-8c0c-0d7a4c8ad0a4 PX 600000").await;
        wait_for(&fleet, "seen to be handed over", |v| {
            find(v, keys[0])
                .and_then(|l| l.usual)
                .is_some_and(|u| u.handovers == 1 && (!live || u.holds == 1))
        })
        .await;
        drop(fleet);
        run(&mut w, "DEL lock:passed lock:freed").await;
    }
}

fn since_epoch(lock: &Lock) -> u128 {
    lock.first_seen.wall.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
}

async fn looked(fleet: &Fleet) -> FleetView {
    wait_for(fleet, "looked", |v| v.nodes.iter().all(|n| n.snapshot.scan.passes > 0)).await
}

#[tokio::test]
async fn a_lock_that_still_stands_keeps_its_age_over_a_restart() {
    let server = Server::start(&[]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(Config { state_dir: dir.path().join("state"), ..config(&[server.endpoint()]) });
    let mut w = writer(&server).await;
    let (kept, passed) = ("lock:kept", "lock:passed");
    run(&mut w, &format!("SET {kept} 3dcb04b8-2e15-4208-8244-348d3fb4fa6c")).await;
    run(&mut w, &format!("SET {passed} 99999999-9b52-4d8e-8c0c-0d7a4c8ad0a1 PX 600000")).await;
    let fleet = Fleet::spawn_live(config.clone());
    let view = looked(&fleet).await;
    let [first_kept, first_passed] = [kept, passed].map(|key| since_epoch(find(&view, key).unwrap()));
    fleet.save_memory().await;
    drop(fleet);
    run(&mut w, &format!("SET {passed} 99999999-9b52-4d8e-8c0c-0d7a4c8ad0a2 PX 600000")).await;
    let written = std::fs::read_to_string(dir.path().join("state/holds.json")).unwrap();
    assert!(!written.contains("3dcb04b8"), "tokens are written nowhere: {written}");
    // Who looks once knows it too, and writes nothing.
    for live in [false, true] {
        let start = if live { Fleet::spawn_live } else { Fleet::spawn };
        let fleet = start(config.clone());
        let view = looked(&fleet).await;
        assert_eq!(since_epoch(find(&view, kept).unwrap()), first_kept);
        assert!(since_epoch(find(&view, passed).unwrap()) > first_passed, "another token is another hold");
        if !live {
            fleet.save_memory().await;
            let after = std::fs::read_to_string(dir.path().join("state/holds.json")).unwrap();
            assert_eq!(after, written);
        }
    }
}

//! Locks as real servers hold them.

use std::sync::Arc;
use std::time::Duration;

use redwarden::domain::lock::{LockState, Renewal, Token, Ttl};
use redwarden::domain::{Command, FleetView, Lock, Rules, Stamp};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;

use super::{config, run, wait_for, watch, writer};

fn find<'a>(view: &'a FleetView, key: &str) -> Option<&'a Lock> {
    view.locks.iter().find(|l| l.id.key.as_slice() == key.as_bytes()).map(AsRef::as_ref)
}

fn state(view: &FleetView, key: &str) -> Option<LockState> {
    find(view, key).map(|l| l.state(&Rules::default(), Stamp::now().mono))
}

#[tokio::test]
async fn verdicts_of_plain_locks() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SETNX lock:stuck 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa").await;
    run(&mut w, "SET lock:held 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0ab PX 60000").await;
    run(&mut w, "SET orders:lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0ac PX 4000").await;
    run(&mut w, "SET nightly_lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0ad PX 60000").await;
    run(&mut w, "SET other 1").await;
    run(&mut w, "HSET lock:hash f v").await;
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "four locks", |v| v.locks.len() == 4).await;
    assert_eq!(state(&view, "lock:stuck"), Some(LockState::NoTtl));
    assert_eq!(state(&view, "lock:held"), Some(LockState::Held));
    assert_eq!(state(&view, "orders:lock"), Some(LockState::Expiring));
    assert!(find(&view, "lock:hash").is_none() && find(&view, "other").is_none());
    // Renewed by its holder: the TTL jumps up.
    run(&mut w, "PEXPIRE nightly_lock 90000").await;
    wait_for(&fleet, "renewed", |v| state(v, "nightly_lock") == Some(LockState::Renewed)).await;
    // Released and taken by another.
    let first_seen = find(&view, "lock:held").unwrap().first_seen;
    run(&mut w, "SET lock:held 99999999-9b52-4d8e-8c0c-0d7a4c8ad0ab PX 60000").await;
    let view =
        wait_for(&fleet, "hand-over", |v| find(v, "lock:held").is_some_and(|l| l.first_seen != first_seen))
            .await;
    assert_eq!(find(&view, "lock:held").unwrap().held_before, Some(Duration::ZERO));
    run(&mut w, "DEL lock:stuck").await;
    wait_for(&fleet, "gone", |v| find(v, "lock:stuck").is_none()).await;
    run(&mut w, "SET lock:new 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0ae PX 60000").await;
    wait_for(&fleet, "found by the rotating search", |v| find(v, "lock:new").is_some()).await;
}

#[tokio::test]
async fn long_and_hostile_tokens_are_bounded_and_exact() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let long = "x".repeat(5_000_000);
    w.call(&Command::new("SET").arg("lock:long").arg(long)).await.unwrap();
    let key = b"lock:\x1b[31m\xff\x00\n".as_slice();
    let token = b"\x1b]0;owned\x07\xe2\x80\xae".as_slice();
    w.call(&Command::new("SET").arg(key).arg(token)).await.unwrap();
    w.call(&Command::new("SET").arg("lock:empty").arg("")).await.unwrap();
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "three locks", |v| v.locks.len() == 3).await;
    let Token::Long { head, len } = &find(&view, "lock:long").unwrap().token else { panic!("not long") };
    assert_eq!((head.len(), *len), (1024, 5_000_000));
    let hostile = view.locks.iter().find(|l| l.id.key.as_slice() == key).unwrap();
    assert_eq!(hostile.token, Token::Known(token.into()));
    assert!(hostile.id.key.to_string().chars().all(|c| !c.is_control()));
    assert_eq!(find(&view, "lock:empty").unwrap().token, Token::Known("".into()));
}

#[tokio::test]
async fn idle_time_is_read_before_anything_touches_the_key() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SET lock:old 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa").await;
    // The server's LRU clock has a resolution of a second: wait until it tells something.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while run(&mut w, "OBJECT IDLETIME lock:old").await.as_int() < Some(2) {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "the lock", |v| !v.locks.is_empty()).await;
    let lock = find(&view, "lock:old").unwrap();
    assert!(lock.held_before >= Some(Duration::from_secs(2)), "{lock:?}");
    assert_eq!((&lock.ttl, lock.renewal), (&Ttl::Never, Renewal::Unknown));
}

#[tokio::test]
async fn ten_thousand_locks_among_others_are_all_found() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "DEBUG POPULATE 50000 other 10").await;
    for chunk in 0..10 {
        let commands: Vec<Command> = (0..1000)
            .map(|i| Command::new("SET").arg(format!("lock:{}", chunk * 1000 + i)).arg("11112222-3333-token"))
            .collect();
        w.pipeline(&commands).await.unwrap();
    }
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "all", |v| v.locks.len() == 10_000).await;
    assert!(view.locks.iter().zip(view.locks.iter().skip(1)).all(|(a, b)| a.id.key < b.id.key));
}

#[tokio::test]
async fn more_locks_than_are_kept_are_told_and_not_kept() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for i in 0..40 {
        run(&mut w, &format!("SET lock:{i} 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa")).await;
    }
    let mut config = config(&[server.endpoint()]);
    config.scan.max_keys = 25;
    let fleet = Fleet::spawn_live(Arc::new(config));
    let truncated = |v: &FleetView| v.nodes[0].snapshot.scan.truncated;
    let view = wait_for(&fleet, "one pass", |v| v.nodes[0].snapshot.scan.passes > 0).await;
    assert!(view.locks.len() == 25 && truncated(&view));
    // Once there is room, a later pass finds the others.
    for i in 0..40 {
        if i % 2 == 0 {
            run(&mut w, &format!("DEL lock:{i}")).await;
        }
    }
    wait_for(&fleet, "all that are left", |v| v.locks.len() == 20 && !truncated(v)).await;
    // A key that is too long to be kept is told as well.
    run(&mut w, &format!("SET lock:{} 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa", "x".repeat(5_000))).await;
    let view = wait_for(&fleet, "too long", truncated).await;
    assert_eq!(view.locks.len(), 20);
}

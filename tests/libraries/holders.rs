//! Holders that die: real processes of real libraries, killed, and what redwarden tells of them.

use redwarden::domain::bytes::Bytes;
use redwarden::domain::presence::HolderState;
use redwarden::domain::snapshot::Board;
use redwarden::domain::{FleetView, Lock, Stamp};
use redwarden::poll::Fleet;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use super::locks::{Scene, assert_lock, beside, blocked};
use super::python::Python;
use super::watch;

/// Looks again and again until the holder of this lock is in that state; the evidence.
pub(crate) async fn told(fleet: &Fleet, key: &str, state: HolderState) -> String {
    let mut board = fleet.board();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        fleet.refresh();
        let view = FleetView::build(&Board::clone(&board.borrow_and_update()));
        let lock: Option<&Lock> = view.locks.iter().map(AsRef::as_ref).find(|l| l.id.key == Bytes::from(key));
        let lock_is = lock.filter(|lock| lock.holder_state(Instant::now()) == state);
        if let Some(evidence) = lock_is.and_then(|lock| lock.evidence(Stamp::now().mono)) {
            return evidence;
        }
        assert!(Instant::now() < deadline, "never {state:?}: {lock:#?}");
        let _ = tokio::time::timeout(Duration::from_millis(300), board.changed()).await;
    }
}

#[tokio::test]
async fn redis_py_client_with_a_name_is_alive_until_it_is_killed() {
    let mut s = Scene::python("redis-py", "lock_redis_py", &["600", "web-3", "lock:reindex"]).await;
    assert_eq!(s.holder.ask("acquire", &[]), json!(true));
    let fleet = watch(&s.server);
    let alive = told(&fleet, "lock:reindex", HolderState::Alive).await;
    assert!(alive.starts_with("a client named web-3 is connected from 127.0.0.1"), "{alive}");
    s.holder.kill();
    let gone = told(&fleet, "lock:reindex", HolderState::Gone).await;
    assert!(gone.starts_with("the client named web-3 was connected while it was held"), "{gone}");
}

#[tokio::test]
async fn bullmq_worker_with_a_name_is_alive_until_it_is_killed() {
    let mut s = Scene::node("bullmq", "lock_bullmq", &[]).await;
    s.holder.ask("add", &[json!("mail"), json!("slow")]);
    s.holder.ask("work", &[json!("mail"), json!(120_000), json!("mailer-1")]);
    s.busy(1).await;
    let fleet = watch(&s.server);
    let alive = told(&fleet, "bull:mail:1:lock", HolderState::Alive).await;
    assert!(alive.contains(":w:mailer-1 is connected from 127.0.0.1"), "{alive}");
    s.holder.kill();
    let gone = told(&fleet, "bull:mail:1:lock", HolderState::Gone).await;
    assert!(gone.contains(":w:mailer-1 was connected while it was held"), "{gone}");
}

#[tokio::test]
async fn all_locks_of_a_dead_holder_go_at_once_and_each_library_wakes_its_waiter() {
    // One process of each library; the second one's waiter sleeps for ever until it is woken.
    let mut s = Scene::python("python-redis-lock", "lock_python_redis_lock", &[]).await;
    s.contend().await;
    blocked(&mut s.db, 1).await;
    let python = Python::with(&beside("python/redis-py.txt"));
    let mut dead: Vec<_> = ["lock:a", "lock:b"]
        .map(|key| python.driver(&s.server, "lock_redis_py.py", &["600", "web-3", key]))
        .into_iter()
        .collect();
    for holder in &mut dead {
        assert_eq!(holder.ask("acquire", &[]), json!(true));
        holder.kill();
    }
    let url = s.server.url();
    let filter = "holder:web-3";
    let ran = s.run(&["locks", "release", "--filter", filter, "--yes", "--format", "json", "-u", &url]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let told = ran.json();
    let released: Vec<&Value> = told["locks"].as_array().unwrap().iter().map(|l| &l["key"]).collect();
    assert_eq!(released, ["lock:a", "lock:b"], "{told}");
    for lock in told["locks"].as_array().unwrap() {
        assert_eq!(lock["outcome"], "done", "{told}");
        assert_eq!(lock["afterwards"], "the release stuck: the key is free", "{told}");
    }
    // Locks of two libraries in one batch: each is released as its own library does it.
    let mut again = python.driver(&s.server, "lock_redis_py.py", &["600", "web-3", "lock:a"]);
    assert_eq!(again.ask("acquire", &[]), json!(true));
    let ran = s.run(&["locks", "release", "lock:a", "lock:orders", "--yes", "-u", &url]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("LPUSH lock-signal:orders 1"), "{}", ran.err);
    assert!(ran.err.contains("lock:orders on") && ran.err.contains("taken by another holder"), "{}", ran.err);
    s.waiter.until("waited", &json!(true));
    assert_eq!(again.ask("release", &[]), "LockNotOwnedError");
    assert_lock(&s.lock(), "python-redis-lock", "lock:orders", "no_ttl");
}

//! Libraries of Rust.

use redwarden::launcher::Server;
use serde_json::{Value, json};

use super::counted::{agree_on, agree_when, says};
use super::db::{Db, eventually};
use super::locks::{Scene, assert_lock, beside};
use super::rust::Rust;
use super::watch;

pub(crate) fn programs() -> Rust {
    Rust::with(&beside("rust"), "real-libraries")
}

#[tokio::test]
#[ignore = "builds rslock and apalis-redis: cargo test --test libraries -- --ignored"]
async fn rslock_waiter_takes_over_and_the_holders_unlock_does_nothing() {
    let mut s = Scene::rust("rslock").await;
    s.contend().await;
    let lock = s.lock();
    assert_lock(&lock, "rslock", "lock:orders", "held");
    s.hand_over("lock:orders");
    assert_eq!(s.holder.ask("extend", &[]), "Unavailable");
    assert_eq!(s.holder.ask("release", &[]), Value::Null);
    assert_ne!(s.lock()["token_b64"], lock["token_b64"]);
    assert_eq!(s.waiter.ask("extend", &[]), json!(true));
    assert_eq!(s.waiter.ask("release", &[]), Value::Null);
    assert!(s.locks(&[]).is_empty());
}

#[tokio::test]
#[ignore = "builds rslock and apalis-redis: cargo test --test libraries -- --ignored"]
async fn apalis_with_a_worker_that_works_and_dies() {
    let (rust, server) = (programs(), Server::start(&[]).unwrap());
    let mut driver = rust.driver(&server, "apalis");
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);
    // Its registry names the queue as soon as a worker comes.
    let worker = rust.worker(&server, "apalis");
    eventually("a task at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
    let moment = |[waiting, in_flight, workers, done]: [u64; 4]| {
        json!({ "mail": {
            "waiting": waiting, "in_flight": in_flight, "scheduled": 1, "failed": 0, "workers": workers,
            "done": done,
        } })
    };
    let busy = moment([4, 1, 1, 1]);
    driver.until("done", &json!(1));
    agree_when(&fleet, "apalis", "busy", &busy, |queues| {
        says(&queues[0], "worker", "worker-1, heartbeat") && says(&queues[0], "worker", "runs 1 tasks")
    })
    .await;

    // Killed, and some minutes went by.
    worker.kill();
    db.run("ZINCRBY mail:workers -400 worker-1").await;
    agree_when(&fleet, "apalis", "killed", &moment([4, 1, 0, 1]), |queues| {
        says(&queues[0], "gone", "worker-1, no heartbeat for 6m, holds 1 tasks")
    })
    .await;

    db.run("SET gate-open 1").await;
    let _worker = rust.worker(&server, "apalis");
    driver.until("done", &json!(6));
    agree_on(&fleet, "apalis", "done", &moment([0, 0, 1, 6])).await;
}

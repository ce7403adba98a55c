//! Node's queue libraries: what they count is what we count.

use redwarden::domain::Queue;
use redwarden::launcher::Server;
use serde_json::{Value, json};

use super::db::{Db, eventually};
use super::locks::beside;
use super::node::Node;
use super::{agree, watch};

/// A figure that is told beside the main ones.
fn detail(queue: &Queue, label: &str) -> Option<u64> {
    let found = queue.details.iter().find(|d| d.label == label);
    found.map(|d| d.text.split(' ').next().unwrap().parse().unwrap())
}

/// BullMQ's states as we show them. Its `waiting` is the plain list.
fn counts(queue: &Queue) -> Value {
    let prioritized = detail(queue, "prioritized").unwrap_or(0);
    json!({
        "waiting": queue.waiting.map(|n| n - prioritized),
        "prioritized": prioritized,
        "active": queue.in_flight,
        "delayed": queue.scheduled,
        "failed": queue.failed,
        "completed": detail(queue, "completed").unwrap_or(0),
        "waiting-children": detail(queue, "waits for children").unwrap_or(0),
    })
}

fn moment(waiting: u64, prioritized: u64, active: u64, [failed, completed, children]: [u64; 3]) -> Value {
    json!({
        "waiting": waiting, "prioritized": prioritized, "active": active, "delayed": 1,
        "failed": failed, "completed": completed, "waiting-children": children,
    })
}

#[tokio::test]
async fn bullmq_counts_as_its_get_job_counts_does() {
    const KEY: &str = "bull:mail:wait";
    let node = Node::with(&beside("node/bullmq"));
    let server = Server::start(&[]).unwrap();
    let mut driver = node.driver(&server, "queue_bullmq.js", &[]);
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);

    let before = moment(9, 2, 0, [0, 0, 1]);
    assert_eq!(driver.ask("counts", &[]), before);
    agree(&fleet, KEY, "bullmq", "before", |q| counts(q) == before && q.workers == Some(0)).await;

    driver.ask("pause", &[]);
    let told = driver.ask("counts", &[]);
    agree(&fleet, KEY, "bullmq", "paused", |q| q.paused == Some(true) && counts(q) == told).await;
    driver.ask("resume", &[]);

    let worker = node.worker(&server, "queue_bullmq.js", &[]);
    eventually("a job at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
    let busy = moment(6, 2, 1, [1, 1, 1]);
    driver.until("counts", &busy);
    agree(&fleet, KEY, "bullmq", "busy", |q| {
        counts(q) == busy && (q.workers, q.paused) == (Some(1), Some(false))
    })
    .await;

    db.run("SET gate-open 1").await;
    let done = moment(0, 0, 0, [1, 11, 0]);
    driver.until("counts", &done);
    agree(&fleet, KEY, "bullmq", "done", |q| counts(q) == done).await;
    drop(worker);
    agree(&fleet, KEY, "bullmq", "left", |q| counts(q) == done && q.workers == Some(0)).await;
}

#[tokio::test]
#[ignore = "fetches Bull: cargo test --test libraries -- --ignored"]
async fn bull_counts_as_its_get_job_counts_does() {
    const KEY: &str = "bull:mail:wait";
    let node = Node::with(&beside("node/bull"));
    let server = Server::start(&[]).unwrap();
    let mut driver = node.driver(&server, "queue_bull.js", &[]);
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);
    let ours = |q: &Queue| {
        let all = counts(q);
        let held = detail(q, "held back").unwrap_or(0);
        json!({
            "waiting": q.waiting.map(|n| n - held), "paused": held, "active": all["active"],
            "completed": all["completed"], "failed": all["failed"], "delayed": all["delayed"],
        })
    };
    let moment = |waiting: u64, active: u64, completed: u64, failed: u64| {
        json!({
            "waiting": waiting, "paused": 0, "active": active, "completed": completed, "failed": failed,
            "delayed": 1,
        })
    };

    let before = moment(8, 0, 0, 0);
    assert_eq!(driver.ask("counts", &[]), before);
    agree(&fleet, KEY, "bull", "before", |q| ours(q) == before).await;

    driver.ask("pause", &[]);
    let told = driver.ask("counts", &[]);
    assert_eq!(told["paused"], 8);
    agree(&fleet, KEY, "bull", "paused", |q| q.paused == Some(true) && ours(q) == told).await;
    driver.ask("resume", &[]);

    let _worker = node.worker(&server, "queue_bull.js", &[]);
    eventually("a job at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
    let busy = moment(5, 1, 1, 1);
    driver.until("counts", &busy);
    agree(&fleet, KEY, "bull", "busy", |q| ours(q) == busy && q.paused == Some(false)).await;

    db.run("SET gate-open 1").await;
    let done = moment(0, 0, 7, 1);
    driver.until("counts", &done);
    agree(&fleet, KEY, "bull", "done", |q| ours(q) == done).await;
}

#[tokio::test]
#[ignore = "fetches bee-queue: cargo test --test libraries -- --ignored"]
async fn bee_queue_counts_as_its_health_check_does() {
    const KEY: &str = "bq:mail:waiting";
    let node = Node::with(&beside("node/bee-queue"));
    let server = Server::start(&[]).unwrap();
    let mut driver = node.driver(&server, "queue_bee_queue.js", &[]);
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);
    let ours = |q: &Queue| {
        json!({
            "waiting": q.waiting, "active": q.in_flight, "delayed": q.scheduled, "failed": q.failed,
            "succeeded": detail(q, "succeeded").unwrap_or(0),
        })
    };
    let moment = |waiting: u64, active: u64, succeeded: u64, failed: u64| json!({ "waiting": waiting, "active": active, "succeeded": succeeded, "failed": failed, "delayed": 1 });

    let before = moment(8, 0, 0, 0);
    assert_eq!(driver.ask("counts", &[]), before);
    agree(&fleet, KEY, "bee-queue", "before", |q| ours(q) == before).await;

    let _worker = node.worker(&server, "queue_bee_queue.js", &[]);
    eventually("a job at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
    let told = driver.ask("counts", &[]);
    assert_eq!((&told["succeeded"], &told["failed"]), (&json!(1), &json!(1)), "{told}");
    agree(&fleet, KEY, "bee-queue", "busy", |q| ours(q) == told).await;

    db.run("SET gate-open 1").await;
    let done = moment(0, 0, 7, 1);
    driver.until("counts", &done);
    agree(&fleet, KEY, "bee-queue", "done", |q| ours(q) == done).await;
}

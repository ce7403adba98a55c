//! Node's queue libraries that keep several queues in one place.

use redwarden::launcher::Server;
use serde_json::json;

use super::counted::{agree_on, agree_when, says};
use super::db::{Db, eventually};
use super::locks::beside;
use super::node::Node;
use super::watch;

#[tokio::test]
#[ignore = "fetches Kue: cargo test --test libraries -- --ignored"]
async fn kue_counts_as_it_does_itself() {
    let (node, server) = (Node::with(&beside("node/kue")), Server::start(&[]).unwrap());
    let mut driver = node.driver(&server, "queue_kue.js", &[]);
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);
    let moment = |[waiting, in_flight, failed, complete]: [u64; 4]| {
        let of = |waiting, in_flight, failed, complete| {
            json!({
                "waiting": waiting, "in_flight": in_flight, "scheduled": 1, "failed": failed,
                "complete": complete,
            })
        };
        json!({ "mail": of(waiting, in_flight, failed, complete), "report": of(0, 0, 0, 0) })
    };
    let before = moment([8, 0, 0, 0]);
    assert_eq!(driver.ask("counts", &[]), before);
    agree_on(&fleet, "kue", "before", &before).await;

    let worker = node.worker(&server, "queue_kue.js", &[]);
    eventually("a job at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
    let busy = moment([5, 1, 1, 1]);
    driver.until("counts", &busy);
    agree_when(&fleet, "kue", "busy", &busy, |queues| says(&queues[0], "running", "job 3 at kue:")).await;
    // Nothing tells that the process was killed: its job stays active in Kue's own eyes, too.
    worker.kill();
    driver.until("counts", &busy);
    agree_on(&fleet, "kue", "killed", &busy).await;

    let _worker = node.worker(&server, "queue_kue.js", &[]);
    let done = moment([0, 1, 1, 6]);
    driver.until("counts", &done);
    agree_on(&fleet, "kue", "done", &done).await;
}

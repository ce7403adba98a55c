//! Node's queue libraries that keep several queues in one place.

use redwarden::launcher::Server;
use serde_json::json;

use super::counted::{agree_on, agree_when, says, shows_in_flight};
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

#[tokio::test]
#[ignore = "fetches node-resque: cargo test --test libraries -- --ignored"]
async fn node_resque_counts_as_its_queue_does() {
    let (node, server) = (Node::with(&beside("node/node-resque")), Server::start(&[]).unwrap());
    let mut driver = node.driver(&server, "queue_node_resque.js", &[]);
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);
    let moment = |[mail, busy, math, workers]: [u64; 4]| {
        let of = |waiting, in_flight, scheduled| json!({ "waiting": waiting, "in_flight": in_flight, "scheduled": scheduled, "workers": workers });
        json!({ "mail": of(mail, busy, 1), "math": of(math, 0, 2) })
    };
    let before = moment([7, 0, 2, 0]);
    assert_eq!(driver.ask("counts", &[]), before);
    agree_on(&fleet, "resque", "before", &before).await;

    let worker = node.worker(&server, "queue_node_resque.js", &[]);
    eventually("a job at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
    let busy = moment([4, 1, 2, 1]);
    driver.until("counts", &busy);
    let queues =
        agree_when(&fleet, "resque", "busy", &busy, |queues| says(&queues[0], "worker", "runs slow since"))
            .await;
    shows_in_flight(&server.url(), "resque:queue:mail", "slow");
    // One list for the failed jobs of all queues.
    assert_eq!((queues[0].failed, driver.ask("failed", &[])), (None, json!(1)));
    assert!(says(&queues[0], "failed list", "1 jobs of all queues"), "{queues:#?}");

    // The library itself has it at work until an hour went by.
    worker.kill();
    driver.ask("age", &[json!(400)]);
    let killed = moment([4, 1, 2, 0]);
    agree_when(&fleet, "resque", "killed", &killed, |queues| {
        says(&queues[0], "gone", "no heartbeat for 6m, holds slow since")
    })
    .await;

    db.run("SET gate-open 1").await;
    db.run("DEL gate-started").await;
    let _worker = node.worker(&server, "queue_node_resque.js", &[]);
    let waiting = async || {
        let (mail, math) = (db.int("LLEN resque:queue:mail").await, db.int("LLEN resque:queue:math").await);
        mail + math == 0
    };
    eventually("all is done", waiting).await;
    agree_on(&fleet, "resque", "done", &moment([0, 1, 0, 1])).await;
}

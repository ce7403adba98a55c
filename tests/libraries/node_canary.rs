//! Canaries that workers of Node's libraries take, run and count; nothing of them is left.

use redwarden::act::canary::Stage;
use redwarden::launcher::Server;
use serde_json::{Value, json};

use super::db::{Db, eventually};
use super::flight::{fly, keyspace, task};
use super::locks::beside;
use super::node::Node;

/// Written all the time: what happened, and when the worker last looked for stalled jobs or was woken up.
const OWN: [&str; 4] = ["bull:mail:events", "bull:mail:stalled-check", "bull:mail:marker", "pinged"];

#[tokio::test]
async fn a_worker_of_bullmq_does_it_and_it_is_no_longer_among_its_jobs() {
    let node = Node::with(&beside("node/bullmq"));
    let server = Server::start(&[]).unwrap();
    let mut driver = node.driver(&server, "queue_bullmq.js", &[]);
    let mut db = Db::open(&server.endpoint()).await;
    driver.ask("one", &[]);
    let _worker = node.worker(&server, "queue_bullmq.js", &["w1"]);
    let counts = |failed: u64| {
        json!({
            "waiting": 0, "prioritized": 0, "active": 0, "delayed": 0, "failed": failed, "completed": 1,
            "waiting-children": 0,
        })
    };
    driver.until("counts", &counts(0));
    let before = keyspace(&mut db, &OWN).await;

    // Its worker sleeps at the marker: that it is woken at once is part of the format.
    let ping = vec![task("bullmq", "ping", Some(r#"{"a": 1}"#))];
    let flight = fly(&server, "bullmq", "bull:mail:wait", ping).await;
    assert_eq!((flight.end(), &flight.cleaning), (&Stage::Done(Some("w1".into())), &None), "{flight:?}");
    let said = db.run("GET pinged").await.as_bytes().unwrap().escaped();
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), json!({ "a": 1 }));
    assert_eq!(keyspace(&mut db, &OWN).await, before);

    let boom = vec![task("bullmq", "boom", None)];
    let flight = fly(&server, "bullmq", "bull:mail:wait", boom).await;
    let failed = Stage::Failed(Some("w1".into()), "as asked".into());
    assert_eq!((flight.end(), &flight.cleaning), (&failed, &None), "{flight:?}");
    assert_eq!(keyspace(&mut db, &OWN).await, before);
    driver.until("counts", &counts(0));
    // The library goes on counting where it was.
    assert_eq!(driver.ask("one", &[]), json!("2"));
    eventually("the next job", async || db.int("ZCARD bull:mail:completed").await == 2).await;
}

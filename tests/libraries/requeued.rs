//! Failed jobs that we put back: what waits then is what the library's own way leaves, and its worker runs it.

use redwarden::launcher::Server;
use serde_json::json;

use super::db::{Db, eventually};
use super::debian::Debian;
use super::driver::Driver;
use super::locks::beside;
use super::node::Node;
use super::python::Python;
use super::shell::Shell;

/// More than one batch of ours.
const OURS: usize = 25;

/// A queue and where its library keeps what.
struct Case {
    queue: &'static str,
    /// Commands that count its failed and its waiting jobs.
    failed: &'static str,
    waiting: &'static str,
    /// Failed jobs that stay: of another queue, or such as need more.
    stay: i64,
}

fn names() -> Vec<String> {
    (0..OURS).map(|i| format!("ours{i:02}")).chain(["theirs".into()]).collect()
}

async fn counts(db: &mut Db, case: &Case) -> (i64, i64) {
    (db.int(case.failed).await, db.int(case.waiting).await)
}

async fn until(db: &mut Db, case: &Case, want: (i64, i64)) {
    let what = format!("{} failed and waiting: {want:?}", case.queue);
    eventually(&what, async || counts(db, case).await == want).await;
}

/// From the failure of all to the end of all. `work` starts a worker of the library.
async fn go_back<W>(server: &Server, driver: &mut Driver, work: impl Fn() -> W, case: &Case, has_own: bool) {
    let (mut db, shell, url) = (Db::open(&server.endpoint()).await, Shell::new(), server.url());
    let all = names();
    let n = OURS as i64;
    driver.ask("flakies", &[json!(all)]);
    let worker = work();
    until(&mut db, case, (n + 1 + case.stay, 0)).await;
    drop(worker);
    let mut left = n + 1;
    if has_own {
        driver.ask("retry", &[json!("theirs")]);
        left = n;
    }
    let before = counts(&mut db, case).await;
    assert_eq!(before, (left + case.stay, n + 1 - left));
    let requeue =
        |args: &[&str]| shell.run(&[&["queues", "requeue", case.queue, "-u", &url][..], args].concat());
    let dry = requeue(&["--all", "--dry-run"]);
    assert!(dry.code == 0 && dry.err.contains("moves 20 failed jobs of"), "{}", dry.err);
    assert_eq!(counts(&mut db, case).await, before, "nothing yet");
    let ran = requeue(&["--all", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("20 of") && ran.err.contains(&format!("{left} tasks moved back")),
        "{}",
        ran.err
    );
    assert_eq!(counts(&mut db, case).await, (case.stay, n + 1));
    // Each batch is a plan of its own with a line before and one after.
    assert_eq!(shell.audit().len(), 4);
    if has_own {
        let theirs = driver.ask("waits", &[json!("theirs")]);
        assert_eq!(driver.ask("waits", &[json!("ours07")]), theirs, "as the library leaves it");
    }
    db.run("SET mended 1").await;
    let _worker = work();
    until(&mut db, case, (case.stay, 0)).await;
    let none = requeue(&["--all", "--yes"]);
    assert_eq!(none.code, 1, "{}", none.err);
    assert_eq!(counts(&mut db, case).await, (case.stay, 0));
}

#[tokio::test]
async fn failed_jobs_of_bullmq_go_back_as_its_own_retry_does() {
    let (node, server) = (Node::with(&beside("node/bullmq")), Server::start(&[]).unwrap());
    let mut driver = node.driver(&server, "queue_bullmq.js", &[]);
    // One with a priority stays.
    let case = Case {
        queue: "bull:mail:wait",
        failed: "ZCARD bull:mail:failed",
        waiting: "LLEN bull:mail:wait",
        stay: 1,
    };
    go_back(&server, &mut driver, || node.worker(&server, "queue_bullmq.js", &[]), &case, true).await;
    let mut db = Db::open(&server.endpoint()).await;
    assert_eq!(db.int("ZCARD bull:mail:completed").await, OURS as i64 + 1);
    // Nothing goes into a queue that is paused.
    driver.ask("pause", &[]);
    let shell = Shell::new();
    let ran = shell.run(&["queues", "requeue", "bull:mail:wait", "--all", "--yes", "-u", &server.url()]);
    assert!(ran.code == 1 && ran.err.contains("paused"), "{}", ran.err);
}

#[tokio::test]
#[ignore = "fetches Bull: cargo test --test libraries -- --ignored"]
async fn failed_jobs_of_bull_go_back_as_its_own_retry_does() {
    let (node, server) = (Node::with(&beside("node/bull")), Server::start(&[]).unwrap());
    let mut driver = node.driver(&server, "queue_bull.js", &[]);
    let case = Case {
        queue: "bull:mail:wait",
        failed: "ZCARD bull:mail:failed",
        waiting: "LLEN bull:mail:wait",
        stay: 0,
    };
    go_back(&server, &mut driver, || node.worker(&server, "queue_bull.js", &[]), &case, true).await;
    let mut db = Db::open(&server.endpoint()).await;
    assert_eq!(db.int("ZCARD bull:mail:completed").await, OURS as i64 + 1);
}

#[tokio::test]
#[ignore = "fetches bee-queue: cargo test --test libraries -- --ignored"]
async fn failed_jobs_of_bee_queue_go_back_as_its_own_retry_does() {
    let (node, server) = (Node::with(&beside("node/bee-queue")), Server::start(&[]).unwrap());
    let mut driver = node.driver(&server, "queue_bee_queue.js", &[]);
    let case = Case {
        queue: "bq:mail:waiting",
        failed: "SCARD bq:mail:failed",
        waiting: "LLEN bq:mail:waiting",
        stay: 0,
    };
    go_back(&server, &mut driver, || node.worker(&server, "queue_bee_queue.js", &[]), &case, true).await;
    let mut db = Db::open(&server.endpoint()).await;
    eventually("all done", async || db.int("SCARD bq:mail:succeeded").await == OURS as i64 + 1).await;
}

#[tokio::test]
#[ignore = "fetches node-resque: cargo test --test libraries -- --ignored"]
async fn failed_jobs_of_resque_go_back_as_its_own_retry_does() {
    let (node, server) = (Node::with(&beside("node/node-resque")), Server::start(&[]).unwrap());
    let mut driver = node.driver(&server, "queue_node_resque.js", &[]);
    // One of another queue stays.
    let case = Case {
        queue: "resque:queue:mail",
        failed: "LLEN resque:failed",
        waiting: "LLEN resque:queue:mail",
        stay: 1,
    };
    go_back(&server, &mut driver, || node.worker(&server, "queue_node_resque.js", &[]), &case, true).await;
    let mut db = Db::open(&server.endpoint()).await;
    let all = (OURS + 1).to_string();
    let done = async || db.run("GET resque:stat:processed").await.as_bytes() == Some(all.as_str().into());
    eventually("all done", done).await;
}

#[tokio::test]
#[ignore = "needs Debian's ruby-sidekiq: the README's line for --ignored"]
async fn dead_jobs_of_sidekiq_go_back_as_its_own_retry_does() {
    let (ruby, server) = (Debian::ruby("sidekiq"), Server::start(&[]).unwrap());
    let mut driver = ruby.driver(&server, "app_sidekiq.rb", &[]);
    // One of another queue stays.
    let case = Case { queue: "queue:default", failed: "ZCARD dead", waiting: "LLEN queue:default", stay: 1 };
    go_back(&server, &mut driver, || ruby.worker(&server, "app_sidekiq.rb", &[]), &case, true).await;
}

#[tokio::test]
#[ignore = "fetches dramatiq: cargo test --test libraries -- --ignored"]
async fn dead_messages_of_dramatiq_go_back_and_are_run() {
    let python = Python::with(&beside("python/dramatiq.txt"));
    let server = Server::start(&[]).unwrap();
    let mut driver = python.driver(&server, "app_dramatiq.py", &[]);
    let case = Case {
        queue: "dramatiq:default",
        failed: "ZCARD dramatiq:default.XQ",
        waiting: "LLEN dramatiq:default",
        stay: 0,
    };
    go_back(&server, &mut driver, || python.worker(&server, "app_dramatiq.py", &[]), &case, false).await;
    let mut db = Db::open(&server.endpoint()).await;
    for left in ["HLEN dramatiq:default.msgs", "HLEN dramatiq:default.XQ.msgs"] {
        eventually(left, async || db.int(left).await == 0).await;
    }
}

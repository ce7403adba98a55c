//! Test tasks: only they are taken, in order, counted, paused, drained.

use std::time::Duration;

use redwarden::domain::Command;
use redwarden::domain::queue::PushEnd;
use redwarden::launcher::Server;
use redwarden::worker::{WorkerCommand, WorkerState};

use super::db::{Db, eventually};
use super::{Adjust, Worker, spec, test_task};

#[tokio::test]
async fn only_test_tasks_are_taken_and_in_order() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for (push, command, queue) in [(PushEnd::Left, "LPUSH", "left"), (PushEnd::Right, "RPUSH", "right")] {
        // Hostile, large and near misses; none of them may move.
        let large = format!(r#"{{"kind":"redwarden.test","pad":"{}"}}"#, "x".repeat(8192));
        let foreign = [
            "redwarden.test",
            "{\"kind\":\"redwarden.test\"",
            r#"["redwarden.test"]"#,
            r#"{"kind":"other","note":"redwarden.test"}"#,
            r#"{"kind":{"kind":"redwarden.test"}}"#,
            "\u{1b}[31m\0",
            &large,
        ];
        for (i, element) in foreign.iter().enumerate() {
            db.send(Command::new(command).arg(queue).arg(*element)).await;
            db.send(Command::new(command).arg(queue).arg(test_task(&format!("t{i}"), 0, false))).await;
        }
        let worker = Worker::start(spec(&server.endpoint(), queue).push(push));
        let n = foreign.len();
        eventually("all test tasks done", async || worker.said(&format!("task t{} done", n - 1))).await;
        let order: Vec<String> = (0..n).map(|i| format!("task t{i} done")).collect();
        let done: Vec<String> = worker.log.lock().unwrap().iter().map(|l| l.text.clone()).collect();
        let at: Vec<usize> =
            order.iter().map(|o| done.iter().position(|d| d.starts_with(o)).unwrap()).collect();
        assert!(at.is_sorted(), "{done:?}");
        let view = worker.stop().await;
        assert_eq!(
            (view.counts.done, view.counts.failed, view.counts.run_twice, view.state),
            (n as u64, 0, 0, WorkerState::Stopped)
        );
        assert_eq!(view.ended.len(), n);
        assert!(view.p50.is_some() && view.p95 >= view.p50);
        let mut left = db.list(queue).await;
        if push == PushEnd::Left {
            left.reverse();
        }
        assert_eq!(left, foreign);
        assert_eq!(db.keys("redwarden:*").await, Vec::<String>::new(), "a clean stop leaves nothing");
    }
}

#[tokio::test]
async fn a_test_task_behind_a_hundred_others_stays_where_it_is() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for i in 0..100 {
        db.run(&format!("LPUSH q other{i}")).await;
    }
    db.send(Command::new("LPUSH q").arg(test_task("far", 0, false))).await;
    let worker = Worker::start(spec(&server.endpoint(), "q"));
    eventually("it works", async || worker.said("works on q")).await;
    let evals = async |db: &mut Db| {
        let info = db.run("INFO commandstats").await.as_bytes().unwrap().to_string();
        info.split("cmdstat_eval:calls=").nth(1).and_then(|s| s.split(',').next()?.parse::<u64>().ok())
    };
    eventually("it looked", async || evals(&mut db).await >= Some(2)).await;
    assert_eq!(db.int("LLEN q").await, 101);
    db.run("RPOP q").await;
    eventually("now it is within reach", async || worker.said("task far done")).await;
    assert_eq!(worker.stop().await.counts.done, 1);
    assert_eq!(db.int("LLEN q").await, 99);
}

#[tokio::test]
async fn failed_test_tasks_are_counted_and_kept() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.send(Command::new("LPUSH q").arg(test_task("bad", 1, true))).await;
    let worker = Worker::start(spec(&server.endpoint(), "q"));
    eventually("it failed", async || worker.said("task bad failed")).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.failed), (0, 1));
    assert_eq!(view.ended.back(), Some(&("bad".to_string(), false)));
    assert_eq!(db.list("redwarden:{q}:v1:failed-tests").await, [test_task("bad", 1, true)]);
}

#[tokio::test]
async fn without_eval_the_same_is_done_by_watch() {
    let server = Server::start(&["--rename-command", "EVAL", ""]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dead = "00000000-0000-4000-8000-000000000000";
    db.run(&format!("ZADD redwarden:{{q}}:v1:workers 1 {dead}")).await;
    let left = format!("redwarden:{{q}}:v1:processing:{dead}");
    db.send(Command::new("LPUSH").arg(left.as_str()).arg(test_task("old", 0, false))).await;
    db.run("LPUSH q foreign").await;
    db.send(Command::new("LPUSH q").arg(test_task("good", 0, false))).await;
    db.send(Command::new("LPUSH q").arg(test_task("bad", 0, true))).await;
    let worker = Worker::start(spec(&server.endpoint(), "q"));
    for text in ["task old done", "task good done", "task bad failed"] {
        eventually(text, async || worker.said(text)).await;
    }
    let view = worker.stop().await;
    assert_eq!(
        (view.counts.done, view.counts.failed, view.counts.recovered, view.counts.run_twice),
        (2, 1, 1, 0)
    );
    assert_eq!(db.list("q").await, ["foreign"]);
    assert_eq!(db.list("redwarden:{q}:v1:failed-tests").await, [test_task("bad", 0, true)]);
}

#[tokio::test]
async fn pause_resume_concurrency_and_stop() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let worker = Worker::start(spec(&server.endpoint(), "q"));
    worker.tell(WorkerCommand::Pause).await;
    worker.tell(WorkerCommand::SetConcurrency(3)).await;
    eventually("it works", async || worker.said("works on q")).await;
    for i in 0..6 {
        db.send(Command::new("LPUSH q").arg(test_task(&format!("{i}"), 300, false))).await;
    }
    let beats = async |db: &mut Db| db.int("ZCARD redwarden:{q}:v1:workers").await;
    eventually("it is registered", async || beats(&mut db).await == 1).await;
    assert_eq!(db.int("LLEN q").await, 6, "paused: nothing taken");
    worker.tell(WorkerCommand::Resume).await;
    eventually("three at once", async || db.int("LLEN q").await == 3).await;
    // Stop lets the three running ones end, and takes no more.
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.running), (3, 0));
    assert_eq!(db.list("q").await, ["5", "4", "3"].map(|i| test_task(i, 300, false)));
}

#[tokio::test]
async fn a_second_stop_ends_what_runs_and_puts_it_back() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for i in 0..3 {
        db.send(Command::new("LPUSH q").arg(test_task(&format!("{i}"), 60_000, false))).await;
    }
    let worker = Worker::start(super::WorkerSpec { concurrency: 2, ..spec(&server.endpoint(), "q") });
    eventually("two run", async || db.int("LLEN q").await == 1).await;
    worker.tell(WorkerCommand::Stop).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.failed), (0, 0));
    assert_eq!(db.list("q").await, ["2", "1", "0"].map(|i| test_task(i, 60_000, false)), "in the old order");
}

#[tokio::test]
async fn the_pane_starts_stops_and_starts_again() {
    use redwarden::config::{Config, NodeConfig};
    use redwarden::domain::{NodeId, NodeMeta, QueueId};
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let meta = NodeMeta { id: NodeId::new("a"), address: server.url(), db: 0, group: None };
    let mut config = Config { state_dir: super::state_dir().into(), ..Config::default() };
    config.nodes.push(NodeConfig { meta, endpoint: server.endpoint() });
    let permit = redwarden::redis_io::WritePermit::from_config(&config);
    let endpoint = server.endpoint();
    let handle = redwarden::worker::spawn(
        config.into(),
        std::sync::Arc::new(move |_| Some(endpoint.clone())),
        std::sync::Arc::new(Vec::new),
        permit,
    );
    assert!(handle.view.borrow().is_none());
    for (round, db_index) in [(1, 0), (2, 5)] {
        let queue = QueueId { node: NodeId::new("a"), db: db_index, key: "q".into() };
        let sources = vec![redwarden::worker::Source::new(queue, PushEnd::Left)];
        let start = WorkerCommand::Start { sources, concurrency: 2, force: false };
        handle.commands.send(start).await.unwrap();
        db.run(&format!("SELECT {db_index}")).await;
        let id = format!("round{round}");
        db.send(Command::new("LPUSH q").arg(test_task(&id, 0, false))).await;
        let view = || handle.view.borrow().clone();
        eventually("done", async || {
            view().is_some_and(|v| {
                v.ended.back() == Some(&(id.clone(), true)) && v.state == WorkerState::Running
            })
        })
        .await;
        handle.commands.send(WorkerCommand::Stop).await.unwrap();
        eventually("stopped", async || view().is_some_and(|v| v.state == WorkerState::Stopped)).await;
    }
    tokio::time::timeout(Duration::from_secs(10), handle.finish()).await.unwrap();
}

//! What a task costs the server, in commands: the same whatever waits behind it.

use std::collections::BTreeMap;

use redwarden::domain::Command;
use redwarden::launcher::Server;
use redwarden::worker::WorkerSpec;

use super::db::{Db, eventually};
use super::{Adjust, Worker, spec, test_task};

/// Calls of each command since the last reset, those from scripts included.
async fn calls(db: &mut Db) -> BTreeMap<String, u64> {
    let text = db.run("INFO commandstats").await.as_bytes().unwrap();
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_string(), rest.split(',').next()?.parse().ok()?))
    };
    text.as_utf8().unwrap().lines().filter_map(line).collect()
}

/// Takes some tasks of so many; returns how many, and what that cost.
async fn some_of(
    depth: usize,
    wanted: u64,
    change: impl Fn(WorkerSpec) -> WorkerSpec,
) -> (u64, BTreeMap<String, u64>) {
    let server = Server::start(&["--save", ""]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for part in (0..depth).collect::<Vec<_>>().chunks(1000) {
        let push = Command::new("LPUSH q");
        db.send(part.iter().fold(push, |push, n| push.arg(test_task(&n.to_string(), 0, false)))).await;
    }
    db.run("CONFIG RESETSTAT").await;
    let worker = Worker::start(change(spec(&server.endpoint(), "q")));
    let done = |worker: &Worker| {
        worker.log.lock().unwrap().iter().filter(|line| line.text.contains(" done in ")).count() as u64
    };
    eventually("some are done", async || done(&worker) >= wanted).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.failed, view.counts.run_twice), (0, 0));
    assert_eq!(db.int("LLEN q").await, depth as i64 - view.counts.done as i64, "it never ran dry");
    (view.counts.done, calls(&mut db).await)
}

/// The commands of which every task has a share, with how many: those of heartbeats and the like are far fewer.
fn of_each(done: u64, calls: &BTreeMap<String, u64>) -> BTreeMap<&str, u64> {
    let rounded = |n: &u64| (n + done / 2) / done;
    calls.iter().map(|(name, n)| (name.as_str(), rounded(n))).filter(|(_, n)| *n > 0).collect()
}

#[tokio::test]
async fn a_test_task_costs_the_same_whatever_waits_behind_it() {
    for concurrency in [1, 8] {
        for depth in [2_000, 50_000] {
            let (done, calls) = some_of(depth, 300, |spec| WorkerSpec { concurrency, ..spec }).await;
            // A script looks at an element and moves it, and one removal follows the work. With places for several
            // tasks one script moves several: of each it has a smaller share.
            let mut expected: BTreeMap<&str, u64> = [("lindex", 1), ("lpush", 1), ("lrem", 2)].into();
            if concurrency == 1 {
                expected.extend([("eval", 1), ("exists", 1)]);
            }
            assert_eq!(of_each(done, &calls), expected, "{concurrency} at once of {depth}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn a_real_task_is_one_move_and_one_removal() {
    for depth in [500, 50_000] {
        let command = |spec: WorkerSpec| WorkerSpec { concurrency: 4, ..spec.exec(Some("true".into())) };
        let (done, mut calls) = some_of(depth, 100, command).await;
        // The first task of a batch is waited for, the others are not.
        let more = calls.remove("lmove").unwrap_or(0);
        *calls.entry("blmove".into()).or_default() += more;
        let expected = [("blmove", 1), ("lrem", 1)];
        assert_eq!(of_each(done, &calls), expected.into(), "of {depth}: {calls:?}");
    }
}

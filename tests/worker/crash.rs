//! Whatever dies, freezes or is cut: pushed tasks are done, at least once, and runs too many are counted.

use std::collections::BTreeSet;
use std::path::Path;

use redwarden::config::Endpoint;
use redwarden::launcher::Server;
use redwarden::worker::{WorkerCommand, WorkerSpec, WorkerState};
use rustix::process::Signal;

use super::cut_proxy::CutProxy;
use super::db::{Db, eventually};
use super::process::Process;
use super::{Adjust, Worker, append_to, lines, spec};

const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

async fn push(db: &mut Db, n: usize) -> BTreeSet<String> {
    let tasks: BTreeSet<String> = (0..n).map(|i| format!("task{i:05}")).collect();
    for task in &tasks {
        db.run(&format!("LPUSH jobs {task}")).await;
    }
    tasks
}

fn done(file: &Path) -> BTreeSet<String> {
    lines(file).into_iter().collect()
}

/// How often tasks ran beyond their first time.
fn surplus(file: &Path) -> usize {
    lines(file).len() - done(file).len()
}

async fn nothing_left(db: &mut Db) {
    eventually("the queue and all processing lists are empty", async || {
        db.int("LLEN jobs").await == 0 && db.keys("redwarden:*:processing:*").await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn killed_workers_lose_nothing() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let (file, notes) = (dir.path().join("done"), dir.path().join("notes"));
    let pushed = push(&mut db, 300).await;
    let exec = append_to(&file);
    let mut taken_over = 0;
    for round in 1..=4 {
        let mut process = Process::start(server.port(), "jobs", &exec, &notes);
        eventually("mid-load", async || lines(&file).len() >= round * 40).await;
        process.kill();
        taken_over += db.keys("redwarden:*:processing:*").await.len();
    }
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec)));
    eventually("all done", async || done(&file) == pushed).await;
    nothing_left(&mut db).await;
    let view = worker.stop().await;
    eprintln!(
        "lists left behind: {taken_over}, recovered last: {}, ran twice: {}",
        view.counts.recovered,
        surplus(&file)
    );
    assert!(taken_over > 0, "a kill must have met tasks in work");
    assert_eq!(done(&file), pushed);
    assert_eq!(view.counts.run_twice, 0, "nobody else was alive: the last worker's own tasks ran once");
}

#[tokio::test]
async fn a_server_killed_and_started_again_loses_nothing() {
    let mut server = Server::start(&DURABLE).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("done");
    let pushed = push(&mut db, 200).await;
    let worker = Worker::start(WorkerSpec {
        concurrency: 4,
        ..spec(&server.endpoint(), "jobs").exec(Some(append_to(&file)))
    });
    for round in 1..=2 {
        eventually("mid-load", async || lines(&file).len() >= round * 50).await;
        server.kill();
        eventually("it noticed", async || worker.said("trying again")).await;
        server.restart().unwrap();
    }
    eventually("all done", async || done(&file) == pushed).await;
    let mut db = Db::open(&server.endpoint()).await;
    nothing_left(&mut db).await;
    let view = worker.stop().await;
    assert_eq!(done(&file), pushed);
    assert_eq!(surplus(&file), 0, "its own list told it what it had in hand");
    assert_eq!(view.counts.done, 200);
}

#[tokio::test]
async fn a_frozen_server_loses_nothing() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("done");
    let mut pushed = push(&mut db, 150).await;
    let worker = Worker::start(WorkerSpec {
        concurrency: 2,
        ..spec(&server.endpoint(), "jobs").exec(Some(append_to(&file)))
    });
    for round in 1..=2 {
        eventually("mid-load", async || lines(&file).len() >= round * 40).await;
        let heard = worker.log.lock().unwrap().iter().filter(|l| l.text.contains("trying again")).count();
        server.freeze();
        eventually("it noticed", async || {
            worker.log.lock().unwrap().iter().filter(|l| l.text.contains("trying again")).count() > heard
        })
        .await;
        server.thaw();
    }
    eventually("all done", async || done(&file) == pushed).await;
    // Frozen while it blocks on the empty queue and pushes wait in the server's buffers: a late move of a
    // connection that was given up must be noticed as well.
    nothing_left(&mut db).await;
    let breaks = || worker.log.lock().unwrap().iter().filter(|l| l.text.contains("trying again")).count();
    let heard = breaks();
    server.freeze();
    for i in 0..20 {
        pushed.insert(format!("late{i}"));
    }
    let late = tokio::spawn(async move {
        for i in 0..20 {
            db.run(&format!("LPUSH jobs late{i}")).await;
        }
        db
    });
    eventually("it noticed", async || breaks() > heard).await;
    server.thaw();
    let mut db = late.await.unwrap();
    eventually("all done", async || done(&file) == pushed).await;
    nothing_left(&mut db).await;
    worker.stop().await;
}

#[tokio::test]
async fn stopping_while_the_server_is_away_ends_and_loses_nothing() {
    let mut server = Server::start(&DURABLE).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let (gate, file) = (dir.path().join("gate"), dir.path().join("done"));
    let exec = Some(format!(
        "while [ ! -e '{}' ]; do sleep 0.02; done; echo >> '{}'",
        gate.display(),
        file.display()
    ));
    db.run("LPUSH jobs precious").await;
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(exec));
    eventually("it runs", async || worker.said("taken")).await;
    server.kill();
    worker.tell(WorkerCommand::Stop).await;
    std::fs::write(&gate, "").unwrap();
    let log = worker.log.clone();
    let view = worker.task.await.unwrap();
    assert_eq!(view.state, WorkerState::Stopped);
    assert_eq!(lines(&file).len(), 1);
    assert!(
        log.lock()
            .unwrap()
            .iter()
            .any(|l| l.text.contains("1 tasks stay in redwarden:{jobs}:v1:processing:"))
    );
    server.restart().unwrap();
    // Done, and not known to be: it runs again rather than never.
    let again = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(append_to(&file))));
    eventually("taken over", async || lines(&file).contains(&"precious".to_string())).await;
    assert_eq!(again.stop().await.counts.recovered, 1);
}

#[tokio::test]
async fn a_frozen_worker_is_taken_over_and_notices() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let (file, notes) = (dir.path().join("done"), dir.path().join("notes"));
    let gate = dir.path().join("gate");
    // Works until the gate opens, so that the first worker surely is in the middle of all four.
    let exec = format!(
        "IFS= read -r line; while [ ! -e '{}' ]; do sleep 0.02; done; printf '%s\\n' \"$line\" >> '{}'",
        gate.display(),
        file.display()
    );
    let pushed = push(&mut db, 8).await;
    let mut process = Process::start(server.port(), "jobs", &exec, &notes);
    eventually("four in work", async || db.int("LLEN jobs").await == 4).await;
    process.signal(Signal::STOP);
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec)));
    eventually("taken over", async || worker.said("4 tasks of a dead worker")).await;
    std::fs::write(&gate, "").unwrap();
    eventually("all done by the second", async || done(&file) == pushed).await;
    process.signal(Signal::CONT);
    let told = |text: &str| std::fs::read_to_string(&notes).unwrap_or_default().contains(text);
    eventually("the first noticed", async || told("it was no longer ours")).await;
    eventually("and said why", async || told("our heartbeat had run out")).await;
    process.signal(Signal::TERM);
    eventually("drained", async || process.has_ended()).await;
    nothing_left(&mut db).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.recovered, view.counts.run_twice), (4, 0));
    assert_eq!(done(&file), pushed);
    assert_eq!(db.keys("redwarden:*:heartbeat:*").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_heartbeat_alone_changes_nothing() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let worker = Worker::start(spec(&server.endpoint(), "q"));
    eventually("it works", async || worker.said("works on q")).await;
    let key = db.keys("redwarden:*:heartbeat:*").await.remove(0);
    db.run(&format!("DEL {key}")).await;
    eventually("it noticed", async || worker.said("our heartbeat had run out")).await;
    assert_eq!(db.keys("redwarden:*:heartbeat:*").await, [key]);
    worker.stop().await;
}

#[tokio::test]
async fn lost_replies_lose_no_task_and_count_no_second_run() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("done");
    let proxy = CutProxy::start(server.port()).await;
    let endpoint = Endpoint::tcp("127.0.0.1", proxy.port);
    let worker = Worker::start(spec(&endpoint, "jobs").exec(Some(append_to(&file))));
    for (i, (command, reply)) in [("BLMOVE", b'$'), ("LREM", b':'), ("BLMOVE", b'$')].into_iter().enumerate()
    {
        proxy.cut(command, reply);
        db.run(&format!("LPUSH jobs first{i}")).await;
        db.run(&format!("LPUSH jobs second{i}")).await;
        eventually("both done", async || done(&file).len() == 2 * (i + 1)).await;
        nothing_left(&mut db).await;
        assert_eq!(proxy.cuts(), i + 1, "{command} was not cut");
    }
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.run_twice, surplus(&file)), (6, 0, 0));
}

/// A move that the server makes after the worker died and was looked after is found by a later look.
#[tokio::test]
async fn a_task_moved_to_a_dead_worker_late_is_found() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let (file, notes) = (dir.path().join("done"), dir.path().join("notes"));
    let exec = append_to(&file);
    let mut process = Process::start(server.port(), "jobs", &exec, &notes);
    eventually("registered", async || db.int("ZCARD redwarden:{jobs}:v1:workers").await == 1).await;
    let list = db.keys("redwarden:*:heartbeat:*").await.remove(0).replace("heartbeat", "processing");
    process.kill();
    let worker =
        Worker::start(WorkerSpec { force: true, ..spec(&server.endpoint(), "jobs").exec(Some(exec)) });
    eventually("it works", async || worker.said("works on jobs")).await;
    db.run(&format!("LPUSH {list} late")).await;
    eventually("found", async || lines(&file) == ["late"]).await;
    assert_eq!(worker.stop().await.counts.recovered, 1);
}

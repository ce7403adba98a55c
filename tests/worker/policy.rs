//! Time limits, retries, dead letters, weights, several nodes, pace.

use std::time::{Duration, Instant};

use redwarden::domain::{Command, NodeId};
use redwarden::launcher::Server;
use redwarden::worker::{Policy, WorkerSpec, WorkerState};

use super::db::{Db, eventually};
use super::{Adjust, Worker, append_to, lines, source, spec, test_task};

fn with(policy: Policy, spec: WorkerSpec) -> WorkerSpec {
    WorkerSpec { policy, ..spec }
}

fn retrying(retries: u32) -> Policy {
    let (retry_delay, retry_max_delay) = (Duration::from_millis(20), Duration::from_millis(50));
    Policy { retries, retry_delay, retry_max_delay, ..Policy::default() }
}

#[tokio::test]
async fn a_task_that_takes_too_long_is_ended_and_dead() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("LPUSH jobs meek").await;
    db.run("LPUSH jobs stubborn").await;
    // The second does not mind SIGTERM, and must be killed.
    let exec =
        "read -r line; echo begun; [ \"$line\" = stubborn ] && trap '' TERM; while :; do sleep 0.05; done";
    let policy = Policy {
        task_timeout: Some(Duration::from_millis(200)),
        grace: Duration::from_millis(100),
        ..Policy::default()
    };
    let worker = Worker::start(with(policy, spec(&server.endpoint(), "jobs").exec(Some(exec.into()))));
    eventually("both ended", async || db.int("LLEN redwarden:{jobs}:v1:failed").await == 2).await;
    assert!(worker.said("failed: ended after") && worker.said("stdout: begun"));
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.failed, view.counts.timeouts, view.counts.dead), (0, 2, 2, 2));
    assert_eq!(db.list("redwarden:{jobs}:v1:failed").await, ["stubborn", "meek"]);
    assert_eq!((view.run_times.total(), view.now.len()), (2, 0));
}

#[tokio::test]
async fn a_failed_task_is_tried_again_until_it_is_done() {
    for eval in [&[][..], &["--rename-command", "EVAL", ""][..]] {
        let server = Server::start(eval).unwrap();
        let mut db = Db::open(&server.endpoint()).await;
        db.run("LPUSH jobs a:b").await;
        db.run("LPUSH jobs a:b").await;
        let exec = r#"read -r line; echo "[$line|$REDWARDEN_MAX_ATTEMPTS|$REDWARDEN_REDELIVERED|$REDWARDEN_NODE|$REDWARDEN_DB]"; [ "$REDWARDEN_ATTEMPT" = 3 ]"#;
        let spec = with(retrying(4), spec(&server.endpoint(), "jobs").exec(Some(exec.into())));
        let worker = Worker::start(WorkerSpec { concurrency: 2, ..spec });
        let done = || worker.log.lock().unwrap().iter().filter(|l| l.text.contains(" done in ")).count();
        eventually("both done", async || done() == 2).await;
        assert!(worker.said("; attempt 2 in ") && worker.said("taken, attempt 3"));
        assert!(worker.said("stdout: [a:b|5|0|a|0]"));
        let view = worker.stop().await;
        let counts = view.counts;
        assert_eq!((counts.done, counts.failed, counts.retried, counts.dead), (2, 4, 4, 0));
        assert_eq!(counts.run_twice, 0);
        assert_eq!(db.keys("*").await, Vec::<String>::new(), "nothing is left, {eval:?}");
    }
}

#[tokio::test]
async fn without_a_retry_left_it_is_dead_and_kept_as_it_was() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("LPUSH jobs precious").await;
    let worker =
        Worker::start(with(retrying(2), spec(&server.endpoint(), "jobs").exec(Some("exit 1".into()))));
    eventually("dead", async || worker.said("no retry is left: dead")).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.failed, view.counts.retried, view.counts.dead), (3, 2, 1));
    assert_eq!(db.list("redwarden:{jobs}:v1:failed").await, ["precious"]);
}

#[tokio::test]
async fn a_retry_of_a_dead_worker_keeps_its_number() {
    for eval in [&[][..], &["--rename-command", "EVAL", ""][..]] {
        let server = Server::start(eval).unwrap();
        let mut db = Db::open(&server.endpoint()).await;
        let dead = "00000000-0000-4000-8000-000000000000";
        db.run(&format!("ZADD redwarden:{{jobs}}:v1:workers 1 {dead}")).await;
        let member = "3:0123456789abcdef0123456789abcdef:old";
        db.run(&format!("LPUSH redwarden:{{jobs}}:v1:retrying:{dead} {member}")).await;
        let exec = "read -r line; echo \"$line was tried $REDWARDEN_ATTEMPT times\"".to_string();
        let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec)));
        eventually("done", async || worker.said("stdout: old was tried 3 times")).await;
        assert_eq!(worker.stop().await.counts.recovered, 1);
        assert!(db.keys("*").await.iter().all(|key| key.ends_with(":workers")));
    }
}

#[tokio::test]
async fn a_worker_of_test_tasks_never_takes_a_real_retry() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let real = "2:0123456789abcdef0123456789abcdef:real";
    db.run(&format!("ZADD redwarden:{{q}}:v1:retries 0 {real}")).await;
    db.send(Command::new("LPUSH q").arg(test_task("bad", 0, true))).await;
    let worker = Worker::start(with(retrying(1), spec(&server.endpoint(), "q")));
    eventually("tried twice", async || worker.said("task bad failed") && worker.said("dead")).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.failed, view.counts.retried, view.counts.dead), (2, 1, 1));
    assert_eq!(view.ended.iter().filter(|(id, _)| id == "bad").count(), 1, "a retry is no end");
    assert_eq!(db.int("ZCARD redwarden:{q}:v1:retries").await, 1);
}

#[tokio::test]
async fn queues_share_the_places_by_weight() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("done");
    for i in 0..60 {
        db.run(&format!("LPUSH heavy heavy{i}")).await;
        db.run(&format!("LPUSH light light{i}")).await;
    }
    let mut both = spec(&server.endpoint(), "heavy").exec(Some(append_to(&file)));
    both.sources[0].weight = 3;
    both.sources.push(source("light", Some(append_to(&file))));
    let worker = Worker::start(both);
    eventually("all done", async || lines(&file).len() == 120).await;
    let first: Vec<String> = lines(&file).into_iter().take(60).collect();
    let heavy = first.iter().filter(|line| line.starts_with("heavy")).count();
    assert!((38..=52).contains(&heavy), "{heavy} of 60 are heavy's: {first:?}");
    let view = worker.stop().await;
    assert_eq!(view.queues.iter().map(|q| q.counts.done).collect::<Vec<_>>(), [60, 60]);
    assert_eq!((view.counts.done, view.counts.run_twice), (120, 0));
}

#[tokio::test]
async fn a_frozen_node_does_not_delay_the_others() {
    let servers: Vec<Server> = (0..3).map(|_| Server::start(&[]).unwrap()).collect();
    let endpoints: Vec<_> = servers.iter().map(Server::endpoint).collect();
    let known = endpoints.clone();
    let names = ["a", "b", "c"];
    let mut all = spec(&endpoints[0], "q");
    all.directory = std::sync::Arc::new(move |id: &NodeId| {
        let at = names.iter().position(|n| *n == id.as_str())?;
        known.get(at).cloned()
    });
    for name in ["b", "c"] {
        let mut other = source("q", None);
        other.queue.node = NodeId::new(name);
        all.sources.push(other);
    }
    let worker = Worker::start(all);
    eventually("on all three", async || {
        worker.log.lock().unwrap().iter().filter(|l| l.text.contains("works on q")).count() == 3
    })
    .await;
    servers[0].freeze();
    for endpoint in &endpoints[1..] {
        let mut db = Db::open(endpoint).await;
        for i in 0..20 {
            db.send(Command::new("LPUSH q").arg(test_task(&i.to_string(), 0, false))).await;
        }
        eventually("worked off", async || db.int("LLEN q").await == 0).await;
    }
    eventually("the frozen one is noticed", async || worker.said("q on a: ") && worker.said("trying again"))
        .await;
    servers[0].thaw();
    let mut db = Db::open(&endpoints[0]).await;
    db.send(Command::new("LPUSH q").arg(test_task("late", 0, false))).await;
    eventually("there, too", async || worker.said("task late done")).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.run_twice, view.state), (41, 0, WorkerState::Stopped));
}

#[tokio::test]
async fn a_queue_that_cannot_be_worked_on_stops_the_rest_before_they_began() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("SET wrong x").await;
    let mut both = spec(&server.endpoint(), "q");
    both.sources.push(source("wrong", None));
    let view = Worker::start(both.clone()).task.await.unwrap();
    assert!(matches!(&view.state, WorkerState::Failed(why) if why.contains("wrong is a string")), "{view:?}");
    both.sources[1] = source("q", None);
    let view = Worker::start(both).task.await.unwrap();
    assert!(matches!(&view.state, WorkerState::Failed(why) if why.contains("named twice")), "{view:?}");
    assert_eq!(db.keys("redwarden:*:heartbeat:*").await, Vec::<String>::new());
}

#[tokio::test]
async fn no_more_tasks_a_second_than_asked_for() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for i in 0..30 {
        db.send(Command::new("LPUSH q").arg(test_task(&i.to_string(), 0, false))).await;
    }
    let policy = Policy { rate: Some(20.0), ..Policy::default() };
    let begun = Instant::now();
    let worker = Worker::start(with(policy, WorkerSpec { concurrency: 10, ..spec(&server.endpoint(), "q") }));
    eventually("all done", async || worker.said("task 29 done")).await;
    // 30 starts, 50 ms apart, of which those within 100 ms may have come at once.
    assert!(begun.elapsed() >= Duration::from_millis(1250), "{:?}", begun.elapsed());
    assert_eq!(worker.stop().await.counts.done, 30);
}

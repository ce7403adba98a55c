//! What a worker meets that nobody wishes for: commands that misbehave, and nodes and keys that change under it.

use std::time::Duration;

use redwarden::launcher::Server;
use redwarden::worker::WorkerSpec;

use super::db::{Db, eventually};
use super::{Adjust, Worker, append_to, lines, spec, test_task};

#[tokio::test]
async fn megabytes_of_output_are_read_and_forgotten() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let exec = "head -c 30000000 /dev/zero; head -c 30000000 /dev/zero | tr '\\0' 'e' >&2; printf end >&2";
    db.run("LPUSH jobs x").await;
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec.into())));
    eventually("done", async || worker.said(" done in ")).await;
    let longest = worker.log.lock().unwrap().iter().map(|line| line.text.len()).max();
    assert!(longest.is_some_and(|len| len < 40_000), "{longest:?}");
    assert!(worker.said("eeeend"), "the last of it is kept");
    assert_eq!(worker.stop().await.counts.done, 1);
}

#[tokio::test]
async fn every_byte_of_a_payload_reaches_the_command() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("got");
    let exec = format!("cat > '{0}.part'; mv '{0}.part' '{0}'", file.display());
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec)));
    let every: Vec<u8> = (0..=255).collect();
    // Small ones go by a pipe, large ones by a file.
    for payload in [every.clone(), every.repeat(1_000), vec![0; 5]] {
        let _ = std::fs::remove_file(&file);
        let push = redwarden::domain::Command::new("LPUSH").arg("jobs").arg(payload.as_slice());
        db.send(push).await;
        eventually("it ran", async || file.exists()).await;
        assert_eq!(std::fs::read(&file).unwrap(), payload);
    }
    eventually("settled", async || db.keys("*processing*").await.is_empty()).await;
    assert_eq!(worker.stop().await.counts.failed, 0);
}

#[tokio::test]
async fn keys_deleted_under_it_cost_nothing_but_what_was_deleted() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let (gate, ran) = (dir.path().join("gate"), dir.path().join("ran"));
    let exec = format!("while [ ! -e '{}' ]; do sleep 0.02; done; {}", gate.display(), append_to(&ran));
    db.run("RPUSH jobs c b a").await;
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec)));
    eventually("the first runs", async || db.int("LLEN jobs").await == 2).await;
    db.run("FLUSHALL").await;
    std::fs::write(&gate, "").unwrap();
    eventually("it ended", async || lines(&ran) == ["a"]).await;
    db.run("LPUSH jobs d").await;
    eventually("it goes on", async || lines(&ran) == ["a", "d"]).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.failed, view.counts.dead), (0, 0));
    assert_eq!(db.keys("*").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_queue_that_becomes_another_type_ends_it_with_the_reason() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let worker = Worker::start(spec(&server.endpoint(), "jobs"));
    db.send(redwarden::domain::Command::new("LPUSH").arg("jobs").arg(test_task("t", 0, false))).await;
    eventually("it works", async || worker.said("task t done")).await;
    db.run("SET jobs text").await;
    eventually("it says so", async || worker.said("another type")).await;
    let view = worker.stop().await;
    assert_eq!(view.counts.done, 1);
    assert_eq!(db.keys("*").await, ["jobs"]);
}

/// A node that refuses writes for a while: nothing is lost, and it goes on by itself.
async fn goes_on_after(refuse: &[&str], again: &[&str], says: &str) {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let (gate, ran) = (dir.path().join("gate"), dir.path().join("ran"));
    let exec = format!("while [ ! -e '{}' ]; do sleep 0.02; done; {}", gate.display(), append_to(&ran));
    db.run("RPUSH jobs b a").await;
    let worker = Worker::start(WorkerSpec {
        heartbeat_ttl: Duration::from_secs(30),
        ..spec(&server.endpoint(), "jobs").exec(Some(exec))
    });
    eventually("the first runs", async || db.int("LLEN jobs").await == 1).await;
    for command in refuse {
        assert!(db.run(command).await.as_error().is_none(), "{command}");
    }
    std::fs::write(&gate, "").unwrap();
    eventually(says, async || worker.said(says)).await;
    for command in again {
        assert!(db.run(command).await.as_error().is_none(), "{command}");
    }
    eventually("both ran", async || {
        let mut ran = lines(&ran);
        ran.dedup();
        ran == ["a", "b"]
    })
    .await;
    eventually("all settled", async || db.keys("*processing*").await.is_empty()).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.failed, view.counts.dead), (0, 0), "{refuse:?}");
    assert_eq!(db.keys("*").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_node_without_memory_is_waited_for() {
    goes_on_after(&["CONFIG SET maxmemory 1"], &["CONFIG SET maxmemory 0"], "OOM").await;
}

#[tokio::test]
async fn a_node_that_may_not_write_is_waited_for() {
    let enough = ["CONFIG SET min-replicas-to-write 0"];
    goes_on_after(&["CONFIG SET min-replicas-to-write 1"], &enough, "NOREPLICAS").await;
}

#[tokio::test]
async fn a_right_taken_away_and_given_back() {
    let all = ["ACL SETUSER default +@all"];
    goes_on_after(
        &["ACL SETUSER default -eval -evalsha -lmove -blmove -rpoplpush -brpoplpush -lrem"],
        &all,
        "NOPERM",
    )
    .await;
}

//! Primaries that change under the worker: it goes on with the one that took over, and with no other.

use std::time::Duration;

use redwarden::domain::Command;
use redwarden::launcher::Server;
use redwarden::worker::{Policy, WorkerSpec};

use super::db::{Db, eventually};
use super::{Worker, spec, test_task};

async fn replica_of(primary: &Server) -> Server {
    let replica = Server::start(&[]).unwrap();
    let mut db = Db::open(&replica.endpoint()).await;
    db.run(&format!("REPLICAOF 127.0.0.1 {}", primary.port())).await;
    eventually("in sync", async || {
        let info = db.run("INFO replication").await.as_bytes().unwrap().to_string();
        info.contains("master_link_status:up")
    })
    .await;
    replica
}

async fn push(db: &mut Db, id: &str) {
    db.send(Command::new("LPUSH q").arg(test_task(id, 0, false))).await;
}

#[tokio::test]
async fn after_the_death_of_its_primary_it_goes_on_with_the_replica_that_took_over() {
    let mut primary = Server::start(&[]).unwrap();
    let replica = replica_of(&primary).await;
    // Another primary with a queue of the same name, and nothing to do with ours.
    let stranger = Server::start(&[]).unwrap();
    let mut strange = Db::open(&stranger.endpoint()).await;
    push(&mut strange, "foreign").await;
    let peers = vec![stranger.endpoint(), replica.endpoint()];
    let mut spec = spec(&primary.endpoint(), "q");
    spec.peers = std::sync::Arc::new(move || peers.clone());
    let worker = Worker::start(spec);
    let mut db = Db::open(&primary.endpoint()).await;
    push(&mut db, "first").await;
    eventually("done", async || worker.said("task first done")).await;
    primary.kill();
    eventually("noticed", async || worker.said("trying again")).await;
    let mut db = Db::open(&replica.endpoint()).await;
    db.run("REPLICAOF NO ONE").await;
    push(&mut db, "second").await;
    eventually("there", async || worker.said("which is the primary now")).await;
    eventually("done", async || worker.said("task second done")).await;
    assert_eq!(strange.int("LLEN q").await, 1, "only a successor is worked on");
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.run_twice), (2, 0));
    assert_eq!(db.keys("redwarden:*").await, Vec::<String>::new());
}

#[tokio::test]
async fn when_its_primary_is_demoted_it_goes_on_with_the_one_that_took_over() {
    let primary = Server::start(&[]).unwrap();
    let next = replica_of(&primary).await;
    let peers = vec![next.endpoint()];
    let peers = std::sync::Arc::new(move || peers.clone());
    let worker = Worker::start(WorkerSpec { peers, ..spec(&primary.endpoint(), "q") });
    eventually("it works", async || worker.said("works on q")).await;
    let (mut old, mut new) = (Db::open(&primary.endpoint()).await, Db::open(&next.endpoint()).await);
    new.run("REPLICAOF NO ONE").await;
    old.run(&format!("REPLICAOF 127.0.0.1 {}", next.port())).await;
    push(&mut new, "after").await;
    eventually("done", async || worker.said("task after done")).await;
    assert!(worker.said("which is the primary now"));
    assert_eq!(worker.stop().await.counts.done, 1);
}

#[tokio::test]
async fn replicas_are_waited_for_and_it_is_counted_when_they_are_not_there() {
    let primary = Server::start(&[]).unwrap();
    let mut db = Db::open(&primary.endpoint()).await;
    let policy = Policy { wait_replicas: 1, ..Policy::default() };
    let alone = WorkerSpec { policy, timeout: Duration::from_millis(400), ..spec(&primary.endpoint(), "q") };
    push(&mut db, "alone").await;
    let worker = Worker::start(alone.clone());
    eventually("done", async || worker.said("task alone done")).await;
    assert!(worker.said("fewer replicas than asked for"));
    assert!(worker.stop().await.counts.unreplicated >= 1);
    let _replica = replica_of(&primary).await;
    push(&mut db, "safe").await;
    let worker = Worker::start(WorkerSpec { timeout: Duration::from_secs(5), ..alone });
    eventually("done", async || worker.said("task safe done")).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.unreplicated), (1, 0));
}

//! Locks in the name of a job, task or worker: the real worker is killed, and redwarden never says that it lives on.

use redwarden::domain::presence::HolderState::{Alive, Gone, Unknown};
use redwarden::launcher::Server;
use serde_json::json;

use super::db::{Db, eventually};
use super::debian::Debian;
use super::holders::told;
use super::locks::beside;
use super::python::Python;
use super::watch;

async fn busy(db: &mut Db) {
    eventually("a job at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
}

/// Ends a child of a worker that we started, by the number that it wrote down.
async fn kill(db: &mut Db, key: &str) {
    let pid = db.run(&format!("GET {key}")).await.as_bytes().unwrap();
    let pid = rustix::process::Pid::from_raw(pid.as_utf8().unwrap().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn locks_of_a_job_and_of_a_worker_of_rq() {
    let python = Python::with(&beside("python/rq.txt"));
    let server = Server::start(&[]).unwrap();
    let mut driver = python.driver(&server, "app_rq.py", &["named"]);
    let mut db = Db::open(&server.endpoint()).await;
    let worker = python.worker(&server, "app_rq.py", &["named"]);
    driver.ask("lock", &[]);
    busy(&mut db).await;
    let fleet = watch(&server);
    for key in ["lock:by-job", "lock:by-worker"] {
        let alive = told(&fleet, key, Alive).await;
        assert!(alive.contains("importer-1 "), "{alive}");
    }
    // The process that runs the job has the worker's connection: the lock is held until that one dies, too.
    worker.kill();
    kill(&mut db, "pid-of-job").await;
    for key in ["lock:by-job", "lock:by-worker"] {
        let gone = told(&fleet, key, Gone).await;
        assert!(
            gone.starts_with("the client named importer-1 was connected while it was held"),
            "{key}: {gone}"
        );
    }
    // Who begins to watch only now was not there; the worker's hash still stands, but nobody is called so.
    let later = watch(&server);
    for key in ["lock:by-job", "lock:by-worker"] {
        let unknown = told(&later, key, Unknown).await;
        assert!(unknown.contains("no client is called so any more"), "{key}: {unknown}");
    }
    db.run("PEXPIRE rq:worker:importer-1 1").await;
    let gone = told(&later, "lock:by-job", Gone).await;
    assert!(gone.starts_with("the heartbeat of the worker importer-1 ran out"), "{gone}");
}

#[tokio::test]
async fn the_lock_of_a_job_of_rq_that_ended_is_left_behind() {
    let python = Python::with(&beside("python/rq.txt"));
    let server = Server::start(&[]).unwrap();
    let mut driver = python.driver(&server, "app_rq.py", &[]);
    let mut db = Db::open(&server.endpoint()).await;
    let _worker = python.worker(&server, "app_rq.py", &[]);
    driver.ask("lock", &[]);
    busy(&mut db).await;
    let fleet = watch(&server);
    told(&fleet, "lock:by-job", Alive).await;
    db.run("SET gate-open 1").await;
    let gone = told(&fleet, "lock:by-job", Gone).await;
    assert!(gone.starts_with("its job has ended (finished) and left the lock behind"), "{gone}");
}

#[tokio::test]
async fn the_lock_of_a_task_of_celery() {
    let python = Python::with(&beside("python/celery.txt"));
    let server = Server::start(&[]).unwrap();
    let mut driver = python.driver(&server, "app_celery.py", &["results"]);
    let mut db = Db::open(&server.endpoint()).await;
    let worker = python.worker(&server, "app_celery.py", &["results"]);
    driver.ask("lock", &[]);
    busy(&mut db).await;
    let fleet = watch(&server);
    // Celery keeps no heartbeat: that some worker is there says nothing of this one.
    let unknown = told(&fleet, "lock:by-task", Unknown).await;
    assert!(unknown.starts_with("its task was last told to be in state STARTED on w1@host"), "{unknown}");
    assert!(unknown.contains("Celery workers are connected"), "{unknown}");
    worker.kill();
    let gone = told(&fleet, "lock:by-task", Gone).await;
    assert!(gone.contains("STARTED on w1@host; no Celery worker is connected any more"), "{gone}");
}

#[tokio::test]
#[ignore = "needs Debian's ruby-sidekiq: the README's line for --ignored"]
async fn the_lock_of_a_job_of_sidekiq() {
    let (ruby, server) = (Debian::ruby("sidekiq"), Server::start(&[]).unwrap());
    let mut driver = ruby.driver(&server, "app_sidekiq.rb", &[]);
    let mut db = Db::open(&server.endpoint()).await;
    let worker = ruby.worker(&server, "app_sidekiq.rb", &[]);
    assert!(driver.ask("lock", &[]).is_string());
    busy(&mut db).await;
    let fleet = watch(&server);
    let identity = driver.ask("identities", &[])[0].as_str().unwrap().to_owned();
    let alive = told(&fleet, "lock:by-job", Alive).await;
    assert!(alive.starts_with(&format!("the worker {identity} has a heartbeat")), "{alive}");
    // Its hash stands for a minute, but it beats every ten seconds.
    worker.kill();
    let overdue = told(&fleet, "lock:by-job", Unknown).await;
    assert!(overdue.contains("did not beat lately"), "{overdue}");
    for end in ["", ":workers"] {
        db.run(&format!("PEXPIRE {identity}{end} 1")).await;
    }
    let gone = told(&fleet, "lock:by-job", Gone).await;
    assert!(gone.starts_with(&format!("the heartbeat of the worker {identity} ran out")), "{gone}");
    assert_eq!(driver.ask("processed", &[]), json!(0));
}

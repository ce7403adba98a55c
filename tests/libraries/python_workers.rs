//! Workers of Python's queue libraries that are killed: who they were, and the tasks they hold.

use super::agree;
use super::counted::says;
use super::python_queues::Stage;

#[tokio::test]
async fn a_killed_worker_of_rq_is_named_with_the_job_it_holds() {
    let mut s = Stage::new("rq", &[]).await;
    s.ask("enqueue");
    let worker = s.worker();
    s.busy().await;
    agree(&s.fleet, "rq:queue:default", "rq", "busy", |q| says(q, "worker", "runs app_rq.slow()")).await;
    worker.kill();
    // RQ lets the hash live for 90 s after the last heartbeat of a busy worker; the test does not wait for that.
    s.db.run("PEXPIRE rq:worker:w1 1").await;
    let queue = agree(&s.fleet, "rq:queue:default", "rq", "killed", |q| q.workers == Some(0)).await;
    let gone = queue.details.iter().find(|d| d.label == "gone").unwrap_or_else(|| panic!("{queue:#?}"));
    assert!(gone.text.contains("its heartbeat ran out, holds app_rq.slow() ("), "{gone:?}");
    assert!(gone.text.contains(") since "), "{gone:?}");
    // Other workers strike it off: its job still names it.
    s.db.run("SREM rq:workers rq:worker:w1").await;
    agree(&s.fleet, "rq:queue:default", "rq", "struck off", |q| {
        says(q, "gone", "w1, registered no more") && says(q, "gone", "holds app_rq.slow()")
    })
    .await;
    // RQ gives its job up when nobody renewed it in time.
    let taken = s.db.run("ZRANGE rq:wip:default 0 0").await.as_array().unwrap()[0].as_bytes().unwrap();
    s.db.send(redwarden::domain::Command::new("ZADD").arg("rq:wip:default").arg("1000").arg(taken)).await;
    agree(&s.fleet, "rq:queue:default", "rq", "lost", |q| says(q, "lost", "1 started jobs")).await;
    s.open_gate().await;
}

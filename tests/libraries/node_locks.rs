//! Node's lock libraries: a holder, a waiter, a release, and what becomes of both.

use redwarden::domain::Command;
use serde_json::{Value, json};

use super::db::eventually;
use super::locks::{Scene, assert_lock};

#[tokio::test]
async fn node_redlock_waiter_takes_over_and_the_holder_is_refused() {
    for (version, error) in [("5", "ExecutionError"), ("4", "LockError")] {
        let mut s = Scene::node("redlock", "lock_redlock", &[version]).await;
        s.contend().await;
        let locks = s.locks(&[]);
        let [first, second] = locks.as_slice() else { panic!("{locks:#?}") };
        // Which hex digits a random value has decides how sure this is.
        let family = first["family"].as_str().unwrap();
        let may_be = |f: &Value| f["family"] == "node-redlock";
        assert!(first["family_candidates"].as_array().unwrap().iter().any(may_be), "{first:#}");
        assert_lock(first, family, "lock:orders:1", "held");
        assert_lock(second, family, "lock:orders:2", "held");
        assert_eq!(first["token"], second["token"]);
        let said = s.hand_over("lock:orders:1");
        if family == "node-redlock" {
            assert!(said.contains("a live holder's release or extend throws"), "{said}");
            assert!(said.contains("has this value in each key: the others stay held"), "{said}");
        }
        assert_eq!(s.holder.ask("extend", &[]), error, "version {version}");
        assert_eq!(s.holder.ask("release", &[]), error, "version {version}");
        assert_eq!(s.waiter.ask("release", &[]), Value::Null, "version {version}");
        assert_eq!(s.db.send(Command::new("EXISTS").arg("lock:orders:1")).await.as_int(), Some(0));
    }
}

#[tokio::test]
async fn bullmq_job_lock_is_not_released_and_its_job_runs_once() {
    let mut s = Scene::node("bullmq", "lock_bullmq", &[]).await;
    s.holder.ask("add", &[json!("mail"), json!("slow")]);
    s.holder.ask("work", &[json!("mail"), json!(30_000)]);
    s.busy(1).await;
    let lock = s.lock();
    assert_lock(&lock, "bullmq", "bull:mail:1:lock", "held");
    assert!(lock["holder"].as_str().unwrap().starts_with("worker "), "{lock:#}");
    let ran = s.release("bull:mail:1:lock");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("without it the job runs a second time"), "{}", ran.err);
    assert!(ran.err.contains("to stop a job use BullMQ's own remove, retry or obliterate"), "{}", ran.err);
    assert_eq!(s.lock()["token"], lock["token"]);
    s.open_gate().await;
    s.holder.until("done", &json!(["mail:1"]));
    assert_eq!(s.db.run("GET gate-started").await.as_bytes().unwrap().as_slice(), b"1");
}

#[tokio::test]
async fn bullmq_job_of_a_dead_worker_comes_back_by_itself() {
    let mut s = Scene::node("bullmq", "lock_bullmq", &[]).await;
    s.holder.ask("add", &[json!("mail"), json!("slow")]);
    s.holder.ask("work", &[json!("mail"), json!(2_000)]);
    s.busy(1).await;
    let ran = s.release("bull:mail:1:lock");
    assert!(ran.err.contains("A dead worker's lock ends by itself"), "{}", ran.err);
    s.holder.kill();
    s.waiter.ask("work", &[json!("mail"), json!(2_000)]);
    s.busy(2).await;
    s.open_gate().await;
    s.waiter.until("done", &json!(["mail:1"]));
}

#[tokio::test]
#[ignore = "fetches redis-semaphore: cargo test --test libraries -- --ignored"]
async fn redis_semaphore_waiter_takes_over_and_the_holders_process_dies() {
    for (what, key) in [("mutex", "mutex:orders"), ("semaphore", "semaphore:orders")] {
        let mut s = Scene::node("redis-semaphore", "lock_semaphore", &[what]).await;
        s.contend().await;
        assert_lock(&s.lock(), "redis-semaphore", key, "held");
        let said = s.hand_over(key);
        assert!(said.contains("its Node process dies at the next refresh"), "{said}");
        eventually("the holder's process dies", async || s.holder.has_ended()).await;
        assert_eq!(s.waiter.ask("release", &[]), Value::Null);
        assert!(s.locks(&[]).is_empty());
    }
}

#[tokio::test]
#[ignore = "fetches Bull: cargo test --test libraries -- --ignored"]
async fn bull_job_lock_is_not_released_and_comes_back_from_a_dead_worker() {
    let mut s = Scene::node("bull", "lock_bull", &[]).await;
    s.holder.ask("add", &[json!("mail"), json!("slow")]);
    s.holder.ask("work", &[json!("mail"), json!(2_000)]);
    s.busy(1).await;
    assert_lock(&s.lock(), "bull", "bull:mail:1:lock", "expiring");
    let ran = s.release("bull:mail:1:lock");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("the job cannot be finished and runs a second time"), "{}", ran.err);
    s.holder.kill();
    s.waiter.ask("work", &[json!("mail"), json!(2_000)]);
    s.busy(2).await;
    s.open_gate().await;
    s.waiter.until("done", &json!(["mail:1"]));
}

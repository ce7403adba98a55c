//! More of Python's lock libraries; slower to fetch, so not always.

use serde_json::{Value, json};

use super::db::eventually;
use super::locks::{Scene, assert_lock, beside};
use super::python::Python;

#[track_caller]
fn may_be(lock: &Value, family: &str) {
    let candidates = lock["family_candidates"].as_array().unwrap();
    assert!(candidates.iter().any(|c| c["family"] == family), "{lock:#}");
}

#[tokio::test]
#[ignore = "fetches walrus: cargo test --test libraries -- --ignored"]
async fn walrus_waiter_wakes_from_its_sleep() {
    let mut s = Scene::python("walrus", "lock_walrus", &[]).await;
    s.contend().await;
    super::locks::blocked(&mut s.db, 1).await;
    assert_lock(&s.lock(), "walrus", "lock:backup", "held");
    let said = s.hand_over("lock:backup");
    assert!(said.contains("LPUSH lock.event:backup 1"), "{said}");
    assert_eq!(s.holder.ask("release", &[]), json!(false));
    assert_eq!(s.waiter.ask("release", &[]), json!(true));
}

#[tokio::test]
#[ignore = "fetches pottery: cargo test --test libraries -- --ignored"]
async fn pottery_waiter_takes_over_and_the_holder_is_refused() {
    let mut s = Scene::python("pottery", "lock_pottery", &[]).await;
    s.contend().await;
    let lock = s.lock();
    assert_lock(&lock, "pottery", "redlock:printer", "held");
    may_be(&lock, "redlock-net");
    s.hand_over("redlock:printer");
    assert_eq!(s.holder.ask("extend", &[]), "ExtendUnlockedLock");
    assert_eq!(s.holder.ask("release", &[]), "ReleaseUnlockedLock");
    assert_eq!(s.waiter.ask("release", &[]), Value::Null);
}

#[tokio::test]
#[ignore = "fetches redlock-py and redlock: cargo test --test libraries -- --ignored"]
async fn redlocks_of_one_primary_are_handed_over() {
    for (packages, program, family, key) in [
        ("redlock-py", "lock_redlock_py", "redlock-py", "lock:my_resource"),
        ("redlock-pypi", "lock_redlock_pypi", "redlock-pypi", "lock:distributed"),
    ] {
        let mut s = Scene::python(packages, program, &[]).await;
        s.contend().await;
        let lock = s.lock();
        assert_lock(&lock, family, key, "held");
        s.hand_over(key);
        // Silent, and the new holder keeps its lock.
        assert_eq!(s.holder.ask("release", &[]), Value::Null);
        assert_ne!(s.lock()["token"], lock["token"]);
        assert_eq!(s.waiter.ask("release", &[]), Value::Null);
        assert!(s.locks(&[]).is_empty());
    }
}

#[tokio::test]
#[ignore = "fetches sherlock: cargo test --test libraries -- --ignored"]
async fn sherlock_waiter_takes_over() {
    let mut s = Scene::python("sherlock", "lock_sherlock", &[]).await;
    s.contend().await;
    let lock = s.lock();
    // A bare UUID says no more.
    assert_lock(&lock, "setnx", "lock:cleanup", "held");
    may_be(&lock, "sherlock");
    s.hand_over("lock:cleanup");
    assert_eq!(s.holder.ask("release", &[]), "LockException");
    assert_eq!(s.waiter.ask("release", &[]), Value::Null);
}

#[tokio::test]
#[ignore = "fetches aioredlock: cargo test --test libraries -- --ignored"]
async fn aioredlocks_watchdog_takes_the_lock_back() {
    let mut s = Scene::python("aioredlock", "lock_aioredlock", &[]).await;
    assert_eq!(s.holder.ask("acquire", &[]), json!(true));
    let lock = s.lock();
    assert_lock(&lock, "setnx", "lock:report", "expiring");
    may_be(&lock, "aioredlock");
    let ran = s.release("lock:report");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let db = &mut s.db;
    eventually("the watchdog takes it back", async || db.run("EXISTS lock:report").await.as_int() == Some(1))
        .await;
    assert_eq!(s.lock()["token"], lock["token"]);
    assert_eq!(s.holder.ask("release", &[]), Value::Null);
}

#[tokio::test]
#[ignore = "fetches celery-redbeat: cargo test --test libraries -- --ignored"]
async fn a_beat_of_redbeat_exits_and_the_next_one_takes_over() {
    let s = Scene::python("celery-redbeat", "lock_redbeat", &[]).await;
    let python = Python::with(&beside("python/celery-redbeat.txt"));
    let beat = || python.worker(&s.server, "lock_redbeat.py", &[]);
    let mut first = beat();
    let held = async || (!s.locks(&[]).is_empty()).then(|| s.lock());
    eventually("a beat has it", async || held().await.is_some()).await;
    let lock = s.lock();
    assert_lock(&lock, "celery-redbeat", "redbeat::lock", "held");
    let mut second = beat();
    let ran = s.release("redbeat::lock");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("it exits with LockNotOwnedError at its next tick"), "{}", ran.err);
    eventually("the first beat exits", async || first.has_ended()).await;
    eventually("the second beat has it", async || {
        held().await.is_some_and(|now| now["token"] != lock["token"])
    })
    .await;
    assert!(!second.has_ended());
}

#[tokio::test]
#[ignore = "fetches celery-once: cargo test --test libraries -- --ignored"]
async fn a_task_of_celery_once_can_be_queued_again() {
    let mut s = Scene::python("celery-once", "lock_celery_once", &[]).await;
    assert_eq!(s.holder.ask("queue", &[]), "queued");
    assert_eq!(s.waiter.ask("queue", &[]), "AlreadyQueued");
    let lock = s.lock();
    assert_lock(&lock, "celery-once", "qo_report_year-2026", "held");
    let ran = s.release("qo_report_year-2026");
    assert!(ran.code == 0 && ran.err.contains("the task can be queued again"), "{}", ran.err);
    assert_eq!(s.waiter.ask("queue", &[]), "queued");
    // The plan warned: the end of the first task frees the lock of the second.
    assert!(ran.err.contains("its end deletes the next holder's lock"), "{}", ran.err);
    assert_eq!(s.holder.ask("end", &[]), Value::Null);
    assert!(s.locks(&[]).is_empty());
}

#[tokio::test]
#[ignore = "fetches celery-singleton: cargo test --test libraries -- --ignored"]
async fn a_task_of_celery_singleton_can_be_queued_again() {
    let mut s = Scene::python("celery-singleton", "lock_celery_singleton", &[]).await;
    let first = s.holder.ask("queue", &[]);
    assert_eq!(s.waiter.ask("queue", &[]), first);
    let lock = s.lock();
    assert_lock(&lock, "celery-singleton", lock["key"].as_str().unwrap(), "no_ttl");
    assert_eq!((&lock["token"], &lock["findings"]), (&first, &json!([])));
    let ran = s.release(lock["key"].as_str().unwrap());
    assert!(ran.code == 0 && ran.err.contains("the task can be queued again"), "{}", ran.err);
    assert_ne!(s.waiter.ask("queue", &[]), first);
}

#[tokio::test]
#[ignore = "fetches rq-scheduler: cargo test --test libraries -- --ignored"]
async fn an_rqscheduler_takes_over_and_the_first_ones_end_frees_its_lock() {
    let mut s = Scene::python("rq-scheduler", "lock_rq_scheduler", &[]).await;
    assert_eq!(s.holder.ask("acquire", &[]), json!(true));
    assert_eq!(s.waiter.ask("acquire", &[]), json!(false));
    assert_lock(&s.lock(), "rq-scheduler", "rq:scheduler_lock", "held");
    let ran = s.release("rq:scheduler_lock");
    assert!(ran.code == 0 && ran.err.contains("its release deletes the next holder's lock"), "{}", ran.err);
    assert_eq!(s.waiter.ask("acquire", &[]), json!(true));
    assert_eq!(s.holder.ask("release", &[]), Value::Null);
    assert!(s.locks(&[]).is_empty());
}

#[tokio::test]
#[ignore = "fetches dramatiq: cargo test --test libraries -- --ignored"]
async fn a_permit_of_dramatiqs_limiter_is_given_back() {
    let mut s = Scene::python("dramatiq", "lock_dramatiq", &[]).await;
    for _ in 0..2 {
        assert_eq!(s.holder.ask("acquire", &[]), json!(true));
    }
    assert_eq!(s.waiter.ask("acquire", &[]), "RateLimitExceeded");
    let lock = s.lock();
    assert_eq!((&lock["key"], &lock["token"]), (&json!("lock:exports"), &json!("2")), "{lock:#}");
    may_be(&lock, "dramatiq");
    let ran = s.release_with("lock:exports", &["--family", "dramatiq"]);
    assert!(ran.code == 0 && ran.err.contains("the next task that asks gets the permit"), "{}", ran.err);
    assert_eq!(s.waiter.ask("acquire", &[]), json!(true));
    assert_eq!(s.holder.ask("acquire", &[]), "RateLimitExceeded");
}

#[tokio::test]
#[ignore = "fetches portalocker: cargo test --test libraries -- --ignored"]
async fn portalockers_waiter_takes_over_when_the_connection_is_closed() {
    let mut s = Scene::python("portalocker", "lock_portalocker", &[]).await;
    assert_eq!(s.holder.ask("acquire", &[]), json!(true));
    s.waiter.ask("wait", &[]);
    assert_lock(&s.lock(), "portalocker", "nightly", "no_ttl");
    s.hand_over("nightly");
    s.holder.until("lost", &json!(true));
}

#[tokio::test]
#[ignore = "fetches arq: cargo test --test libraries -- --ignored"]
async fn an_arq_job_is_not_released_and_runs_once() {
    let mut s = Scene::python("arq", "app_arq", &[]).await;
    s.holder.ask("enqueue", &[]);
    let _worker = Python::with(&beside("python/arq.txt")).worker(&s.server, "app_arq.py", &[]);
    s.busy(1).await;
    let locks = s.locks(&[]);
    let [lock] = locks.as_slice() else { panic!("{locks:#?}") };
    let key = lock["key"].as_str().unwrap();
    assert!(key.starts_with("arq:in-progress:"), "{lock:#}");
    assert_lock(lock, "arq", key, "held");
    let ran = s.release(key);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("without it another worker starts the same job"), "{}", ran.err);
    s.open_gate().await;
    s.holder.until("counts", &json!({ "waiting": 0, "in_flight": 0, "scheduled": 1 }));
    s.busy(1).await;
}

#[tokio::test]
#[ignore = "fetches django-redis and dogpile.cache: cargo test --test libraries -- --ignored"]
async fn locks_that_are_redis_pys_under_other_names() {
    for (packages, program, key, state) in [
        ("django-redis", "lock_django_redis", ":1:report:lock", "held"),
        ("dogpile", "lock_dogpile", "_lockreport", "no_ttl"),
    ] {
        let mut s = Scene::python(packages, program, &[]).await;
        s.contend().await;
        let lock = s.lock();
        assert_lock(&lock, "redis-py", key, state);
        assert_eq!(lock["findings"], json!([]), "no TTL is these libraries' default");
        s.hand_over(key);
        assert_eq!(s.holder.ask("release", &[]), "LockNotOwnedError");
        assert_ne!(s.lock()["token"], lock["token"]);
    }
}

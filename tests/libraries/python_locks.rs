//! Python's lock libraries: a holder, a waiter, a release, and what becomes of both.

use serde_json::{Value, json};

use super::db::{Db, eventually};
use super::locks::{Scene, assert_lock, beside, blocked};
use super::python::Python;

#[tokio::test]
async fn redis_py_waiter_takes_over_and_the_holder_learns_that_it_lost() {
    for (timeout, state) in [(&[][..], "no_ttl"), (&["60"], "held")] {
        let mut s = Scene::python("redis-py", "lock_redis_py", timeout).await;
        s.contend().await;
        let lock = s.lock();
        assert_lock(&lock, "redis-py", "lock:reindex", state);
        assert!(lock["holder"].as_str().unwrap().starts_with("host with MAC "), "{lock:#}");
        assert_eq!(lock["findings"], json!([]), "no TTL is this library's default");
        let said = s.hand_over("lock:reindex");
        assert!(
            said.contains("the next one takes it at once") && said.contains("LockNotOwnedError"),
            "{said}"
        );
        assert_eq!(s.holder.ask("owned", &[]), json!(false));
        if state == "held" {
            assert_eq!(s.holder.ask("extend", &[]), "LockNotOwnedError");
        }
        assert_eq!(s.holder.ask("release", &[]), "LockNotOwnedError");
        // The new holder is another one, and nothing of the above was done to it.
        assert_ne!(s.lock()["token"], lock["token"]);
        assert_eq!(s.waiter.ask("release", &[]), Value::Null);
    }
}

#[tokio::test]
async fn python_redis_lock_waiter_wakes_from_its_sleep() {
    let mut s = Scene::python("python-redis-lock", "lock_python_redis_lock", &[]).await;
    s.contend().await;
    // It sleeps for ever: nothing but an element in the signal list wakes it.
    blocked(&mut s.db, 1).await;
    let lock = s.lock();
    assert_lock(&lock, "python-redis-lock", "lock:orders", "no_ttl");
    assert_eq!(lock["findings"], json!([]), "no TTL is this library's default");
    let said = s.hand_over("lock:orders");
    assert!(said.contains("LPUSH lock-signal:orders 1") && said.contains("wakes and takes it"), "{said}");
    assert_eq!(s.holder.ask("release", &[]), "NotAcquired");
    assert_eq!(s.waiter.ask("release", &[]), Value::Null);
}

#[tokio::test]
async fn python_redis_lock_renewal_ends_with_the_lock() {
    let mut s = Scene::python("python-redis-lock", "lock_python_redis_lock", &["6"]).await;
    s.contend().await;
    // Renewed every four seconds.
    assert_lock(&s.watched("5s"), "python-redis-lock", "lock:orders", "renewed");
    assert_eq!(s.holder.ask("renews", &[]), json!(true));
    let said = s.hand_over("lock:orders");
    assert!(said.contains("loses its renewal thread (NotAcquired)"), "{said}");
    s.holder.until("renews", &json!(false));
    assert_eq!(s.waiter.ask("renews", &[]), json!(true));
}

#[tokio::test]
async fn huey_loses_its_lock_and_no_result() {
    for (arguments, key) in
        [(&[][..], "huey.results.myapp"), (&["expire"], "huey.r.myapp.my-app.lock.daily.report")]
    {
        let mut s = Scene::python("huey", "lock_huey", arguments).await;
        let name = &[json!("daily.report")];
        s.holder.ask("store", &[json!("kept"), json!("a result")]);
        assert_eq!(s.holder.ask("acquire", name), json!(true));
        assert_eq!(s.waiter.ask("acquire", name), "TaskLockedException");
        let lock = s.lock();
        assert_lock(&lock, "huey", key, "no_ttl");
        assert_eq!(lock["holder"], "task lock daily.report");
        assert_eq!(lock["findings"], json!([]), "no TTL is this library's default");
        let ran = s.release(key);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("nobody waits: the next run of the task takes it"), "{}", ran.err);
        assert_eq!(s.waiter.ask("is_locked", name), json!(false));
        assert_eq!(s.waiter.ask("stored", &[json!("kept")]), "a result");
        assert_eq!(s.waiter.ask("acquire", name), json!(true));
        // The plan warned: the end of the old holder frees the new one's lock.
        assert!(ran.err.contains("its end deletes the next holder's lock"), "{}", ran.err);
        assert_eq!(s.holder.ask("leave", name), Value::Null);
        assert_eq!(s.waiter.ask("is_locked", name), json!(false));
    }
}

#[tokio::test]
async fn rq_scheduler_takes_its_lock_back_within_a_second() {
    let key = "rq:scheduler-lock:default";
    let mut s = Scene::python("rq", "lock_rq", &[]).await;
    let _worker = Python::with(&beside("python/rq.txt")).worker(&s.server, "lock_rq.py", &[]);
    let db = &mut s.db;
    let locked = async |db: &mut Db| db.run(&format!("EXISTS {key}")).await.as_int() == Some(1);
    eventually("the scheduler's lock", async || locked(db).await).await;
    let lock = s.lock_in(key);
    assert_lock(&lock, "rq", key, "held");
    assert!(lock["holder"].as_str().unwrap().contains("of queue default"), "{lock:#}");
    let ran = s.release(key);
    assert!(ran.code == 0 && ran.err.contains("takes it back within a second"), "{}", ran.err);
    let db = &mut s.db;
    eventually("it is back", async || locked(db).await).await;
    assert_eq!(s.lock_in(key)["token"], lock["token"]);
}

#[tokio::test]
async fn rq_maintenance_is_done_by_the_next_worker() {
    let mut s = Scene::python("rq", "lock_rq", &[]).await;
    assert_eq!(s.holder.ask("acquire", &[]), json!(true));
    assert_eq!(s.waiter.ask("acquire", &[]), json!(false));
    assert_lock(&s.lock(), "rq", "rq:clean_registries:default", "held");
    let ran = s.release("rq:clean_registries:default");
    assert!(ran.code == 0 && ran.err.contains("the next worker does the maintenance again"), "{}", ran.err);
    assert_eq!(s.waiter.ask("acquire", &[]), json!(true));
}

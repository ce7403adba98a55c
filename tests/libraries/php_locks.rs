//! PHP's locks, from Debian's packages.

use serde_json::{Value, json};

use super::locks::{Scene, assert_lock};

#[tokio::test]
#[ignore = "needs Debian's php-laravel-framework and php-redis: the README's line for --ignored"]
async fn laravel_waiter_takes_over_and_the_holders_release_does_nothing() {
    for (seconds, state) in [("60", "held"), ("0", "no_ttl")] {
        let key = "laravel_database_laravel_cache:reports:lock";
        let mut s = Scene::php("Illuminate/Cache", "lock_laravel", &["reports:lock", seconds]).await;
        s.contend().await;
        let lock = s.lock();
        assert_lock(&lock, "laravel", key, state);
        assert_eq!(lock["findings"], json!([]), "no TTL is this library's default");
        let said = s.hand_over(key);
        assert!(said.contains("waiters poll every 250 ms: the next one takes it at once"), "{said}");
        assert_eq!(s.holder.ask("release", &[]), json!(false));
        assert_ne!(s.lock()["token"], lock["token"]);
        assert_eq!(s.waiter.ask("release", &[]), json!(true));
        assert!(s.locks(&[]).is_empty());
    }
}

#[tokio::test]
#[ignore = "needs Debian's php-symfony-lock and php-redis: the README's line for --ignored"]
async fn symfony_writer_takes_over_and_the_holder_learns_it_at_its_refresh() {
    // Its keys have no prefix: the user's own names them.
    let key = "lock:invoices";
    let mut s = Scene::php("Symfony/Component/Lock", "lock_symfony", &[key]).await;
    s.contend().await;
    let lock = s.lock();
    assert_lock(&lock, "symfony", key, "held");
    assert!(lock["holder"].as_str().unwrap().starts_with("writer "), "{lock:#}");
    let said = s.hand_over(key);
    assert!(said.contains("its next refresh throws LockConflictedException"), "{said}");
    assert_eq!(s.holder.ask("refresh", &[]), "LockConflictedException");
    assert_eq!(s.holder.ask("owned", &[]), json!(false));
    assert_eq!(s.holder.ask("release", &[]), Value::Null);
    assert_eq!(s.waiter.ask("owned", &[]), json!(true));
    assert_ne!(s.lock()["token"], lock["token"]);
    assert_eq!(s.waiter.ask("release", &[]), Value::Null);
}

#[tokio::test]
#[ignore = "needs Debian's php-symfony-lock and php-redis: the README's line for --ignored"]
async fn symfony_readers_are_released_one_by_one() {
    let key = "lock:invoices";
    let mut s = Scene::php("Symfony/Component/Lock", "lock_symfony", &[key]).await;
    for reader in [&mut s.holder, &mut s.waiter] {
        assert_eq!(reader.ask("share", &[]), json!(true));
    }
    let lock = s.lock();
    assert_lock(&lock, "symfony", key, "held");
    assert!(lock["holder"].as_str().unwrap().starts_with("reader "), "{lock:#}");
    let ran = s.release(key);
    assert!(ran.code == 0 && ran.err.contains("1 more hold it and stay: --if-token chooses"), "{}", ran.err);
    let owned = [s.holder.ask("owned", &[]), s.waiter.ask("owned", &[])];
    assert!(owned == [json!(true), json!(false)] || owned == [json!(false), json!(true)], "{owned:?}");
    assert_ne!(s.lock()["token"], lock["token"]);
}

#[tokio::test]
#[ignore = "needs Debian's php-cli and php-redis: the README's line for --ignored"]
async fn the_next_request_of_a_phpredis_session_goes_on() {
    let key = "PHPREDIS_SESSION:r1k3t0p9q2u8s7v6w5x4y3z2a1_LOCK";
    let mut s = Scene::php("Symfony/Component/Lock", "lock_session", &[]).await;
    s.contend().await;
    let lock = s.lock();
    assert_lock(&lock, "phpredis-session", key, "held");
    let said = s.hand_over(key);
    assert!(said.contains("requests of the same session poll every 20 ms: the next one goes on"), "{said}");
    assert!(said.contains("what it changed in the session is not saved"), "{said}");
    assert_eq!(s.holder.ask("end", &[]), json!(true));
    let session = "EXISTS PHPREDIS_SESSION:r1k3t0p9q2u8s7v6w5x4y3z2a1";
    assert_eq!(s.db.run(session).await.as_int(), Some(0));
    assert_ne!(s.lock()["token"], lock["token"]);
}

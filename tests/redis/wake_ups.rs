//! Releases that tell those who sleep on a channel or a list: on a cluster, where each has its own way, and on one
//! server.

use std::time::Duration;

use redwarden::act::{NotDone, Outcome, Request, Seen};
use redwarden::domain::Command;
use redwarden::domain::lock::Token;

use crate::listener::Listener;
use crate::reshard::Pair;
use crate::support::{Bench, TOKEN, act, exists, is_done, lock, run, seen};

const HOLDER: &str = "285475da-9152-4c83-822a-67ee2f116a79:52";
const USERS: [Option<&str>; 2] = [None, Some("noeval")];

fn redisson() -> Seen {
    Seen { family: "redisson", key_type: "hash".into(), token: Token::Known(HOLDER.into()), ..seen(HOLDER) }
}

/// Redisson listens to the shard's channel where the server has those (7.0), older clients to the plain one; the
/// plain one is heard on every node.
#[tokio::test]
async fn waiters_of_redisson_in_a_cluster_wake_on_either_kind_of_channel() {
    let pair = Pair::start().await;
    for user in USERS {
        for key in [pair.key_on(0), pair.key_on(1)] {
            let owner = pair.owner(&key);
            let channel = format!("redisson_lock__channel:{{{key}}}");
            pair.say(owner, &format!("HSET {key} {HOLDER} 1")).await;
            let sharded = Listener::start(pair.port(owner), "SSUBSCRIBE", &channel).await;
            let plain = Listener::start(pair.port(1 - owner), "SUBSCRIBE", &channel).await;
            let services = pair.services(&[0, 1], user);
            let request = Request::Release { lock: pair.lock(0, &key), seen: redisson() };
            let action = services.prepare(request).await.unwrap();
            let commands: Vec<String> = action.prepared().plan.steps.iter().map(Command::name).collect();
            assert_eq!(commands, ["SPUBLISH", "PUBLISH", "DEL"]);
            let (_, outcome) = redwarden::act::execute(action).await;
            assert!(is_done(&outcome), "{user:?}: {outcome:?}");
            sharded.woken_by("0").await;
            plain.woken_by("0").await;
            assert_eq!(pair.say(owner, &format!("EXISTS {key}")).await, "0");
        }
    }
}

/// Somebody deleted the key by hand: who still listens to the shard is told all the same.
#[tokio::test]
async fn waiters_on_a_shard_are_told_of_a_lock_that_is_gone() {
    let pair = Pair::start().await;
    for user in USERS {
        let key = pair.key_on(1);
        let channel = format!("redisson_lock__channel:{{{key}}}");
        let sharded = Listener::start(pair.port(1), "SSUBSCRIBE", &channel).await;
        let request = Request::Release { lock: pair.lock(0, &key), seen: redisson() };
        let services = pair.services(&[0, 1], user);
        let action = services.prepare(request).await.unwrap();
        assert!(action.prepared().plan.effects.iter().any(|e| e.contains("wakes 1 client that listens")));
        let (_, outcome) = redwarden::act::execute(action).await;
        assert!(is_done(&outcome), "{user:?}: {outcome:?}");
        sharded.woken_by("0").await;
    }
}

#[tokio::test]
async fn who_may_not_tell_the_shard_deletes_nothing_there() {
    let pair = Pair::start().await;
    let key = pair.key_on(1);
    let channel = format!("redisson_lock__channel:{{{key}}}");
    for rights in [
        "&* +@all -spublish",
        "&* +@all -publish",
        "resetchannels +@all",
        "&* +@all -spublish -eval -evalsha -eval_ro",
        "&* +@all -publish -eval -evalsha -eval_ro",
        "resetchannels +@all -eval -evalsha -eval_ro",
    ] {
        for node in 0..2 {
            pair.say(node, &format!("ACL SETUSER u reset on >pw ~* {rights}")).await;
        }
        pair.say(1, &format!("HSET {key} {HOLDER} 1")).await;
        let sharded = Listener::start(pair.port(1), "SSUBSCRIBE", &channel).await;
        let request = Request::Release { lock: pair.lock(1, &key), seen: redisson() };
        let services = pair.services(&[0, 1], Some("u"));
        let (_, outcome) = redwarden::act::execute(services.prepare(request).await.unwrap()).await;
        let is_partly = |outcome: &Outcome| matches!(outcome, Outcome::Partly { ran: 1, .. });
        let is_denied = |outcome: &Outcome| matches!(outcome, Outcome::NotDone(NotDone::Denied(_)));
        assert!(is_denied(&outcome) || is_partly(&outcome), "{rights}: {outcome:?}");
        assert_eq!(pair.say(1, &format!("HGET {key} {HOLDER}")).await, "1", "{rights}");
        assert_eq!(sharded.sleeps(), is_denied(&outcome), "{rights}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_permit_given_back_in_a_cluster_tells_the_shard() {
    let pair = Pair::start().await;
    for user in USERS {
        let name = pair.key_on(1);
        pair.say(1, &format!("SET {name} 3")).await;
        let channel = format!("redisson_sc:{{{name}}}");
        let sharded = Listener::start(pair.port(1), "SSUBSCRIBE", &channel).await;
        let seen = Seen { family: "redisson", ..seen("3") };
        let request = Request::Release { lock: pair.lock(0, &name), seen };
        let services = pair.services(&[0, 1], user);
        let (_, outcome) = redwarden::act::execute(services.prepare(request).await.unwrap()).await;
        assert!(is_done(&outcome), "{user:?}: {outcome:?}");
        sharded.woken_by("4").await;
        assert_eq!(pair.say(1, &format!("GET {name}")).await, "4");
        pair.say(1, &format!("DEL {name}")).await;
    }
}

/// The lock and the list its waiters sleep on share a slot only where the name has a hash tag.
#[tokio::test]
async fn a_waiter_of_python_redis_lock_wakes_in_its_slot() {
    let pair = Pair::start().await;
    for (round, user) in USERS.into_iter().enumerate() {
        let node = 1 - round;
        let tag = (0..10_000).map(|n| format!("{{{n}}}")).find(|tag| pair.owner(tag) == node).unwrap();
        let (key, list) = (format!("lock:{tag}"), format!("lock-signal:{tag}"));
        pair.say(node, &format!("SET {key} {TOKEN}")).await;
        let mut waiter = pair.raw(node).await;
        let blocked = Command::new("BLPOP").arg(list.as_str()).arg(0_i64);
        let asleep = tokio::spawn(async move { waiter.call_within(&blocked, Duration::from_secs(30)).await });
        while !pair.say(node, "INFO clients").await.contains("blocked_clients:1") {
            tokio::task::yield_now().await;
        }
        let seen = Seen { family: "python-redis-lock", ..seen(TOKEN) };
        let request = Request::Release { lock: pair.lock(round, &key), seen };
        let services = pair.services(&[0, 1], user);
        let (_, outcome) = redwarden::act::execute(services.prepare(request).await.unwrap()).await;
        assert!(is_done(&outcome), "{user:?}: {outcome:?}");
        let got = asleep.await.unwrap().unwrap();
        assert_eq!(got.as_array().unwrap()[0].as_bytes().unwrap().as_utf8(), Some(list.as_str()));
        assert_eq!(pair.say(node, &format!("EXISTS {key} {list}")).await, "0");
    }
}

/// Its releases of 5.5 to 6.5 and of 7.0 listen differently: one by name, one by pattern.
#[tokio::test]
async fn waiters_of_spring_integration_wake_whichever_release_they_run() {
    const UUID: &str = "e5459dfd-8987-4f50-9689-948fb2be49fb";
    let key = "my-registry:orders:42";
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
    for services in [bench.services(), bench.services_as("noeval")] {
        run(&mut raw, &format!("SET {key} {UUID} PX 60000")).await;
        let port = bench.server.port();
        let until_6 = Listener::start(port, "SUBSCRIBE", "my-registry-channel").await;
        let from_7 = Listener::start(port, "PSUBSCRIBE", "my-registry-channel:*").await;
        let other = Listener::start(port, "SUBSCRIBE", "other-registry-channel").await;
        let seen = Seen { family: "spring-integration", ..seen(UUID) };
        assert!(is_done(&act(&services, Request::Release { lock: lock(key), seen }).await));
        until_6.woken_by(key).await;
        from_7.woken_by(key).await;
        assert!(other.sleeps());
        assert!(!exists(&mut raw, key).await);
    }
}

//! Releases by recipe on a real server: who sleeps wakes, what must stay stays.

use std::time::Duration;

use redwarden::act::{ActionCommand, ActionEvent, NotDone, Outcome, Request, Ticket};
use redwarden::domain::{Bytes, Command, Lock, Reply};
use redwarden::redis_io::Writer;

use crate::support::{Bench, act, exists, is_done, next, not_done, run, until};
use crate::{look, reader, seen};

const HOLDER: &str = "285475da-9152-4c83-822a-67ee2f116a79:52";

async fn found(bench: &Bench, key: &str) -> Lock {
    look(&mut reader(bench).await, &["*"], &key.into()).await.expect("a lock")
}

fn release(lock: &Lock) -> Request {
    Request::Release { lock: lock.id.clone(), seen: seen(lock) }
}

async fn blocked(raw: &mut Writer, how_many: i64) {
    let wanted = format!("blocked_clients:{how_many}");
    until("a blocked client", async || {
        let info = raw.call(&Command::new("INFO clients")).await.unwrap().as_bytes().unwrap();
        String::from_utf8_lossy(info.as_slice()).contains(&wanted)
    })
    .await;
}

/// A client that sleeps in BLPOP for ever; answers with what it got.
async fn sleeper(bench: &Bench, list: &str) -> tokio::task::JoinHandle<Reply> {
    let mut writer = bench.raw().await;
    let command = Command::new("BLPOP").arg(list).arg(0_i64);
    tokio::spawn(async move { writer.call(&command).await.unwrap() })
}

#[tokio::test]
async fn a_waiter_of_python_redis_lock_wakes_and_only_one() {
    for (key, list, value) in [
        ("lock:orders", "lock-signal:orders", Bytes::from("23DeHRBdcxFxNQKXpVGKoM6g")),
        (
            "lock:backup",
            "lock.event:backup",
            Bytes::from([vec![0xff_u8, 0, 0x1b, 7, 9], vec![3; 27]].concat()),
        ),
    ] {
        for fallback in [false, true] {
            let bench = Bench::start(&[]);
            let mut raw = bench.raw().await;
            run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
            raw.call(&Command::new("SET").arg(key).arg(value.clone())).await.unwrap();
            let sleepers = [sleeper(&bench, list).await, sleeper(&bench, list).await];
            blocked(&mut raw, 2).await;
            let lock = found(&bench, key).await;
            let services = if fallback { bench.services_as("noeval") } else { bench.services() };
            let outcome = act(&services, release(&lock)).await;
            assert!(is_done(&outcome), "{outcome:?}");
            assert!(!exists(&mut raw, key).await);
            blocked(&mut raw, 1).await;
            until("one waiter woke", async || sleepers.iter().any(tokio::task::JoinHandle::is_finished))
                .await;
            let mut woken = sleepers.into_iter().filter(tokio::task::JoinHandle::is_finished);
            let got = woken.next().unwrap().await.unwrap();
            assert_eq!(got.as_array().map(<[Reply]>::len), Some(2), "{got:?}");
            assert!(woken.next().is_none(), "{key}, fallback {fallback}: two woke");
        }
    }
}

#[tokio::test]
async fn a_lock_that_changed_hands_wakes_nobody() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SET lock:orders 23DeHRBdcxFxNQKXpVGKoM6g").await;
    let lock = found(&bench, "lock:orders").await;
    let action = bench.services().prepare(release(&lock)).await.unwrap();
    run(&mut raw, "SET lock:orders 4hEwg5sj2xB3C/fU92Hz9cbH").await;
    let outcome = redwarden::act::execute(action).await.1;
    assert_eq!(not_done(&outcome), &NotDone::Changed);
    assert!(!exists(&mut raw, "lock-signal:orders").await && exists(&mut raw, "lock:orders").await);
    // A companion of another type stops everything before anything is done.
    run(&mut raw, "SET lock-signal:orders text").await;
    let lock = found(&bench, "lock:orders").await;
    let outcome = act(&bench.services(), release(&lock)).await;
    assert_eq!(not_done(&outcome), &NotDone::WrongType);
    assert!(exists(&mut raw, "lock:orders").await);
}

/// A client subscribed to a channel; gives what it heard first.
async fn listener(bench: &Bench, channel: &str) -> tokio::sync::oneshot::Receiver<String> {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
    let address = ("127.0.0.1", bench.server.port());
    let mut stream = tokio::io::BufReader::new(tokio::net::TcpStream::connect(address).await.unwrap());
    let (heard, receiver) = tokio::sync::oneshot::channel();
    let hello = format!("*2\r\n$9\r\nSUBSCRIBE\r\n${}\r\n{channel}\r\n", channel.len());
    stream.get_mut().write_all(hello.as_bytes()).await.unwrap();
    let mut line = String::new();
    // "*3", "$9 subscribe", channel with its length, the count.
    for _ in 0..6 {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    tokio::spawn(async move {
        let mut line = String::new();
        for _ in 0..7 {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let _ = heard.send(line.trim().to_string());
    });
    receiver
}

async fn hears(receiver: tokio::sync::oneshot::Receiver<String>) -> String {
    tokio::time::timeout(Duration::from_secs(10), receiver).await.expect("nothing was published").unwrap()
}

#[tokio::test]
async fn redisson_waiters_are_told_on_their_channel() {
    let write = format!("HSET rw mode write {HOLDER}:write 1");
    let read = format!("HSET rw mode read {HOLDER} 2");
    for (command, channel, payload) in [
        (format!("HSET myLock {HOLDER} 2"), "redisson_lock__channel:{myLock}", "0"),
        (format!("HSET a{{b}} {HOLDER} 1"), "redisson_lock__channel:a{b}", "0"),
        (write, "redisson_rwlock:{rw}", "1"),
        (read, "redisson_rwlock:{rw}", "0"),
    ] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        run(&mut raw, &command).await;
        let key = command.split(' ').nth(1).unwrap();
        let heard = listener(&bench, channel).await;
        let lock = found(&bench, key).await;
        assert_eq!((lock.family, lock.waiters), ("redisson", Some(1)), "{command}");
        let outcome = act(&bench.services(), release(&lock)).await;
        assert!(is_done(&outcome), "{outcome:?}");
        assert_eq!(hears(heard).await, payload, "{command}");
        assert!(!exists(&mut raw, key).await);
    }
}

#[tokio::test]
async fn the_first_living_waiter_of_a_fair_lock_is_woken() {
    let (dead, alive) = ("6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:9", "6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:11");
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("HSET fair {HOLDER} 1")).await;
    run(&mut raw, &format!("RPUSH redisson_lock_queue:{{fair}} {dead} {alive}")).await;
    run(&mut raw, &format!("ZADD redisson_lock_timeout:{{fair}} 1000 {dead} 99999999999999 {alive}")).await;
    let heard = listener(&bench, &format!("redisson_lock__channel:{{fair}}:{alive}")).await;
    let lock = found(&bench, "fair").await;
    assert_eq!(lock.waiters, Some(2));
    let outcome = act(&bench.services(), release(&lock)).await;
    assert!(is_done(&outcome), "{outcome:?}");
    assert_eq!(hears(heard).await, "0");
    let line = run(&mut raw, "LRANGE redisson_lock_queue:{fair} 0 -1").await;
    assert_eq!(line.as_array().unwrap(), [Reply::Bulk(alive.into())]);
    assert_eq!(run(&mut raw, "ZCARD redisson_lock_timeout:{fair}").await, Reply::Int(1));
}

#[tokio::test]
async fn without_the_right_to_publish_a_redisson_lock_stays() {
    for fallback in [false, true] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        run(&mut raw, &format!("HSET myLock {HOLDER} 1")).await;
        let rights =
            if fallback { "~* resetchannels +@all -eval -evalsha" } else { "~* resetchannels +@all" };
        run(&mut raw, &format!("ACL SETUSER mute on >pw {rights}")).await;
        let lock = found(&bench, "myLock").await;
        let outcome = act(&bench.services_as("mute"), release(&lock)).await;
        assert!(matches!(outcome, Outcome::NotDone(_)), "{outcome:?}");
        assert!(exists(&mut raw, "myLock").await, "fallback {fallback}");
    }
}

#[tokio::test]
async fn a_redisson_lock_with_another_holder_stays() {
    for meanwhile in ["DEL rw", "HSET rw 6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:9 1", "HSET rw mode write"] {
        for fallback in [false, true] {
            let bench = Bench::start(&[]);
            let mut raw = bench.raw().await;
            run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
            run(&mut raw, &format!("HSET rw mode read {HOLDER} 1")).await;
            let lock = found(&bench, "rw").await;
            let services = if fallback { bench.services_as("noeval") } else { bench.services() };
            let action = services.prepare(release(&lock)).await.unwrap();
            run(&mut raw, meanwhile).await;
            let outcome = redwarden::act::execute(action).await.1;
            let expected = if meanwhile == "DEL rw" { NotDone::Gone } else { NotDone::Changed };
            assert_eq!(not_done(&outcome), &expected, "{meanwhile}, fallback {fallback}");
            assert_eq!(exists(&mut raw, "rw").await, meanwhile != "DEL rw");
        }
    }
}

#[tokio::test]
async fn huey_loses_one_field_and_keeps_its_results() {
    for fallback in [false, true] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
        run(
            &mut raw,
            "HSET huey.results.myapp my-app.lock.daily x my-app.lock.weekly x some-task-uuid result",
        )
        .await;
        let lock = look(&mut reader(&bench).await, &[], &"huey.results.myapp".into()).await.expect("a lock");
        assert_eq!(lock.holder.as_deref(), Some("task lock daily (and 1 more)"));
        let services = if fallback { bench.services_as("noeval") } else { bench.services() };
        let outcome = act(&services, release(&lock)).await;
        assert!(is_done(&outcome), "{outcome:?}");
        assert_eq!(run(&mut raw, "HLEN huey.results.myapp").await, Reply::Int(2));
        assert_eq!(run(&mut raw, "HEXISTS huey.results.myapp my-app.lock.daily").await, Reply::Int(0));
        let refused = services.prepare(release(&lock)).await.err().unwrap();
        assert!(refused.contains("gone"), "{refused}");
        let ttl = Request::Expire { lock: lock.id.clone(), seen: seen(&lock), ttl: Duration::from_secs(9) };
        let refused = services.prepare(ttl).await.err().unwrap();
        assert!(refused.contains("more than this lock"), "{refused}");
    }
}

#[tokio::test]
async fn job_locks_are_refused_with_advice() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SET bull:emails:1:lock 31ca5b94-7a09-4214-89ed-c8b9e4ac47fe:0 PX 30000").await;
    run(&mut raw, "SET bull:video:1:lock 799fcb64-726c-47b3-94bf-f686b1a31910 PX 30000").await;
    run(&mut raw, "SET arq:in-progress:abc 1 PX 300000").await;
    for (key, family, advice) in [
        ("bull:emails:1:lock", "bullmq", "stalled check"),
        ("bull:video:1:lock", "bull", "stalled check"),
        ("arq:in-progress:abc", "arq", "Job.abort"),
    ] {
        let lock = found(&bench, key).await;
        assert_eq!(lock.family, family);
        let refused = bench.services().prepare(release(&lock)).await.err().unwrap();
        assert!(refused.contains(advice), "{refused}");
        assert!(exists(&mut raw, key).await);
    }
}

#[tokio::test]
async fn a_constant_value_needs_a_key_that_nobody_touched() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    // huey's pickled "1": long and varied, and yet the same for everyone.
    let constant = b"\x80\x05\x95\x05\0\0\0\0\0\0\0\x8c\x011\x94.".to_vec();
    let set = Command::new("SET").arg("huey.r.app.app.lock.daily").arg(constant);
    raw.call(&set).await.unwrap();
    let lock = found(&bench, "huey.r.app.app.lock.daily").await;
    assert_eq!(lock.family, "huey");
    let action = bench.services().prepare(release(&lock)).await.unwrap();
    assert!(action.prepared().plan.unchanged);
    raw.call(&set).await.unwrap();
    let outcome = redwarden::act::execute(action).await.1;
    assert_eq!(not_done(&outcome), &NotDone::Touched);
    assert!(exists(&mut raw, "huey.r.app.app.lock.daily").await);
}

#[tokio::test]
async fn one_holder_of_a_semaphore_goes_and_the_others_stay() {
    let (old, young) = ("e5459dfd-8987-4f50-9689-948fb2be49fb", "799fcb64-726c-47b3-94bf-f686b1a31910");
    let (app1, app2) =
        ("APPHOST01_4312_13faded8aaf14ddda350a36240ff8a05", "APPHOST02_99_d168d76730f54e76ab80437dff13da9f");
    let symfony = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for (command, family, holder, left) in [
        (
            format!("ZADD semaphore:pool 1795435255614 {old} 1795435273614 {young}"),
            "redis-semaphore",
            format!("{old} (and 1 more)"),
            1,
        ),
        (
            format!("ZADD sem 9795435255614.1172 {app2} 9795435273614.1172 {app1}"),
            "madelson",
            "APPHOST02, pid 99 (and 1 more)".to_string(),
            1,
        ),
        (
            format!("ZADD report 9795435255614 {symfony} 9795435255614 __write__"),
            "symfony",
            format!("writer {symfony}"),
            0,
        ),
    ] {
        for fallback in [false, true] {
            let bench = Bench::start(&[]);
            let mut raw = bench.raw().await;
            run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
            run(&mut raw, &command).await;
            let key = command.split(' ').nth(1).unwrap();
            let lock = found(&bench, key).await;
            assert_eq!((lock.family, lock.holder.as_deref()), (family, Some(holder.as_str())), "{command}");
            let services = if fallback { bench.services_as("noeval") } else { bench.services() };
            let gone = services.prepare(release(&lock)).await.unwrap();
            let outcome = act(&services, release(&lock)).await;
            assert!(is_done(&outcome), "{outcome:?}");
            assert_eq!(run(&mut raw, &format!("ZCARD {key}")).await, Reply::Int(left), "{command}");
            let outcome = redwarden::act::execute(gone).await.1;
            let expected = if left == 0 { NotDone::Gone } else { NotDone::Changed };
            assert_eq!(not_done(&outcome), &expected, "{command}, fallback {fallback}");
        }
    }
    // A leaderboard under a lock's name is none.
    let bench = Bench::start(&[]);
    run(&mut bench.raw().await, "ZADD scores:lock 12 anna 15 bela").await;
    assert!(look(&mut reader(&bench).await, &["*"], &"scores:lock".into()).await.is_none());
}

#[tokio::test]
async fn a_moment_later_it_says_what_became_of_a_part_of_a_key() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "HSET huey.results.myapp my-app.lock.daily x some-task-uuid result").await;
    run(&mut raw, &format!("HSET myLock {HOLDER} 1")).await;
    for (ticket, key, expected) in
        [(1, "huey.results.myapp", "the key is free"), (2, "myLock", "re-taken by the same token")]
    {
        let ticket = Ticket(ticket);
        let lock = found(&bench, key).await;
        let (events, mut told) = tokio::sync::mpsc::channel(16);
        let commands = redwarden::act::spawn_with(bench.services(), events);
        commands.send(ActionCommand::Prepare(ticket, release(&lock))).await.unwrap();
        assert!(matches!(next(&mut told).await, ActionEvent::Prepared(_, plan) if plan.is_ok()));
        commands.send(ActionCommand::Execute(ticket)).await.unwrap();
        let ActionEvent::Outcome(_, _, outcome) = next(&mut told).await else { panic!("no outcome") };
        assert!(is_done(&outcome), "{outcome:?}");
        if key == "myLock" {
            run(&mut raw, &format!("HSET myLock {HOLDER} 1")).await;
        }
        let ActionEvent::Afterwards(_, sentence) = next(&mut told).await else {
            panic!("nothing afterwards")
        };
        assert!(sentence.contains(expected), "{key}: {sentence}");
    }
}

/// Prepares, shows what would be sent, and executes.
async fn released(bench: &Bench, services: &redwarden::act::Services, lock: &Lock) -> Vec<String> {
    let action = services.prepare(release(lock)).await.unwrap();
    let steps = action.prepared().plan.steps.iter().map(ToString::to_string).collect();
    let outcome = redwarden::act::execute(action).await.1;
    assert!(is_done(&outcome), "{outcome:?}");
    let _ = bench;
    steps
}

#[tokio::test]
async fn one_of_several_holders_is_chosen_and_the_others_stay() {
    let other = "6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:9";
    let (first, second) =
        ("APPHOST01_4312_cbe9c63987404155b7711a69fd613959", "APPHOST02_99_62a3c4dd1dfa434eb9a354a7e7482556");
    let app2 = "APPHOST02_99_d168d76730f54e76ab80437dff13da9f";
    for (command, key, total, chosen, count) in [
        (format!("HSET rw mode read {HOLDER} 2 {other} 1"), "rw", 2, other, "HLEN"),
        (format!("SADD rw.readers {first} {second}"), "rw.readers", 2, second, "SCARD"),
        (format!("ZADD sem 9795435255614.5 {first} 9795435273614.5 {app2}"), "sem", 2, app2, "ZCARD"),
        ("HSET huey.results.a a.lock.x v a.lock.y v".into(), "huey.results.a", 2, "a.lock.y", "HLEN"),
        (
            "HSET uniquejobs:ab:LOCKED d01bd06ec32d00db98f3fb53 1795435243.5 e01bd06ec32d00db98f3fb53 1795435244.5"
                .into(),
            "uniquejobs:ab:LOCKED",
            2,
            "e01bd06ec32d00db98f3fb53",
            "HLEN",
        ),
    ] {
        for fallback in [false, true] {
            let bench = Bench::start(&[]);
            let mut raw = bench.raw().await;
            run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
            run(&mut raw, &command).await;
            let before = run(&mut raw, &format!("{count} {key}")).await.as_int().unwrap();
            let lock = found(&bench, key).await;
            assert_eq!(lock.holders.len(), total, "{command}");
            let chosen = lock.of_holder(&chosen.into()).expect("one of its holders");
            let services = if fallback { bench.services_as("noeval") } else { bench.services() };
            let twice = services.prepare(release(&chosen)).await.unwrap();
            released(&bench, &services, &chosen).await;
            assert_eq!(run(&mut raw, &format!("{count} {key}")).await, Reply::Int(before - 1), "{command}");
            assert!(found(&bench, key).await.token != chosen.token, "{command}");
            let outcome = redwarden::act::execute(twice).await.1;
            assert_eq!(not_done(&outcome), &NotDone::Changed, "{command}, fallback {fallback}");
        }
    }
}

#[tokio::test]
async fn a_permit_is_given_back_and_waiters_are_told() {
    for fallback in [false, true] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
        let services = if fallback { bench.services_as("noeval") } else { bench.services() };
        // Who listens on its channel tells a semaphore from other numbers.
        run(&mut raw, "SET sem 3").await;
        assert_eq!(found(&bench, "sem").await.family, "setnx");
        let heard = listener(&bench, "redisson_sc:{sem}").await;
        let lock = found(&bench, "sem").await;
        assert_eq!((lock.family, lock.waiters), ("redisson", Some(1)), "{:?}", lock.candidates);
        let stale = services.prepare(release(&lock)).await.unwrap();
        released(&bench, &services, &lock).await;
        assert_eq!(hears(heard).await, "4");
        assert_eq!(run(&mut raw, "GET sem").await, Reply::Bulk("4".into()));
        let outcome = redwarden::act::execute(stale).await.1;
        assert_eq!(not_done(&outcome), &NotDone::Changed);

        // A permit with a lease: the count grows only together with the permit that goes.
        let permit = [7_u8; 16];
        let add = Command::new("ZADD").arg("{psem}:timeout").arg("9795435244140").arg(&permit[..]);
        raw.call(&add).await.unwrap();
        run(&mut raw, "SET psem 3").await;
        let lock = look(&mut reader(&bench).await, &[], &"{psem}:timeout".into()).await.expect("a permit");
        let heard = listener(&bench, "redisson_sc:{psem}").await;
        let stale = services.prepare(release(&lock)).await.unwrap();
        released(&bench, &services, &lock).await;
        assert_eq!(hears(heard).await, "4");
        assert_eq!(run(&mut raw, "GET psem").await, Reply::Bulk("4".into()));
        assert!(!exists(&mut raw, "{psem}:timeout").await);
        let outcome = redwarden::act::execute(stale).await.1;
        assert_eq!(not_done(&outcome), &NotDone::Gone);
        assert_eq!(run(&mut raw, "GET psem").await, Reply::Bulk("4".into()));

        // dramatiq: one less, and the TTL stays.
        run(&mut raw, "SET limit 2 PX 900000").await;
        let lock = Lock { family: "dramatiq", ..found(&bench, "limit").await };
        released(&bench, &services, &lock).await;
        assert_eq!(run(&mut raw, "GET limit").await, Reply::Bulk("1".into()));
        assert!(crate::support::pttl(&mut raw, "limit").await > 800_000);
        run(&mut raw, "SET limit 0 PX 900000").await;
        let lock = Lock { family: "dramatiq", ..found(&bench, "limit").await };
        let refused = services.prepare(release(&lock)).await.err().unwrap();
        assert!(refused.contains("nobody holds it"), "{refused}");
    }
}

#[tokio::test]
async fn a_unique_job_goes_with_its_family_and_a_waiter_wakes() {
    let jid = "d01bd06ec32d00db98f3fb53";
    let digest = "uniquejobs:3f1a3f1a3f1a3f1a3f1a3f1a3f1a3f1a";
    let key = format!("{digest}:LOCKED");
    for fallback in [false, true] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
        run(&mut raw, &format!("SET {digest} {jid}")).await;
        run(&mut raw, &format!("HSET {key} {jid} 1795435243.5")).await;
        run(&mut raw, &format!("SET {digest}:INFO {{}}")).await;
        run(&mut raw, &format!("ZADD uniquejobs:digests 5 {digest} 6 uniquejobs:other")).await;
        let sleeper = sleeper(&bench, &format!("{digest}:QUEUED")).await;
        blocked(&mut raw, 1).await;
        let lock = look(&mut reader(&bench).await, &[], &key.as_str().into()).await.expect("a lock");
        let services = if fallback { bench.services_as("noeval") } else { bench.services() };
        let stale = services.prepare(release(&lock)).await.unwrap();
        released(&bench, &services, &lock).await;
        until("the waiter woke", async || sleeper.is_finished()).await;
        assert_eq!(run(&mut raw, "KEYS *").await.as_array().unwrap().len(), 1, "only the registry stays");
        assert_eq!(run(&mut raw, "ZCARD uniquejobs:digests").await, Reply::Int(1));
        let outcome = redwarden::act::execute(stale).await.1;
        assert_eq!(not_done(&outcome), &NotDone::Gone);
        assert!(!exists(&mut raw, &format!("{digest}:QUEUED")).await, "nobody was woken in vain");
    }
}

#[tokio::test]
async fn version_9_of_unique_jobs_has_no_lists() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "HSET uniquejobs:ab:LOCKED d01bd06ec32d00db98f3fb53 {\"worker\":\"A\"}").await;
    run(&mut raw, "ZADD uniquejobs:digests 5 uniquejobs:ab").await;
    let lock = found(&bench, "uniquejobs:ab:LOCKED").await;
    let steps = released(&bench, &bench.services(), &lock).await;
    assert_eq!(
        steps,
        [
            "ZREM uniquejobs:digests redwarden:none",
            "UNLINK uniquejobs:ab:LOCKED",
            "ZREM uniquejobs:digests uniquejobs:ab"
        ]
    );
    assert_eq!(run(&mut raw, "DBSIZE").await, Reply::Int(0));
}

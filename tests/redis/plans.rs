//! Release and expire: what must hold, and what is left when it does not.

use std::time::Duration;

use redwarden::act::plan::Guard;
use redwarden::act::{NotDone, Outcome, Request};
use redwarden::domain::lock::Token;
use redwarden::domain::{Bytes, Command, Reply};

use crate::proxy::Proxy;
use crate::support::*;

#[tokio::test]
async fn release_deletes_the_lock_that_was_seen_and_writes_it_down() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN} PX 60000")).await;
    let outcome = act(&bench.services(), release("lock:a", TOKEN)).await;
    let Outcome::Done { replies, pttl_before_ms, server_ms } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(replies, &[Reply::Int(1)]);
    assert!((1..=60_000).contains(pttl_before_ms) && *server_ms > 1_600_000_000_000);
    assert!(!exists(&mut raw, "lock:a").await);
    let lines = bench.audit_lines();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["phase"], &lines[1]["phase"]), (&"before".into(), &"after".into()));
    assert_eq!(lines[0]["id"], lines[1]["id"]);
    assert_eq!(lines[0]["seen"][0]["token"], TOKEN);
    assert_eq!(lines[0]["commands"][0], "DEL lock:a");
    assert_eq!(lines[1]["outcome"], "done");
}

#[tokio::test]
async fn another_token_is_never_deleted() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let action = bench.services().prepare(release("lock:a", TOKEN)).await.unwrap();
    run(&mut raw, "SET lock:a another-token-0123456789").await;
    let outcome = redwarden::act::execute(action).await.1;
    assert_eq!(not_done(&outcome), &NotDone::Changed);
    assert!(exists(&mut raw, "lock:a").await);
    // Already changed when the dialog opens: there is no dialog.
    let refused = bench.services().prepare(release("lock:a", TOKEN)).await.err().unwrap();
    assert!(refused.contains("changed hands"), "{refused}");
    run(&mut raw, "DEL lock:a").await;
    let refused = bench.services().prepare(release("lock:a", TOKEN)).await.err().unwrap();
    assert!(refused.contains("gone"), "{refused}");
    run(&mut raw, "RPUSH lock:a x").await;
    let refused = bench.services().prepare(release("lock:a", TOKEN)).await.err().unwrap();
    assert!(refused.contains("another type"), "{refused}");
}

#[tokio::test]
async fn gone_and_retyped_keys_are_told_apart() {
    for (meanwhile, expected) in [
        (vec!["DEL lock:a"], NotDone::Gone),
        (vec!["DEL lock:a", "RPUSH lock:a x"], NotDone::WrongType),
        (vec!["SET lock:a x"], NotDone::Changed),
        (vec!["APPEND lock:a x"], NotDone::Changed),
    ] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        for fallback in [false, true] {
            run(&mut raw, "DEL lock:a").await;
            run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
            run(&mut raw, "ACL SETUSER noeval on >pw ~* +@all -eval -evalsha -eval_ro").await;
            let services = if fallback { bench.services_as("noeval") } else { bench.services() };
            let action = services.prepare(release("lock:a", TOKEN)).await.unwrap();
            for text in &meanwhile {
                run(&mut raw, text).await;
            }
            let outcome = redwarden::act::execute(action).await.1;
            assert_eq!(not_done(&outcome), &expected, "fallback {fallback}");
        }
    }
}

#[tokio::test]
async fn binary_keys_and_tokens_are_exact_and_shown_harmless() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let key = Bytes::from(&b"lock:\x1b[31m\xff\r\n\0"[..]);
    let token = Bytes::from(&b"\x1b]52;c;AAAA\x07\xfe 0123456789 \r\n$3\r\n"[..]);
    raw.call(&Command::new("SET").arg(key.clone()).arg(token.clone())).await.unwrap();
    let request = Request::Release { lock: lock(key.clone()), seen: seen(token) };
    assert!(is_done(&act(&bench.services(), request).await));
    assert_eq!(raw.call(&Command::new("EXISTS").arg(key)).await.unwrap(), Reply::Int(0));
    let text = std::fs::read_to_string(bench.state.path().join("audit.jsonl")).unwrap();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    let lines = bench.audit_lines();
    assert!(lines[0]["key_b64"].is_string() && lines[0]["seen"][0]["token_b64"].is_string());
    let rows = redwarden::act::audit::table(lines.into_iter().map(Ok));
    assert!(rows.iter().all(|row| !row.contains('\x1b')), "{rows:?}");
}

#[tokio::test]
async fn a_weak_token_is_guarded_by_watch_even_against_the_same_value() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "ACL SETUSER noeval on >pw ~* +@all -eval -evalsha -eval_ro").await;
    for services in [bench.services(), bench.services_as("noeval")] {
        run(&mut raw, "SET lock:a 1").await;
        let action = services.prepare(release("lock:a", "1")).await.unwrap();
        assert!(action.prepared().plan.unchanged);
        assert!(action.prepared().plan.warnings.iter().any(|w| w.contains("WATCH")));
        run(&mut raw, "SET lock:a 1").await;
        let outcome = redwarden::act::execute(action).await.1;
        assert_eq!(not_done(&outcome), &NotDone::Touched);
        assert!(exists(&mut raw, "lock:a").await);
        assert!(is_done(&act(&services, release("lock:a", "1")).await));
        assert!(!exists(&mut raw, "lock:a").await);
    }
}

#[tokio::test]
async fn without_eval_the_same_plan_runs_as_a_transaction() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "ACL SETUSER noeval on >pw ~* +@all -eval -evalsha -eval_ro").await;
    let services = bench.services_as("noeval");
    run(&mut raw, &format!("SET lock:a {TOKEN} PX 60000")).await;
    let outcome = act(&services, release("lock:a", TOKEN)).await;
    assert!(matches!(outcome, Outcome::Done { pttl_before_ms: 1.., .. }), "{outcome:?}");
    assert!(!exists(&mut raw, "lock:a").await);
    assert!(is_done(&act(&services, enqueue("queue:a", &["{\"a\":1}"], false)).await));
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let expire = Request::Expire { lock: lock("lock:a"), seen: seen(TOKEN), ttl: Duration::from_secs(30) };
    assert!(is_done(&act(&services, expire).await));
    assert!(pttl(&mut raw, "lock:a").await > 0);
    let long = "x".repeat(5000);
    run(&mut raw, &format!("SET lock:l {long}")).await;
    let action = services.prepare(release_long("lock:l", &long)).await.unwrap();
    assert!(action.prepared().plan.unchanged);
    assert!(is_done(&redwarden::act::execute(action).await.1));
}

#[tokio::test]
async fn denied_commands_leave_the_lock() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    for (rights, what) in [
        ("+@all -del", "DEL"),
        ("+@all -del -eval -eval_ro", "DEL"),
        ("+@all -time", "TIME"),
        ("+@all -multi -eval", "MULTI"),
        ("+@all -exec -eval", "EXEC"),
    ] {
        run(&mut raw, &format!("ACL SETUSER u reset on >pw ~* {rights}")).await;
        run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
        let outcome = act(&bench.services_as("u"), release("lock:a", TOKEN)).await;
        assert!(matches!(not_done(&outcome), NotDone::Denied(w) if w == what), "{rights}: {outcome:?}");
        assert!(exists(&mut raw, "lock:a").await);
    }
    for rights in ["+@all -getrange", "+@all ~other:*"] {
        let keys = if rights.contains('~') { "" } else { "~*" };
        run(&mut raw, &format!("ACL SETUSER u reset on >pw {keys} {rights}")).await;
        let refused = bench.services_as("u").prepare(release("lock:a", TOKEN)).await.err().unwrap();
        assert!(refused.contains("not permitted"), "{refused}");
    }
}

#[tokio::test]
async fn where_multi_is_denied_a_weak_token_is_not_deleted_without_its_watch() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "ACL SETUSER u reset on >pw ~* +@all -multi").await;
    run(&mut raw, "SET lock:a 1").await;
    let outcome = act(&bench.services_as("u"), release("lock:a", "1")).await;
    assert!(matches!(not_done(&outcome), NotDone::Denied(_)), "{outcome:?}");
    assert!(exists(&mut raw, "lock:a").await);
}

#[tokio::test]
async fn with_exactly_these_rights_everything_works() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let act_rights = "+ping +time +info +watch +unwatch +multi +exec +eval +pttl +strlen +getrange +get +exists +type +llen +del +pexpire +set +lpush +rpush +lindex +eval_ro +client|setname +client|list +hello +lpos";
    run(&mut raw, &format!("ACL SETUSER u reset on >pw ~* {act_rights}")).await;
    let services = bench.services_as("u");
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let expire = Request::Expire { lock: lock("lock:a"), seen: seen(TOKEN), ttl: Duration::from_secs(30) };
    assert!(is_done(&act(&services, expire).await));
    assert!(is_done(&act(&services, release("lock:a", TOKEN)).await));
    assert!(is_done(&act(&services, enqueue("queue:a", &["{\"a\":1}"], false)).await));
}

fn release_long(key: &str, value: &str) -> Request {
    let head = Bytes::from(&value[..1024]);
    let mut seen = seen("");
    seen.token = Token::Long { head, len: value.len() as u64 };
    Request::Release { lock: lock(key), seen }
}

#[tokio::test]
async fn a_long_token_is_guarded_as_a_whole() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let value = "y".repeat(4000);
    run(&mut raw, &format!("SET lock:a {value}")).await;
    let action = bench.services().prepare(release_long("lock:a", &value)).await.unwrap();
    let plan = &action.prepared().plan;
    assert!(matches!(plan.guards.as_slice(), [Guard::StringDigest { len: 4000, .. }]) && !plan.unchanged);
    assert!(plan.warnings.iter().any(|w| w.contains("cannot be undone")));
    // Same length, same head, another tail.
    run(&mut raw, "SETRANGE lock:a 3999 z").await;
    assert_eq!(not_done(&redwarden::act::execute(action).await.1), &NotDone::Changed);
    let changed = format!("{}z", &value[..3999]);
    assert!(is_done(&act(&bench.services(), release_long("lock:a", &changed)).await));
    // Beyond a quarter of a mebibyte nothing is hashed: WATCH and the length guard it.
    let huge = "h".repeat(2 * 1024 * 1024);
    raw.call(&Command::new("SET").arg("lock:h").arg(huge.as_str())).await.unwrap();
    let action = bench.services().prepare(release_long("lock:h", &huge)).await.unwrap();
    assert!(action.prepared().plan.unchanged);
    run(&mut raw, "SETRANGE lock:h 2000000 z").await;
    assert_eq!(not_done(&redwarden::act::execute(action).await.1), &NotDone::Touched);
    assert!(exists(&mut raw, "lock:h").await);
}

#[tokio::test]
async fn expire_gives_a_ttl_only_to_a_lock_without_one() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let expire = || Request::Expire { lock: lock("lock:a"), seen: seen(TOKEN), ttl: Duration::from_secs(30) };
    let action = bench.services().prepare(expire()).await.unwrap();
    let late = bench.services().prepare(expire()).await.unwrap();
    assert!(is_done(&redwarden::act::execute(action).await.1));
    assert!((1..=30_000).contains(&pttl(&mut raw, "lock:a").await));
    assert_eq!(not_done(&redwarden::act::execute(late).await.1), &NotDone::Touched);
    let refused = bench.services().prepare(expire()).await.err().unwrap();
    assert!(refused.contains("TTL already"), "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_frozen_until_the_deadline_does_nothing_when_it_wakes() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let proxy = Proxy::start(bench.server.port()).await;
    let mut services = bench.services_at(proxy.endpoint());
    services.timeout = Duration::from_millis(800);
    let action = services.prepare(release("lock:a", TOKEN)).await.unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(bench.server.pid()).unwrap()).unwrap();
    proxy.before("EVAL", move || {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::STOP);
    });
    let outcome = redwarden::act::execute(action).await.1;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    // The plan waits in the server's socket; its deadline has passed with our timeout.
    tokio::time::sleep(Duration::from_millis(200)).await;
    bench.server.thaw();
    // Everything that reached it before this answer was dealt with.
    let stats = run(&mut raw, "INFO commandstats").await.as_bytes().unwrap();
    assert!(exists(&mut raw, "lock:a").await);
    until("the late script ran and did nothing", async || {
        run(&mut raw, "INFO commandstats")
            .await
            .as_bytes()
            .unwrap()
            .escaped()
            .contains("cmdstat_eval:calls=2")
    })
    .await;
    assert!(exists(&mut raw, "lock:a").await, "{stats}");
    assert_eq!(bench.audit_lines()[1]["outcome"], "unknown");
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_frozen_before_its_clock_is_asked_is_sent_nothing() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let mut services = bench.services();
    services.timeout = Duration::from_millis(500);
    let action = services.prepare(release("lock:a", TOKEN)).await.unwrap();
    bench.server.freeze();
    let outcome = redwarden::act::execute(action).await.1;
    bench.server.thaw();
    assert!(matches!(not_done(&outcome), NotDone::NotSent(_)), "{outcome:?}");
    assert!(exists(&mut raw, "lock:a").await);
}

#[tokio::test]
async fn another_server_process_is_refused() {
    let mut bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let action = bench.services().prepare(release("lock:a", TOKEN)).await.unwrap();
    run(&mut raw, "SET lock:b 1").await;
    let weak = bench.services().prepare(release("lock:b", "1")).await.unwrap();
    bench.server.kill();
    bench.server.restart().unwrap();
    assert_eq!(not_done(&redwarden::act::execute(action).await.1), &NotDone::OtherServer);
    assert!(matches!(not_done(&redwarden::act::execute(weak).await.1), NotDone::NotSent(_)));
}

#[tokio::test]
async fn a_closed_idle_connection_is_opened_again_where_nothing_is_lost() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let action = bench.services().prepare(release("lock:a", TOKEN)).await.unwrap();
    run(&mut raw, "CLIENT KILL TYPE normal SKIPME yes").await;
    assert!(is_done(&redwarden::act::execute(action).await.1));
}

#[tokio::test]
async fn a_replica_refuses_and_names_its_primary() {
    refuses_on_a_replica(None).await;
}

/// The same as a transaction: the node is demoted between the dialog and EXEC.
#[tokio::test]
async fn a_replica_refuses_and_names_its_primary_without_scripts() {
    refuses_on_a_replica(Some("noscripts")).await;
}

async fn refuses_on_a_replica(user: Option<&str>) {
    let primary = Bench::start(&[]);
    let replica = Bench::start(&["--replicaof", "127.0.0.1", &primary.server.port().to_string()]);
    let mut raw = primary.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let mut on_replica = replica.raw().await;
    until("the replica has it", async || exists(&mut on_replica, "lock:a").await).await;
    for server in [&mut raw, &mut on_replica] {
        run(server, "ACL SETUSER noscripts on >pw ~* +@all -eval").await;
    }
    let services = |bench: &Bench| match user {
        Some(user) => bench.services_as(user),
        None => bench.services(),
    };
    let named = format!("127.0.0.1:{}", primary.server.port());
    let refused = services(&replica).prepare(release("lock:a", TOKEN)).await.err().unwrap();
    assert!(refused.contains("replica") && refused.contains(&named), "{refused}");
    // It becomes one while the dialog is open.
    let action = services(&primary).prepare(release("lock:a", TOKEN)).await.unwrap();
    run(&mut on_replica, "REPLICAOF NO ONE").await;
    run(&mut raw, &format!("REPLICAOF 127.0.0.1 {}", replica.server.port())).await;
    until("it follows", async || {
        run(&mut raw, "INFO replication")
            .await
            .as_bytes()
            .unwrap()
            .escaped()
            .contains("master_link_status:up")
    })
    .await;
    // The connection may break while it becomes a replica.
    let outcome = redwarden::act::execute(action).await.1;
    let named = format!("127.0.0.1:{}", replica.server.port());
    assert!(
        matches!(not_done(&outcome), NotDone::Replica(words) if words.contains(&named))
            || matches!(not_done(&outcome), NotDone::NotSent(words) if words.contains(&named)),
        "{outcome:?}"
    );
    assert!(exists(&mut on_replica, "lock:a").await);
}

#[tokio::test]
async fn read_only_mode_connects_to_nothing() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let before = run(&mut raw, "INFO stats").await.as_bytes().unwrap().escaped();
    let connections = |text: &str| {
        text.split("\\r\\n").find_map(|l| l.strip_prefix("total_connections_received:").map(str::to_string))
    };
    let mut services = bench.services();
    services.permit = None;
    for request in [release("lock:a", TOKEN), enqueue("queue:a", &["x"], true)] {
        let refused = services.prepare(request).await.err().unwrap();
        assert!(refused.contains("read-only"), "{refused}");
    }
    let after = run(&mut raw, "INFO stats").await.as_bytes().unwrap().escaped();
    assert!(connections(&before).is_some());
    assert_eq!(connections(&before), connections(&after));
    assert!(exists(&mut raw, "lock:a").await);
}

#[tokio::test]
async fn without_an_audit_file_nothing_is_sent() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let file = bench.state.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let mut services = bench.services();
    services.audit = redwarden::act::Audit::in_dir(&file.join("below"));
    let outcome = act(&services, release("lock:a", TOKEN)).await;
    assert!(matches!(not_done(&outcome), NotDone::NoAudit(_)), "{outcome:?}");
    assert!(exists(&mut raw, "lock:a").await);
}

#[tokio::test]
async fn a_token_that_could_not_be_read_is_no_guard() {
    let bench = Bench::start(&[]);
    let mut seen = seen("");
    seen.token = Token::Unknown(redwarden::domain::lock::Unknown::NotPermitted("GET"));
    let request = Request::Release { lock: lock("lock:a"), seen };
    let refused = bench.services().prepare(request).await.err().unwrap();
    assert!(refused.contains("could not be read"), "{refused}");
}

//! Every recorded lock: its family is found, its holder is said, its release is the library's own.

use std::fmt::Write as _;

use base64::Engine as _;
use redwarden::act::Request;
use redwarden::act::plan::Undo;
use redwarden::domain::{Bytes, Command, Rules, Stamp};
use serde_json::Value;

use crate::support::{Bench, run};
use crate::{look, reader, seen};

fn bytes(value: &Value) -> Bytes {
    let text = value["b64"].as_str();
    text.map_or_else(
        || value.as_str().unwrap().into(),
        |b64| base64::engine::general_purpose::STANDARD.decode(b64).unwrap().into(),
    )
}

fn write(row: &Value) -> Command {
    let key = row["key"].as_str().unwrap();
    if row["type"] == "hash" {
        let fields = row["value"].as_object().unwrap();
        return fields.iter().fold(Command::new("HSET").arg(key), |command, (field, value)| {
            command.arg(field.as_str()).arg(bytes(value))
        });
    }
    if row["type"] == "zset" {
        let members = row["value"].as_array().unwrap();
        return members.iter().fold(Command::new("ZADD").arg(key), |command, row| {
            command.arg(row["score"].as_f64().unwrap().to_string()).arg(bytes(&row["member"]))
        });
    }
    if row["type"] == "set" {
        let members = row["value"].as_array().unwrap();
        return members
            .iter()
            .fold(Command::new("SADD").arg(key), |command, member| command.arg(bytes(member)));
    }
    let value = match row["value_b64"].as_str() {
        Some(b64) => bytes(&serde_json::json!({ "b64": b64 })),
        None => bytes(&row["value"]),
    };
    Command::new("SET").arg(key).arg(value)
}

#[tokio::test]
async fn recorded_locks_are_recognised_and_get_their_own_release() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let mut reader = reader(&bench).await;
    let mut report = String::new();
    let mut wrong = Vec::new();
    for line in include_str!("recorded.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let key = Bytes::from(row["key"].as_str().unwrap());
        run(&mut raw, "FLUSHALL").await;
        if let Some(beside) = row["beside"].as_str() {
            run(&mut raw, beside).await;
        }
        let wrote = raw.call(&write(&row)).await.unwrap();
        assert!(wrote.as_error().is_none(), "{line}: {wrote:?}");
        let pttl = row["pttl_ms"].as_i64().unwrap();
        if pttl > 0 {
            // Far enough from every threshold, whatever was left when it was recorded.
            raw.call(&Command::new("PEXPIRE").arg(key.clone()).arg(600_000_i64)).await.unwrap();
        }
        let expected = row["expect"].as_str().unwrap();
        let Some(lock) = look(&mut reader, &["*"], &key).await else {
            wrong.push(format!("{line}: no lock"));
            continue;
        };
        if !lock.candidates.iter().any(|(id, _)| *id == expected) {
            wrong.push(format!("{line}: {:?}", lock.candidates));
        }
        let candidates: Vec<String> =
            lock.candidates.iter().map(|(id, sure)| format!("{id} {sure}")).collect();
        let state = lock.state(&Rules::default(), Stamp::now().mono).code();
        writeln!(
            report,
            "{} | {}\n  key {key}\n  family {} of [{}], {state}\n  holder {}",
            row["library"].as_str().unwrap(),
            row["scenario"].as_str().unwrap(),
            lock.family,
            candidates.join(", "),
            lock.holder.as_deref().unwrap_or("-"),
        )
        .unwrap();
        let request = Request::Release { lock: lock.id.clone(), seen: seen(&lock) };
        match bench.services().prepare(request).await {
            Ok(action) => {
                let plan = &action.prepared().plan;
                for step in &plan.steps {
                    writeln!(report, "  > {step}").unwrap();
                }
                for warning in &plan.warnings {
                    writeln!(report, "  ! {warning}").unwrap();
                }
                let undo = match &plan.undo {
                    Undo::Value => "value".into(),
                    Undo::Parts(parts) => {
                        parts.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                    }
                    Undo::No(why) => format!("no: {why}"),
                };
                writeln!(report, "  undo {undo}").unwrap();
                let deletes =
                    |c: &&Command| matches!(c.name().as_str(), "DEL" | "HDEL" | "UNLINK" | "SREM" | "ZREM");
                let nobody = |c: &&Command| c.args.last().is_some_and(|a| a.as_slice() == b"redwarden:none");
                let first = plan.steps.iter().position(|step| deletes(&step) && !nobody(&step));
                // What could be refused and leave waiters asleep stands before the first deletion.
                let after = plan.steps.iter().skip(first.unwrap_or(plan.steps.len()));
                for step in after {
                    assert!(
                        !matches!(step.name().as_str(), "PUBLISH" | "LPUSH" | "PEXPIRE"),
                        "{line}: {step} after a deletion"
                    );
                }
            }
            Err(why) => writeln!(report, "  refused: {why}").unwrap(),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!(report);
}

#[tokio::test]
async fn libraries_are_found_without_any_lock_pattern_but_their_neighbours_are_not() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let mut reader = reader(&bench).await;
    for (key, value, family) in [
        ("mutex:pay", "e5459dfd-8987-4f50-9689-948fb2be49fb", Some("redis-semaphore")),
        ("mutex:pay", "just-a-value", None),
        ("bull:emails:1:lock", "31ca5b94-7a09-4214-89ed-c8b9e4ac47fe:0", Some("bullmq")),
        ("lock:orders", "23DeHRBdcxFxNQKXpVGKoM6g", Some("python-redis-lock")),
        // Only the generic pattern makes this one a lock.
        ("lock:orders", "d917ae02-4f1f-4776-8a16-263aaddc022a", None),
        ("SINGLETONLOCK_abc", "d917ae02-4f1f-4776-8a16-263aaddc022a", Some("celery-singleton")),
        ("qo_task_a-1", "46ce1d6ae73311f190bc02fc00000001", Some("celery-once")),
        ("PHPREDIS_SESSION:abc_LOCK", "web-3|4711", Some("phpredis-session")),
        ("orders", "46ce1d6ae73311f190bc02fc00000001", None),
    ] {
        raw.call(&Command::new("SET").arg(key).arg(value)).await.unwrap();
        let lock = look(&mut reader, &[], &key.into()).await;
        assert_eq!(lock.map(|l| l.family), family, "{key} = {value}");
    }
}

#[test]
fn a_family_can_be_switched_off() {
    use redwarden::config::Config;
    use redwarden::family::Registry;
    let registry = |off: &[&str]| {
        Registry::new(&Config {
            lock_patterns: Vec::new(),
            disabled_families: off.iter().map(ToString::to_string).collect(),
            ..Config::default()
        })
    };
    for (key, families) in [
        ("mutex:a", vec!["redis-semaphore"]),
        ("semaphore:a", vec!["redis-semaphore"]),
        ("huey.results.app", vec!["huey"]),
        ("lock:a", vec!["python-redis-lock", "walrus"]),
        ("bull:a:1:lock", vec!["bullmq", "bull"]),
    ] {
        assert_eq!(registry(&[]).candidate(key.as_bytes()), (true, false), "{key}");
        assert_eq!(
            registry(&families).candidate(key.as_bytes()),
            (false, false),
            "{key} without {families:?}"
        );
    }
    let all = redwarden::family::registry::lock_family_ids();
    assert!(!registry(&all).candidate(b"mutex:a").0);
    let registry = Registry::new(&Config {
        disabled_families: all.iter().map(ToString::to_string).collect(),
        ..Config::default()
    });
    assert!(registry.candidate(b"lock:a").0, "the generic patterns stay");
}

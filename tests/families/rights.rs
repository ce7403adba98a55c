//! Each right that a release needs, removed in turn: it works wholly, or nothing is deleted and it says what was
//! refused. With scripts and without.

use redwarden::act::{Outcome, Request};
use redwarden::domain::{Bytes, Command, Lock, Reply};
use redwarden::redis_io::Writer;

use crate::support::{Bench, act, is_done, run};
use crate::{look, reader, seen};

const REDISSON: &str = "285475da-9152-4c83-822a-67ee2f116a79:52";
const OTHER: &str = "6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:9";
const UUID: &str = "e5459dfd-8987-4f50-9689-948fb2be49fb";
const MADELSON: &str = "APPHOST01_4312_13faded8aaf14ddda350a36240ff8a05";
const DIGEST: &str = "uniquejobs:3f1a3f1a3f1a3f1a3f1a3f1a3f1a3f1a";

/// A recipe: what stands there, the lock's key, the family if the shape fits several.
struct Case {
    set_up: Vec<String>,
    key: &'static str,
    family: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let case = |set_up: &[String], key, family| Case { set_up: set_up.to_vec(), key, family };
    vec![
        case(&[format!("SET lock:plain {UUID}")], "lock:plain", None),
        case(&["SET lock:orders 23DeHRBdcxFxNQKXpVGKoM6g PX 600000".into()], "lock:orders", None),
        case(&[format!("HSET myLock {REDISSON} 1")], "myLock", None),
        case(
            &[
                format!("HSET fair {REDISSON} 1"),
                format!("RPUSH redisson_lock_queue:{{fair}} {OTHER} 6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:11"),
                format!(
                    "ZADD redisson_lock_timeout:{{fair}} 5 {OTHER} 9795435244140 6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:11"
                ),
            ],
            "fair",
            None,
        ),
        case(&[format!("HSET rw mode read {REDISSON} 1 {OTHER} 1")], "rw", None),
        case(&["HSET huey.results.a a.lock.x v result r".into()], "huey.results.a", None),
        case(
            &[format!(
                "ZADD sem 9795435255614.5 {MADELSON} 9795435255615.5 APPHOST02_99_d168d76730f54e76ab80437dff13da9f"
            )],
            "sem",
            None,
        ),
        case(&[format!("SADD rw.readers {MADELSON}")], "rw.readers", None),
        case(
            &["ZADD report 9795435255614 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= 9795435255614 __write__".into()],
            "report",
            None,
        ),
        case(&["SET sem 3".into()], "sem", Some("redisson")),
        case(&["SET limit 2 PX 600000".into()], "limit", Some("dramatiq")),
        case(
            &["SET psem 3".into(), "ZADD {psem}:timeout 9795435244140 0123456789abcdef".into()],
            "{psem}:timeout",
            None,
        ),
        case(
            &[
                format!("SET {DIGEST} d01bd06ec32d00db98f3fb53"),
                format!("HSET {DIGEST}:LOCKED d01bd06ec32d00db98f3fb53 1795435243.5"),
                format!("ZADD uniquejobs:digests 5 {DIGEST}"),
                format!("ZADD uniquejobs:expiring_digests 5 {DIGEST}"),
            ],
            "uniquejobs:3f1a3f1a3f1a3f1a3f1a3f1a3f1a3f1a:LOCKED",
            None,
        ),
        case(&["SET rq:clean_groups 1 PX 600000".into()], "rq:clean_groups", None),
        case(
            &[format!("SET my-registry:orders {UUID} PX 60000")],
            "my-registry:orders",
            Some("spring-integration"),
        ),
    ]
}

/// Everything that says who holds what: lists of wake-ups may have an element too many.
async fn state(raw: &mut Writer) -> Vec<(Bytes, Reply)> {
    let mut keys: Vec<Bytes> =
        run(raw, "KEYS *").await.as_array().unwrap().iter().filter_map(Reply::as_bytes).collect();
    keys.sort();
    let mut all = Vec::new();
    for key in keys {
        let kind = raw.call(&Command::new("TYPE").arg(key.clone())).await.unwrap();
        if kind.as_bytes().unwrap().as_slice() != b"list" || key.as_slice().starts_with(b"redisson") {
            all.push((key.clone(), raw.call(&Command::new("DUMP").arg(key)).await.unwrap()));
        }
    }
    all
}

async fn set_up(raw: &mut Writer, case: &Case) {
    run(raw, "FLUSHALL").await;
    for command in &case.set_up {
        run(raw, command).await;
    }
}

async fn lock(bench: &Bench, case: &Case) -> Lock {
    let lock = look(&mut reader(bench).await, &["*"], &case.key.into()).await.expect("a lock");
    Lock { family: case.family.unwrap_or(lock.family), ..lock }
}

/// What may be taken away: commands, one key, one channel.
fn cuts(plan: &redwarden::act::Plan) -> Vec<String> {
    let mut cuts: Vec<String> = plan
        .steps
        .iter()
        .map(|step| format!("-{}", step.name().to_lowercase()))
        .chain(
            ["-pttl", "-time", "-type", "-watch", "-multi", "-exec", "-zscore", "-hexists", "-get"]
                .map(String::from),
        )
        .collect();
    cuts.push("resetchannels".into());
    for step in &plan.steps {
        if step.name() != "PUBLISH" {
            // All other keys stay: a pattern for each of them.
            let lost = step.args[1].escaped();
            cuts.push(format!("lose:{lost}"));
        }
    }
    cuts.sort();
    cuts.dedup();
    cuts
}

#[tokio::test]
async fn a_release_works_wholly_or_deletes_nothing() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let (mut refused, mut done) = (0, 0);
    for case in cases() {
        set_up(&mut raw, &case).await;
        let plan = {
            let lock = lock(&bench, &case).await;
            let request = Request::Release { lock: lock.id.clone(), seen: seen(&lock) };
            bench.services().prepare(request).await.unwrap().prepared().plan.clone()
        };
        for cut in cuts(&plan) {
            for scripts in [true, false] {
                set_up(&mut raw, &case).await;
                let lock = lock(&bench, &case).await;
                let before = state(&mut raw).await;
                let keys = match cut.strip_prefix("lose:") {
                    None => "~*".to_string(),
                    Some(lost) => {
                        let others = plan.guards.iter().map(|g| g.key().escaped());
                        let others = others.chain(plan.steps.iter().map(|s| s.args[1].escaped()));
                        let others = others.chain([plan.subject.escaped(), "redwarden*".into()]);
                        others
                            .filter(|key| key != lost)
                            .map(|key| format!("~{key}"))
                            .collect::<Vec<_>>()
                            .join(" ")
                    }
                };
                let cut_right = if cut.starts_with("lose:") { "" } else { cut.as_str() };
                let eval = if scripts { "" } else { "-eval -evalsha -eval_ro" };
                let rights = format!("ACL SETUSER some reset on >pw {keys} &* +@all {cut_right} {eval}");
                run(&mut raw, &rights.split_whitespace().collect::<Vec<_>>().join(" ")).await;
                let what = format!("{} as {} with {cut}, scripts {scripts}", case.key, lock.family);
                let request = Request::Release { lock: lock.id.clone(), seen: seen(&lock) };
                let services = bench.services_as("some");
                let outcome = match services.prepare(request.clone()).await {
                    Ok(_) => act(&services, request).await,
                    Err(why) => {
                        assert!(
                            why.contains("not permitted")
                                || why.contains("refused")
                                || why.contains("NOPERM"),
                            "{what}: {why}"
                        );
                        assert_eq!(state(&mut raw).await, before, "{what}");
                        refused += 1;
                        continue;
                    }
                };
                let after = state(&mut raw).await;
                if is_done(&outcome) {
                    done += 1;
                    assert_ne!(after, before, "{what}: done, and nothing happened");
                } else {
                    refused += 1;
                    assert!(!matches!(outcome, Outcome::Unknown(_)), "{what}: {outcome:?}");
                    assert_eq!(after, before, "{what}: {outcome:?}");
                }
            }
        }
    }
    assert!(refused > 80 && done > 80, "{refused} refused, {done} done");
}

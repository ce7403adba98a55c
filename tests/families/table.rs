//! Every library of the documentation is registered, found in a key as it writes one, and has a release or a refusal.

use redwarden::act::Request;
use redwarden::domain::{Bytes, Command, Lock};
use redwarden::family::registry::{lock_family, lock_family_ids};

use crate::support::{Bench, run};
use crate::{look, reader, seen};

const UUID: &str = "e5459dfd-8987-4f50-9689-948fb2be49fb";
const UUID1: &str = "46ce1d6ae73311f190bc02fc00000001";
const HEX32: &str = "1cfe6a40432607f8bb53a2a069ef50c7";

/// Family, key, its type and a value as the library writes it; true where a release is refused.
fn documented() -> Vec<(&'static str, &'static str, &'static str, Vec<u8>, bool)> {
    let text = |t: &str| t.as_bytes().to_vec();
    let raw = |n: usize| (0..n).map(|i| (i * 37 + 200) as u8).collect::<Vec<u8>>();
    vec![
        ("redis-py", "orders:reindex", "string", text(UUID1), false),
        ("python-redis-lock", "lock:orders", "string", text("23DeHRBdcxFxNQKXpVGKoM6g"), false),
        ("walrus", "lock:backup", "string", raw(32), false),
        ("pottery", "redlock:printer", "string", text(UUID), false),
        ("redlock-net", "redlock:the-thing", "string", text(UUID), false),
        ("redlock-py", "my_resource", "string", text("E4w9CRisUtiXXHFkHVX3BS"), false),
        ("redlock-pypi", "distributed_lock", "string", text("3dcb04b82e1542088244348d3fb4fa6c"), false),
        ("aioredlock", "resource", "string", text(UUID), false),
        ("sherlock", "ns_resource", "string", text(UUID), false),
        ("huey", "huey.results.myapp", "hash", text("my-app.lock.daily"), false),
        ("huey", "huey.r.myapp.my-app.lock.daily", "string", raw(20), false),
        ("rq", "rq:scheduler-lock:default", "string", text("f126cd8a4b654d018509502efa143680"), false),
        ("rq", "rq:clean_groups", "string", text("1"), false),
        ("rq-scheduler", "rq:scheduler_lock", "string", text("1795434482.9123223"), false),
        ("arq", "arq:in-progress:abc", "string", text("1"), true),
        ("dramatiq", "distributed-mutex", "string", text("1"), false),
        ("node-redlock", "locks:account:322456", "string", text(HEX32), false),
        ("redis-semaphore", "mutex:r", "string", text(UUID), false),
        ("redis-semaphore", "semaphore:pool", "zset", text(UUID), false),
        ("bullmq", "bull:emails:1:lock", "string", text("31ca5b94-7a09-4214-89ed-c8b9e4ac47fe:0"), true),
        ("bull", "bull:video:1:lock", "string", text("799fcb64-726c-47b3-94bf-f686b1a31910"), true),
        ("rslock", "resource", "string", raw(20), false),
        ("redisson", "myLock", "hash", text("285475da-9152-4c83-822a-67ee2f116a79:52"), false),
        ("redisson", "sem", "string", text("3"), false),
        ("spring-integration", "my-registry:orders:42", "string", text(UUID), false),
        ("shedlock", "job-lock:default:n", "string", text("ADDED:2026-11-23T11:47:51.975Z@app-7f9c"), false),
        ("redsync", "my-global-mutex", "string", text("AAECAwQFBgcICQoLDA0ODw=="), false),
        ("bsm-redislock", "my-key", "string", text("AAECAwQFBgcICQoLDA0O-w"), false),
        ("redlock-rb", "resource_key", "string", text(UUID), false),
        ("sidekiq-unique-jobs", "uniquejobs:3f1a:LOCKED", "hash", text("d01bd06ec32d00db98f3fb53"), false),
        ("sidekiq-unique-jobs", "uniquejobs:3f1a", "string", text("d01bd06ec32d00db98f3fb53"), true),
        ("laravel", "laravel_database_laravel_cache:p", "string", text("Ss5AVxj91GQtmmNM"), false),
        ("laravel", "laravel_horizon:metrics:snapshot", "string", text("1"), false),
        ("symfony", "report", "zset", text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), false),
        ("madelson", "Name", "string", text("APPHOST01_4312_71a2786b16fa48b9a718006e679dbd33"), false),
        ("madelson", "rw.readers", "set", text("APPHOST01_4312_71a2786b16fa48b9a718006e679dbd33"), false),
        ("madelson", "sem", "zset", text("APPHOST01_4312_71a2786b16fa48b9a718006e679dbd33"), false),
        ("redlock4j", "my-resource", "string", text("62d28125d1038f19bdae8eaf12779877d0f43dd1"), false),
        ("redlock4j", "my-resource:readers", "string", text("2"), false),
        ("celery-redbeat", "redbeat::lock", "string", text(UUID1), false),
        ("celery-once", "qo_task_a-1", "string", text(UUID1), false),
        ("celery-singleton", "SINGLETONLOCK_abc", "string", text(UUID), false),
        ("phpredis-session", "PHPREDIS_SESSION:abc_LOCK", "string", text("web-3|4711"), false),
        ("stackexchange-redis", "some-lock", "string", text("WEB-03"), false),
        ("setnx", "lock:a", "string", text("worker-7@host-a"), false),
        ("unknown", "lock:a", "string", vec![0xff, 0xfe, 1], false),
    ]
}

/// As the documentation lists them; portalocker's has no key and a test of its own.
const IDS: &str = "redis-py python-redis-lock walrus pottery redlock-net redlock-py aioredlock sherlock huey rq \
    rq-scheduler arq dramatiq node-redlock redis-semaphore bullmq bull rslock redisson spring-integration shedlock \
    redsync bsm-redislock redlock-rb sidekiq-unique-jobs laravel symfony madelson redlock4j celery-redbeat \
    celery-once celery-singleton phpredis-session portalocker stackexchange-redis redlock-pypi setnx unknown";

#[test]
fn every_family_is_registered_and_in_the_table() {
    let registered = lock_family_ids();
    for id in IDS.split_whitespace() {
        assert!(registered.contains(&id) || id == "unknown", "{id} cannot be switched off");
        let kinds = ["string", "hash", "zset", "set", "connection"];
        assert!(kinds.iter().any(|kind| lock_family(id, kind).is_some()), "nobody releases {id}");
        assert!(
            id == "portalocker" || documented().iter().any(|row| row.0 == id),
            "{id} is not in the table"
        );
    }
    for id in registered {
        assert!(IDS.split_whitespace().any(|known| known == id), "{id} is not documented");
    }
}

#[tokio::test]
async fn every_family_is_found_and_has_a_release_or_a_refusal() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let mut reader = reader(&bench).await;
    for (id, key, kind, value, refused) in documented() {
        run(&mut raw, "FLUSHALL").await;
        let command = match kind {
            "string" => Command::new("SET").arg(key).arg(value.clone()),
            "hash" => Command::new("HSET").arg(key).arg(value.clone()).arg("1"),
            "zset" => Command::new("ZADD").arg(key).arg("9795435255614").arg(value.clone()),
            _ => Command::new("SADD").arg(key).arg(value.clone()),
        };
        raw.call(&command).await.unwrap();
        let what = format!("{id}: {key} = {}", Bytes::from(value));
        let lock = look(&mut reader, &["*"], &key.into()).await.unwrap_or_else(|| panic!("{what}: no lock"));
        let sure = lock.candidates.iter().find(|(candidate, _)| *candidate == id);
        assert!(sure.is_some_and(|(_, sure)| *sure > 0), "{what}: {:?}", lock.candidates);
        let total: u32 = lock.candidates.iter().map(|(_, sure)| u32::from(*sure)).sum();
        assert!(total <= 100 + lock.candidates.len() as u32, "{what}: {:?}", lock.candidates);
        let lock = Lock { family: sure.unwrap().0, ..lock };
        let request = Request::Release { lock: lock.id.clone(), seen: seen(&lock) };
        match bench.services().prepare(request).await {
            Ok(action) => {
                assert!(!refused, "{what}: not refused");
                let plan = &action.prepared().plan;
                assert!(
                    !plan.steps.is_empty() && !plan.guards.is_empty() && !plan.effects.is_empty(),
                    "{what}"
                );
            }
            Err(why) => assert!(refused && why.len() > 40, "{what}: {why}"),
        }
    }
}

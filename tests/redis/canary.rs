//! Canaries against real servers, with workers of our own: what is written, how it is followed, what is left.

use std::time::Duration;

use redwarden::act::canary::{Sent, Stage, Trail, clean};
use redwarden::act::{
    ActionCommand, ActionEvent, NotDone, Outcome, Plan, Request, Services, Ticket, execute,
};
use redwarden::config::{CanaryTask, Config};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, NodeId, QueueId, Reply};
use redwarden::family::registry::Canaries;
use redwarden::family::template::Template;
use redwarden::redis_io::Writer;

use crate::support::*;

const ID: &str = "0b4e8b7e-92b2-4f0c-9c3d-1c7a3f5e6d21";
const NAME: &str = "redwarden-canary-0b4e8b7e-92b2-4f0c-9c3d-1c7a3f5e6d21";

fn task(family: &str, task: Option<&str>, args: Option<&str>, payload: Option<&str>) -> CanaryTask {
    CanaryTask {
        family: family.into(),
        queue: None,
        task: task.map(String::from),
        args: args.map(|a| serde_json::from_str(a).unwrap()),
        payload: payload.map(|p| Template::new(p, "{id}").unwrap()),
    }
}

fn services(bench: &Bench, canaries: Vec<CanaryTask>) -> Services {
    let config = Config { canaries, ..Config::default() };
    Services { canaries: Canaries::new(&config), ..bench.services() }
}

fn wish(family: &'static str, key: &str) -> Request {
    let queue = QueueId { node: NodeId::new("n1"), db: 0, key: key.into() };
    Request::Canary { queue, family, push: PushEnd::Left, application: Bytes::default(), id: ID.into() }
}

async fn refused(services: &Services, family: &'static str, key: &str) -> String {
    services.prepare(wish(family, key)).await.err().expect("a refusal")
}

/// Sends it.
async fn send(services: &Services, family: &'static str, key: &str) -> (Plan, Sent) {
    let action = services.prepare(wish(family, key)).await.unwrap();
    let sent = action.canary().unwrap().clone();
    let (plan, outcome) = execute(action).await;
    assert!(is_done(&outcome), "{outcome:?}");
    (plan, sent)
}

/// Follows it until it is there.
async fn until_stage(trail: &mut Trail<'_>, code: &str) -> Stage {
    loop {
        if let Some((stage, _)) = trail.step().await {
            if stage.code() == code {
                return stage;
            }
            assert!(!stage.is_end(), "{stage:?} instead of {code}");
        }
    }
}

async fn keys(raw: &mut Writer) -> Vec<String> {
    let reply = run(raw, "KEYS *").await;
    let mut keys: Vec<String> =
        reply.as_array().unwrap().iter().map(|k| k.as_bytes().unwrap().escaped()).collect();
    keys.sort();
    keys
}

async fn bytes(raw: &mut Writer, command: &str) -> Bytes {
    run(raw, command).await.as_bytes().unwrap()
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn rq_is_followed_by_the_jobs_hash_and_nothing_is_left() {
    for arguments in [&[][..], &["--rename-command", "EVAL", ""]] {
        let bench = Bench::start(arguments);
        let mut raw = bench.raw().await;
        run(&mut raw, "SADD rq:queues rq:queue:default").await;
        run(&mut raw, "RPUSH rq:queue:default before").await;
        let services = services(&bench, Vec::new());
        let (plan, sent) = send(&services, "rq", "rq:queue:default").await;
        assert!(plan.effects.iter().any(|e| e == "1 stand before it"), "{:?}", plan.effects);
        assert!(plan.warnings.iter().any(|w| w.contains("serializer")), "{:?}", plan.warnings);
        let job = format!("rq:job:{NAME}");
        assert_eq!(bytes(&mut raw, &format!("HGET {job} data")).await.as_slice()[..2], [0x80, 2]);
        assert!(run(&mut raw, &format!("TTL {job}")).await.as_int().unwrap() > 7000);
        let mut trail = Trail::new(&services, &plan, &sent, LONG);
        assert_eq!(until_stage(&mut trail, "waiting").await, Stage::Waiting(Some(1)));
        run(&mut raw, "LPOP rq:queue:default").await;
        assert_eq!(bytes(&mut raw, "LPOP rq:queue:default").await.escaped(), NAME);
        run(&mut raw, &format!("HSET {job} status started worker_name w9")).await;
        let by = Some("w9".to_string());
        loop {
            match trail.step().await {
                Some((Stage::Picked(who), _)) if who == by => break,
                Some((stage, _)) => assert!(!stage.is_end(), "{stage:?}"),
                None => {}
            }
        }
        run(&mut raw, &format!("HSET {job} status finished worker_name ")).await;
        run(&mut raw, &format!("ZADD rq:finished:default 1 {NAME} 2 other")).await;
        let end = until_stage(&mut trail, "done").await;
        assert_eq!(end, Stage::Done(by), "who picked it is not forgotten");
        assert_eq!(clean(&services, &plan, &sent.canary, &end).await, None);
        assert_eq!(keys(&mut raw).await, ["rq:finished:default", "rq:queues"]);
        let audit = serde_json::to_string(&bench.audit_lines()).unwrap();
        assert!(audit.contains("canary-clean") && !audit.contains("time.sleep"), "{audit}");
    }
}

#[tokio::test]
async fn rq_copies_the_form_of_the_queues_jobs() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SADD rq:queues rq:queue:default").await;
    run(&mut raw, "RPUSH rq:queue:default one").await;
    run(&mut raw, "SET rq:suspended 1").await;
    let services = services(&bench, vec![task("rq", Some("app.check"), Some("[1, \"a\"]"), None)]);
    run(&mut raw, r#"HSET rq:job:one data ["app.f",null,[],{}]"#).await;
    let (plan, _) = send(&services, "rq", "rq:queue:default").await;
    assert_eq!(
        bytes(&mut raw, &format!("HGET rq:job:{NAME} data")).await.escaped(),
        r#"["app.check",null,[1,"a"],{}]"#
    );
    let [paused] = plan.warnings.as_slice() else { panic!("{:?}", plan.warnings) };
    assert!(paused.contains("paused"), "{paused}");
    let again = services.prepare(wish("rq", "rq:queue:default")).await.unwrap();
    assert_eq!(not_done(&execute(again).await.1), &NotDone::Taken, "the same name twice");
    // A job as RQ 3.0.0 wrote it: zlib around a pickle. It is no longer in the list, but among the finished ones.
    run(&mut raw, &format!("DEL rq:queue:default rq:job:{NAME} rq:suspended")).await;
    run(&mut raw, "ZADD rq:finished:default 1 one").await;
    let hex = "789c6b609d2ac100011a3d5c45852589c5d9c57af9d953fcbcd95ba7d44e2999a20700985a0a96";
    let data: Vec<u8> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    raw.call(&cmd("HSET rq:job:one data").arg(data)).await.unwrap();
    let (plan, _) = send(&services, "rq", "rq:queue:default").await;
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    assert_eq!(bytes(&mut raw, &format!("HGET rq:job:{NAME} data")).await.as_slice()[..2], [0x80, 2]);
    run(&mut raw, "SREM rq:queues rq:queue:default").await;
    assert!(refused(&services, "rq", "rq:queue:default").await.contains("does not name it"));
}

#[tokio::test]
async fn celery_is_held_acknowledged_and_perhaps_told() {
    for (result, end) in [
        (None, Stage::Taken),
        (Some(r#"{"status": "SUCCESS", "result": [1], "worker": "w@h"}"#), Stage::Done(Some("w@h".into()))),
        (
            Some(r#"{"status": "FAILURE", "result": {"exc_type": "NotRegistered"}}"#),
            Stage::Failed(None, "NotRegistered".into()),
        ),
    ] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        let services = services(&bench, Vec::new());
        let (plan, sent) = send(&services, "celery", "celery").await;
        let mut trail = Trail::new(&services, &plan, &sent, LONG);
        assert_eq!(until_stage(&mut trail, "waiting").await, Stage::Waiting(Some(0)));
        run(&mut raw, &format!("HSET unacked {NAME} x")).await;
        let message: serde_json::Value =
            serde_json::from_slice(bytes(&mut raw, "RPOP celery").await.as_slice()).unwrap();
        assert_eq!(message["headers"]["task"], "celery.accumulate");
        assert_eq!(message["properties"]["delivery_info"]["routing_key"], "celery");
        until_stage(&mut trail, "picked").await;
        if let Some(result) = result {
            raw.call(&cmd(&format!("SET celery-task-meta-{NAME}")).arg(result)).await.unwrap();
        }
        run(&mut raw, &format!("HDEL unacked {NAME}")).await;
        assert_eq!(until_stage(&mut trail, end.code()).await, end);
        assert_eq!(clean(&services, &plan, &sent.canary, &end).await, None);
        assert_eq!(keys(&mut raw).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn celery_under_a_prefix_is_held_under_it() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let mut config = Config::default();
    config.queue_prefixes.insert("celery", vec!["shop.".into()]);
    let services = Services { canaries: Canaries::new(&config), ..bench.services() };
    let (plan, sent) = send(&services, "celery", "shop.mail").await;
    let message = bytes(&mut raw, "RPOP shop.mail").await.escaped();
    assert!(message.contains(r#""routing_key":"mail""#), "{message}");
    run(&mut raw, &format!("HSET shop.unacked {NAME} x")).await;
    let mut trail = Trail::new(&services, &plan, &sent, LONG);
    until_stage(&mut trail, "picked").await;
}

#[tokio::test]
async fn bullmq_runs_a_job_of_the_users_and_leaves_its_counter_alone() {
    for (outcome, end) in [
        ("returnvalue null", Stage::Done(Some("wkr-1".into()))),
        ("failedReason broken", Stage::Failed(Some("wkr-1".into()), "broken".into())),
    ] {
        let bench = Bench::start(&[]);
        let mut raw = bench.raw().await;
        run(&mut raw, "HSET bull:mails:meta version bullmq:5.81.5").await;
        run(&mut raw, "SET bull:mails:id 7").await;
        let none = services(&bench, Vec::new());
        let why = refused(&none, "bullmq", "bull:mails:wait").await;
        assert!(why.contains("[[canary]] family = \"bullmq\""), "{why}");
        let services = services(&bench, vec![task("bullmq", Some("ping"), Some(r#"{"a":1}"#), None)]);
        let (plan, sent) = send(&services, "bullmq", "bull:mails:wait").await;
        let job = format!("bull:mails:{NAME}");
        assert_eq!(bytes(&mut raw, &format!("HGET {job} data")).await.escaped(), r#"{"a":1}"#);
        assert_eq!(bytes(&mut raw, &format!("HGET {job} name")).await.escaped(), "ping");
        assert_eq!(run(&mut raw, "ZCARD bull:mails:marker").await, Reply::Int(1));
        let mut trail = Trail::new(&services, &plan, &sent, LONG);
        until_stage(&mut trail, "waiting").await;
        run(&mut raw, "RPOPLPUSH bull:mails:wait bull:mails:active").await;
        run(&mut raw, &format!("HSET {job} processedOn 1 pb wkr-1")).await;
        until_stage(&mut trail, "picked").await;
        run(&mut raw, &format!("HSET {job} finishedOn 2 {outcome}")).await;
        run(&mut raw, "DEL bull:mails:active bull:mails:marker").await;
        run(&mut raw, &format!("ZADD bull:mails:completed 2 {NAME}")).await;
        assert_eq!(until_stage(&mut trail, end.code()).await, end);
        assert_eq!(clean(&services, &plan, &sent.canary, &end).await, None);
        assert_eq!(keys(&mut raw).await, ["bull:mails:id", "bull:mails:meta"]);
        assert_eq!(bytes(&mut raw, "GET bull:mails:id").await.escaped(), "7");
        run(&mut raw, "HSET bull:mails:meta paused 1").await;
        assert!(refused(&services, "bullmq", "bull:mails:wait").await.contains("paused"));
    }
}

#[tokio::test]
async fn sidekiq_and_resque_take_a_class_of_the_users() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SADD queues mail").await;
    run(&mut raw, "SADD resque:queues mail").await;
    let tasks =
        vec![task("sidekiq", Some("Check"), Some("[1]"), None), task("resque", Some("Check"), None, None)];
    let services = services(&bench, tasks);
    let (plan, sent) = send(&services, "sidekiq", "queue:mail").await;
    let mut trail = Trail::new(&services, &plan, &sent, LONG);
    until_stage(&mut trail, "waiting").await;
    let job: serde_json::Value =
        serde_json::from_slice(bytes(&mut raw, "RPOP queue:mail").await.as_slice()).unwrap();
    assert_eq!(
        (&job["class"], &job["args"], &job["retry"]),
        (&"Check".into(), &serde_json::json!([1]), &false.into())
    );
    assert_eq!((job["jid"].as_str().unwrap().len(), job["queue"].as_str()), (24, Some("mail")));
    assert!(job["created_at"].is_f64());
    assert_eq!(until_stage(&mut trail, "taken").await, Stage::Taken);
    let (plan, sent) = send(&services, "resque", "resque:queue:mail").await;
    let mut trail = Trail::new(&services, &plan, &sent, LONG);
    until_stage(&mut trail, "waiting").await;
    let job = bytes(&mut raw, "LPOP resque:queue:mail").await.escaped();
    assert!(job.contains(r#""class":"Check""#) && job.contains(NAME), "{job}");
    until_stage(&mut trail, "taken").await;
    run(&mut raw, "SREM queues mail").await;
    assert!(refused(&services, "sidekiq", "queue:mail").await.contains("does not name it"));
}

#[tokio::test]
async fn lists_and_streams_get_a_payload_of_the_users() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let tasks = vec![
        task("list", None, None, Some("ping {id}")),
        task("stream", None, None, Some(r#"{"type":"ping","id":"{id}","n":1}"#)),
    ];
    let services = services(&bench, tasks);
    let (plan, sent) = send(&services, "list", "queue:mail").await;
    let mut trail = Trail::new(&services, &plan, &sent, LONG);
    until_stage(&mut trail, "waiting").await;
    assert_eq!(bytes(&mut raw, "RPOP queue:mail").await.escaped(), format!("ping {NAME}"));
    assert_eq!(until_stage(&mut trail, "taken").await, Stage::Taken);

    run(&mut raw, "XGROUP CREATE orders a $ MKSTREAM").await;
    run(&mut raw, "XGROUP CREATE orders b $").await;
    let (plan, sent) = send(&services, "stream", "orders").await;
    let mut trail = Trail::new(&services, &plan, &sent, LONG);
    until_stage(&mut trail, "waiting").await;
    run(&mut raw, "XREADGROUP GROUP a c STREAMS orders >").await;
    assert_eq!(until_stage(&mut trail, "picked").await, Stage::Picked(Some("c of group a".into())));
    run(&mut raw, "XREADGROUP GROUP b d NOACK STREAMS orders >").await;
    // Given to both, and one of them has not said that it is done.
    let by = Some("c of group a, group b".into());
    assert_eq!(until_stage(&mut trail, "picked").await, Stage::Picked(by));
    let entry = sent.canary.steps[0].args[2].escaped();
    run(&mut raw, &format!("XACK orders a {entry}")).await;
    let end = until_stage(&mut trail, "done").await;
    assert_eq!(end, Stage::Done(Some("group a, group b".into())));
    assert_eq!(clean(&services, &plan, &sent.canary, &end).await, None);
    assert_eq!(run(&mut raw, "XLEN orders").await, Reply::Int(1), "an entry stays");
}

#[tokio::test]
async fn a_task_in_another_form_than_the_queues_own_is_not_sent() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let services =
        services(&bench, vec![task("arq", Some("f"), None, None), task("huey", Some("a.f"), None, None)]);
    run(&mut raw, "ZADD arq:queue 1 one").await;
    raw.call(&cmd("SET arq:job:one").arg(&b"\x82\xa1f\xa1a\xa1t\x01"[..])).await.unwrap();
    let why = refused(&services, "arq", "arq:queue").await;
    assert!(why.contains("written as msgpack"), "{why}");
    raw.call(&cmd("LPUSH huey.redis.app").arg("{\"signed\": true}")).await.unwrap();
    let why = refused(&services, "huey", "huey.redis.app").await;
    assert!(why.contains("written as json"), "{why}");
    run(&mut raw, "DEL arq:job:one").await;
    let plan = services.prepare(wish("arq", "arq:queue")).await.unwrap().prepared().plan.clone();
    assert!(plan.warnings.iter().any(|w| w.contains("pickle")), "{:?}", plan.warnings);
    let (_, outcome) = execute(services.prepare(wish("arq", "arq:queue")).await.unwrap()).await;
    assert!(is_done(&outcome), "{outcome:?}");
    assert!(run(&mut raw, &format!("PTTL arq:job:{NAME}")).await.as_int().unwrap() > 7_000_000);
    let audit = serde_json::to_string(&bench.audit_lines()).unwrap();
    assert!(audit.contains("PSETEX") && !audit.contains("X\\\\x01"), "{audit}");
}

#[tokio::test]
async fn what_nobody_takes_is_taken_away_again() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SADD rq:queues rq:queue:default").await;
    run(&mut raw, "RPUSH rq:queue:default other").await;
    let services = services(&bench, Vec::new());
    let (plan, sent) = send(&services, "rq", "rq:queue:default").await;
    let mut trail = Trail::new(&services, &plan, &sent, Duration::from_millis(200));
    let end = until_stage(&mut trail, "not_taken").await;
    assert!(clean(&services, &plan, &sent.canary, &end).await.unwrap().contains("taken away"));
    assert_eq!(keys(&mut raw).await, ["rq:queue:default", "rq:queues"]);
    assert_eq!(
        run(&mut raw, "LRANGE rq:queue:default 0 -1").await,
        Reply::Array(vec![Reply::Bulk("other".into())])
    );
    // Somebody was quicker than the cleaning.
    let (plan, sent) = send(&services, "rq", "rq:queue:default").await;
    run(&mut raw, "RPOP rq:queue:default").await;
    let words = clean(&services, &plan, &sent.canary, &Stage::NotTaken).await.unwrap();
    assert!(words.contains("just now"), "{words}");
    assert!(exists(&mut raw, &format!("rq:job:{NAME}")).await, "its worker needs it");
}

#[tokio::test]
async fn undo_takes_it_away_while_it_waits() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let (tell, mut events) = tokio::sync::mpsc::channel(64);
    let commands = redwarden::act::spawn_with(services(&bench, Vec::new()), tell);
    let tell = async |command| commands.send(command).await.unwrap();
    tell(ActionCommand::Prepare(Ticket(1), wish("celery", "celery"))).await;
    assert!(matches!(next(&mut events).await, ActionEvent::Prepared(_, result) if result.is_ok()));
    tell(ActionCommand::Execute(Ticket(1))).await;
    assert!(matches!(next(&mut events).await, ActionEvent::Outcome(_, _, outcome) if is_done(&outcome)));
    let first = next(&mut events).await;
    assert!(
        matches!(&first, ActionEvent::Canary { stage: Stage::Waiting(Some(0)), id, .. } if id == NAME),
        "{first:?}"
    );
    tell(ActionCommand::Prepare(Ticket(2), Request::Undo { of: Ticket(1) })).await;
    assert!(matches!(next(&mut events).await, ActionEvent::Prepared(Ticket(2), result) if result.is_ok()));
    tell(ActionCommand::Execute(Ticket(2))).await;
    let done = next(&mut events).await;
    assert!(matches!(&done, ActionEvent::Outcome(Ticket(2), _, Outcome::Done { .. })), "{done:?}");
    assert_eq!(keys(&mut raw).await, Vec::<String>::new());
    assert!(events.try_recv().is_err(), "it is not followed any more");
}

#[tokio::test]
async fn production_and_unsafe_libraries_are_refused() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let production = |canaries: Vec<CanaryTask>| {
        let config = Config { production: true, canaries, ..Config::default() };
        Services { canaries: Canaries::new(&config), ..bench.services() }
    };
    for (family, key) in [("celery", "celery"), ("rq", "rq:queue:a"), ("list", "queue:a")] {
        let why = refused(&production(Vec::new()), family, key).await;
        assert!(why.contains("production") && why.contains("[[canary]]"), "{why}");
    }
    let mut one = task("celery", None, None, None);
    one.queue = Some("celery".into());
    let named = production(vec![one]);
    assert!(named.prepare(wish("celery", "celery")).await.is_ok());
    assert!(refused(&named, "celery", "mail").await.contains("production"), "only that queue is named");
    let here = services(&bench, Vec::new());
    run(&mut raw, "SADD queues k").await;
    for family in redwarden::family::registry::queue_family_ids() {
        let key = if family == "saq" { "saq:k:queued" } else { "k" };
        let action = here.prepare(wish(family, key)).await;
        let made = ["celery", "rq"].contains(&family);
        assert_eq!(action.is_ok(), made, "{family}");
        let Err(why) = action else { continue };
        let cannot = why.starts_with(&format!("no test task is made for a queue of {family}: "));
        assert!(cannot != why.contains(&format!("[[canary]] family = \"{family}\"")), "{family}: {why}");
        assert!(!why.contains("is not known"), "{family}: {why}");
        let never = ["laravel", "asynq", "gocraft-work", "rmq", "apalis", "kue", "machinery", "streaq"];
        assert_eq!(cannot, never.contains(&family), "{family}: {why}");
    }
    let read_only = Services { permit: None, ..here };
    assert!(refused(&read_only, "celery", "celery").await.contains("read-only"));
    assert_eq!(keys(&mut raw).await, ["queues"]);
}

//! Pushing: what is looked at before, and who refuses.

use redwarden::act::{NotDone, inspect_queue};
use redwarden::domain::{Bytes, Command, Reply};
use redwarden::redis_io::{ClientRole, connect};

use crate::support::*;

const TEST_TASK: &str = r#"{"id":"t-1","kind":"redwarden.test","enqueued_at":1,"work_ms":1,"fail":false}"#;

#[tokio::test]
async fn pushes_to_an_absent_or_plain_list_in_order() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let many: Vec<String> = (0..250).map(|i| format!("{{\"n\":{i}}}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(is_done(&act(&bench.services(), enqueue("queue:a", &many, false)).await));
    assert_eq!(run(&mut raw, "LLEN queue:a").await, Reply::Int(250));
    assert_eq!(run(&mut raw, "RPOP queue:a").await, Reply::Bulk("{\"n\":0}".into()));
    assert!(is_done(&act(&bench.services(), enqueue("queue:a", &[TEST_TASK], false)).await));
    let text = std::fs::read_to_string(bench.state.path().join("audit.jsonl")).unwrap();
    assert!(!text.contains("redwarden.test") && text.contains("bytes sha1:"), "{text}");
}

#[tokio::test]
async fn a_key_of_another_type_is_never_pushed_to() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SET queue:a x").await;
    let refused = bench.services().prepare(enqueue("queue:a", &["{}"], true)).await.err().unwrap();
    assert!(refused.contains("string") && refused.contains("not a list"), "{refused}");
    run(&mut raw, "DEL queue:a").await;
    let action = bench.services().prepare(enqueue("queue:a", &["{}"], true)).await.unwrap();
    run(&mut raw, "HSET queue:a f v").await;
    assert_eq!(not_done(&redwarden::act::execute(action).await.1), &NotDone::WrongType);
}

#[tokio::test]
async fn a_librarys_list_wants_force() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let celery = r#"{"body":"W10=","headers":{"task":"t"},"properties":{"delivery_tag":"x"}}"#;
    raw.call(&Command::new("LPUSH").arg("queue:a").arg(celery)).await.unwrap();
    let action = bench.services().prepare(enqueue("queue:a", &[TEST_TASK], false)).await.unwrap();
    assert!(action.prepared().needs_force.as_ref().unwrap().contains("Celery"));
    assert!(matches!(not_done(&redwarden::act::execute(action).await.1), NotDone::NotSent(_)));
    assert_eq!(run(&mut raw, "LLEN queue:a").await, Reply::Int(1));
    let action = bench.services().prepare(enqueue("queue:a", &[TEST_TASK], true)).await.unwrap();
    assert!(action.prepared().needs_force.is_none());
    assert!(action.prepared().plan.warnings.iter().any(|w| w.contains("Celery")));
    assert!(is_done(&redwarden::act::execute(action).await.1));
}

#[tokio::test]
async fn blocked_consumers_of_others_want_force_ours_do_not() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let endpoint = bench.server.endpoint();
    let mut consumer = crate::support::raw(&endpoint).await;
    run(&mut consumer, "CLIENT SETNAME importer").await;
    let blocked = tokio::spawn(async move { consumer.call(&cmd("BRPOP queue:zzz 0")).await });
    let mut reader = connect(&endpoint, ClientRole::Poll, TIMEOUT).await.unwrap();
    until("it waits", async || {
        let found = inspect_queue(&mut reader, &"queue:a".into(), 0).await.unwrap();
        found.blocked.as_ref().is_some_and(|b| b == &["importer (brpop)"])
    })
    .await;
    let action = bench.services().prepare(enqueue("queue:a", &[TEST_TASK], false)).await.unwrap();
    assert!(action.prepared().needs_force.as_ref().unwrap().contains("importer"));
    blocked.abort();
    let mut ours = crate::support::raw(&endpoint).await;
    let _ours = tokio::spawn(async move { ours.call(&cmd("BRPOP queue:zzz 0")).await });
    until("only ours waits", async || {
        let text = run(&mut raw, "CLIENT LIST").await.as_bytes().unwrap().escaped();
        let waiting: Vec<&str> = text.split("\\n").filter(|l| l.contains("cmd=brpop")).collect();
        waiting.len() == 1 && waiting[0].contains("name=redwarden:")
    })
    .await;
    let action = bench.services().prepare(enqueue("queue:a", &[TEST_TASK], false)).await.unwrap();
    assert_eq!(action.prepared().needs_force, None);
}

#[tokio::test]
async fn the_ends_are_seen_with_and_without_scripts_and_never_whole() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let key = Bytes::from("queue:a");
    let huge = format!("{{\"headers\":{{}},\"properties\":{{}},\"body\":\"{}\"}}", "x".repeat(3_000_000));
    raw.call(&Command::new("LPUSH").arg(key.clone()).arg(huge.as_str())).await.unwrap();
    run(&mut raw, "ACL SETUSER noro on >pw ~* +@all -eval_ro").await;
    run(&mut raw, "ACL SETUSER noeval on >pw ~* +@all -eval -eval_ro").await;
    let reader = |user: &'static str| {
        let services = bench.services_as(user);
        async move {
            let endpoint = (services.directory)(&redwarden::domain::NodeId::new("n1")).unwrap();
            connect(&endpoint, ClientRole::Poll, TIMEOUT).await.unwrap()
        }
    };
    let mut plain = connect(&bench.server.endpoint(), ClientRole::Poll, TIMEOUT).await.unwrap();
    assert_eq!(inspect_queue(&mut plain, &key, 0).await.unwrap().library(), Some("Celery"));
    let found = inspect_queue(&mut reader("noeval").await, &key, 0).await.unwrap();
    assert!(found.unseen.is_some() && found.needs_force().is_some(), "{found:?}");
    run(&mut raw, "DEL queue:a").await;
    raw.call(&Command::new("LPUSH").arg(key.clone()).arg(r#"{"class":"A","args":[],"jid":"1"}"#))
        .await
        .unwrap();
    let found = inspect_queue(&mut reader("noeval").await, &key, 0).await.unwrap();
    assert_eq!(found.library(), Some("Sidekiq"));
}

#[tokio::test]
async fn an_empty_queue_with_a_registry_is_some_librarys() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SADD queues mail").await;
    let mut reader = connect(&bench.server.endpoint(), ClientRole::Poll, TIMEOUT).await.unwrap();
    let found = inspect_queue(&mut reader, &"queue:mail".into(), 0).await.unwrap();
    assert_eq!(found.library(), Some("Sidekiq or Resque"));
    let found = inspect_queue(&mut reader, &"rq:queue:default".into(), 0).await.unwrap();
    assert_eq!(found.library(), Some("RQ"));
}

/// A user without rights on the registries pushes, but is told that a library may work there.
#[tokio::test]
async fn a_registry_that_may_not_be_read_is_said() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SADD _kombu.binding.queue:a x").await;
    run(&mut raw, "ACL SETUSER own on >pw ~queue:* +@all").await;
    run(&mut raw, "ACL SETUSER both on >pw ~queue:* %R~queues %R~_kombu.binding.* +@all").await;
    let said = |warnings: &[String]| {
        warnings.iter().any(|w| w.contains("whether a library works here is not known"))
    };
    let action = bench.services_as("own").prepare(enqueue("queue:a", &["x"], false)).await.unwrap();
    assert_eq!(action.prepared().needs_force, None);
    assert!(said(&action.prepared().plan.warnings), "{:?}", action.prepared().plan.warnings);
    let action = bench.services_as("both").prepare(enqueue("queue:a", &["x"], false)).await.unwrap();
    assert!(action.prepared().needs_force.as_ref().unwrap().contains("Celery"));
    assert!(!said(&action.prepared().plan.warnings));
    // An element of nobody's says enough.
    run(&mut raw, "LPUSH queue:b text").await;
    let action = bench.services_as("own").prepare(enqueue("queue:b", &["x"], false)).await.unwrap();
    assert!(!said(&action.prepared().plan.warnings));
}

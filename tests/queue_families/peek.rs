//! Peeks at real servers: tasks are seen as the libraries wrote them, and stay where they are.

use redwarden::decode::Redactor;
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, Command, Reply};
use redwarden::family::registry::queue_family;
use redwarden::launcher::Server;
use redwarden::peek::{Peek, Task, peek};
use redwarden::redis_io::{ClientRole, Writer, connect};

use super::recorded::restore;
use super::{call, now, run, writer};

async fn look(server: &Server, family: &str, key: &str, push: PushEnd) -> Result<Peek, String> {
    let timeout = std::time::Duration::from_secs(5);
    let mut reader = connect(&server.endpoint(), ClientRole::Poll, timeout).await.unwrap();
    let family = queue_family(family).unwrap();
    peek(&mut reader, family, &Bytes::from(key), push, 3, &Redactor::default()).await
}

fn text(task: &Task) -> String {
    let parts =
        task.parts.iter().map(|(name, said)| format!("{name} [{}] {}", said.how, said.lines.join("\n")));
    parts.collect::<Vec<_>>().join("\n")
}

/// Everything the server holds, to be compared.
async fn digest(w: &mut Writer) -> Reply {
    run(w, "DEBUG DIGEST").await
}

#[tokio::test]
async fn a_plain_list_from_both_ends() {
    let server = Server::start(&["--enable-debug-command", "yes"]).unwrap();
    let mut w = writer(&server).await;
    for n in 0..10 {
        call(&mut w, Command::new("LPUSH").arg("queue:a").arg(format!(r#"{{"n":{n},"password":"pw{n}"}}"#)))
            .await;
    }
    call(&mut w, Command::new("LPUSH").arg("queue:long").arg("x".repeat(100_000))).await;
    let before = digest(&mut w).await;
    let seen = look(&server, "list", "queue:a", PushEnd::Left).await.unwrap();
    assert_eq!(seen.waiting, 10);
    let shown = |tasks: &[Task]| tasks.iter().map(text).collect::<Vec<_>>();
    assert_eq!(shown(&seen.next)[0], " [json] {n: 0, password: ***}");
    assert_eq!(shown(&seen.newest)[0], " [json] {n: 9, password: ***}");
    assert_eq!((seen.next.len(), seen.newest.len()), (3, 3));
    let other = look(&server, "list", "queue:a", PushEnd::Right).await.unwrap();
    assert_eq!(shown(&other.next)[0], " [json] {n: 9, password: ***}");
    let long = look(&server, "list", "queue:long", PushEnd::Left).await.unwrap();
    assert!(text(&long.next[0]).len() < 20_000 && long.newest.is_empty());
    assert_eq!(look(&server, "list", "queue:none", PushEnd::Left).await.unwrap().waiting, 0);
    assert_eq!(digest(&mut w).await, before, "nothing was changed");
    run(&mut w, "SET queue:text x").await;
    let refused = look(&server, "list", "queue:text", PushEnd::Left).await;
    assert!(refused.unwrap_err().contains("another type"));
}

#[tokio::test]
async fn jobs_that_stand_elsewhere() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "asynq", "0.26.0", "server concurrency=1").await;
    let seen = look(&server, "asynq", "asynq:{default}:pending", PushEnd::Left).await.unwrap();
    assert_eq!(seen.next[0].id.as_deref(), Some("6acc5a55-1023-4529-8e67-241f310fe301"));
    assert_eq!(text(&seen.next[0]), "type [text] \"ok\"\npayload [json] {x: 1}\nretried [text] \"0 of 25\"");
    restore(&mut w, "bullmq", "6.7.0", "no worker").await;
    let seen = look(&server, "bullmq", "bull:mails:wait", PushEnd::Left).await.unwrap();
    assert_eq!(seen.waiting, 7);
    assert!(text(&seen.next[0]).contains("data [json] {"), "{}", text(&seen.next[0]));
    restore(&mut w, "rq", "3.0.0", "worker w1 running").await;
    run(&mut w, "RPUSH rq:queue:default gone").await;
    let seen = look(&server, "rq", "rq:queue:default", PushEnd::Right).await.unwrap();
    let all: Vec<String> = seen.next.iter().map(text).collect();
    assert!(all.iter().any(|t| t.contains("data [zlib, pickle (not executed)] [\"")), "{all:?}");
    assert!(text(&seen.newest[0]).contains("taken or removed"), "{:?}", seen.newest);
    run(&mut w, "XADD orders 1-1 id 7 token abc").await;
    let seen = look(&server, "stream", "orders", PushEnd::Right).await.unwrap();
    assert_eq!(
        (seen.next[0].id.as_deref(), text(&seen.next[0])),
        (Some("1-1"), "id [text] \"7\"\ntoken [] ***".into())
    );
    // `[[1],{"token":"t"},{}]`, on the list of another priority.
    let message = r#"{"body":"W1sxXSx7InRva2VuIjoidCJ9LHt9XQ==","headers":{"task":"a.b"},"properties":{}}"#;
    call(&mut w, Command::new("LPUSH").arg("celery\x06\x163").arg(message)).await;
    let seen = look(&server, "celery", "celery", PushEnd::Left).await.unwrap();
    assert!(text(&seen.next[0]).contains("body: [base64, json] [[1], {token: ***}, {}]"), "{:?}", seen.next);
    // Kue's and apalis' tasks stand in sorted sets.
    run(&mut w, "ZADD q:jobs:email:inactive 0 02|10").await;
    run(&mut w, r#"HSET q:job:10 type email data {"to":"bob","secret":"s"}"#).await;
    let seen = look(&server, "kue", "q:jobs:email:inactive", PushEnd::Right).await.unwrap();
    assert_eq!(text(&seen.next[0]), "type [text] \"email\"\ndata [json] {to: \"bob\", secret: ***}");
    run(&mut w, &format!("ZADD apx:scheduled {} id1", now())).await;
    run(&mut w, r#"HSET apx:data id1 {"a":1}"#).await;
    let seen = look(&server, "apalis", "apx:active", PushEnd::Right).await.unwrap();
    assert_eq!(text(&seen.next[0]), "data [json] {a: 1}");
}

#[tokio::test]
async fn without_the_right_to_run_scripts_it_says_so() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "LPUSH queue:a x").await;
    run(&mut w, "ACL SETUSER default -eval_ro").await;
    let refused = look(&server, "list", "queue:a", PushEnd::Left).await.unwrap_err();
    assert!(refused.contains("eval_ro"), "{refused}");
}

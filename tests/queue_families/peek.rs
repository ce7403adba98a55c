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
async fn tasks_of_python_libraries_are_read_where_they_stand() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let next = async |family: &str, key: &str| {
        let seen = look(&server, family, key, PushEnd::Left).await.unwrap();
        (seen.next[0].id.clone().unwrap_or_default(), text(&seen.next[0]))
    };
    restore(&mut w, "arq", "0.28.0", "worker max_jobs=1").await;
    let (id, said) = next("arq", "arq:queue").await;
    assert_eq!(id, "e68b4d995fc140f8ba88c1f6fb5c0c71");
    assert!(said.starts_with("job [pickle (not executed)] ") && said.contains("slow"), "{said}");
    restore(&mut w, "dramatiq", "2.2.1", "no worker yet").await;
    run(&mut w, "DEL dramatiq:default").await;
    run(&mut w, "RPUSH dramatiq:default ec684560-241b-4f75-a439-631451871d0e newer").await;
    let (id, said) = next("dramatiq", "dramatiq:default").await;
    assert_eq!(id, "ec684560-241b-4f75-a439-631451871d0e");
    assert!(said.starts_with("message [json] ") && said.contains("args: [3]"), "{said}");
    restore(&mut w, "streaq", "7.2.0", "worker concurrency=1").await;
    let (id, said) = next("streaq", "streaq:default:queues:normal").await;
    assert_eq!(id, "9d97e83977614ecdada67741af351393");
    assert!(
        said.starts_with("enqueue_time [text] \"1795434980643\"\ndata [pickle (not executed)] "),
        "{said}"
    );
    assert!(said.contains("slow"), "{said}");
    restore(&mut w, "saq", "0.26.4", "worker concurrency=1").await;
    let (id, said) = next("saq", "saq:default:queued").await;
    assert_eq!(id, "saq:job:default:6640dace-e734-11f1-9c3e-02fc00000001");
    assert!(said.starts_with("job [json] ") && said.contains("kwargs: {x: 0}"), "{said}");
    // What stands in a queue does not choose which key is read.
    run(&mut w, "SET app:secret hidden").await;
    run(&mut w, "LPUSH saq:default:queued app:secret").await;
    assert_eq!(next("saq", "saq:default:queued").await.1, " [text] \"app:secret\"");
    run(&mut w, "LPUSH saq:default:queued saq:job:default:gone").await;
    assert!(next("saq", "saq:default:queued").await.1.contains("taken or removed"));
}

#[tokio::test]
async fn the_type_of_the_key_tells_how_a_library_was_set_up() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let next = async |family: &str, key: &str| {
        let seen = look(&server, family, key, PushEnd::Left).await.unwrap();
        (seen.waiting, text(&seen.next[0]))
    };
    restore(&mut w, "taskiq-redis", "1.2.4", "list broker").await;
    let (waiting, said) = next("taskiq", "taskiq").await;
    assert!(waiting == 4 && said.starts_with(" [json] ") && said.contains("tq:ok"), "{waiting} {said}");
    run(&mut w, "DEL taskiq").await;
    restore(&mut w, "taskiq-redis", "1.2.4", "stream broker").await;
    let (waiting, said) = next("taskiq", "taskiq").await;
    assert!(waiting == 8 && said.starts_with("data [json] ") && said.contains("tq:boom"), "{waiting} {said}");
    restore(&mut w, "huey", "3.5.4", "plain storage").await;
    let (waiting, said) = next("huey", "huey.redis.myapp").await;
    assert!(waiting == 6 && said.starts_with(" [pickle (not executed)] "), "{waiting} {said}");
    run(&mut w, "DEL huey.redis.myapp").await;
    restore(&mut w, "huey", "3.5.4", "prio storage").await;
    let (waiting, said) = next("huey", "huey.redis.myapp").await;
    assert!(waiting == 6 && said.starts_with(" [pickle (not executed)] "), "{waiting} {said}");
    assert!(said.contains("40a4423d-0370-42ef-a532-e0551b072b92"), "the most urgent one: {said}");
    run(&mut w, "DEL huey.redis.myapp").await;
    run(&mut w, "SET huey.redis.myapp x").await;
    let refused = look(&server, "huey", "huey.redis.myapp", PushEnd::Left).await.unwrap_err();
    assert!(refused.contains("another type"), "{refused}");
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

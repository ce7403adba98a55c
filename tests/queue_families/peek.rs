//! Peeks at real servers: tasks are seen as the libraries wrote them, and stay where they are.

use redwarden::decode::Redactor;
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, Command, Reply};
use redwarden::family::TaskSet;
use redwarden::family::registry::queue_family;
use redwarden::launcher::Server;
use redwarden::peek::{Peek, Subject, Task, peek};
use redwarden::redis_io::{ClientRole, Writer, connect};

use super::recorded::restore;
use super::{call, now, run, writer};

async fn look(server: &Server, family: &str, key: &str, push: PushEnd) -> Result<Peek, String> {
    look_at(server, family, key, push, TaskSet::Waiting).await
}

pub(crate) async fn look_at(
    server: &Server,
    family: &str,
    key: &str,
    push: PushEnd,
    set: TaskSet,
) -> Result<Peek, String> {
    let timeout = std::time::Duration::from_secs(5);
    let mut reader = connect(&server.endpoint(), ClientRole::Poll, timeout).await.unwrap();
    let family = queue_family(family).unwrap();
    let subject = Subject { family, key: &Bytes::from(key), application: &Bytes::default(), push };
    peek(&mut reader, subject, set, 3, &Redactor::default()).await
}

pub(crate) fn text(task: &Task) -> String {
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
    assert_eq!(seen.count, Some(10));
    let shown = |tasks: &[Task]| tasks.iter().map(text).collect::<Vec<_>>();
    assert_eq!(shown(&seen.first)[0], " [json] {n: 0, password: ***}");
    assert_eq!(shown(&seen.last)[0], " [json] {n: 9, password: ***}");
    assert_eq!((seen.first.len(), seen.last.len()), (3, 3));
    let other = look(&server, "list", "queue:a", PushEnd::Right).await.unwrap();
    assert_eq!(shown(&other.first)[0], " [json] {n: 9, password: ***}");
    let long = look(&server, "list", "queue:long", PushEnd::Left).await.unwrap();
    assert!(text(&long.first[0]).len() < 20_000 && long.last.is_empty());
    assert_eq!(look(&server, "list", "queue:none", PushEnd::Left).await.unwrap().count, Some(0));
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
    assert_eq!(seen.first[0].id.as_deref(), Some("6acc5a55-1023-4529-8e67-241f310fe301"));
    assert_eq!(text(&seen.first[0]), "type [text] \"ok\"\npayload [json] {x: 1}\nretried [text] \"0 of 25\"");
    restore(&mut w, "bullmq", "6.7.0", "no worker").await;
    let seen = look(&server, "bullmq", "bull:mails:wait", PushEnd::Left).await.unwrap();
    assert_eq!(seen.count, Some(7));
    assert!(text(&seen.first[0]).contains("data [json] {"), "{}", text(&seen.first[0]));
    restore(&mut w, "rq", "3.0.0", "worker w1 running").await;
    run(&mut w, "RPUSH rq:queue:default gone").await;
    let seen = look(&server, "rq", "rq:queue:default", PushEnd::Right).await.unwrap();
    let all: Vec<String> = seen.first.iter().map(text).collect();
    assert!(all.iter().any(|t| t.contains("data [zlib, pickle (not executed)] [\"")), "{all:?}");
    assert!(text(&seen.last[0]).contains("taken or removed"), "{:?}", seen.last);
    run(&mut w, "XADD orders 1-1 id 7 token abc").await;
    let seen = look(&server, "stream", "orders", PushEnd::Right).await.unwrap();
    assert_eq!(
        (seen.first[0].id.as_deref(), text(&seen.first[0])),
        (Some("1-1"), "id [text] \"7\"\ntoken [] ***".into())
    );
    // `[[1],{"token":"t"},{}]`, on the list of another priority.
    let message = r#"{"body":"W1sxXSx7InRva2VuIjoidCJ9LHt9XQ==","headers":{"task":"a.b"},"properties":{}}"#;
    call(&mut w, Command::new("LPUSH").arg("celery\x06\x163").arg(message)).await;
    let seen = look(&server, "celery", "celery", PushEnd::Left).await.unwrap();
    assert!(
        text(&seen.first[0]).contains("body: [base64, json] [[1], {token: ***}, {}]"),
        "{:?}",
        seen.first
    );
    // Kue's and apalis' tasks stand in sorted sets.
    run(&mut w, "ZADD q:jobs:email:inactive 0 02|10").await;
    run(&mut w, r#"HSET q:job:10 type email data {"to":"bob","secret":"s"}"#).await;
    let seen = look(&server, "kue", "q:jobs:email:inactive", PushEnd::Right).await.unwrap();
    assert_eq!(text(&seen.first[0]), "type [text] \"email\"\ndata [json] {to: \"bob\", secret: ***}");
    run(&mut w, &format!("ZADD apx:scheduled {} id1", now())).await;
    run(&mut w, r#"HSET apx:data id1 {"a":1}"#).await;
    let seen = look(&server, "apalis", "apx:active", PushEnd::Right).await.unwrap();
    assert_eq!(text(&seen.first[0]), "data [json] {a: 1}");
}

#[tokio::test]
async fn tasks_of_python_libraries_are_read_where_they_stand() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let next = async |family: &str, key: &str| {
        let seen = look(&server, family, key, PushEnd::Left).await.unwrap();
        (seen.first[0].id.clone().unwrap_or_default(), text(&seen.first[0]))
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
        (seen.count, text(&seen.first[0]))
    };
    restore(&mut w, "taskiq-redis", "1.2.4", "list broker").await;
    let (waiting, said) = next("taskiq", "taskiq").await;
    assert!(
        waiting == Some(4) && said.starts_with(" [json] ") && said.contains("tq:ok"),
        "{waiting:?} {said}"
    );
    run(&mut w, "DEL taskiq").await;
    restore(&mut w, "taskiq-redis", "1.2.4", "stream broker").await;
    let (waiting, said) = next("taskiq", "taskiq").await;
    assert!(
        waiting == Some(4) && said.starts_with("data [json] ") && said.contains("tq:boom"),
        "{waiting:?} {said}"
    );
    restore(&mut w, "huey", "3.5.4", "plain storage").await;
    let (waiting, said) = next("huey", "huey.redis.myapp").await;
    assert!(waiting == Some(6) && said.starts_with(" [pickle (not executed)] "), "{waiting:?} {said}");
    run(&mut w, "DEL huey.redis.myapp").await;
    restore(&mut w, "huey", "3.5.4", "prio storage").await;
    let (waiting, said) = next("huey", "huey.redis.myapp").await;
    assert!(waiting == Some(6) && said.starts_with(" [pickle (not executed)] "), "{waiting:?} {said}");
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

/// What a set of a recorded queue holds: the whole count, and what its first task says.
async fn seen(server: &Server, family: &str, key: &str, set: TaskSet) -> (Option<u64>, String) {
    let seen = look_at(server, family, key, PushEnd::Left, set).await.unwrap_or_else(|why| panic!("{why}"));
    assert!(seen.sets.contains(&set), "{:?}", seen.sets);
    let first =
        seen.first.first().map(|task| format!("{} {}", task.id.clone().unwrap_or_default(), text(task)));
    (seen.count, first.unwrap_or_default())
}

#[tokio::test]
async fn failed_tasks_are_seen_with_what_the_library_keeps_of_the_reason() {
    use TaskSet::Failed;
    for (library, version, scenario, family, key, parts) in [
        (
            "bullmq",
            "6.7.0",
            "worker concurrency=1",
            "bullmq",
            "bull:mails:wait",
            ["failedReason", "stacktrace"],
        ),
        ("bull", "4.16.5", "worker concurrency=1", "bull", "bull:mails:wait", ["failedReason", "stacktrace"]),
        ("sidekiq", "7.3.10", "process -c1", "sidekiq", "queue:default", ["error_class", "error_message"]),
        ("resque", "3.0.0", "worker (queues", "resque", "resque:queue:default", ["exception", "error:"]),
        ("asynq", "0.26.0", "server concurrency=1", "asynq", "asynq:{default}:pending", ["type", "error"]),
        ("adjust-rmq", "v5.2.0", "consumer busy", "rmq", "rmq::queue::[things]::ready", ["boom", ""]),
    ] {
        let server = Server::start(&[]).unwrap();
        let mut w = writer(&server).await;
        restore(&mut w, library, version, scenario).await;
        if key == "bull:mails:wait" {
            // The recording leaves out the hashes of jobs.
            let id = run(&mut w, "ZRANGE bull:mails:failed 0 0").await;
            let id = id.as_array().unwrap()[0].as_bytes().unwrap();
            run(&mut w, &format!("HSET bull:mails:{id} name a data {{}} failedReason why stacktrace []"))
                .await;
        }
        let (count, said) = seen(&server, family, key, Failed).await;
        assert_eq!(count, Some(1), "{library}");
        assert!(parts.iter().all(|part| said.contains(part)), "{library}: {said}");
    }
    // RQ's reason stands in the last of the job's results; up to version 1.12 in the job.
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ZADD rq:failed:mail 1 one 2 two").await;
    run(&mut w, "HSET rq:job:one description app.f() exc_info old-reason").await;
    run(&mut w, "HSET rq:job:two description app.g()").await;
    run(&mut w, "XADD rq:results:two * type 1 return_value x").await;
    // "Traceback: as asked", deflated and in base64, as RQ keeps it.
    run(&mut w, "XADD rq:results:two * type 2 exc_string eJwLKUpMTk1KTM62UkgsBqLs1BQARNYG1w==").await;
    let seen = look_at(&server, "rq", "rq:queue:mail", PushEnd::Right, Failed).await.unwrap();
    let all: Vec<String> = seen.first.iter().map(text).collect();
    assert!(all[0].contains("app.g()") && all[0].contains("failure ["), "the newest first: {all:?}");
    assert!(all[1].contains("exc_info [text] \"old-reason\"") && !all[1].contains("failure"), "{all:?}");
    // A message of dramatiq that died stands in a hash of its own.
    run(&mut w, "ZADD dramatiq:mail.XQ 5 m1").await;
    let message = r#"{"actor_name":"f","options":{"traceback":"ValueError: as asked","token":"t"}}"#;
    call(&mut w, Command::new("HSET").arg("dramatiq:mail.XQ.msgs").arg("m1").arg(message)).await;
    let seen = look_at(&server, "dramatiq", "dramatiq:mail", PushEnd::Right, Failed).await.unwrap();
    let said = text(&seen.first[0]);
    assert!(said.contains("as asked") && said.contains("token: ***"), "{said}");
    // bee-queue keeps their ids in a set, Kue in a sorted set.
    run(&mut w, "SADD bq:mail:failed 7").await;
    call(&mut w, Command::new("HSET").arg("bq:mail:jobs").arg("7").arg(r#"{"status":"failed"}"#)).await;
    let seen = look_at(&server, "bee-queue", "bq:mail:waiting", PushEnd::Left, Failed).await.unwrap();
    assert_eq!((seen.count, text(&seen.first[0])), (Some(1), "job [json] {status: \"failed\"}".into()));
    run(&mut w, "ZADD q:jobs:mail:failed 0 02|10").await;
    run(&mut w, "HSET q:job:10 type mail data {} error as-asked").await;
    let seen = look_at(&server, "kue", "q:jobs:mail:inactive", PushEnd::Right, Failed).await.unwrap();
    assert!(text(&seen.first[0]).contains("error [text] \"as-asked\""), "{seen:?}");
}

#[tokio::test]
async fn tasks_for_later_to_be_tried_again_and_in_flight_are_seen_where_they_stand() {
    use TaskSet::{InFlight, Retry, Scheduled};
    for (library, version, scenario, family, key, set, count, part) in [
        ("rq", "3.0.0", "worker w1", "rq", "rq:queue:default", InFlight, 1, "description"),
        ("rq", "3.0.0", "worker w1", "rq", "rq:queue:default", Scheduled, 2, "description"),
        ("bullmq", "6.7.0", "worker concurrency=1", "bullmq", "bull:mails:wait", InFlight, 1, "data"),
        ("bullmq", "6.7.0", "worker concurrency=1", "bullmq", "bull:mails:wait", Scheduled, 4, "data"),
        ("celery/kombu", "5.7.0/5.7.0", "worker -c1", "celery", "celery", InFlight, 5, ""),
        ("sidekiq", "7.3.10", "process -c1", "sidekiq", "queue:default", Retry, 1, "error_class"),
        ("sidekiq", "7.3.10", "process -c1", "sidekiq", "queue:default", Scheduled, 1, "class"),
        ("huey", "3.5.4", "plain storage", "huey", "huey.redis.myapp", Scheduled, 1, "huey.registry.Message"),
        ("saq", "0.26.4", "worker concurrency=1", "saq", "saq:default:queued", InFlight, 1, "function"),
        ("asynq", "0.26.0", "server concurrency=1", "asynq", "asynq:{default}:pending", Retry, 1, "error"),
        (
            "laravel-queue",
            "8.83.26",
            "5 pushed",
            "laravel",
            "laravel_database_queues:default",
            Scheduled,
            2,
            "uuid",
        ),
        (
            "streaq",
            "7.2.0",
            "worker concurrency=1",
            "streaq",
            "streaq:default:queues:normal",
            Scheduled,
            1,
            "",
        ),
        (
            "streaq",
            "7.2.0",
            "worker concurrency=1",
            "streaq",
            "streaq:default:queues:normal",
            InFlight,
            2,
            "held by",
        ),
    ] {
        let server = Server::start(&["--enable-debug-command", "yes"]).unwrap();
        let mut w = writer(&server).await;
        restore(&mut w, library, version, scenario).await;
        let before = digest(&mut w).await;
        let (found, said) = seen(&server, family, key, set).await;
        assert_eq!(found, Some(count), "{library} {set:?}: {said}");
        assert!(said.contains(part), "{library} {set:?}: {said}");
        assert_eq!(digest(&mut w).await, before, "{library}: nothing was changed");
    }
}

#[tokio::test]
async fn of_a_sorted_set_with_both_only_what_is_for_later_is_scheduled() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let later = (now() + 3600) * 1000;
    run(&mut w, &format!("ZADD arq:queue 1 due {later} later")).await;
    let seen = look_at(&server, "arq", "arq:queue", PushEnd::Right, TaskSet::Scheduled).await.unwrap();
    assert_eq!((seen.count, seen.first[0].id.as_deref()), (Some(1), Some("later")));
    run(&mut w, "ZADD saq:a:incomplete 0 saq:job:a:1 0 saq:job:a:2 1795434980 saq:job:a:3").await;
    let seen = look_at(&server, "saq", "saq:a:queued", PushEnd::Right, TaskSet::Scheduled).await.unwrap();
    assert_eq!((seen.count, seen.first[0].id.as_deref()), (Some(1), Some("saq:job:a:3")));
    let refused = look_at(&server, "saq", "saq:a:queued", PushEnd::Right, TaskSet::Retry).await.unwrap_err();
    assert!(
        refused.contains("has no place for retry tasks: look at waiting, in-flight, scheduled"),
        "{refused}"
    );
}

#[tokio::test]
async fn of_a_stream_what_was_given_is_in_flight_and_only_the_rest_waits() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for n in 1..=6 {
        run(&mut w, &format!("XADD orders {n}-1 n {n} token t{n}")).await;
    }
    run(&mut w, "XGROUP CREATE orders fast 0").await;
    run(&mut w, "XGROUP CREATE orders slow 0").await;
    run(&mut w, "XREADGROUP GROUP fast alice COUNT 5 STREAMS orders >").await;
    run(&mut w, "XREADGROUP GROUP slow bob COUNT 3 STREAMS orders >").await;
    run(&mut w, "XACK orders fast 1-1 2-1 3-1 4-1 5-1").await;
    run(&mut w, "XACK orders slow 1-1").await;
    run(&mut w, "XDEL orders 3-1").await;
    let seen = look(&server, "stream", "orders", PushEnd::Right).await.unwrap();
    assert_eq!(seen.sets, [TaskSet::Waiting, TaskSet::InFlight]);
    let ids: Vec<_> = seen.first.iter().chain(&seen.last).filter_map(|task| task.id.as_deref()).collect();
    assert_eq!(ids, ["4-1", "5-1", "6-1"], "what the group furthest behind was not given");
    let seen = look_at(&server, "stream", "orders", PushEnd::Right, TaskSet::InFlight).await.unwrap();
    assert_eq!(seen.count, Some(2));
    let said = text(&seen.first[0]);
    assert!(
        said.starts_with("held by [] bob of group slow, for 0s, given 1 times\nn [text] \"2\""),
        "{said}"
    );
    assert!(said.contains("token [] ***"), "{said}");
    assert!(text(&seen.first[1]).contains("(deleted or trimmed)"), "{seen:?}");
}

#[tokio::test]
async fn what_redwardens_own_worker_gave_up_is_seen() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let own = redwarden::worker::keys::Keys::new(&"queue:a".into());
    call(&mut w, Command::new("LPUSH").arg(own.failed).arg(r#"{"n":1}"#)).await;
    call(&mut w, Command::new("LPUSH").arg("queue:a:processing").arg("x")).await;
    for (set, part) in [(TaskSet::Failed, "n: 1"), (TaskSet::InFlight, "x")] {
        let (count, said) = seen(&server, "list", "queue:a", set).await;
        assert!(count == Some(1) && said.contains(part), "{set:?} {count:?} {said}");
    }
}

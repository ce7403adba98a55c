//! Peeks at what each worker holds in keys of its own, and at when a task is due.

use redwarden::domain::Command;
use redwarden::domain::queue::PushEnd;
use redwarden::family::TaskSet;
use redwarden::launcher::Server;

use super::peek::{look_at, text};
use super::{call, now, run, writer};

#[tokio::test]
async fn what_each_worker_holds_is_in_flight() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let job =
        r#"{"queue":"a","payload":"{\"class\":\"A\",\"args\":[{\"password\":\"hunter2\"}]}","run_at":1}"#;
    for words in [
        &["SADD", "processes", "h:1:aa", "h:2:bb"][..],
        &["HSET", "h:1:aa:work", "t1", job],
        // Up to version 6.
        &["HSET", "h:2:bb:workers", "t2", r#"{"queue":"b","payload":{"class":"Old"},"run_at":1}"#],
        &["SADD", "resque:workers", "h:3:*", "h:4:*"],
        &["SET", "resque:worker:h:3:*", r#"{"queue":"a","run_at":"x","payload":{"class":"R","args":["b"]}}"#],
        &["ZADD", "dramatiq:__heartbeats__", "1", "producer", "2", "process"],
        &["SADD", "dramatiq:__acks__.process.d", "m1"],
        &["HSET", "dramatiq:d.msgs", "m1", r#"{"actor_name":"act"}"#],
        &["SADD", "ns:worker_pools", "p1"],
        &["LPUSH", "ns:jobs:g:p1:inprogress", r#"{"name":"g","id":"g1"}"#],
        &["SADD", "rmq::connections", "c1"],
        &["LPUSH", "rmq::connection::c1::queue::[r]::unacked", "delivery"],
    ] {
        call(
            &mut w,
            words
                .iter()
                .fold(Command::new(words[0]), |c, word| if *word == words[0] { c } else { c.arg(*word) }),
        )
        .await;
    }
    for (family, key, count, shared, says) in [
        (
            "sidekiq",
            "queue:a",
            2,
            true,
            &["held by [] h:1:aa", "class: \"A\"", "***", "held by [] h:2:bb", "Old"][..],
        ),
        ("resque", "resque:queue:a", 1, true, &["held by [] h:3:*", "class: \"R\""]),
        ("dramatiq", "dramatiq:d", 1, false, &["held by [] process", "actor_name: \"act\""]),
        ("gocraft-work", "ns:jobs:g", 1, false, &["held by [] p1", "id: \"g1\""]),
        ("rmq", "rmq::queue::[r]::ready", 1, false, &["held by [] c1", "delivery"]),
    ] {
        let seen = look_at(&server, family, key, PushEnd::Left, TaskSet::InFlight).await.unwrap();
        let said: Vec<String> = seen.first.iter().chain(&seen.last).map(text).collect();
        let said = said.join("\n");
        assert_eq!((seen.count, seen.shared), (Some(count), shared), "{family}: {said}");
        for part in says {
            assert!(said.contains(part), "{family}: {part}: {said}");
        }
        assert!(!said.contains("hunter2"), "{family}: {said}");
    }
}

#[tokio::test]
async fn of_nobody_nothing_is_in_flight_and_hostile_names_do_no_harm() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let none = look_at(&server, "sidekiq", "queue:a", PushEnd::Left, TaskSet::InFlight).await.unwrap();
    assert_eq!((none.count, none.first.len()), (Some(0), 0));
    let add =
        (0..200).fold(Command::new("SADD").arg("processes"), |add, i| add.arg(format!("p{i}\x1b[31m\n")));
    call(&mut w, add).await;
    call(&mut w, Command::new("SADD").arg("processes").arg("x".repeat(10_000))).await;
    for i in 0..200 {
        run(&mut w, "PING").await;
        call(&mut w, Command::new("HSET").arg(format!("p{i}\x1b[31m\n:work")).arg("t").arg("{}")).await;
    }
    let many = look_at(&server, "sidekiq", "queue:a", PushEnd::Left, TaskSet::InFlight).await.unwrap();
    assert_eq!(many.first.len(), 3);
    assert!(text(&many.first[0]).contains("\\x1b[31m"), "{}", text(&many.first[0]));
    call(&mut w, Command::new("DEL").arg("processes")).await;
    run(&mut w, "SET processes text").await;
    let other = look_at(&server, "sidekiq", "queue:a", PushEnd::Left, TaskSet::InFlight).await;
    assert!(other.is_ok() || other.is_err_and(|why| why.contains("another type")));
}

#[tokio::test]
async fn a_task_for_later_says_when_it_is_due() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let later = now() + 600;
    for (family, key, set, score, kind) in [
        ("sidekiq", "queue:a", "schedule", later.to_string(), TaskSet::Scheduled),
        ("sidekiq", "queue:a", "retry", format!("{later}.25"), TaskSet::Retry),
        ("rq", "rq:queue:q", "rq:scheduled:q", later.to_string(), TaskSet::Scheduled),
        (
            "bullmq",
            "bull:q:wait",
            "bull:q:delayed",
            (later * 1000 * 4096 + 7).to_string(),
            TaskSet::Scheduled,
        ),
        ("arq", "arq:q", "arq:q", (later * 1000).to_string(), TaskSet::Scheduled),
        ("saq", "saq:q:queued", "saq:q:incomplete", later.to_string(), TaskSet::Scheduled),
        ("huey", "huey.redis.q", "huey.schedule.q", later.to_string(), TaskSet::Scheduled),
        ("laravel", "queues:q", "queues:q:delayed", later.to_string(), TaskSet::Scheduled),
        ("asynq", "asynq:{q}:pending", "asynq:{q}:retry", later.to_string(), TaskSet::Retry),
        ("bee-queue", "bq:q:waiting", "bq:q:delayed", (later * 1000).to_string(), TaskSet::Scheduled),
        ("machinery", "q", "delayed_tasks", (later * 1_000_000_000).to_string(), TaskSet::Scheduled),
    ] {
        call(&mut w, Command::new("ZADD").arg(set).arg(score).arg("{}")).await;
        let seen = look_at(&server, family, key, PushEnd::Left, kind).await.unwrap();
        let said = text(&seen.first[0]);
        assert!(
            said.starts_with("due [] 20") && (said.contains("in 9m") || said.contains("in 10m")),
            "{family}: {said}"
        );
    }
    run(&mut w, "ZADD dead 5 {}").await;
    let dead = look_at(&server, "sidekiq", "queue:a", PushEnd::Left, TaskSet::Failed).await.unwrap();
    assert!(text(&dead.first[0]).starts_with("died [] 1970-01-01T00:00:05Z, 5"), "{}", text(&dead.first[0]));
    // What is no time is none.
    run(&mut w, "ZADD schedule inf far").await;
    let far = look_at(&server, "sidekiq", "queue:a", PushEnd::Left, TaskSet::Scheduled).await.unwrap();
    assert!(far.first.iter().map(text).any(|task| !task.contains("due")), "{far:?}");
}

//! bee-queue, Kue and apalis, by the keys their sources document.

use redwarden::domain::Command;
use redwarden::domain::queue::{Oldest, RateSource};
use redwarden::launcher::Server;

use super::recorded::{counts, has_detail, is_from};
use super::{call, complete, find, now, run, wait_for, watch, writer};

fn bee_job(seconds: i64) -> String {
    format!(r#"{{"data":{{"x":1}},"options":{{"timestamp":{seconds}000}},"status":"created"}}"#)
}

#[tokio::test]
async fn bee_queue_is_told_from_bull() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let at = now() - 100;
    run(&mut w, "SET bq:mails:id 6").await;
    for id in 1..=6 {
        let job =
            Command::new("HSET").arg("bq:mails:jobs").arg(id.to_string()).arg(bee_job(at + i64::from(id)));
        call(&mut w, job).await;
    }
    for line in [
        "LPUSH bq:mails:waiting 2 3",
        "LPUSH bq:mails:active 1",
        "ZADD bq:mails:delayed 1 4",
        "SADD bq:mails:failed 5",
        "SADD bq:mails:succeeded 6",
        "SET bq:mails:stallBlock 1",
        // Under a prefix of the user's, found by its keys.
        "SET shop:carts:id 1",
        "HSET shop:carts:jobs 1 {}",
        "LPUSH shop:carts:waiting 1",
        // Bull's has an `id` as well.
        "SET bull:thumbs:id 1",
        "LPUSH bull:thumbs:wait 1",
    ] {
        run(&mut w, line).await;
    }
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 3).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "bq:mails:waiting");
    assert_eq!((queue.family, queue.name.as_str()), ("bee-queue", "mails"));
    assert_eq!(counts(queue), [Some(2), Some(1), Some(1), None, Some(1), None]);
    is_from(queue, at + 2);
    has_detail(queue, "succeeded", "1 jobs");
    has_detail(queue, "due", "1 delayed jobs");
    has_detail(queue, "stall check", "just now");
    let other = find(&view, "shop:carts:waiting");
    assert_eq!((other.family, other.name.as_str(), other.waiting), ("bee-queue", "shop:carts", Some(1)));
    assert_eq!(find(&view, "bull:thumbs:wait").family, "bull");
    // Two more come, one waiting and the running one are done.
    run(&mut w, "INCRBY bq:mails:id 2").await;
    run(&mut w, "LPUSH bq:mails:waiting 7 8").await;
    run(&mut w, "RPOP bq:mails:waiting").await;
    run(&mut w, "DEL bq:mails:active").await;
    let view = wait_for(&fleet, "counted", |v| {
        let rates = find(v, "bq:mails:waiting").rates;
        rates.source == RateSource::Counters && rates.outgoing.is_some_and(|r| r > 0.0)
    })
    .await;
    let queue = find(&view, "bq:mails:waiting");
    assert_eq!(queue.waiting, Some(3));
    run(&mut w, "DEL bq:mails:id bq:mails:jobs bq:mails:waiting bq:mails:delayed").await;
    wait_for(&fleet, "destroyed", |v| v.queues.len() == 2).await;
}

#[tokio::test]
async fn kue_by_type_and_state() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let ms = (now() - 100) * 1000;
    for line in [
        "SADD q:job:types email video",
        "SET q:ids 10",
        "ZADD q:jobs 0 01|1 0 02|10",
        "ZADD q:jobs:email:inactive -10 02|10 0 01|1",
        &format!("HSET q:job:10 type email state inactive created_at {ms}"),
        "ZADD q:jobs:email:active 0 01|2",
        &format!("HSET q:job:2 type email state active workerId kue:vm:77:email:2 started_at {ms}"),
        "ZADD q:jobs:email:delayed 0 01|3",
        "ZADD q:jobs:email:failed 0 01|4 0 01|5",
        "ZADD q:jobs:email:complete 0 01|6",
        // Something else that only looks alike.
        "SADD other:job:types a",
    ] {
        run(&mut w, line).await;
    }
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "q:jobs:email:inactive");
    assert_eq!((queue.family, queue.name.as_str()), ("kue", "email"));
    assert_eq!(counts(queue), [Some(2), Some(1), Some(1), None, Some(2), None]);
    is_from(queue, ms / 1000);
    has_detail(queue, "running", "job 2 at kue:vm:77:email:2 since");
    has_detail(queue, "complete", "1 jobs");
    let video = find(&view, "q:jobs:video:inactive");
    assert_eq!((video.waiting, &video.oldest), (Some(0), &Oldest::Empty));
    run(&mut w, "ZADD q:jobs:email:inactive 0 02|11 0 02|12").await;
    let view = wait_for(&fleet, "more", |v| find(v, "q:jobs:email:inactive").waiting == Some(4)).await;
    assert_eq!(find(&view, "q:jobs:email:inactive").rates.source, RateSource::NetOnly);
}

#[tokio::test]
async fn apalis_counts_what_is_due() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    // 01ARZ3NDEK is 2016-07-30; those after it are later.
    let id = |n: u32| format!("01ARZ3NDEKTSV4RRFFQ69G5F{n:02}");
    for line in [
        "ZADD core:apalis:queues:list 1 apx::Email:workers 2 apx::Sms:workers".to_owned(),
        format!("RPUSH apx::Email:active {}", id(1)),
        format!("ZADD apx::Email:scheduled {} {} {} {}", now() - 10, id(2), now() + 600, id(3)),
        format!("ZADD apx::Email:workers {} mailer {} lost", now() - 5, now() - 900),
        format!("SADD apx::Email:inflight:mailer {}", id(4)),
        format!("SADD apx::Email:inflight:lost {} {}", id(5), id(6)),
        format!("SADD apx::Email:done {} {}", id(7), id(8)),
        format!("SADD apx::Email:dead {}", id(9)),
        // Version 0.7 keeps sorted sets.
        format!("ZADD apx::Sms:dead 1 {}", id(10)),
    ] {
        run(&mut w, &line).await;
    }
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "apx::Email:active");
    assert_eq!((queue.family, queue.name.as_str()), ("apalis", "apx::Email"));
    assert_eq!(counts(queue), [Some(2), Some(3), Some(1), None, Some(1), Some(1)]);
    is_from(queue, 1_469_922_850);
    has_detail(queue, "worker", "mailer, heartbeat");
    has_detail(queue, "gone", "lost, no heartbeat for 15m, holds 2 tasks");
    has_detail(queue, "done", "2 tasks");
    let sms = find(&view, "apx::Sms:active");
    assert_eq!(counts(sms), [Some(0), Some(0), Some(0), None, Some(1), Some(0)]);
    run(&mut w, &format!("ZADD apx::Email:scheduled {} {}", now() - 1, id(11))).await;
    let view = wait_for(&fleet, "one more is due", |v| find(v, "apx::Email:active").waiting == Some(3)).await;
    assert_eq!(find(&view, "apx::Email:active").rates.source, RateSource::NetOnly);
}

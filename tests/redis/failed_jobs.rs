//! Failed jobs of libraries that go back: compared before anything is done, and what is not understood stays.

use redwarden::act::Request;
use redwarden::act::transfer::{DrainEnd, Transfer, TransferPick, TransferTo, drain};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{NodeId, QueueId};
use redwarden::redis_io::Writer;

use crate::support::*;

fn back(key: &str, pick: TransferPick) -> Transfer {
    let queue = QueueId { node: NodeId::new("n1"), db: 0, key: key.into() };
    Transfer { queue, push: PushEnd::Left, to: TransferTo::Back, pick }
}

fn all(key: &str) -> Transfer {
    back(key, TransferPick::Oldest(u64::MAX))
}

/// Two failed jobs of BullMQ, and one that is a child.
async fn bullmq(raw: &mut Writer) {
    for command in [
        "HSET bull:mail:meta version bullmq:5.81.5 opts.maxLenEvents 10000",
        "SET bull:mail:id 3",
        "HSET bull:mail:1 name a data {} priority 0 failedReason x finishedOn 2 processedOn 1",
        "HSET bull:mail:2 name a data {} priority 0 failedReason x finishedOn 2 processedOn 1",
        "HSET bull:mail:3 name a data {} priority 0 failedReason x parentKey bull:mail:9",
        "ZADD bull:mail:failed 1 1 2 2 3 3",
    ] {
        run(raw, command).await;
    }
}

async fn go(bench: &Bench, wish: &Transfer) -> redwarden::act::transfer::Drained {
    let first = bench.services().prepare(Request::Transfer(wish.clone())).await.unwrap();
    drain(&bench.services(), wish, first, || false, |_, _| {}).await
}

#[tokio::test]
async fn a_job_that_was_retried_meanwhile_is_not_queued_twice() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    bullmq(&mut raw).await;
    let wish = all("bull:mail:wait");
    let first = bench.services().prepare(Request::Transfer(wish.clone())).await.unwrap();
    // Somebody retries the first one between the plan and its confirmation.
    run(&mut raw, "ZREM bull:mail:failed 1").await;
    run(&mut raw, "LPUSH bull:mail:wait 1").await;
    let drained = drain(&bench.services(), &wish, first, || false, |_, _| {}).await;
    assert_eq!(drained.done, 1, "{drained:?}");
    assert!(matches!(&drained.end, DrainEnd::Short(why) if why.contains("parent")), "{drained:?}");
    assert_eq!(run(&mut raw, "LRANGE bull:mail:wait 0 -1").await.as_array().unwrap().len(), 2);
    assert_eq!(run(&mut raw, "ZCARD bull:mail:failed").await.as_int(), Some(1), "the child stays");
    assert_eq!(run(&mut raw, "XLEN bull:mail:events").await.as_int(), Some(1));
}

#[tokio::test]
async fn one_job_by_its_id() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    bullmq(&mut raw).await;
    let drained = go(&bench, &back("bull:mail:wait", TransferPick::Element("2".into()))).await;
    assert_eq!((drained.done, drained.end), (1, DrainEnd::All));
    assert_eq!(run(&mut raw, "LRANGE bull:mail:wait 0 -1").await.as_array().unwrap().len(), 1);
    for (id, why) in [("3", "parent"), ("77", "gone")] {
        let wish = back("bull:mail:wait", TransferPick::Element(id.into()));
        let refused = bench.services().prepare(Request::Transfer(wish)).await;
        assert!(refused.as_ref().is_err_and(|e| e.contains(why)), "{id}: {:?}", refused.err());
    }
    // Already back: it is not among the failed ones any more.
    let wish = back("bull:mail:wait", TransferPick::Element("2".into()));
    let first = bench.services().prepare(Request::Transfer(wish.clone())).await;
    if let Ok(first) = first {
        let drained = drain(&bench.services(), &wish, first, || false, |_, _| {}).await;
        assert_eq!(drained.done, 0, "{drained:?}");
    }
    assert_eq!(run(&mut raw, "LLEN bull:mail:wait").await.as_int(), Some(1));
}

#[tokio::test]
async fn garbage_among_dead_jobs_stays_where_it_is() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SADD queues q other").await;
    let long = format!(r#"{{"class":"A","args":["{}"],"jid":"l","queue":"q"}}"#, "x".repeat(20_000));
    let mine = r#"{"jid":"j","class":"A","args":[1.0],"queue":"q","created_at":1.5}"#;
    for (score, member) in [
        ("1", "not json"),
        ("2", "[1,2]"),
        ("3", r#"{"queue":"q"}"#),
        ("4", r#"{"jid":"k","class":"A","args":[],"queue":"other"}"#),
        ("5", long.as_str()),
        ("6", mine),
    ] {
        let add = redwarden::domain::Command::new("ZADD").arg("dead").arg(score).arg(member);
        raw.call(&add).await.unwrap();
    }
    let drained = go(&bench, &all("queue:q")).await;
    assert_eq!((drained.done, &drained.end), (1, &DrainEnd::All), "{drained:?}");
    assert_eq!(run(&mut raw, "ZCARD dead").await.as_int(), Some(5));
    let queued = run(&mut raw, "LINDEX queue:q 0").await.as_bytes().unwrap();
    let queued = queued.as_utf8().unwrap().to_owned();
    assert!(queued.starts_with(r#"{"args":[1.0],"class":"A","created_at":1.5,"enqueued_at":"#), "{queued}");
    // What is left is refused with the reason, and nothing is written.
    let left = bench.services().prepare(Request::Transfer(all("queue:q"))).await;
    assert!(left.as_ref().is_err_and(|e| e.contains("16 KiB")), "{:?}", left.err());
}

#[tokio::test]
async fn a_set_longer_than_what_is_looked_at_is_searched_from_both_ends() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SADD queues q other").await;
    let job =
        |i: usize, queue: &str| format!(r#"{{"jid":"{i:04}","class":"A","args":[],"queue":"{queue}"}}"#);
    for i in 0..450 {
        let queue = if i >= 430 { "q" } else { "other" };
        let add = redwarden::domain::Command::new("ZADD").arg("dead").arg(i as u64).arg(job(i, queue));
        raw.call(&add).await.unwrap();
    }
    let drained = go(&bench, &all("queue:q")).await;
    assert_eq!((drained.done, drained.total, &drained.end), (20, 20, &DrainEnd::All), "{drained:?}");
    // All of one queue: all go, though no look sees them all.
    let drained = go(&bench, &all("queue:other")).await;
    assert_eq!((drained.done, drained.total, &drained.end), (430, 430, &DrainEnd::All), "{drained:?}");
    assert_eq!(run(&mut raw, "EXISTS dead").await.as_int(), Some(0));
}

#[tokio::test]
async fn other_shapes_are_no_library() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    for command in [
        "SET bull:a:meta text",
        "SET bull:a:failed text",
        "SET bq:b:jobs text",
        "SET dramatiq:__heartbeats__ text",
        "SET queues text",
    ] {
        run(&mut raw, command).await;
    }
    for key in ["bull:a:wait", "bq:b:waiting", "dramatiq:c", "queue:d", "rq:queue:e", "plain", ":", ""] {
        let refused = bench.services().prepare(Request::Transfer(all(key))).await;
        assert!(refused.is_err(), "{key}");
    }
}

//! The counts that the recordings' scenarios name.

use redwarden::domain::queue::{Oldest, PushEnd};
use redwarden::domain::{Bytes, Command, FleetView, Queue};
use redwarden::launcher::Server;
use redwarden::redis_io::Writer;
use serde_json::Value;

use super::{call, complete, find, wait_for, watch, writer};

/// Puts back what a library wrote in a scenario of which the name begins so.
pub(crate) async fn restore(writer: &mut Writer, library: &str, version: &str, scenario: &str) {
    let mut keys = 0;
    for line in include_str!("observed.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["library"] == library
            && row["version"] == version
            && row["scenario"].as_str().unwrap().starts_with(scenario)
        {
            keys += 1;
            restore_key(writer, &row).await;
        }
    }
    assert!(keys > 0, "nothing recorded for {library} {version} {scenario}");
}

/// What is no text was recorded as hex.
fn bytes(text: String) -> Bytes {
    let Some(hex) = text.strip_prefix("(hex)") else { return text.into() };
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>().into()
}

async fn restore_key(writer: &mut Writer, row: &Value) {
    let (key, sample) = (row["key"].as_str().unwrap(), &row["sample"]);
    let len = usize::try_from(row["len"].as_u64().unwrap()).unwrap();
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mut items: Vec<Vec<String>> = match (row["type"].as_str().unwrap(), sample) {
        ("list", Value::Object(ends)) => vec![vec![text(&ends["head"])], vec![text(&ends["tail"])]],
        ("zset", Value::Array(pairs)) => pairs.iter().map(|p| vec![text(&p[1]), text(&p[0])]).collect(),
        ("hash", Value::Object(fields)) => fields.iter().map(|(f, v)| vec![f.clone(), text(v)]).collect(),
        ("stream", entry) => {
            let fields = entry[1].as_object().unwrap();
            let fields = fields.iter().flat_map(|(f, v)| [f.clone(), text(v)]);
            vec![["*".to_owned()].into_iter().chain(fields).collect(); len]
        }
        ("set", Value::Array(members)) => members.iter().map(|m| vec![text(m)]).collect(),
        (_, one) => vec![vec![text(one)]],
    };
    let (name, filler): (&str, fn(usize) -> Vec<String>) = match row["type"].as_str().unwrap() {
        "list" => ("RPUSH", |n| vec![format!("filler-{n}")]),
        "zset" => ("ZADD", |n| vec!["1".into(), format!("filler-{n}")]),
        "hash" => ("HSET", |n| vec![format!("filler-{n}"), "x".into()]),
        "set" => ("SADD", |n| vec![format!("filler-{n}")]),
        "stream" => ("XADD", |_| unreachable!("as long as it was")),
        _ => ("SET", |_| Vec::new()),
    };
    if name != "SET" {
        for n in items.len()..len {
            items.insert(items.len() - usize::from(name == "RPUSH"), filler(n));
        }
    }
    for item in items {
        let mut command = Command::new(name).arg(key);
        command.args.extend(item.into_iter().map(bytes));
        call(writer, command).await;
    }
}

/// The view of a server that holds the scenario, after a whole search.
async fn seen(library: &str, version: &str, scenario: &str) -> FleetView {
    let server = Server::start(&[]).unwrap();
    restore(&mut writer(&server).await, library, version, scenario).await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && !v.queues.is_empty()).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    view
}

/// Waiting, in flight, scheduled, retry, failed, workers.
pub(crate) fn counts(queue: &Queue) -> [Option<u64>; 6] {
    [queue.waiting, queue.in_flight, queue.scheduled, queue.retry, queue.failed, queue.workers]
}

/// The age of its oldest task is what the recorded time says.
pub(crate) fn is_from(queue: &Queue, seconds: i64) {
    let Oldest::At { age } = queue.oldest else { panic!("no age: {queue:#?}") };
    let at = queue.read_at.wall.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((at - age.as_secs() as i64 - seconds).abs() <= 2, "{age:?}");
}

pub(crate) fn has_detail(queue: &Queue, label: &str, text: &str) {
    let found = queue.details.iter().any(|d| d.label == label && d.text.contains(text));
    assert!(found, "{label} {text}: {:#?}", queue.details);
}

#[tokio::test]
async fn rq_with_a_busy_worker() {
    for version in ["2.6.1", "3.0.0"] {
        let view = seen("rq", version, "worker w1 running").await;
        assert_eq!(view.queues.len(), 1, "{:#?}", view.queues);
        let queue = find(&view, "rq:queue:default");
        assert_eq!((queue.family, queue.name.as_str(), queue.push), ("rq", "default", PushEnd::Right));
        assert_eq!(counts(queue), [Some(6), Some(1), Some(1), None, Some(1), Some(1)], "{version}");
        assert_eq!(queue.paused, Some(false));
        has_detail(queue, "worker", "w1: busy on vm");
        has_detail(queue, "deferred", "1 jobs");
        if version == "3.0.0" {
            is_from(queue, 1_795_434_277);
        }
    }
}

#[tokio::test]
async fn rq_that_drained_stays_and_a_dead_worker_is_told() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "rq", "3.0.0", "drained").await;
    super::run(&mut w, "SADD rq:workers rq:worker:lost").await;
    super::run(&mut w, "SET rq:suspended 1").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "the queue", |v| complete(v) && v.queues.len() == 1).await;
    let queue = find(&view, "rq:queue:default");
    assert_eq!(counts(queue), [Some(0), Some(0), Some(2), None, Some(1), Some(1)]);
    assert_eq!((queue.paused, &queue.oldest), (Some(true), &Oldest::Empty));
    has_detail(queue, "gone", "lost");
}

#[tokio::test]
async fn celery_without_a_worker() {
    let view = seen("celery/kombu", "5.7.0/5.7.0", "no worker").await;
    assert_eq!(view.queues.len(), 2, "{:#?}", view.queues);
    let queue = find(&view, "celery");
    assert_eq!((queue.family, queue.waiting, queue.in_flight), ("celery", Some(8), Some(0)));
    has_detail(queue, "priorities", "0: 6, 3: 1, 6: 0, 9: 1");
    assert!(matches!(queue.oldest, Oldest::AtLeast { .. }), "the messages carry no time");
    assert_eq!(find(&view, "emails").waiting, Some(1));
}

#[tokio::test]
async fn celery_with_a_worker() {
    let view = seen("celery/kombu", "5.7.0/5.7.0", "worker -c1").await;
    assert_eq!(view.queues.len(), 1, "{:#?}", view.queues);
    assert_eq!(counts(find(&view, "celery")), [Some(4), Some(5), None, None, None, None]);
    has_detail(find(&view, "celery"), "worker", "w1@host");
    let view = seen("celery/kombu", "5.7.0/5.7.0", "idle worker").await;
    assert_eq!(view.queues.len(), 1, "{:#?}", view.queues);
    assert_eq!(find(&view, "celery").waiting, Some(0));
}

#[tokio::test]
async fn bullmq_as_five_and_six_wrote_it() {
    for version in ["5.81.5", "6.7.0"] {
        let view = seen("bullmq", version, "no worker").await;
        assert_eq!(view.queues.len(), 1, "{:#?}", view.queues);
        let queue = find(&view, "bull:mails:wait");
        assert_eq!((queue.family, queue.name.as_str()), ("bullmq", "mails"));
        assert_eq!(counts(queue)[..5], [Some(7), Some(0), Some(1), None, Some(0)]);
        assert_eq!(queue.paused, Some(false));
        has_detail(queue, "version", version);
        is_from(queue, if version == "6.7.0" { 1_795_435_023 } else { 1_795_435_045 });
        let view = seen("bullmq", version, "worker concurrency=1").await;
        let queue = find(&view, "bull:mails:wait");
        assert_eq!(counts(queue)[..5], [Some(6), Some(1), Some(4), None, Some(1)]);
        has_detail(queue, "waits for children", "1 jobs");
        has_detail(queue, "completed", "2 jobs");
        // Version 5 moves the jobs to a list of their own, version 6 leaves them.
        let view = seen("bullmq", version, "queue paused").await;
        let queue = find(&view, "bull:mails:wait");
        assert_eq!((queue.waiting, queue.paused), (Some(1), Some(true)));
    }
}

#[tokio::test]
async fn bull_is_told_from_bullmq() {
    let view = seen("bull", "4.16.5", "worker concurrency=1").await;
    assert_eq!(view.queues.len(), 1, "{:#?}", view.queues);
    let queue = find(&view, "bull:mails:wait");
    assert_eq!(
        (queue.family, queue.waiting, queue.in_flight, queue.failed),
        ("bull", Some(5), Some(1), Some(1))
    );
    let view = seen("bull", "4.16.5", "queue paused").await;
    let queue = find(&view, "bull:mails:wait");
    assert_eq!((queue.family, queue.waiting, queue.paused), ("bull", Some(1), Some(true)));
}

#[tokio::test]
async fn sidekiq_with_a_process() {
    let view = seen("sidekiq", "7.3.10", "process -c1").await;
    assert_eq!(view.queues.len(), 2, "{:#?}", view.queues);
    let queue = find(&view, "queue:default");
    assert_eq!((queue.family, queue.name.as_str()), ("sidekiq", "default"));
    assert_eq!(counts(queue), [Some(5), Some(1), Some(1), Some(1), Some(1), Some(1)]);
    has_detail(queue, "process", "1 of 1 threads busy");
    is_from(queue, 1_795_435_408);
    assert_eq!(counts(find(&view, "queue:mailers")), [Some(1), Some(0), Some(0), Some(0), Some(0), Some(1)]);
}

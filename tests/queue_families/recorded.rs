//! The counts that the recordings' scenarios name.

use redwarden::domain::queue::{Oldest, PushEnd};
use redwarden::domain::{Command, FleetView, Queue};
use redwarden::launcher::Server;
use redwarden::redis_io::Writer;
use serde_json::Value;

use super::{call, complete, find, run, wait_for, watch, writer};

/// Puts back what a library wrote in a scenario of which the name begins so.
pub(super) async fn restore(writer: &mut Writer, library: &str, version: &str, scenario: &str) {
    restore_at(writer, library, version, scenario, 0).await;
}

/// [`restore`] as if it had been recorded just now: scores that are times are moved on by so many milliseconds.
pub(super) async fn restore_at(
    writer: &mut Writer,
    library: &str,
    version: &str,
    scenario: &str,
    shift_ms: i64,
) {
    let mut keys = 0;
    for line in include_str!("observed.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["library"] == library
            && row["version"] == version
            && row["scenario"].as_str().unwrap().starts_with(scenario)
        {
            keys += 1;
            restore_key(writer, &row, shift_ms).await;
        }
    }
    assert!(keys > 0, "nothing recorded for {library} {version} {scenario}");
}

/// A value as it was; bytes that are no text are recorded as `(hex)...`.
fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let Some(hex) = text.strip_prefix("(hex)") else { return text.into_bytes() };
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn shifted(score: &Value, shift_ms: i64) -> Vec<u8> {
    let score = score.as_f64().unwrap();
    let shifted = match score {
        s if s > 1e12 => s + shift_ms as f64,
        s if s > 1e9 => s + shift_ms as f64 / 1e3,
        s => s,
    };
    shifted.to_string().into_bytes()
}

async fn restore_key(writer: &mut Writer, row: &Value, shift_ms: i64) {
    let (key, sample) = (row["key"].as_str().unwrap(), &row["sample"]);
    let len = usize::try_from(row["len"].as_u64().unwrap()).unwrap();
    let mut items: Vec<Vec<Vec<u8>>> = match (row["type"].as_str().unwrap(), sample) {
        ("list", Value::Object(ends)) => vec![vec![bytes(&ends["head"])], vec![bytes(&ends["tail"])]],
        ("zset", Value::Array(pairs)) => {
            pairs.iter().map(|p| vec![shifted(&p[1], shift_ms), bytes(&p[0])]).collect()
        }
        ("hash", Value::Object(fields)) => {
            fields.iter().map(|(f, v)| vec![f.clone().into(), bytes(v)]).collect()
        }
        ("stream", Value::Null) => Vec::new(),
        ("stream", entry) => {
            let fields = entry[1].as_object().unwrap();
            let fields = fields.iter().flat_map(|(f, v)| [f.clone().into_bytes(), bytes(v)]);
            vec![["*".into()].into_iter().chain(fields).collect(); len]
        }
        ("set", Value::Array(members)) => members.iter().map(|m| vec![bytes(m)]).collect(),
        (_, one) => vec![vec![bytes(one)]],
    };
    let last_score = items.last().map_or_else(Vec::new, |item| item[0].clone());
    let filler = |n: usize| format!("filler-{n}").into_bytes();
    let name = match row["type"].as_str().unwrap() {
        "list" => "RPUSH",
        "zset" => "ZADD",
        "hash" => "HSET",
        "set" => "SADD",
        "stream" => "XADD",
        _ => "SET",
    };
    if name != "SET" {
        for n in items.len()..len {
            let item = match name {
                "ZADD" => vec![last_score.clone(), filler(n)],
                "HSET" => vec![filler(n), b"x".to_vec()],
                _ => vec![filler(n)],
            };
            items.insert(items.len() - usize::from(name == "RPUSH"), item);
        }
    }
    for item in items {
        let mut command = Command::new(name).arg(key);
        command.args.extend(item.into_iter().map(Into::into));
        call(writer, command).await;
    }
    for group in row["groups"].as_array().into_iter().flatten() {
        restore_group(writer, key, group, len).await;
    }
}

/// A group that was given what it had and acknowledged all but what was pending.
async fn restore_group(writer: &mut Writer, key: &str, group: &Value, len: usize) {
    let of = |field: &str| usize::try_from(group[field].as_u64().unwrap()).unwrap();
    let name = group["name"].as_str().unwrap();
    run(writer, &format!("XGROUP CREATE {key} {name} 0 MKSTREAM")).await;
    let consumer = group["consumers_detail"][0]["name"].as_str().unwrap();
    run(writer, &format!("XGROUP CREATECONSUMER {key} {name} {consumer}")).await;
    let given = len - of("lag");
    if given == 0 {
        return;
    }
    run(writer, &format!("XREADGROUP GROUP {name} {consumer} COUNT {given} STREAMS {key} >")).await;
    let entries = run(writer, &format!("XRANGE {key} - + COUNT {given}")).await;
    for entry in entries.as_array().unwrap().iter().take(given - of("pending")) {
        let id = entry.as_array().unwrap()[0].as_bytes().unwrap().escaped();
        run(writer, &format!("XACK {key} {name} {id}")).await;
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
pub(super) fn counts(queue: &Queue) -> [Option<u64>; 6] {
    [queue.waiting, queue.in_flight, queue.scheduled, queue.retry, queue.failed, queue.workers]
}

/// The age of its oldest task is what the recorded time says.
pub(super) fn is_from(queue: &Queue, seconds: i64) {
    let Oldest::At { age } = queue.oldest else { panic!("no age: {queue:#?}") };
    let at = queue.read_at.wall.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((at - age.as_secs() as i64 - seconds).abs() <= 2, "{age:?}");
}

pub(super) fn has_detail(queue: &Queue, label: &str, text: &str) {
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
        has_detail(queue, "worker", "w1 on vm, pid ");
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
    has_detail(queue, "worker", "1 of 1 threads busy");
    has_detail(queue, "worker", ", runs ");
    is_from(queue, 1_795_435_408);
    assert_eq!(counts(find(&view, "queue:mailers")), [Some(1), Some(0), Some(0), Some(0), Some(0), Some(1)]);
}

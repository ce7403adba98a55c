//! Queues that the user describes, and prefixes that libraries were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redwarden::cli;
use redwarden::config::{Config, Environment, Secret, load};
use redwarden::domain::queue::{Oldest, PushEnd, RateSource};
use redwarden::domain::{Bytes, Command};
use redwarden::family::Registry;
use redwarden::launcher::Server;
use redwarden::poll::Fleet;

use super::{call, complete, config, find, run, wait_for, writer};

/// What a file says of queues, for this server.
pub(super) fn with_file(server: &Server, text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    std::fs::write(&path, text).unwrap();
    let invocation = cli::parse(["redwarden", "--config", path.to_str().unwrap()].map(Into::into)).unwrap();
    let environment: Environment = BTreeMap::<&str, &str>::new().iter().collect();
    let read = load(&invocation.global, &environment).unwrap_or_else(|e| panic!("{e}")).config;
    Config { queue_families: read.queue_families, queue_prefixes: read.queue_prefixes, ..config(server) }
}

#[tokio::test]
async fn a_list_with_all_its_keys() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    // A prefix that the usual patterns match: these lists are no plain queues, and none is shown twice.
    for command in [
        "RPUSH queue:mail:todo a b c",
        "RPUSH queue:mail:doing d",
        "ZADD queue:mail:later 9999999999 e 1 f",
        "SADD queue:mail:again g h",
        "HSET queue:mail:failed i x j x k x",
        "XADD queue:mail:done * l m",
        "SET queue:mail:paused 1",
        "LPUSH queue:other plain",
        "SADD app:workers w1 w2",
        "SET app:worker:w1:alive 1",
        "SADD app:queues mail idle",
    ] {
        run(&mut w, command).await;
    }
    let file = r#"
        [[queue_family]]
        id = "shop"
        queue = "queue:{name}:todo"
        push = "right"
        registry = "app:queues"
        processing = "queue:{name}:doing"
        delayed = "queue:{name}:later"
        retry = "queue:{name}:again"
        failed = "queue:{name}:failed"
        completed = "queue:{name}:done"
        paused = "queue:{name}:paused"
        workers = "app:workers"
        heartbeat = "app:worker:{worker}:alive"
    "#;
    let fleet = Fleet::spawn(Arc::new(with_file(&server, file)));
    let view = wait_for(&fleet, "three", |v| complete(v) && v.queues.len() == 3).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    assert_eq!(find(&view, "queue:other").family, "list");
    let queue = find(&view, "queue:mail:todo");
    assert_eq!((queue.family, queue.name.as_str(), queue.push), ("shop", "mail", PushEnd::Right));
    assert_eq!(
        [queue.waiting, queue.in_flight, queue.scheduled, queue.retry, queue.failed, queue.workers],
        [Some(3), Some(1), Some(2), Some(2), Some(3), Some(1)]
    );
    assert_eq!(queue.paused, Some(true));
    let told = |label, text: &str| queue.details.iter().any(|d| d.label == label && d.text.contains(text));
    assert!(told("completed", "1 tasks") && told("worker", "w1: alive") && told("gone", "w2: no heartbeat"));
    // The registry names it, though nothing waits there.
    let idle = find(&view, "queue:idle:todo");
    assert_eq!((idle.name.as_str(), idle.waiting, idle.failed), ("idle", Some(0), Some(0)));
    assert_eq!(idle.oldest, Oldest::Empty);
    run(&mut w, "SADD app:queues new").await;
    run(&mut w, "RPUSH queue:new:todo x").await;
    run(&mut w, "DEL queue:mail:paused").await;
    wait_for(&fleet, "the new one", |v| {
        v.queues.iter().any(|q| q.name == "new" && q.waiting == Some(1))
            && find(v, "queue:mail:todo").paused == Some(false)
    })
    .await;
}

#[tokio::test]
async fn a_sorted_set_by_time_or_by_priority_and_a_stream() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    run(&mut w, &format!("ZADD timed:a 0 now {} due {} later", now - 60_000, now + 600_000)).await;
    run(&mut w, &format!("ZADD timed:workers {} w1 {} w2", now, now - 600_000)).await;
    run(&mut w, "ZADD urgent:a 5 x 9 y").await;
    run(&mut w, "XADD flow:a * f v").await;
    run(&mut w, "XGROUP CREATE flow:a g 0").await;
    // Of the right name, but of another type.
    run(&mut w, "SET flow:b x").await;
    let file = r#"
        [[queue_family]]
        id = "timed"
        queue = "timed:{name}"
        type = "zset"
        scores = "ms"
        workers = "timed:workers"
        alive_for = "1m"
        [[queue_family]]
        id = "urgent"
        queue = "urgent:{name}"
        type = "zset"
        [[queue_family]]
        id = "flow"
        queue = "flow:{name}"
        type = "stream"
        failed = "flow-dead:{name}"
    "#;
    let fleet = Fleet::spawn(Arc::new(with_file(&server, file)));
    let view = wait_for(&fleet, "all", |v| complete(v) && v.queues.len() >= 3).await;
    let queue = find(&view, "timed:a");
    assert_eq!((queue.family, queue.waiting, queue.scheduled), ("timed", Some(2), Some(1)));
    assert_eq!(queue.workers, Some(1));
    assert_eq!(queue.rates.source, RateSource::None);
    let queue = find(&view, "urgent:a");
    assert_eq!((queue.family, queue.waiting, queue.scheduled), ("urgent", Some(2), None));
    let queue = find(&view, "flow:a");
    assert_eq!((queue.family, queue.waiting, queue.failed), ("flow", Some(1), Some(0)));
    assert!(matches!(queue.oldest, Oldest::At { .. }), "{:?}", queue.oldest);
    assert!(!view.queues.iter().any(|q| q.id.key == Bytes::from("flow:b")));
    run(&mut w, "ZREM timed:a now").await;
    wait_for(
        &fleet,
        "since it was due",
        |v| matches!(find(v, "timed:a").oldest, Oldest::At { age } if age > Duration::from_secs(50)),
    )
    .await;
}

#[tokio::test]
async fn a_prefix_that_was_told_finds_the_queue_for_a_user_of_few_rights() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "HSET queue:mails:meta version bullmq:6.7.0").await;
    run(&mut w, "LPUSH queue:mails:wait 1").await;
    run(&mut w, "SADD shop:rq:queues shop:rq:queue:default").await;
    run(&mut w, "RPUSH shop:rq:queue:default j1").await;
    run(&mut w, "SET other x").await;
    run(&mut w, "ACL SETUSER few on >pw %R~queue:* %R~shop:rq:* +@all").await;
    let file = "[queue_prefixes]\nbullmq = [\"queue\"]\nrq = [\"shop:rq:\"]\n";
    for (file, found) in [(file, true), ("", false)] {
        let mut config = with_file(&server, file);
        config.nodes[0].endpoint.username = Some("few".into());
        config.nodes[0].endpoint.password = Some(Secret::new("pw"));
        let fleet = Fleet::spawn(Arc::new(config));
        let view = wait_for(&fleet, "queues", |v| complete(v) && !v.queues.is_empty()).await;
        let families: Vec<_> = view.queues.iter().map(|q| q.family).collect();
        if found {
            assert_eq!(families, ["bullmq", "rq"], "{:#?}", view.queues);
        } else {
            assert!(!families.contains(&"rq"), "nobody tells where to look: {families:?}");
        }
    }
}

#[test]
fn prefixes_take_the_place_of_the_usual_ones() {
    let prefixes = [("bullmq", vec!["{shop}".to_string()]), ("celery", vec!["app_".into()])];
    let config = Config { queue_prefixes: prefixes.into_iter().collect(), ..Config::default() };
    let (told, usual) = (Registry::new(&config), Registry::new(&Config::default()));
    let key = b"{shop}:mails:meta";
    assert!(told.may_be_clue(key) && !usual.may_be_clue(key));
    assert!(!told.may_be_clue(b"{shop}:mails:wait") && !told.may_be_clue(b"{shopping}:mails:meta"));
    let known: Vec<Bytes> = told.well_known().collect();
    assert!(known.contains(&"app__kombu.binding.celery".into()), "{known:?}");
}

#[tokio::test]
async fn hostile_names_of_the_users_queues_are_escaped() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    call(&mut w, Command::new("RPUSH").arg("own:\x1b[2J:todo").arg("x")).await;
    let file = "[[queue_family]]\nid = \"own\"\nqueue = \"own:{name}:todo\"";
    let fleet = Fleet::spawn(Arc::new(with_file(&server, file)));
    let view = wait_for(&fleet, "it", |v| v.queues.len() == 1).await;
    assert_eq!(view.queues[0].name, "\\x1b[2J");
}

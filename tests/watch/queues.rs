//! Queues as real servers hold them; rates that are true.

use std::time::Duration;

use redwarden::domain::lock::Unknown;
use redwarden::domain::queue::{Drain, Oldest, RateSource};
use redwarden::domain::{FleetView, Queue, Rules, Stamp};
use redwarden::launcher::Server;

use super::{config, run, wait_for, watch, writer};

fn find<'a>(view: &'a FleetView, key: &str) -> Option<&'a Queue> {
    view.queues.iter().find(|q| q.id.key.as_slice() == key.as_bytes()).map(AsRef::as_ref)
}

async fn rates_are_true(push: &str, pop: &str, right: bool) {
    let server = Server::start(&[]).unwrap();
    let mut config = config(&[server.endpoint()]);
    if right {
        config.push = redwarden::domain::queue::PushEnd::Right;
    }
    config.rules.rate_window = Duration::from_secs(3);
    let fleet = redwarden::poll::Fleet::spawn(std::sync::Arc::new(config));
    let mut w = writer(&server).await;
    let started = std::time::Instant::now();
    let mut pushed: u32 = 0;
    let mut popped: u32 = 0;
    // 200 in and 150 out a second, by the clock.
    let board = fleet.board();
    let mut done: Vec<(f64, u32, u32)> = Vec::new();
    let view = loop {
        let due = started.elapsed().as_secs_f64();
        while f64::from(pushed) < due * 200.0 {
            run(&mut w, &format!("{push} queue:rated task-{pushed}")).await;
            pushed += 1;
        }
        while f64::from(popped) < due * 150.0 {
            run(&mut w, &format!("{pop} queue:rated")).await;
            popped += 1;
        }
        done.push((due, pushed, popped));
        let view = FleetView::build(&board.borrow().clone());
        if due > 6.0 {
            break view;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let queue = find(&view, "queue:rated").expect("the queue");
    assert_eq!(queue.rates.source, RateSource::NewestFoundAgain, "{queue:?}");
    // What really went in and out over the window: a busy machine may push in bursts.
    let (now, pushed, popped) = *done.last().unwrap();
    let (then, pushed_then, popped_then) = *done.iter().rev().find(|d| now - d.0 >= 3.0).unwrap();
    let truth = [pushed - pushed_then, popped - popped_then].map(|n| f64::from(n) / (now - then));
    for (told, truth) in [queue.rates.incoming.unwrap(), queue.rates.outgoing.unwrap()].into_iter().zip(truth)
    {
        assert!((told - truth).abs() <= truth * 0.1, "told {told}, was {truth}");
    }
    assert!(matches!(queue.drain(&Rules::default(), Stamp::now().mono), Drain::Growing(_)));
}

#[tokio::test]
async fn true_rates_of_lpush_and_rpop() {
    rates_are_true("LPUSH", "RPOP", false).await;
}

#[tokio::test]
async fn true_rates_of_rpush_and_lpop() {
    rates_are_true("RPUSH", "LPOP", true).await;
}

#[tokio::test]
async fn equal_payloads_tell_only_the_net_rate() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "LPUSH queue:same x x x x x").await;
    let fleet = watch(&[server.endpoint()]);
    wait_for(&fleet, "the queue", |v| find(v, "queue:same").is_some_and(|q| q.samples >= 2)).await;
    run(&mut w, "LPUSH queue:same x x x").await;
    let view =
        wait_for(&fleet, "eight", |v| find(v, "queue:same").is_some_and(|q| q.waiting == Some(8))).await;
    let queue = find(&view, "queue:same").unwrap();
    assert_eq!((queue.rates.incoming, queue.rates.outgoing), (None, None));
    assert_eq!(queue.rates.source, RateSource::NetOnly);
    assert!(queue.rates.net.unwrap() > 0.0);
}

#[tokio::test]
async fn an_emptied_queue_stays_with_depth_zero_and_its_oldest_age_is_told() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let at = humantime::format_rfc3339(std::time::SystemTime::now() - Duration::from_secs(90));
    run(&mut w, &format!(r#"LPUSH queue:mail {{"enqueued_at":"{at}"}}"#)).await;
    run(&mut w, "LPUSH plain_queue no-time-in-here").await;
    run(&mut w, "SET queue:string x").await;
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "both", |v| v.queues.len() == 2).await;
    let Oldest::At { age } = find(&view, "queue:mail").unwrap().oldest else { panic!("no age") };
    assert!((89..100).contains(&age.as_secs()), "{age:?}");
    assert!(matches!(find(&view, "plain_queue").unwrap().oldest, Oldest::AtLeast { .. }));
    run(&mut w, "RPOP queue:mail").await;
    let view =
        wait_for(&fleet, "empty", |v| find(v, "queue:mail").is_some_and(|q| q.waiting == Some(0))).await;
    assert_eq!(find(&view, "queue:mail").unwrap().oldest, Oldest::Empty);
}

#[tokio::test]
async fn a_stalled_queue_and_a_configured_one_that_is_empty() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "LPUSH queue:stalled a b c").await;
    let mut config = config(&[server.endpoint()]);
    config.rules.stalled_after = Duration::from_millis(400);
    config.queues.push(redwarden::config::QueueConfig {
        key: "celery".into(),
        node: None,
        push: redwarden::domain::queue::PushEnd::Left,
        exec: None,
        weight: 1,
    });
    let rules = config.rules.clone();
    let fleet = redwarden::poll::Fleet::spawn(std::sync::Arc::new(config));
    let view = wait_for(&fleet, "stalled", |v| {
        find(v, "queue:stalled").is_some_and(|q| q.drain(&rules, Stamp::now().mono) == Drain::Stalled)
    })
    .await;
    assert_eq!(find(&view, "celery").unwrap().waiting, Some(0));
    assert_eq!(find(&view, "celery").unwrap().drain(&rules, Stamp::now().mono), Drain::Idle);
    // Somebody puts data of another type there: unknown is never 0.
    run(&mut w, "DEL queue:stalled").await;
    run(&mut w, "SET queue:stalled x").await;
    wait_for(&fleet, "no list any more", |v| find(v, "queue:stalled").is_none()).await;
    let _ = Unknown::NotRead;
}

#[tokio::test]
async fn a_processing_list_is_what_its_queue_has_in_flight_and_no_queue() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    // All is taken: the queue itself is not there just now.
    run(&mut w, "LPUSH queue:mail:processing a b c").await;
    run(&mut w, "LPUSH queue:sms:processing d").await;
    run(&mut w, "LPUSH queue:sms e f").await;
    let fleet = watch(&[server.endpoint()]);
    let view =
        wait_for(&fleet, "both", |view| view.queues.len() >= 2 && view.queues.iter().all(|q| q.samples > 2))
            .await;
    let mut told: Vec<_> = view.queues.iter().map(|q| (q.name.as_str(), q.waiting, q.in_flight)).collect();
    told.sort();
    assert_eq!(told, [("queue:mail", Some(0), Some(3)), ("queue:sms", Some(2), Some(1))]);
}

//! What is said to go in and out, against what really did.

use std::time::{Duration, Instant};

use redwarden::domain::queue::{Drain, PushEnd, RateSource, Rates};
use redwarden::domain::{Command, FleetView, NodeId, Queue, Reply, Rules, Stamp};
use redwarden::family::list::ListFamily;
use redwarden::family::{Context, KeyFact, QueueFamily, QueueMemory};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::Writer;

use super::{config, run, wait_for, writer};

/// In and out of each queue a second.
const IN: f64 = 40.0;
const OUT: f64 = 25.0;
/// Window of the rates here.
const WINDOW: f64 = 4.0;

fn find<'a>(view: &'a FleetView, key: &str) -> &'a Queue {
    let found = view.queues.iter().find(|q| q.id.key.as_slice() == key.as_bytes());
    found.unwrap_or_else(|| panic!("no {key}: {:#?}", view.queues))
}

/// One task in, as the library's producer does.
async fn push(w: &mut Writer, n: u32) {
    run(w, &format!("LPUSH queue:plain task-{n}")).await;
    run(w, &format!("LPUSH queue:reliable task-{n}")).await;
    run(w, &format!("HSET rq:job:j{n} enqueued_at 2026-11-23T12:00:00.000000Z")).await;
    run(w, &format!("RPUSH rq:queue:mail j{n}")).await;
    run(w, &format!("XADD orders * n {n}")).await;
    run(w, "INCR bull:video:id").await;
    run(w, &format!("LPUSH bull:video:wait {n}")).await;
}

/// One task out, as the library's worker does.
async fn take(w: &mut Writer) {
    run(w, "RPOP queue:plain").await;
    run(w, "LMOVE queue:reliable queue:reliable:processing RIGHT LEFT").await;
    run(w, "RPOP queue:reliable:processing").await;
    run(w, "LPOP rq:queue:mail").await;
    run(w, "XREADGROUP GROUP g c COUNT 1 STREAMS orders >").await;
    run(w, "RPOPLPUSH bull:video:wait bull:video:active").await;
    run(w, "LPOP bull:video:active").await;
}

#[tokio::test]
async fn what_is_said_is_what_was_done() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SADD rq:queues rq:queue:mail").await;
    run(&mut w, "XGROUP CREATE orders g $ MKSTREAM").await;
    run(&mut w, "HSET bull:video:meta version bullmq:5.81.5").await;
    run(&mut w, "SET bull:video:id 0").await;
    let mut config = config(&[server.endpoint()]);
    config.rules.rate_window = Duration::from_secs_f64(WINDOW);
    config.queue_patterns = vec!["queue:*".into()];
    let fleet = Fleet::spawn(std::sync::Arc::new(config));
    let board = fleet.board();
    let began = Instant::now();
    let (mut pushed, mut taken) = (0_u32, 0_u32);
    let mut done: Vec<(Instant, u32, u32)> = Vec::new();
    let view = loop {
        let at = began.elapsed().as_secs_f64();
        while f64::from(pushed) < at * IN {
            pushed += 1;
            push(&mut w, pushed).await;
        }
        while f64::from(taken) < at * OUT {
            taken += 1;
            take(&mut w).await;
        }
        done.push((Instant::now(), pushed, taken));
        if at > WINDOW * 2.5 {
            break FleetView::build(&board.borrow().clone());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // A busy machine may do less than was asked for: what counts is what was done.
    let truth_of = |queue: &Queue| {
        let until = |at: Instant| *done.iter().rev().find(|d| d.0 <= at).unwrap();
        let (now, pushed, taken) = until(queue.read_at.mono);
        let (then, pushed_then, taken_then) =
            until(now.checked_sub(Duration::from_secs_f64(WINDOW)).unwrap());
        [pushed - pushed_then, taken - taken_then].map(|n| f64::from(n) / (now - then).as_secs_f64())
    };
    for (key, source) in [
        ("queue:plain", RateSource::NewestFoundAgain),
        ("queue:reliable", RateSource::NewestFoundAgain),
        ("rq:queue:mail", RateSource::NewestFoundAgain),
        ("orders", RateSource::Counters),
        ("bull:video:wait", RateSource::Counters),
    ] {
        let rates = find(&view, key).rates;
        let truth = truth_of(find(&view, key));
        assert_eq!(rates.source, source, "{key}");
        for (told, truth) in [rates.incoming, rates.outgoing].into_iter().zip(truth) {
            let told = told.unwrap_or_else(|| panic!("{key}: {rates:?}"));
            assert!((told - truth).abs() <= truth * 0.15, "{key}: told {told}, was {truth}");
        }
        let net = rates.net.unwrap();
        assert!((net - (truth[0] - truth[1])).abs() <= truth[0] * 0.15, "{key}: net {net} of {truth:?}");
    }
}

/// All in one transaction, so that no look falls in between.
async fn at_once(w: &mut Writer, commands: &[String]) {
    run(w, "MULTI").await;
    for command in commands {
        run(w, command).await;
    }
    run(w, "EXEC").await;
}

/// A queue that was looked at some times.
async fn looked_at(fleet: &Fleet, key: &str, more: u32) -> FleetView {
    let seen = |view: &FleetView| {
        view.queues.iter().find(|q| q.id.key.as_slice() == key.as_bytes()).map(|q| q.samples)
    };
    let first = wait_for(fleet, "the queue", |view| seen(view).is_some()).await;
    let from = seen(&first).unwrap();
    wait_for(fleet, "more looks", |view| seen(view).is_some_and(|n| n >= from + more)).await
}

#[tokio::test]
async fn what_was_trimmed_or_put_in_front_between_two_looks_is_no_rate() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "LPUSH queue:trimmed a b c d e").await;
    run(&mut w, "LPUSH queue:front a b c").await;
    let fleet = super::watch(&[server.endpoint()]);
    looked_at(&fleet, "queue:trimmed", 2).await;
    // The newest are dropped.
    at_once(&mut w, &["LTRIM queue:trimmed 2 -1".into()]).await;
    // A task is put back where it is taken next.
    at_once(&mut w, &["RPUSH queue:front z".into()]).await;
    let view = looked_at(&fleet, "queue:trimmed", 1).await;
    for key in ["queue:trimmed", "queue:front"] {
        let rates = find(&view, key).rates;
        // What went in and out is not known for the look in which it happened; before and after nothing did.
        let known = rates.incoming.is_some_and(|n| n > 0.0) || rates.outgoing.is_some_and(|n| n > 0.0);
        assert!(!known, "{key}: {rates:?}");
        assert!(rates.net.is_some_and(|n| n != 0.0), "{key}: {rates:?}");
    }
}

#[tokio::test]
async fn payloads_that_come_again_tell_only_the_net_rate() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let mut config = config(&[server.endpoint()]);
    config.rules.rate_window = Duration::from_secs(2);
    let fleet = Fleet::spawn(std::sync::Arc::new(config));
    let board = fleet.board();
    let began = Instant::now();
    let mut n = 0_u32;
    let mut told = Vec::new();
    // Five payloads in turn, three of them in the queue: each is found once, at a place that tells nothing.
    while began.elapsed() < Duration::from_secs(5) {
        n += 1;
        at_once(&mut w, &[format!("LPUSH queue:turns payload-{}", n % 5), "LTRIM queue:turns 0 2".into()])
            .await;
        if began.elapsed() > Duration::from_secs(3) {
            told.extend(find(&FleetView::build(&board.borrow().clone()), "queue:turns").rates.incoming);
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert!(told.is_empty(), "{told:?}");
    let rates = find(&FleetView::build(&board.borrow().clone()), "queue:turns").rates;
    assert_eq!((rates.incoming, rates.outgoing, rates.source), (None, None, RateSource::NetOnly));
}

#[tokio::test]
async fn a_burst_beyond_the_search_is_found_again_afterwards() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "LPUSH queue:burst first").await;
    let mut config = config(&[server.endpoint()]);
    config.rules.rate_window = Duration::from_secs(2);
    let fleet = Fleet::spawn(std::sync::Arc::new(config));
    looked_at(&fleet, "queue:burst", 2).await;
    // More than are searched at first, at each look.
    let mut sent = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut command = Command::new("LPUSH").arg("queue:burst");
        for n in sent..sent + 600 {
            command = command.arg(format!("task-{n}"));
        }
        sent += 600;
        w.call(&command).await.unwrap();
        let view = looked_at(&fleet, "queue:burst", 1).await;
        let rates = find(&view, "queue:burst").rates;
        if rates.incoming.is_some_and(|told| told > 300.0) {
            assert_eq!(rates.source, RateSource::NewestFoundAgain);
            break;
        }
        assert!(Instant::now() < deadline, "never found again: {rates:?}");
    }
}

/// The rates after looks a second apart: newest, next, and where the newest of the look before was found.
fn told(looks: &[(&str, &str, i64)]) -> Rates {
    let (start, mut memory, mut queue) = (Stamp::now(), QueueMemory::default(), None);
    let fact = KeyFact { key: "q".into(), key_type: "list".into(), lock_pattern: false, queue_pattern: true };
    for (second, (newest, next, found)) in (0..).zip(looks) {
        let ctx = Context {
            node: NodeId::new("a"),
            db: 0,
            at: start.plus(Duration::from_secs(second)),
            server_ms: 0,
            push: PushEnd::Left,
            is_new: false,
            rate_window: Duration::from_secs(10),
        };
        let text = |text: &str| [Reply::Int(text.len() as i64), Reply::Bulk(text.into())];
        let look = [Reply::Int(2)].into_iter().chain(text(newest)).chain(text(next));
        let look = Reply::Array(look.chain([Reply::Array(vec![Reply::Int(*found)])]).collect());
        queue = ListFamily.interpret(&fact, queue.as_ref(), &mut memory, &[look, Reply::Int(0)], &ctx);
    }
    queue.map_or(Rates { incoming: None, outgoing: None, net: None, source: RateSource::None }, |q| q.rates)
}

#[test]
fn found_again_is_believed_only_where_nothing_speaks_against_it() {
    let known = |looks: &[_]| told(looks).incoming.zip(told(looks).outgoing);
    assert_eq!(known(&[("b", "a", 9), ("b", "a", 0)]), Some((0.0, 0.0)));
    assert_eq!(known(&[("b", "a", 9), ("d", "c", 2)]), Some((2.0, 2.0)));
    // Emptied and refilled: the same payload is the newest, but another task is next.
    assert_eq!(known(&[("b", "x", 9), ("b", "y", 0)]), None);
    // A payload comes back that had been replaced.
    assert_eq!(known(&[("a", "x", 9), ("b", "y", 1), ("a", "z", 1), ("b", "x", 1)]), None);
}

/// What is told each second of a queue into which 25 tasks go a second, and out of which so many go in a second.
fn each_second(seconds: u64, taken: impl Fn(u64) -> i64) -> Vec<(Drain, Rates)> {
    let (start, mut memory, mut queue) = (Stamp::now(), QueueMemory::default(), None::<Queue>);
    let fact = KeyFact { key: "q".into(), key_type: "list".into(), lock_pattern: false, queue_pattern: true };
    let (mut depth, mut first) = (2_000_i64, 0_i64);
    let mut told = Vec::new();
    for second in 1..=seconds {
        depth += 25 - taken(second);
        first += taken(second);
        let at = start.plus(Duration::from_secs(second));
        let ctx = Context {
            node: NodeId::new("a"),
            db: 0,
            at,
            server_ms: 0,
            push: PushEnd::Left,
            is_new: false,
            rate_window: Duration::from_secs(10),
        };
        let text = |text: String| [Reply::Int(text.len() as i64), Reply::Bulk(text.into())];
        let ends = text(format!("new-{second}")).into_iter().chain(text(format!("old-{first}")));
        let look = [Reply::Int(depth)].into_iter().chain(ends).chain([Reply::Array(vec![Reply::Int(25)])]);
        let replies = [Reply::Array(look.collect()), Reply::Int(0)];
        queue = ListFamily.interpret(&fact, queue.as_ref(), &mut memory, &replies, &ctx);
        let now = queue.as_ref().unwrap();
        told.push((now.drain(&Rules::default(), at.mono), now.rates));
    }
    told
}

fn is_near(rate: Option<f64>, truth: f64) -> bool {
    rate.is_some_and(|rate| (rate - truth).abs() < 0.1)
}

#[test]
fn a_consumer_of_large_batches_makes_the_verdict_neither_flip_nor_lie() {
    // 500 every 20 seconds; from the fifth minute on only 250.
    let taken = |second: u64| match (second % 20, second <= 300) {
        (0, true) => 500,
        (0, false) => 250,
        _ => 0,
    };
    let told = each_second(600, taken);
    for (second, (drain, rates)) in told.iter().enumerate().take(300).skip(60) {
        assert_eq!(*drain, Drain::Steady, "second {second}");
        assert!(is_near(rates.incoming, 25.0) && is_near(rates.outgoing, 25.0), "{second}: {rates:?}");
    }
    // Some rounds later only the new ones count.
    for (second, (drain, rates)) in told.iter().enumerate().skip(400) {
        assert!(matches!(drain, Drain::Growing(n) if (n - 12.5).abs() < 0.1), "{second}: {drain:?}");
        assert!(is_near(rates.outgoing, 12.5), "{second}: {rates:?}");
    }
}

#[test]
fn a_consumer_of_batches_that_stops_is_seen_after_two_rounds() {
    let told = each_second(160, |second| if second % 20 == 0 && second <= 100 { 500 } else { 0 });
    assert!(is_near(told[110].1.net, 0.0), "{:?}", told[110]);
    for (_, rates) in &told[142..] {
        assert!(is_near(rates.net, 25.0) && is_near(rates.outgoing, 0.0), "{rates:?}");
    }
}

#[test]
fn steady_work_keeps_its_window() {
    let told = each_second(60, |second| if second % 2 == 0 && second <= 30 { 50 } else { 0 });
    assert!(told[15..30].iter().all(|(_, rates)| rates.net.is_some_and(|net| net.abs() < 6.0)), "{told:?}");
    assert!(is_near(told[45].1.net, 25.0), "{:?}", told[45]);
}

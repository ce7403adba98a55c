//! Transfers over several batches: order, progress, a stop between two, other consumers meanwhile, the audit file.

use redwarden::act::transfer::{DrainEnd, Drained, Transfer, TransferEvent, TransferPick, TransferTo, drain};
use redwarden::act::{ActionCommand, ActionEvent, NotDone, Outcome, Request, Services, Ticket, spawn_with};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, Command, NodeId, QueueId, Reply};
use redwarden::redis_io::Writer;

use crate::support::*;

fn wish(to: TransferTo, pick: TransferPick) -> Transfer {
    let queue = QueueId { node: NodeId::new("n1"), db: 0, key: "jobs".into() };
    Transfer { queue, push: PushEnd::Left, to, pick }
}

fn into(key: &str, n: u64) -> Transfer {
    wish(TransferTo::List(key.into(), PushEnd::Left), TransferPick::Oldest(n))
}

/// Tasks t0, t1, ... of which t0 is the oldest.
async fn fill(raw: &mut Writer, key: &str, n: usize) {
    for part in (0..n).collect::<Vec<_>>().chunks(500) {
        let push = Command::new("LPUSH").arg(key);
        raw.call(&part.iter().fold(push, |push, i| push.arg(format!("t{i}")))).await.unwrap();
    }
}

/// The tasks of a list, oldest first.
async fn tasks(raw: &mut Writer, key: &str) -> Vec<Bytes> {
    let reply = raw.call(&Command::new("LRANGE").arg(key).arg("0").arg("-1")).await.unwrap();
    reply.as_array().unwrap().iter().rev().map(|item| item.as_bytes().unwrap()).collect()
}

fn named(range: std::ops::Range<usize>) -> Vec<Bytes> {
    range.map(|i| format!("t{i}").into()).collect()
}

async fn run_it(
    services: &Services,
    wish: &Transfer,
    stop: impl Fn() -> bool,
    told: impl FnMut(u64, u64),
) -> Drained {
    let first = services.prepare(Request::Transfer(wish.clone())).await.unwrap();
    drain(services, wish, first, stop, told).await
}

#[tokio::test]
async fn all_go_in_batches_and_in_order() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    fill(&mut raw, "jobs", 250).await;
    let mut news = Vec::new();
    let services = bench.services();
    let told = |done, total| news.push((done, total));
    let drained = run_it(&services, &into("other", u64::MAX), || false, told).await;
    assert_eq!((drained.done, drained.total, &drained.end), (250, 250, &DrainEnd::All));
    assert_eq!(news, [(100, 250), (200, 250), (250, 250)]);
    assert!(tasks(&mut raw, "jobs").await.is_empty());
    assert_eq!(tasks(&mut raw, "other").await, named(0..250));
    // Each batch is written down before and after.
    assert_eq!(bench.audit_lines().len(), 6);
}

#[tokio::test]
async fn a_stop_between_two_batches_leaves_the_rest_where_it_was() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    fill(&mut raw, "jobs", 350).await;
    let batches = std::cell::Cell::new(0);
    let stop = || batches.get() == 2;
    let told = |_, _| batches.set(batches.get() + 1);
    let drained = run_it(&bench.services(), &into("other", u64::MAX), stop, told).await;
    assert_eq!((drained.done, drained.total, drained.end), (200, 350, DrainEnd::Stopped));
    assert_eq!(tasks(&mut raw, "other").await, named(0..200));
    assert_eq!(tasks(&mut raw, "jobs").await, named(200..350));
}

#[tokio::test]
async fn a_consumer_meanwhile_is_borne_and_no_task_is_moved_twice() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    fill(&mut raw, "jobs", 150).await;
    let first = bench.services().prepare(Request::Transfer(into("other", 150))).await.unwrap();
    // Between the plan and its confirmation somebody takes the oldest.
    assert_eq!(run(&mut raw, "RPOP jobs").await.as_bytes(), Some("t0".into()));
    let drained = drain(&bench.services(), &into("other", 150), first, || false, |_, _| {}).await;
    assert_eq!((drained.done, drained.total), (149, 150));
    assert!(matches!(drained.end, DrainEnd::Short(why) if why.contains("empty")));
    assert_eq!(tasks(&mut raw, "other").await, named(1..150));
}

#[tokio::test]
async fn what_cannot_be_put_there_ends_it_and_nothing_is_lost() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    fill(&mut raw, "jobs", 120).await;
    let first = bench.services().prepare(Request::Transfer(into("other", 120))).await.unwrap();
    run(&mut raw, "SET other text").await;
    let drained = drain(&bench.services(), &into("other", 120), first, || false, |_, _| {}).await;
    assert_eq!(drained.done, 0);
    let refused = matches!(&drained.end, DrainEnd::Batch(_, Outcome::NotDone(NotDone::WrongType)));
    assert!(refused, "{:?}", drained.end);
    assert_eq!(tasks(&mut raw, "jobs").await, named(0..120));
}

#[tokio::test]
async fn the_executor_tells_its_progress_and_heeds_a_stop() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    // Of a queue and its dead letters both are whole, whenever the stop comes.
    fill(&mut raw, "redwarden:{jobs}:v1:failed", 3_000).await;
    let (sender, mut events) = tokio::sync::mpsc::channel(64);
    let commands = spawn_with(bench.services(), sender);
    let ticket = Ticket(1);
    let wish = wish(TransferTo::Back, TransferPick::Oldest(u64::MAX));
    commands.send(ActionCommand::Prepare(ticket, Request::Transfer(wish))).await.unwrap();
    let ActionEvent::Prepared(_, prepared) = next(&mut events).await else { panic!() };
    let plan = prepared.unwrap().plan;
    assert_eq!(plan.steps.len(), 100);
    assert!(plan.effects.iter().any(|effect| effect.contains("until 3000 are, in batches of 100")));
    assert_eq!(run(&mut raw, "LLEN jobs").await, Reply::Int(0), "nothing before it is confirmed");
    commands.send(ActionCommand::Execute(ticket)).await.unwrap();
    let ActionEvent::Transfer(_, TransferEvent::Moved { done: 100, total: 3_000 }) = next(&mut events).await
    else {
        panic!()
    };
    commands.send(ActionCommand::Stop(ticket)).await.unwrap();
    let drained = loop {
        match next(&mut events).await {
            ActionEvent::Transfer(_, TransferEvent::Moved { .. }) => {}
            ActionEvent::Transfer(_, TransferEvent::Ended(drained)) => break drained,
            other => panic!("{other:?}"),
        }
    };
    let n = usize::try_from(drained.done).unwrap();
    assert_eq!((drained.end, n % 100), (DrainEnd::Stopped, 0));
    assert_eq!(tasks(&mut raw, "jobs").await, named(0..n));
    assert_eq!(tasks(&mut raw, "redwarden:{jobs}:v1:failed").await, named(n..3_000));
}

//! The executor: events in order, one confirmation, a frozen node delays nobody, what happens afterwards.

use std::sync::Arc;
use std::time::Duration;

use redwarden::act::{
    ActionCommand, ActionEvent, NotDone, Outcome, Request, Services, TaskPlace, Ticket, spawn_with,
};
use redwarden::domain::{LockId, NodeId, Reply};
use tokio::sync::mpsc;

use crate::proxy::Proxy;
use crate::support::*;

fn start(services: Services) -> (mpsc::Sender<ActionCommand>, mpsc::Receiver<ActionEvent>) {
    let (sender, events) = mpsc::channel(64);
    (spawn_with(services, sender), events)
}

async fn prepared(events: &mut mpsc::Receiver<ActionEvent>) -> Ticket {
    match next(events).await {
        ActionEvent::Prepared(ticket, result) => {
            result.unwrap();
            ticket
        }
        other => panic!("{other:?}"),
    }
}

async fn afterwards(events: &mut mpsc::Receiver<ActionEvent>) -> String {
    match next(events).await {
        ActionEvent::Afterwards(_, sentence) => sentence,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn executes_once_and_looks_again() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let (commands, mut events) = start(bench.services());
    for (key, meanwhile, expected) in [
        ("lock:a", None, "the key is free"),
        ("lock:b", Some(format!("SET lock:b {TOKEN}")), "holder is alive"),
        ("lock:c", Some("SET lock:c another-one-0123".to_string()), "another holder"),
    ] {
        run(&mut raw, &format!("SET {key} {TOKEN}")).await;
        let ticket = Ticket(7);
        commands.send(ActionCommand::Prepare(ticket, release(key, TOKEN))).await.unwrap();
        assert_eq!(prepared(&mut events).await, ticket);
        commands.send(ActionCommand::Execute(ticket)).await.unwrap();
        commands.send(ActionCommand::Execute(ticket)).await.unwrap();
        let outcome = next(&mut events).await;
        assert!(matches!(&outcome, ActionEvent::Outcome(_, _, o) if is_done(o)), "{outcome:?}");
        if let Some(text) = meanwhile {
            run(&mut raw, &text).await;
        }
        assert!(afterwards(&mut events).await.contains(expected));
    }
    // Two executions would have left more than two lines each.
    assert_eq!(bench.audit_lines().len(), 6);
}

#[tokio::test]
async fn an_abandoned_dialog_cannot_be_executed() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let (commands, mut events) = start(bench.services());
    commands.send(ActionCommand::Prepare(Ticket(1), release("lock:a", TOKEN))).await.unwrap();
    prepared(&mut events).await;
    commands.send(ActionCommand::Abandon(Ticket(1))).await.unwrap();
    commands.send(ActionCommand::Execute(Ticket(1))).await.unwrap();
    commands.send(ActionCommand::Prepare(Ticket(2), release("lock:a", TOKEN))).await.unwrap();
    assert_eq!(prepared(&mut events).await, Ticket(2));
    assert!(exists(&mut raw, "lock:a").await);
    // Its connection is let go of.
    until("one action connection is left", async || {
        let text = run(&mut raw, "CLIENT LIST").await.as_bytes().unwrap().escaped();
        text.split("\\n").filter(|l| l.contains(":act ")).count() == 1
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_frozen_node_delays_nobody() {
    let (frozen, well) = (Bench::start(&[]), Bench::start(&[]));
    let mut raw = well.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let (ice, fine) = (frozen.server.endpoint(), well.server.endpoint());
    let mut services = well.services();
    services.directory =
        Arc::new(move |id| Some(if id.as_str() == "ice" { ice.clone() } else { fine.clone() }));
    let (commands, mut events) = start(services);
    frozen.server.freeze();
    let on_ice = Request::Release {
        lock: LockId { node: NodeId::new("ice"), db: 0, key: "lock:a".into() },
        seen: seen(TOKEN),
    };
    commands.send(ActionCommand::Prepare(Ticket(1), on_ice)).await.unwrap();
    commands.send(ActionCommand::Prepare(Ticket(2), release("lock:a", TOKEN))).await.unwrap();
    assert_eq!(prepared(&mut events).await, Ticket(2));
    match next(&mut events).await {
        ActionEvent::Prepared(Ticket(1), result) => assert!(result.unwrap_err().contains("ice")),
        other => panic!("{other:?}"),
    }
    frozen.server.thaw();
}

#[cfg(unix)]
#[tokio::test]
async fn an_unknown_outcome_is_looked_up_and_never_repeated() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, &format!("SET lock:a {TOKEN}")).await;
    let proxy = Proxy::start(bench.server.port()).await;
    let mut services = bench.services_at(proxy.endpoint());
    services.timeout = Duration::from_millis(600);
    let (commands, mut events) = start(services);
    commands.send(ActionCommand::Prepare(Ticket(1), release("lock:a", TOKEN))).await.unwrap();
    prepared(&mut events).await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(bench.server.pid()).unwrap()).unwrap();
    proxy.before("EVAL", move || {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::STOP);
    });
    commands.send(ActionCommand::Execute(Ticket(1))).await.unwrap();
    match next(&mut events).await {
        ActionEvent::Outcome(_, _, Outcome::Unknown(_)) => {}
        other => panic!("{other:?}"),
    }
    bench.server.thaw();
    let sentence = afterwards(&mut events).await;
    assert!(sentence.contains("was not released"), "{sentence}");
    assert!(exists(&mut raw, "lock:a").await);
}

#[tokio::test]
async fn a_test_task_is_followed_until_it_is_taken() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "LPUSH queue:a {}").await;
    let (commands, mut events) = start(bench.services());
    let task = r#"{"id":"t-9","kind":"redwarden.test"}"#;
    commands.send(ActionCommand::Prepare(Ticket(1), enqueue("queue:a", &[task], false))).await.unwrap();
    prepared(&mut events).await;
    commands.send(ActionCommand::Execute(Ticket(1))).await.unwrap();
    assert!(matches!(next(&mut events).await, ActionEvent::Outcome(_, _, Outcome::Done { .. })));
    for (text, expected) in [
        (None, TaskPlace::Waiting(Some(1))),
        (Some("RPOP queue:a"), TaskPlace::Waiting(Some(0))),
        (Some("RPOP queue:a"), TaskPlace::Taken),
    ] {
        if let Some(text) = text {
            assert!(matches!(run(&mut raw, text).await, Reply::Bulk(_)));
        }
        match next(&mut events).await {
            ActionEvent::Followed { task, place, .. } => {
                assert_eq!((task.as_str(), place), ("t-9", expected));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn read_only_mode_refuses_in_the_executor_too() {
    let bench = Bench::start(&[]);
    let mut services = bench.services();
    services.permit = None;
    let (commands, mut events) = start(services);
    for request in [release("lock:a", TOKEN), Request::Undo { of: Ticket(1) }] {
        commands.send(ActionCommand::Prepare(Ticket(1), request)).await.unwrap();
        match next(&mut events).await {
            ActionEvent::Prepared(_, result) => {
                assert_eq!(result.unwrap_err(), NotDone::ReadOnlyMode.to_string());
            }
            other => panic!("{other:?}"),
        }
    }
}

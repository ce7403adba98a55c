//! Undo: the same token with what is left of its TTL, only if the key was not used since the release.

use std::time::Duration;

use redwarden::act::{ActionCommand, ActionEvent, NotDone, Outcome, Request, Ticket};
use redwarden::domain::Reply;
use tokio::sync::mpsc;

use crate::support::*;

struct Undoing {
    bench: Bench,
    commands: mpsc::Sender<ActionCommand>,
    events: mpsc::Receiver<ActionEvent>,
    ticket: u64,
}

impl Undoing {
    fn start() -> Self {
        let bench = Bench::start(&[]);
        let (sender, events) = mpsc::channel(64);
        let commands = redwarden::act::spawn_with(bench.services(), sender);
        Self { bench, commands, events, ticket: 0 }
    }

    async fn prepare(&mut self, request: Request) -> Result<Ticket, String> {
        self.ticket += 1;
        let ticket = Ticket(self.ticket);
        self.commands.send(ActionCommand::Prepare(ticket, request)).await.unwrap();
        loop {
            if let ActionEvent::Prepared(of, result) = next(&mut self.events).await
                && of == ticket
            {
                return (*result).map(|_| ticket);
            }
        }
    }

    async fn execute(&mut self, ticket: Ticket) -> Outcome {
        self.commands.send(ActionCommand::Execute(ticket)).await.unwrap();
        loop {
            if let ActionEvent::Outcome(of, _, outcome) = next(&mut self.events).await
                && of == ticket
            {
                return outcome;
            }
        }
    }

    /// Sets and releases a lock; the ticket to undo.
    async fn released(&mut self, ttl: &str) -> Ticket {
        let mut raw = self.bench.raw().await;
        run(&mut raw, "DEL lock:a").await;
        run(&mut raw, format!("SET lock:a {TOKEN} {ttl}").trim_end()).await;
        let ticket = self.prepare(release("lock:a", TOKEN)).await.unwrap();
        let outcome = self.execute(ticket).await;
        assert!(is_done(&outcome), "{outcome:?}");
        assert!(!exists(&mut raw, "lock:a").await);
        ticket
    }
}

#[tokio::test]
async fn restores_token_and_what_is_left_of_the_ttl() {
    let mut it = Undoing::start();
    let mut raw = it.bench.raw().await;
    let of = it.released("PX 60000").await;
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    let outcome = it.execute(undo).await;
    assert!(is_done(&outcome), "{outcome:?}");
    assert_eq!(run(&mut raw, "GET lock:a").await, Reply::Bulk(TOKEN.into()));
    assert!((1..60_000).contains(&pttl(&mut raw, "lock:a").await));
    // Only once.
    let refused = it.prepare(Request::Undo { of }).await.unwrap_err();
    assert!(refused.contains("undone already"), "{refused}");
    let lines = it.bench.audit_lines();
    assert_eq!(lines.last().unwrap()["intent"], "undo");
}

#[tokio::test]
async fn restores_no_ttl_where_there_was_none_and_after_a_cancelled_dialog() {
    let mut it = Undoing::start();
    let mut raw = it.bench.raw().await;
    let of = it.released("").await;
    let cancelled = it.prepare(Request::Undo { of }).await.unwrap();
    it.commands.send(ActionCommand::Abandon(cancelled)).await.unwrap();
    let mut undo = it.prepare(Request::Undo { of }).await;
    for _ in 0..100 {
        // The cancelled dialog gives its connection back a moment later.
        if undo.is_ok() {
            break;
        }
        undo = it.prepare(Request::Undo { of }).await;
    }
    assert!(is_done(&it.execute(undo.unwrap()).await));
    assert_eq!(pttl(&mut raw, "lock:a").await, -1);
}

#[tokio::test]
async fn a_plain_setnx_lock_comes_back() {
    let mut it = Undoing::start();
    let mut raw = it.bench.raw().await;
    run(&mut raw, "SETNX lock:a 1").await;
    let of = it.prepare(release("lock:a", "1")).await.unwrap();
    assert!(is_done(&it.execute(of).await));
    assert!(!exists(&mut raw, "lock:a").await);
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    assert!(is_done(&it.execute(undo).await));
    assert_eq!(run(&mut raw, "GET lock:a").await, Reply::Bulk("1".into()));
    assert_eq!(pttl(&mut raw, "lock:a").await, -1);
}

#[tokio::test]
async fn refuses_when_taken_used_since_or_run_out() {
    let mut it = Undoing::start();
    let mut raw = it.bench.raw().await;
    let of = it.released("PX 60000").await;
    run(&mut raw, "SET lock:a somebody-else-0123").await;
    let refused = it.prepare(Request::Undo { of }).await.unwrap_err();
    assert!(refused.contains("in use"), "{refused}");

    // Taken and let go again in between: the key is free, and yet it was used.
    let of = it.released("PX 60000").await;
    run(&mut raw, "SET lock:a somebody-else-0123").await;
    run(&mut raw, "DEL lock:a").await;
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    assert_eq!(not_done(&it.execute(undo).await), &NotDone::Touched);
    assert!(!exists(&mut raw, "lock:a").await);

    // Used while the undo's dialog is open.
    let of = it.released("PX 60000").await;
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    run(&mut raw, "SET lock:a somebody-else-0123").await;
    assert_eq!(not_done(&it.execute(undo).await), &NotDone::Touched);
    assert_eq!(run(&mut raw, "GET lock:a").await, Reply::Bulk("somebody-else-0123".into()));

    let of = it.released("PX 300").await;
    let started = std::time::Instant::now();
    until("it has run out", async || started.elapsed() > Duration::from_millis(320)).await;
    let refused = it.prepare(Request::Undo { of }).await.unwrap_err();
    assert!(refused.contains("run out"), "{refused}");
}

#[tokio::test]
async fn runs_out_between_dialog_and_execution() {
    let mut it = Undoing::start();
    let of = it.released("PX 700").await;
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    let started = std::time::Instant::now();
    until("it has run out", async || started.elapsed() > Duration::from_millis(750)).await;
    assert_eq!(not_done(&it.execute(undo).await), &NotDone::Expired);
}

#[tokio::test]
async fn refuses_after_a_restart_of_the_server() {
    let mut it = Undoing::start();
    let of = it.released("").await;
    it.bench.server.kill();
    it.bench.server.restart().unwrap();
    let refused = it.prepare(Request::Undo { of }).await.unwrap_err();
    assert!(refused.contains("cannot be proven"), "{refused}");
    let unknown = it.prepare(Request::Undo { of: Ticket(999) }).await.unwrap_err();
    assert!(unknown.contains("nothing to undo"), "{unknown}");
}

#[tokio::test]
async fn works_where_scripts_are_denied() {
    let mut it = Undoing::start();
    let mut raw = it.bench.raw().await;
    run(&mut raw, "ACL SETUSER noeval on >pw ~* +@all -eval -eval_ro").await;
    let (sender, events) = mpsc::channel(64);
    it.commands = redwarden::act::spawn_with(it.bench.services_as("noeval"), sender);
    it.events = events;
    let of = it.released("PX 60000").await;
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    assert!(is_done(&it.execute(undo).await));
    assert!((1..60_000).contains(&pttl(&mut raw, "lock:a").await));
    let of = it.released("PX 60000").await;
    run(&mut raw, "SET lock:a x").await;
    run(&mut raw, "DEL lock:a").await;
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    assert_eq!(not_done(&it.execute(undo).await), &NotDone::Touched);
}

#[tokio::test]
async fn an_undo_is_not_taken_for_a_living_holder() {
    let mut it = Undoing::start();
    let of = it.released("PX 60000").await;
    let undo = it.prepare(Request::Undo { of }).await.unwrap();
    let outcome = it.execute(undo).await;
    assert!(is_done(&outcome), "{outcome:?}");
    let Undoing { bench, commands, mut events, .. } = it;
    // Without its commands the executor ends, and the events with its last look at the key.
    drop(commands);
    let mut told = Vec::new();
    while let Some(event) = events.recv().await {
        if let ActionEvent::Afterwards(ticket, sentence) = event {
            told.push((ticket, sentence));
        }
    }
    assert!(!told.iter().any(|(_, sentence)| sentence.contains("taken")), "{told:?}");
    drop(bench);
}

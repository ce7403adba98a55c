//! A dashboard driven by hand: its clock moves only when told.

use std::time::Duration;

use redwarden::act::request::ActionCommand;
use redwarden::act::{ActionEvent, Outcome, Plan, Prepared, Request, Ticket};
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::state::{AppState, Dialog, RowId, Settings};
use redwarden::app::update::update;
use redwarden::domain::snapshot::Board;
use redwarden::domain::{Bytes, LockId, NodeId, QueueId, Reply, Stamp};

use crate::fixtures;
use crate::keys;

pub struct Flow {
    pub state: AppState,
    pub now: Stamp,
}

/// A writable dashboard that shows this board.
pub fn flow(board: &Board) -> Flow {
    flow_with(fixtures::settings(), board)
}

pub fn flow_with(settings: Settings, board: &Board) -> Flow {
    let now = fixtures::base();
    let state = AppState::new(settings, Duration::from_secs(1), (80, 24), now).with_seed(7);
    let mut flow = Flow { state, now };
    flow.send(Event::Board(board.clone()));
    flow
}

impl Flow {
    pub fn send(&mut self, event: Event) -> Vec<Effect> {
        update(&mut self.state, event, self.now)
    }

    pub fn press(&mut self, text: &str) -> Vec<Effect> {
        keys::keys(text).into_iter().flat_map(|k| self.send(Event::Key(k))).collect()
    }

    pub fn type_text(&mut self, text: &str) -> Vec<Effect> {
        keys::typed(text).into_iter().flat_map(|k| self.send(Event::Key(k))).collect()
    }

    pub fn board(&mut self, board: &Board) -> Vec<Effect> {
        self.send(Event::Board(board.clone()))
    }

    /// Lets time pass, with a tick at its end.
    pub fn wait(&mut self, by: Duration) -> Vec<Effect> {
        self.now = self.now.plus(by);
        self.send(Event::Tick)
    }

    /// What the event loop does after each frame.
    pub fn draw(&mut self) {
        if let Some(ticket) = self.state.dialog_to_arm() {
            self.send(Event::DialogDrawn(ticket));
        }
    }

    pub fn select_lock(&mut self, key: &str) {
        self.press("2 g");
        for _ in 0..self.state.locks.rows.len() {
            if self.state.locks.selected == Some(lock_row("a", key)) {
                return;
            }
            self.press("j");
        }
        panic!("no lock {key}");
    }

    pub fn select_queue(&mut self, key: &str) {
        self.press("3 g");
        for _ in 0..self.state.queues.rows.len() {
            if self.state.queues.selected == Some(RowId::Queue(queue_id("a", key))) {
                return;
            }
            self.press("j");
        }
        panic!("no queue {key}");
    }

    /// Keys of the listed locks, in order.
    pub fn lock_keys(&self) -> Vec<String> {
        self.state.locks.rows.iter().map(|i| self.state.shown.locks[*i as usize].id.key.escaped()).collect()
    }

    pub fn queue_keys(&self) -> Vec<String> {
        self.state.queues.rows.iter().map(|i| self.state.shown.queues[*i as usize].id.key.escaped()).collect()
    }

    pub fn toast(&self) -> &str {
        self.state.toast.as_ref().map_or("", |t| t.text.as_str())
    }

    pub fn toast_is_error(&self) -> bool {
        self.state.toast.as_ref().is_some_and(|t| t.is_error)
    }

    /// The executor answers with a plan.
    pub fn prepared(&mut self, ticket: Ticket, request: &Request) -> Vec<Effect> {
        let prepared = Prepared { plan: plan(request), needs_force: None };
        self.send(Event::Action(ActionEvent::Prepared(ticket, Box::new(Ok(prepared)))))
    }

    pub fn outcome(&mut self, ticket: Ticket, request: &Request, outcome: Outcome) -> Vec<Effect> {
        self.send(Event::Action(ActionEvent::Outcome(ticket, Box::new(plan(request)), outcome)))
    }

    /// Opens the release dialog of a lock and brings it to where its keys count.
    pub fn open_release(&mut self, key: &str) -> (Ticket, Request) {
        self.select_lock(key);
        let effects = self.press("R");
        let (ticket, request) = asked(&effects);
        self.prepared(ticket, &request);
        self.draw();
        (ticket, request)
    }

    /// Releases a lock through the dialog, done.
    pub fn release(&mut self, key: &str) -> Ticket {
        let (ticket, request) = self.open_release(key);
        assert_eq!(self.press("y"), [Effect::Action(ActionCommand::Execute(ticket))]);
        self.outcome(ticket, &request, done());
        ticket
    }

    pub fn top(&self) -> Option<&Dialog> {
        self.state.dialogs.last()
    }
}

pub fn lock_row(node: &str, key: &str) -> RowId {
    RowId::Lock(LockId { node: NodeId::new(node), db: 0, key: key.into() })
}

pub fn queue_id(node: &str, key: &str) -> QueueId {
    QueueId { node: NodeId::new(node), db: 0, key: key.into() }
}

/// The one `Prepare` among the effects.
pub fn asked(effects: &[Effect]) -> (Ticket, Request) {
    let mut asked = effects.iter().filter_map(|e| match e {
        Effect::Action(ActionCommand::Prepare(ticket, request)) => Some((*ticket, request.clone())),
        _ => None,
    });
    let first = asked.next().unwrap_or_else(|| panic!("nothing was asked for: {effects:?}"));
    assert!(asked.next().is_none(), "{effects:?}");
    first
}

/// Effects that can lead to a write.
pub fn writes(effects: &[Effect]) -> Vec<&Effect> {
    effects
        .iter()
        .filter(|e| {
            matches!(
                e,
                Effect::Action(
                    ActionCommand::Prepare(..)
                        | ActionCommand::Execute(_)
                        | ActionCommand::PrepareBatch(..)
                        | ActionCommand::ExecuteBatch(..)
                        | ActionCommand::UndoBatch(..)
                ) | Effect::Worker(_)
            )
        })
        .collect()
}

pub fn done() -> Outcome {
    Outcome::Done { replies: vec![Reply::Int(1)], pttl_before_ms: -1, server_ms: 1_767_323_045_000 }
}

pub fn plan(request: &Request) -> Plan {
    let (intent, node, subject) = match request {
        Request::Release { lock, .. } => ("release", lock.node.clone(), lock.key.clone()),
        Request::Expire { lock, .. } => ("expire", lock.node.clone(), lock.key.clone()),
        Request::Undo { .. } => ("undo", NodeId::new("a"), Bytes::from("lock:never")),
        Request::Enqueue { queue, .. } => ("enqueue", queue.node.clone(), queue.key.clone()),
        Request::Transfer(wish) => (wish.intent(), wish.queue.node.clone(), wish.source()),
    };
    Plan {
        id: uuid::Uuid::nil(),
        intent,
        target: redwarden::act::plan::Target { node, db: 0, run_id: None },
        subject,
        guards: Vec::new(),
        unchanged: false,
        steps: Vec::new(),
        valid_for: Duration::from_secs(10),
        effects: Vec::new(),
        warnings: Vec::new(),
        undo: redwarden::act::plan::Undo::Value,
        undo_of: None,
        frees_in: None,
        batch: None,
    }
}

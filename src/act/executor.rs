//! Carries out actions: one task for each, so that a frozen node never delays another's action.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::audit::Audit;
use super::batch::{self, BatchEvent, KeptBatch};
use super::canary;
use super::execute::{Carried, carry_out};
use super::follow::{after_release, follow, resolve, test_tasks, watch_release};
use super::prepare::{PreparedAction, build};
use super::put_back;
use super::services::Services;
use super::transfer::{DrainEnd, Transfer, TransferEvent, drain};
use super::undo::{Released, Shelf, Undoable};
use super::{ActionCommand, ActionEvent, Outcome, Plan, Request, Ticket};
use crate::config::Config;
use crate::redis_io::WritePermit;

/// Time between two signs of life on connections kept for undo; far below usual server `timeout`s.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Commands that may wait for the executor; the UI never waits, it takes a full channel for an error.
const QUEUE: usize = 64;

/// Starts the executor on the configured nodes. It ends when the returned sender is dropped.
pub fn spawn(
    config: &Config,
    permit: Option<WritePermit>,
    audit: Audit,
    events: mpsc::Sender<ActionEvent>,
) -> mpsc::Sender<ActionCommand> {
    spawn_with(Services::new(config, permit, audit), events)
}

/// [`spawn`] with a directory of nodes of its own.
pub fn spawn_with(services: Services, events: mpsc::Sender<ActionEvent>) -> mpsc::Sender<ActionCommand> {
    let (commands, inbox) = mpsc::channel(QUEUE);
    tokio::spawn(run(services, inbox, events));
    commands
}

/// Prepares one action for a headless command. `Err` is an escaped sentence; nothing was changed.
pub async fn prepare(
    config: &Config,
    permit: Option<WritePermit>,
    request: Request,
) -> Result<PreparedAction, String> {
    Services::new(config, permit, Audit::in_dir(&config.state_dir)).prepare(request).await
}

/// Executes a prepared action once, with its audit lines.
pub async fn execute(action: PreparedAction) -> (Plan, Outcome) {
    let carried = carry_out(action).await;
    (carried.plan, carried.outcome)
}

/// Executes a prepared release once, and says how to find out whether it stuck.
pub async fn execute_release(action: PreparedAction) -> (Outcome, Option<Executed>) {
    let services = action.services.clone();
    let (plan, outcome) = execute(action).await;
    let done = matches!(outcome, Outcome::Done { .. }) && plan.intent == "release";
    (outcome, done.then_some(Executed { services, plan }))
}

/// A lock that was released just now.
pub struct Executed {
    services: Services,
    plan: Plan,
}

impl Executed {
    /// Looks one and two seconds from now: what was found, each finding once; sentences, escaped.
    pub async fn afterwards(&self) -> Vec<String> {
        watch_release(&self.services, &self.plan).await
    }
}

async fn run(
    services: Services,
    mut inbox: mpsc::Receiver<ActionCommand>,
    events: mpsc::Sender<ActionEvent>,
) {
    let shelf = Shelf::default();
    let batch = KeptBatch::default();
    let mut dialogs: HashMap<Ticket, oneshot::Sender<()>> = HashMap::new();
    let mut batches: HashMap<Ticket, oneshot::Sender<Vec<usize>>> = HashMap::new();
    let mut stops: HashMap<Ticket, Arc<AtomicBool>> = HashMap::new();
    let batch_action = |ticket| BatchAction {
        ticket,
        services: services.clone(),
        shelf: shelf.clone(),
        kept: batch.clone(),
        events: events.clone(),
    };
    let mut keep_alive = tokio::time::interval(KEEP_ALIVE);
    keep_alive.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let command = tokio::select! {
            command = inbox.recv() => command,
            _ = keep_alive.tick() => {
                let (shelf, batch) = (shelf.clone(), batch.clone());
                tokio::spawn(async move {
                    shelf.keep_alive().await;
                    batch.keep_alive().await;
                });
                continue;
            }
        };
        match command {
            None => return,
            Some(ActionCommand::Prepare(ticket, request)) => {
                dialogs.retain(|_, go| !go.is_closed());
                let (go, confirmed) = oneshot::channel();
                // A ticket prepared again drops its earlier dialog.
                dialogs.insert(ticket, go);
                // Those that ended have let go of theirs.
                stops.retain(|_, stop| Arc::strong_count(stop) > 1);
                let stop = Arc::new(AtomicBool::new(false));
                stops.insert(ticket, Arc::clone(&stop));
                let action = Action {
                    ticket,
                    stop,
                    services: services.clone(),
                    shelf: shelf.clone(),
                    events: events.clone(),
                };
                tokio::spawn(action.run(request, confirmed));
            }
            // A second Execute finds nothing.
            Some(ActionCommand::Execute(ticket)) => {
                if let Some(go) = dialogs.remove(&ticket) {
                    let _ = go.send(());
                }
            }
            Some(ActionCommand::PrepareBatch(ticket, items)) => {
                batches.retain(|_, go| !go.is_closed());
                let (go, confirmed) = oneshot::channel();
                batches.insert(ticket, go);
                tokio::spawn(batch_action(ticket).release(items, confirmed));
            }
            Some(ActionCommand::ExecuteBatch(ticket, only)) => {
                if let Some(go) = batches.remove(&ticket) {
                    let _ = go.send(only);
                }
            }
            Some(ActionCommand::UndoBatch(ticket, of)) => {
                tokio::spawn(batch_action(ticket).undo(of));
            }
            Some(ActionCommand::Stop(ticket)) => {
                if let Some(stop) = stops.get(&ticket) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            Some(ActionCommand::Abandon(ticket)) => {
                dialogs.remove(&ticket);
                batches.remove(&ticket);
            }
        }
    }
}

/// A batch from its dialog to its end.
struct BatchAction {
    ticket: Ticket,
    services: Services,
    shelf: Shelf,
    kept: KeptBatch,
    events: mpsc::Sender<ActionEvent>,
}

impl BatchAction {
    async fn release(self, items: Vec<batch::Item>, mut confirmed: oneshot::Receiver<Vec<usize>>) {
        let (events, ticket) = (self.events.clone(), self.ticket);
        // Progress may be lost where the UI is busy: the next one says more.
        let looked = |done| drop(events.try_send(ActionEvent::Batch(ticket, BatchEvent::Looked(done))));
        let built = tokio::select! {
            built = batch::build(&self.services, items, looked) => built,
            early = &mut confirmed => match early {
                Err(_) => return,
                Ok(_) => Err("it was confirmed before it could be shown: nothing was sent".into()),
            },
        };
        let built = match built {
            Ok(built) => built,
            Err(why) => return self.tell(BatchEvent::Prepared(Box::new(Err(why)))).await,
        };
        self.tell(BatchEvent::Prepared(Box::new(Ok(built.plan.clone())))).await;
        let Ok(only) = confirmed.await else { return };
        let mut ran = batch::run(&self.services, built, Some(&only), self.ticket, &self.events).await;
        let undoable = self.kept.put(self.ticket, &mut ran).await;
        self.tell(BatchEvent::Ended { undoable }).await;
        batch::watch_released(&self.services, &self.shelf, self.ticket, ran, &self.events).await;
    }

    /// Guarded by its plans, so that it needs no question.
    async fn undo(self, of: Ticket) {
        let built = match self.kept.take(of).await {
            Ok(kept) => batch::build_undo(&self.services, kept).await,
            Err(why) => Err(why),
        };
        let built = match built {
            Ok(built) => built,
            Err(why) => return self.tell(BatchEvent::Prepared(Box::new(Err(why)))).await,
        };
        self.tell(BatchEvent::Prepared(Box::new(Ok(built.plan.clone())))).await;
        self.shelf.mark_undone(of);
        batch::run(&self.services, built, None, self.ticket, &self.events).await;
        self.tell(BatchEvent::Ended { undoable: 0 }).await;
    }

    async fn tell(&self, event: BatchEvent) {
        let _ = self.events.send(ActionEvent::Batch(self.ticket, event)).await;
    }
}

/// One action from its dialog to its end.
struct Action {
    ticket: Ticket,
    /// Turns true when a transfer is to stop after the batch that runs.
    stop: Arc<AtomicBool>,
    services: Services,
    shelf: Shelf,
    events: mpsc::Sender<ActionEvent>,
}

impl Action {
    async fn run(self, request: Request, mut confirmed: oneshot::Receiver<()>) {
        let tasks = match &request {
            Request::Enqueue { queue, payloads, push, .. } => {
                Some((queue.clone(), *push, test_tasks(payloads)))
            }
            _ => None,
        };
        let transfer = match &request {
            Request::Transfer(wish) => Some(wish.clone()),
            _ => None,
        };
        let undo_of = match &request {
            Request::Undo { of } => Some(*of),
            _ => None,
        };
        let mut building = std::pin::pin!(self.build(request));
        let mut abandoned = false;
        let built = tokio::select! {
            built = &mut building => built,
            early = &mut confirmed => match early {
                Err(_) if undo_of.is_none() => return,
                // What is on the shelf goes back there.
                Err(_) => {
                    abandoned = true;
                    building.await
                }
                // Nobody can have read a dialog that was not there.
                Ok(()) => Err("it was confirmed before it could be shown: nothing was sent".into()),
            },
        };
        let (action, restore) = match built {
            Ok(built) => built,
            Err(why) => return self.tell(ActionEvent::Prepared(self.ticket, Box::new(Err(why)))).await,
        };
        if !abandoned {
            let shown = Box::new(Ok(action.prepared().clone()));
            self.tell(ActionEvent::Prepared(self.ticket, shown)).await;
        }
        if abandoned || confirmed.await.is_err() {
            if let (Some(of), Some((lock, restore))) = (undo_of, restore) {
                let released = Released { lock, restore, session: action.session };
                self.shelf.put(of, Undoable::Yes(Box::new(released)));
            }
            return;
        }
        if let Some(wish) = transfer {
            return self.transfer(&wish, action).await;
        }
        if let Some(of) = undo_of {
            self.shelf.mark_undone(of);
        }
        let canary = action.canary().cloned();
        let Carried { plan, outcome, undoable, audit_gap } = carry_out(action).await;
        if let Some(undoable) = undoable {
            self.shelf.put(self.ticket, undoable);
        }
        if let Some(of) = undo_of {
            let why = match &outcome {
                Outcome::Done { .. } => "it was undone already".to_string(),
                Outcome::NotDone(why) => why.to_string(),
                Outcome::Partly { .. } | Outcome::Unknown(_) => {
                    "an undo was sent, its outcome is not known".into()
                }
            };
            self.shelf.put(of, Undoable::No(why));
        }
        self.tell(ActionEvent::Outcome(self.ticket, Box::new(plan.clone()), outcome.clone())).await;
        if let Some(gap) = audit_gap {
            self.tell(ActionEvent::Afterwards(self.ticket, gap)).await;
        }
        match (&outcome, plan.intent, tasks) {
            (Outcome::Unknown(_), _, _) => resolve(&self.services, self.ticket, &plan, &self.events).await,
            (Outcome::Done { .. }, "release", _) => {
                after_release(&self.services, &self.shelf, self.ticket, &plan, &self.events).await;
            }
            (Outcome::Done { .. }, "canary", _) => {
                if let Some(canary) = canary {
                    let undone = || self.shelf.is_undone(self.ticket);
                    canary::report(&self.services, self.ticket, &plan, &canary, &undone, &self.events).await;
                }
            }
            (Outcome::Done { .. }, "enqueue", Some((queue, push, tasks))) => {
                follow(&self.services, &queue, push, tasks, &self.events).await;
            }
            _ => {}
        }
    }

    /// A transfer to its end, with its progress.
    async fn transfer(&self, wish: &Transfer, first: PreparedAction) {
        // Progress may be lost where the UI is busy: the next one says more.
        let told = |done, total| {
            let news = TransferEvent::Moved { done, total };
            let _ = self.events.try_send(ActionEvent::Transfer(self.ticket, news));
        };
        let stop = || self.stop.load(Ordering::Relaxed);
        let drained = drain(&self.services, wish, first, stop, told).await;
        let unknown = match &drained.end {
            DrainEnd::Batch(plan, Outcome::Unknown(_)) => Some(plan.clone()),
            _ => None,
        };
        self.tell(ActionEvent::Transfer(self.ticket, TransferEvent::Ended(Box::new(drained)))).await;
        if let Some(plan) = unknown {
            resolve(&self.services, self.ticket, &plan, &self.events).await;
        }
    }

    /// Builds the plan; for an undo also what goes back on the shelf if it is cancelled.
    async fn build(
        &self,
        request: Request,
    ) -> Result<(PreparedAction, Option<(crate::domain::LockId, super::plan::Restore)>), String> {
        let Request::Undo { of } = request else {
            return build(&self.services, request).await.map(|action| (action, None));
        };
        if self.services.permit.is_none() {
            return Err(super::NotDone::ReadOnlyMode.to_string());
        }
        let mut released = *self.shelf.take(of).await?;
        match put_back::undo(&self.services, &mut released).await {
            Ok(prepared) => {
                let Released { lock, restore, session } = released;
                let services = self.services.clone();
                Ok((
                    PreparedAction { prepared, session, services, canary: None, tasks: 0 },
                    Some((lock, restore)),
                ))
            }
            Err(why) => {
                self.shelf.put(of, Undoable::No(why.clone()));
                Err(why)
            }
        }
    }

    async fn tell(&self, event: ActionEvent) {
        // The UI is gone: there is nobody to tell.
        let _ = self.events.send(event).await;
    }
}

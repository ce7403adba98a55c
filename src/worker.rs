//! The embedded worker: takes tasks from queues without ever losing one.
//!
//! A task is moved to the worker's own processing list in one step and removed from there after the work, so at any
//! moment it stands in the queue or in a list that a living or a later worker reads again. The price is that a task
//! may run twice; that is counted. A task that failed is
//! tried again after a pause, by number of attempts, and at last put to the dead letters. Each queue has an engine of
//! its own, so that a frozen node never delays the others; they share places, weights and pace. The same serves the pane ([`spawn`]) and the headless command ([`run_headless`]).

mod board;
mod check;
mod coordinator;
mod engine;
mod exec;
mod gate;
mod hand;
pub mod histogram;
pub mod keys;
mod record;
mod retry;
mod session;
mod shared;
pub mod signals;
mod spec;
mod take;
mod task;
mod trouble;
pub mod view;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::config::endpoint::Directory;
use crate::redis_io::WritePermit;

use board::{Board, OnLine, Views};
pub use keys::is_own_key;
pub use spec::{Peers, Policy, Source, WorkerSpec};
pub use task::TEST_KIND;
pub use view::{
    Counts, LineKind, QueueView, RunningTask, WorkerCommand, WorkerLine, WorkerState, WorkerView,
};

/// Tasks at once, at most.
pub const MAX_CONCURRENCY: usize = 256;

/// The worker behind the pane.
#[derive(Debug)]
pub struct WorkerHandle {
    /// What it is told. Closing it stops the worker as [`WorkerCommand::Stop`] does.
    pub commands: mpsc::Sender<WorkerCommand>,
    /// What it shows; `None` until the first start. Latest wins.
    pub view: watch::Receiver<Option<Arc<WorkerView>>>,
    task: JoinHandle<()>,
}

impl WorkerHandle {
    /// Stops it and waits until what runs has ended. Given up half-way, nothing is lost: a later worker takes over.
    pub async fn finish(self) {
        // A second stop would end what runs.
        let stopping = self.view.borrow().as_ref().is_some_and(|view| view.state == WorkerState::Stopping);
        if !stopping {
            let _ = self.commands.send(WorkerCommand::Stop).await;
        }
        drop(self.commands);
        let _ = self.task.await;
    }
}

/// Starts the task behind the worker pane: it waits for [`WorkerCommand::Start`], works, and waits for the next one.
/// Must be called inside the runtime. Without a permit each start ends in [`WorkerState::Failed`], nothing sent.
pub fn spawn(
    config: Arc<Config>,
    directory: Directory,
    peers: Peers,
    permit: Option<WritePermit>,
) -> WorkerHandle {
    let (commands, mut inbox) = mpsc::channel(64);
    let (views, view) = watch::channel(None);
    let task = tokio::spawn(async move {
        while let Some(command) = inbox.recv().await {
            // Anything else speaks to a worker that does not run.
            let WorkerCommand::Start { sources, concurrency, force } = command else { continue };
            let spec = WorkerSpec::configured(&config, sources, directory.clone(), peers.clone());
            let spec = WorkerSpec { concurrency, force, ..spec };
            run_until_ended(spec, permit, &mut inbox, &views).await;
        }
    });
    WorkerHandle { commands, view, task }
}

/// Runs a worker until it is stopped or can't go on, and returns its last view. `commands`: see
/// [`signals::stop_on_signals`]; the second [`WorkerCommand::Stop`] ends what runs, closing the channel counts as the
/// first. `on_line` gets each line of the log as it is written.
pub async fn run_headless(
    spec: WorkerSpec,
    permit: Option<WritePermit>,
    commands: mpsc::Receiver<WorkerCommand>,
    on_line: impl FnMut(&WorkerLine) + Send + 'static,
) -> WorkerView {
    let on_line: OnLine = Box::new(on_line);
    let board = Board::new(spec.first_view(), None, Some(on_line));
    coordinator::run(spec, permit, commands, board).await
}

async fn run_until_ended(
    spec: WorkerSpec,
    permit: Option<WritePermit>,
    inbox: &mut mpsc::Receiver<WorkerCommand>,
    views: &Views,
) {
    let (commands, engine_inbox) = mpsc::channel(64);
    let board = Board::new(spec.first_view(), Some(views.clone()), None);
    let mut commands = Some(commands);
    let run = coordinator::run(spec, permit, engine_inbox, board);
    tokio::pin!(run);
    loop {
        tokio::select! {
            _view = &mut run => return,
            command = inbox.recv(), if commands.is_some() => match (command, &commands) {
                // The engine empties its inbox often; what does not fit would come too late anyway.
                (Some(command), Some(engine)) => drop(engine.try_send(command)),
                _ => commands = None,
            },
        }
    }
}

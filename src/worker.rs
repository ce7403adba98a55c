//! The embedded worker: takes tasks from one queue without ever losing one.
//!
//! A task is moved to the worker's own processing list in one step and removed from there after the work, so at any
//! moment it stands in the queue or in a list that a living or a later worker reads again. The price is that a task
//! may run twice; that is counted. One engine serves the pane ([`spawn`]) and the headless command ([`run_headless`]).

mod board;
mod check;
mod engine;
mod exec;
mod hand;
pub mod keys;
mod record;
mod session;
pub mod signals;
mod take;
mod task;
mod trouble;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::act::Audit;
use crate::config::endpoint::Directory;
use crate::config::{Config, Endpoint};
use crate::domain::QueueId;
use crate::domain::queue::PushEnd;
use crate::redis_io::WritePermit;

use board::{Board, OnLine, Views};
use engine::Engine;
pub use keys::is_own_key;
pub use task::TEST_KIND;
pub use view::{LineKind, WorkerCommand, WorkerLine, WorkerState, WorkerView};

/// Tasks at once, at most.
pub const MAX_CONCURRENCY: usize = 256;

/// All a worker needs to know.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    /// The node. Its database is overruled by the queue's.
    pub endpoint: Endpoint,
    /// The queue.
    pub queue: QueueId,
    /// Which end producers push to; it takes from the other one.
    pub push: PushEnd,
    /// Tasks at once, 1 to [`MAX_CONCURRENCY`].
    pub concurrency: usize,
    /// `Some`: run every task by `sh -c`, payload on stdin; `None`: only redwarden's test tasks.
    pub exec: Option<String>,
    /// Go on although elements look like some library's.
    pub force: bool,
    /// TTL of the heartbeat key; at least a second.
    pub heartbeat_ttl: Duration,
    /// Deadline of a connect and of each call; blocking ones get their block time on top.
    pub timeout: Duration,
    /// Environment variables with secrets that the command must not inherit, beside
    /// [`SECRET_VARIABLES`](crate::config::secrets::SECRET_VARIABLES).
    pub secret_variables: Vec<String>,
    /// Where the run is written down, before it starts and when it ended.
    pub audit: Audit,
}

impl WorkerSpec {
    /// The view before anything happened.
    fn first_view(&self) -> WorkerView {
        WorkerView::starting(self.queue.clone(), self.exec.clone(), self.concurrency)
    }
}

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
pub fn spawn(config: Arc<Config>, directory: Directory, permit: Option<WritePermit>) -> WorkerHandle {
    let (commands, mut inbox) = mpsc::channel(64);
    let (views, view) = watch::channel(None);
    let task = tokio::spawn(async move {
        while let Some(command) = inbox.recv().await {
            // Anything else speaks to a worker that does not run.
            let WorkerCommand::Start { queue, push, concurrency, exec, force } = command else { continue };
            let Some(endpoint) = directory(&queue.node) else {
                let mut view = WorkerView::starting(queue, exec, concurrency);
                view.state = WorkerState::Failed("that node is not configured any more".into());
                views.send_replace(Some(Arc::new(view)));
                continue;
            };
            let spec = WorkerSpec {
                endpoint,
                queue,
                push,
                concurrency,
                exec,
                force,
                heartbeat_ttl: config.worker.heartbeat_ttl,
                timeout: config.timeout,
                secret_variables: config.secret_variables.clone(),
                audit: Audit::in_dir(&config.state_dir),
            };
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
    Engine::new(spec, board, commands).run(permit).await
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
    let run = Engine::new(spec, board, engine_inbox).run(permit);
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

//! One worker over all its queues: starts an engine for each, hands on orders, shows the whole.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::board::Board;
use super::engine::Engine;
use super::keys::is_own_key;
use super::shared::{Orders, Shared};
use super::view::{WorkerCommand, WorkerState, WorkerView};
use super::{MAX_CONCURRENCY, WorkerSpec};
use crate::redis_io::WritePermit;

/// Time between two views.
const PUBLISH: Duration = Duration::from_millis(50);

/// Works until it is stopped or can't go on; the last view says which.
pub(super) async fn run(
    spec: WorkerSpec,
    permit: Option<WritePermit>,
    commands: mpsc::Receiver<WorkerCommand>,
    board: Board,
) -> WorkerView {
    let shared = Arc::new(Shared::new(spec, board));
    shared.publish();
    let end = match permit.ok_or_else(|| "read-only mode: a worker moves tasks, so nothing was sent".into()) {
        Err(why) => WorkerState::Failed(why),
        Ok(_) if let Some(why) = refusal(&shared.spec) => WorkerState::Failed(why),
        Ok(permit) => Coordinator::new(shared.clone(), commands).work(permit).await,
    };
    match &end {
        WorkerState::Failed(why) => shared.note(format!("ended: {why}")),
        _ => shared.note("stopped"),
    }
    shared.board().state(end);
    shared.publish();
    let board = shared.seen();
    board.view.clone()
}

/// Why these queues can't be worked on.
fn refusal(spec: &WorkerSpec) -> Option<String> {
    if spec.sources.is_empty() {
        return Some("no queue was named".into());
    }
    for (i, source) in spec.sources.iter().enumerate() {
        let key = &source.queue.key;
        if is_own_key(key.as_slice()) {
            return Some(format!("{key} is one of redwarden's own keys: name the queue itself"));
        }
        if spec.sources[..i].iter().any(|other| other.queue == source.queue) {
            return Some(format!("{key} on {} is named twice", source.queue.node));
        }
    }
    None
}

struct Coordinator {
    shared: Arc<Shared>,
    commands: mpsc::Receiver<WorkerCommand>,
    /// Nobody holds the other end any more: taken as one request to stop.
    deaf: bool,
    engines: JoinSet<WorkerState>,
    /// The first of the queues that could not be worked on, and why.
    failed: Option<String>,
}

impl Coordinator {
    fn new(shared: Arc<Shared>, commands: mpsc::Receiver<WorkerCommand>) -> Self {
        Self { shared, commands, deaf: false, engines: JoinSet::new(), failed: None }
    }

    async fn work(mut self, permit: WritePermit) -> WorkerState {
        for lane in 0..self.shared.spec.sources.len() {
            self.engines.spawn(Engine::new(self.shared.clone(), lane).run(permit));
        }
        let shared = self.shared.clone();
        let mut publish_at = Some(Instant::now());
        loop {
            self.show_state();
            tokio::select! {
                command = self.commands.recv(), if !self.deaf => self.command(command.as_ref()),
                ended = self.engines.join_next() => match ended {
                    None => break,
                    Some(Ok(WorkerState::Failed(why))) => self.engine_failed(why),
                    Some(Ok(_)) => {}
                    Some(Err(_)) => self.engine_failed("the worker itself failed".into()),
                },
                () = shared.stirred.notified(), if publish_at.is_none() => {
                    publish_at = Some(Instant::now() + PUBLISH);
                }
                () = tokio::time::sleep_until(publish_at.unwrap_or_else(Instant::now)), if publish_at.is_some() => {
                    publish_at = None;
                    shared.publish();
                }
            }
        }
        self.failed.map_or(WorkerState::Stopped, WorkerState::Failed)
    }

    fn engine_failed(&mut self, why: String) {
        // One that can't even begin is a mistake to be corrected; later the others are worth going on with.
        let began = |state: &WorkerState| !matches!(state, WorkerState::Starting | WorkerState::Failed(_));
        let all_began = self.shared.board().view.queues.iter().all(|q| began(&q.state));
        if self.shared.spec.sources.len() > 1 {
            self.shared.note(if all_began {
                format!("{why}; the other queues go on")
            } else {
                format!("{why}; the other queues are stopped, too")
            });
        }
        self.failed.get_or_insert(why);
        if !all_began {
            self.shared.orders.send_modify(|orders| orders.stop = true);
        }
    }

    fn command(&mut self, command: Option<&WorkerCommand>) {
        let orders = &self.shared.orders;
        match command {
            None => {
                self.deaf = true;
                orders.send_modify(|orders| orders.stop = true);
            }
            Some(WorkerCommand::Stop) => orders.send_modify(|orders| {
                orders.kill |= orders.stop;
                orders.stop = true;
            }),
            Some(WorkerCommand::Pause) => orders.send_modify(|orders| orders.paused = true),
            Some(WorkerCommand::Resume) => orders.send_modify(|orders| orders.paused = false),
            Some(WorkerCommand::SetConcurrency(n)) => {
                self.shared.gate.set_limit((*n).clamp(1, MAX_CONCURRENCY));
            }
            Some(WorkerCommand::Start { .. }) => {
                self.shared.note("a worker runs already: stop it before starting another");
            }
        }
        self.shared.stirred.notify_one();
    }

    /// The state of the whole: that of the queue, where there is one; else as long as one of them runs, it runs.
    fn show_state(&self) {
        let Orders { paused, stop, .. } = *self.shared.orders.borrow();
        let mut board = self.shared.seen();
        let queues = &board.view.queues;
        let any = |wanted: fn(&WorkerState) -> bool| queues.iter().find(|q| wanted(&q.state));
        let state = if stop {
            WorkerState::Stopping
        } else if any(|s| matches!(s, WorkerState::Running | WorkerState::Paused)).is_some() {
            if paused { WorkerState::Paused } else { WorkerState::Running }
        } else if let Some(lost) = any(|s| matches!(s, WorkerState::Reconnecting(_))) {
            lost.state.clone()
        } else {
            WorkerState::Starting
        };
        board.state(state);
        if board.is_dirty() {
            self.shared.stirred.notify_one();
        }
    }
}

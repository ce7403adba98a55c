//! What the queues of one worker share: its gate, its board and its orders.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::WorkerSpec;
use super::board::Board;
use super::gate::Gate;

/// What the worker was told, as it stands now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// Take nothing for now.
    pub(super) paused: bool,
    /// Finish what runs, then end.
    pub(super) stop: bool,
    /// End what runs, too.
    pub(super) kill: bool,
}

/// Shared by the tasks of one worker.
pub(super) struct Shared {
    pub(super) spec: WorkerSpec,
    pub(super) gate: Gate,
    pub(super) orders: watch::Sender<Orders>,
    /// The board has something new.
    pub(super) stirred: Notify,
    board: Mutex<Board>,
}

impl Shared {
    pub(super) fn new(spec: WorkerSpec, board: Board) -> Self {
        let concurrency = spec.concurrency.clamp(1, super::MAX_CONCURRENCY);
        let gate = Gate::new(concurrency, spec.sources.iter().map(|s| s.weight), spec.policy.rate);
        let (orders, _) = watch::channel(Orders::default());
        Self { spec, gate, orders, stirred: Notify::new(), board: Mutex::new(board) }
    }

    /// The board, to be changed; never kept across an await.
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.stirred.notify_one();
        self.seen()
    }

    /// The board, to be looked at.
    pub(super) fn seen(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what is new on the board.
    pub(super) fn publish(&self) {
        let counts = self.gate.counts();
        self.seen().publish(counts);
    }

    pub(super) fn note(&self, text: impl Into<String>) {
        self.board().line(None, super::LineKind::Note, text.into());
    }
}

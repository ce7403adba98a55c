//! What the worker pane shows and what it can be told.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::queue::PushEnd;
use crate::domain::{QueueId, Stamp};

/// State of the worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WorkerState {
    /// Connecting and recovering what dead workers of ours left.
    Starting,
    /// Taking tasks.
    Running,
    /// Takes nothing; running tasks go on.
    Paused,
    /// Finishes what runs, then ends.
    Stopping,
    /// Ended on request.
    Stopped,
    /// Lost its node; tries again. The reason, escaped.
    Reconnecting(String),
    /// Ended by an error, escaped.
    Failed(String),
}

/// Weight of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineKind {
    /// A task was taken.
    Taken,
    /// A task is done.
    Done,
    /// A task failed.
    Failed,
    /// Something about the worker itself.
    Note,
}

/// One line of the live log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerLine {
    /// When.
    pub at: Stamp,
    /// What kind.
    pub kind: LineKind,
    /// The text, escaped.
    pub text: String,
}

/// The worker as last seen; latest wins.
#[derive(Clone, PartialEq, Debug)]
pub struct WorkerView {
    /// Queue it takes from.
    pub queue: QueueId,
    /// What it executes: `None` only redwarden's test tasks.
    pub exec: Option<String>,
    /// State.
    pub state: WorkerState,
    /// How many tasks at once.
    pub concurrency: usize,
    /// Tasks running now.
    pub running: usize,
    /// Tasks done.
    pub done: u64,
    /// Tasks failed.
    pub failed: u64,
    /// Tasks taken over from dead workers of ours.
    pub recovered: u64,
    /// Tasks whose removal found nothing: they ran twice.
    pub run_twice: u64,
    /// Median of the last run times.
    pub p50: Option<Duration>,
    /// 95th percentile of the last run times.
    pub p95: Option<Duration>,
    /// Live log, newest last, bounded.
    pub log: VecDeque<WorkerLine>,
    /// Ids of redwarden test tasks that ended, newest last, bounded; true when done, false when failed.
    pub ended: VecDeque<(String, bool)>,
}

impl WorkerView {
    /// A worker that was just asked for: nothing has happened yet.
    pub fn starting(queue: QueueId, exec: Option<String>, concurrency: usize) -> Self {
        Self {
            queue,
            exec,
            state: WorkerState::Starting,
            concurrency,
            running: 0,
            done: 0,
            failed: 0,
            recovered: 0,
            run_twice: 0,
            p50: None,
            p95: None,
            log: VecDeque::new(),
            ended: VecDeque::new(),
        }
    }
}

/// What the pane can tell the worker.
#[derive(Clone, PartialEq, Debug)]
pub enum WorkerCommand {
    /// Start on this queue.
    Start {
        /// Which queue.
        queue: QueueId,
        /// Which end producers push to; it takes from the other one.
        push: PushEnd,
        /// Tasks at once.
        concurrency: usize,
        /// `Some`: run every task by `sh -c`; `None`: only redwarden's test tasks.
        exec: Option<String>,
        /// Go on although elements look like some library's.
        force: bool,
    },
    /// Take nothing more for now.
    Pause,
    /// Go on.
    Resume,
    /// Finish what runs, then end.
    Stop,
    /// Tasks at once.
    SetConcurrency(usize),
}

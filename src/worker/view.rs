//! What the worker pane shows and what it can be told.

use std::collections::VecDeque;
use std::time::Duration;

use super::histogram::Histogram;
use super::spec::Source;
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

/// What became of tasks, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Tasks done.
    pub done: u64,
    /// Runs that failed, those that took too long among them.
    pub failed: u64,
    /// Failed runs that are tried again.
    pub retried: u64,
    /// Tasks that failed for good and went to the dead-letter list.
    pub dead: u64,
    /// Runs that were ended because they took too long.
    pub timeouts: u64,
    /// Tasks taken over from dead workers of ours: at most so many ran twice because of that.
    pub recovered: u64,
    /// Tasks whose removal found nothing: they ran twice.
    pub run_twice: u64,
    /// Times that fewer replicas than asked for confirmed a write.
    pub unreplicated: u64,
}

impl Counts {
    /// Adds those of another queue.
    pub fn add(&mut self, other: &Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.retried += other.retried;
        self.dead += other.dead;
        self.timeouts += other.timeouts;
        self.recovered += other.recovered;
        self.run_twice += other.run_twice;
        self.unreplicated += other.unreplicated;
    }

    /// Those that are told when it ends: name and count.
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("done", self.done),
            ("failed", self.failed),
            ("retried", self.retried),
            ("dead", self.dead),
            ("timeouts", self.timeouts),
            ("recovered", self.recovered),
            ("run_twice", self.run_twice),
            ("unreplicated", self.unreplicated),
        ]
    }

    /// A sentence: the usual ones, and the others where they are not zero.
    pub fn sentence(&self) -> String {
        let usual = ["done", "failed", "recovered", "run_twice"];
        let told: Vec<String> = self
            .named()
            .into_iter()
            .filter(|(name, n)| *n > 0 || usual.contains(name))
            .map(|(name, n)| format!("{n} {}", name.replace('_', " ")))
            .collect();
        told.join(", ")
    }
}

/// One of the worker's queues.
#[derive(Clone, PartialEq, Debug)]
pub struct QueueView {
    /// The queue.
    pub queue: QueueId,
    /// Its share of the places.
    pub weight: u32,
    /// State of the worker there.
    pub state: WorkerState,
    /// Tasks of it running now.
    pub running: usize,
    /// What became of its tasks.
    pub counts: Counts,
}

/// A task that runs now.
#[derive(Clone, PartialEq, Debug)]
pub struct RunningTask {
    /// Index into [`WorkerView::queues`].
    pub queue: usize,
    /// How the log calls it, escaped.
    pub label: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Since when.
    pub since: Stamp,
}

/// The worker as last seen; latest wins.
#[derive(Clone, PartialEq, Debug)]
pub struct WorkerView {
    /// The first of its queues.
    pub queue: QueueId,
    /// What it executes there: `None` only redwarden's test tasks.
    pub exec: Option<String>,
    /// All its queues; at least one.
    pub queues: Vec<QueueView>,
    /// State.
    pub state: WorkerState,
    /// How many tasks at once.
    pub concurrency: usize,
    /// Tasks running now.
    pub running: usize,
    /// Those that run longest, oldest first, bounded.
    pub now: Vec<RunningTask>,
    /// What became of tasks, over all queues.
    pub counts: Counts,
    /// Median of the last run times.
    pub p50: Option<Duration>,
    /// 95th percentile of the last run times.
    pub p95: Option<Duration>,
    /// How long tasks ran.
    pub run_times: Histogram,
    /// How long tasks waited in their queue before their first run, where their payload tells.
    pub wait_times: Histogram,
    /// Live log, newest last, bounded.
    pub log: VecDeque<WorkerLine>,
    /// Ids of redwarden test tasks that ended, newest last, bounded; true when done, false when failed.
    pub ended: VecDeque<(String, bool)>,
}

impl WorkerView {
    /// A worker that was just asked for: nothing has happened yet. `sources` must not be empty.
    pub fn starting(sources: &[Source], concurrency: usize) -> Self {
        let queues: Vec<QueueView> = sources
            .iter()
            .map(|source| QueueView {
                queue: source.queue.clone(),
                weight: source.weight,
                state: WorkerState::Starting,
                running: 0,
                counts: Counts::default(),
            })
            .collect();
        let nowhere = || QueueId { node: crate::domain::NodeId::new(""), db: 0, key: "".into() };
        Self {
            queue: sources.first().map_or_else(nowhere, |s| s.queue.clone()),
            exec: sources.first().and_then(|s| s.exec.clone()),
            queues,
            state: WorkerState::Starting,
            concurrency,
            running: 0,
            now: Vec::new(),
            counts: Counts::default(),
            p50: None,
            p95: None,
            run_times: Histogram::default(),
            wait_times: Histogram::default(),
            log: VecDeque::new(),
            ended: VecDeque::new(),
        }
    }

    /// True when it takes from this queue.
    pub fn works_on(&self, queue: &QueueId) -> bool {
        self.queues.iter().any(|q| q.queue == *queue)
    }

    /// Its queues in a few words, escaped.
    pub fn subject(&self) -> String {
        match self.queues.len() {
            0 | 1 => self.queue.key.to_string(),
            n => format!("{} and {} more", self.queue.key, n - 1),
        }
    }
}

/// What the pane can tell the worker.
#[derive(Clone, PartialEq, Debug)]
pub enum WorkerCommand {
    /// Start on these queues; at least one.
    Start {
        /// Which queues.
        sources: Vec<Source>,
        /// Tasks at once.
        concurrency: usize,
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

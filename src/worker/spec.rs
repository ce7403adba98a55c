//! What a worker is told before it starts: which queues, on which nodes, and how failures, time and pace are handled.

use std::sync::Arc;
use std::time::Duration;

use super::view::WorkerView;
use crate::act::Audit;
use crate::config::endpoint::Directory;
use crate::config::{Config, Endpoint, WorkerConfig};
use crate::domain::QueueId;
use crate::domain::queue::PushEnd;

/// One queue that a worker takes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The queue.
    pub queue: QueueId,
    /// Which end producers push to; it is taken from the other one.
    pub push: PushEnd,
    /// Its share of the places while others have tasks, too; at least 1.
    pub weight: u32,
    /// `Some`: run every task by `sh -c`, payload on stdin; `None`: only redwarden's test tasks.
    pub exec: Option<String>,
}

impl Source {
    /// A queue with weight 1 and test tasks only.
    pub fn new(queue: QueueId, push: PushEnd) -> Self {
        Self { queue, push, weight: 1, exec: None }
    }
}

/// How long a task may take, and what becomes of one that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// A task that runs longer is ended and has failed; `None`: no limit.
    pub task_timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL for a command that is ended.
    pub grace: Duration,
    /// How often a failed task is tried again before it goes to the dead-letter list.
    pub retries: u32,
    /// Pause before the first retry; it doubles with each.
    pub retry_delay: Duration,
    /// The longest pause.
    pub retry_max_delay: Duration,
    /// Tasks started in a second by the whole worker, at most.
    pub rate: Option<f64>,
    /// Replicas that are waited for (WAIT) after a task was taken and after it was removed; 0: none.
    pub wait_replicas: u32,
}

impl Policy {
    /// As configured.
    pub fn of(config: &WorkerConfig) -> Self {
        Self {
            task_timeout: config.task_timeout,
            grace: config.grace,
            retries: config.retries,
            retry_delay: config.retry_delay,
            retry_max_delay: config.retry_max_delay,
            rate: config.rate,
            wait_replicas: config.wait_replicas,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::of(&Config::default().worker)
    }
}

/// Further nodes, one of which may have taken over from a primary that failed.
pub type Peers = Arc<dyn Fn() -> Vec<Endpoint> + Send + Sync>;

/// All a worker needs to know.
#[derive(Clone)]
pub struct WorkerSpec {
    /// The queues; at least one.
    pub sources: Vec<Source>,
    /// Where their nodes are, asked again before each connection.
    pub directory: Directory,
    /// Where else a primary may be found after a failover.
    pub peers: Peers,
    /// Tasks at once over all queues, 1 to [`MAX_CONCURRENCY`](super::MAX_CONCURRENCY).
    pub concurrency: usize,
    /// Time limits, retries, pace.
    pub policy: Policy,
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
    /// A worker with everything as configured, on these queues.
    pub fn configured(config: &Config, sources: Vec<Source>, directory: Directory, peers: Peers) -> Self {
        Self {
            sources,
            directory,
            peers,
            concurrency: config.worker.concurrency,
            policy: Policy::of(&config.worker),
            force: false,
            heartbeat_ttl: config.worker.heartbeat_ttl,
            timeout: config.timeout,
            secret_variables: config.secret_variables.clone(),
            audit: Audit::in_dir(&config.state_dir),
        }
    }

    /// The view before anything happened.
    pub(super) fn first_view(&self) -> WorkerView {
        WorkerView::starting(&self.sources, self.concurrency)
    }
}

//! The effective configuration: fully validated, no option left open. Layers: flag > environment > profile > file > default.

mod canary;
mod document;
pub mod endpoint;
mod environment;
pub(crate) mod families;
mod file;
mod group;
mod layer;
mod load;
mod node;
mod password;
mod problem;
mod queue_family;
pub mod secrets;
mod show;
pub mod topology;
mod url;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::queue::PushEnd;
use crate::domain::{NodeMeta, Rules};
use crate::family::template::Template;

pub use canary::CanaryTask;
pub use endpoint::{Address, Endpoint, Tls};
pub use environment::Environment;
pub use load::{Loaded, load};
pub use problem::{ConfigErrors, Problem, Source};
pub use queue_family::QueuePrefixes;
pub use secrets::Secret;
pub use show::show;
pub use topology::{AddressMap, Cluster, Sentinel, Topology};
pub use url::masked_url;
pub use value::nearest;

/// The configuration file with every option and its default: `config template`.
pub const TEMPLATE: &str = include_str!("../assets/config/default.toml");

/// Default lock patterns.
pub const LOCK_PATTERNS: [&str; 3] = ["lock:*", "*:lock", "*_lock"];
/// Default queue patterns.
pub const QUEUE_PATTERNS: [&str; 2] = ["queue:*", "*_queue"];

/// Everything the program needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The fleet, in order, names unique.
    pub nodes: Vec<NodeConfig>,
    /// Clusters and Sentinels that tell further nodes.
    pub topology: Topology,
    /// Name of the chosen profile.
    pub profile: Option<String>,
    /// Red frame, read-only unless `--write`, a confirm asks to type the key's name.
    pub production: bool,
    /// No write leaves the process.
    pub read_only: bool,
    /// Time between two looks at a node.
    pub interval: Duration,
    /// Deadline of a connect and of each call.
    pub timeout: Duration,
    /// Globs (Redis syntax) of lock keys.
    pub lock_patterns: Vec<String>,
    /// The user's own lock families.
    pub lock_families: Vec<crate::family::rows::Source>,
    /// Ids of lock families that are neither searched for nor recognised.
    pub disabled_families: Vec<String>,
    /// Globs (Redis syntax) of queue keys.
    pub queue_patterns: Vec<String>,
    /// Queues by name, watched also while they are empty.
    pub queues: Vec<QueueConfig>,
    /// Which end producers push to where a queue does not say.
    pub push: PushEnd,
    /// Queues of the user's own kinds.
    pub queue_families: Vec<QueueSchema>,
    /// Prefixes under which libraries write beside their usual ones.
    pub queue_prefixes: QueuePrefixes,
    /// Tasks that are safe to be sent as a test.
    pub canaries: Vec<CanaryTask>,
    /// Budget of the key search.
    pub scan: ScanConfig,
    /// Words in names of fields of which a peek masks the values.
    pub redact: Vec<String>,
    /// The embedded worker.
    pub worker: WorkerConfig,
    /// Thresholds of the verdicts.
    pub rules: Rules,
    /// Looks.
    pub ui: UiConfig,
    /// Log file, if any.
    pub log: Option<PathBuf>,
    /// Directory of `audit.jsonl`: `$XDG_STATE_HOME/redwarden`.
    pub state_dir: PathBuf,
    /// Whether what is usual for locks is kept there.
    pub remember: bool,
    /// Said once at the start: a password on the command line, `--insecure`, ... Escaped.
    pub warnings: Vec<String>,
    /// Environment variables that no child process may inherit: [`secrets::SECRET_VARIABLES`] and those that
    /// the file names as `password_env`.
    pub secret_variables: Vec<String>,
}

/// One configured node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    /// Name, address and database for showing.
    pub meta: NodeMeta,
    /// How to reach it.
    pub endpoint: Endpoint,
}

/// One configured queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Its key.
    pub key: String,
    /// Only on this node; `None`: on each.
    pub node: Option<String>,
    /// Which end producers push to.
    pub push: PushEnd,
    /// Command for its real tasks.
    pub exec: Option<String>,
    /// Its share of a worker's places beside other queues, at least 1.
    pub weight: u32,
}

/// A kind of queue that the user describes: templates of its keys, each with `{name}` for the queue's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSchema {
    /// What the family is called.
    pub id: String,
    /// The key of what waits.
    pub queue: Template,
    /// Its type.
    pub kind: QueueType,
    /// Which end of a list producers push to.
    pub push: PushEnd,
    /// Steps of a score in a second where the scores of a sorted set are times; `None`: they are priorities.
    pub per_second: Option<u32>,
    /// A set of the names of all queues.
    pub registry: Option<String>,
    /// Tasks taken and not finished: a list, set, sorted set, hash or stream, as are the following.
    pub processing: Option<Template>,
    /// Tasks for later.
    pub delayed: Option<Template>,
    /// Tasks to be tried again.
    pub retry: Option<Template>,
    /// Failed tasks.
    pub failed: Option<Template>,
    /// Done tasks.
    pub completed: Option<Template>,
    /// A key that is there while the queue is paused.
    pub paused: Option<Template>,
    /// Who works, and how it is known who lives.
    pub workers: Option<Liveness>,
}

/// Type of the key of what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueType {
    /// A list.
    List,
    /// A stream with consumer groups.
    Stream,
    /// A sorted set.
    Zset,
}

impl QueueType {
    /// As the server's `TYPE` says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Stream => "stream",
            Self::Zset => "zset",
        }
    }
}

/// How it is known which workers live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// A set of names, and for each a key that is there while it lives.
    Keys {
        /// The set.
        registry: String,
        /// The key, with `{worker}` for the name.
        heartbeat: Template,
    },
    /// A sorted set of names by the time of the last heartbeat.
    Scores {
        /// The sorted set.
        registry: String,
        /// Who was silent for longer is gone.
        alive_for: Duration,
    },
}

/// Share of a node's time for the steady search unless configured.
pub const SCAN_BUDGET: f64 = 0.003;

/// Budget of the key search.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanConfig {
    /// Share of a node's time the steady search may take, 0 to 1.
    pub budget: f64,
    /// Locks and queues kept for each node; more is shown as truncated.
    pub max_keys: usize,
    /// The search for a primary's keys reads one of its watched replicas, where one is fit.
    pub replicas: bool,
}

/// Defaults of the embedded worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerConfig {
    /// Tasks at once.
    pub concurrency: usize,
    /// Command for real tasks; `None`: only test tasks.
    pub exec: Option<String>,
    /// TTL of its heartbeat key.
    pub heartbeat_ttl: Duration,
    /// A task that runs longer is ended and has failed; `None`: no limit.
    pub task_timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL for a command that is ended.
    pub grace: Duration,
    /// How often a failed task is tried again before it goes to the dead-letter list.
    pub retries: u32,
    /// Pause before the first retry; it doubles with each, and up to half of it is left out at random.
    pub retry_delay: Duration,
    /// The longest pause before a retry.
    pub retry_max_delay: Duration,
    /// Tasks started in a second, at most; `None`: no limit.
    pub rate: Option<f64>,
    /// Replicas waited for (WAIT) after a task was taken and after it was removed.
    pub wait_replicas: u32,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            concurrency: 1,
            exec: None,
            heartbeat_ttl: Duration::from_secs(10),
            task_timeout: None,
            grace: Duration::from_secs(2),
            retries: 0,
            retry_delay: Duration::from_secs(1),
            retry_max_delay: Duration::from_secs(300),
            rate: None,
            wait_replicas: 0,
        }
    }
}

/// Looks of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UiConfig {
    /// `dark`, `light` or `mono`.
    pub theme: Theme,
    /// Only ASCII borders and signs.
    pub ascii: bool,
    /// Take mouse events.
    pub mouse: bool,
    /// Ring the bell on a new critical finding.
    pub bell: bool,
    /// Events of this time back are in an incident report.
    pub report_span: Duration,
}

/// Colour themes, all within the terminal's 16 colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// No colours at all (also with `NO_COLOR`).
    Mono,
}

/// Themes by the names that file and environment use.
const THEMES: [(&str, Theme); 3] = [("dark", Theme::Dark), ("light", Theme::Light), ("mono", Theme::Mono)];

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            topology: Topology::default(),
            profile: None,
            production: false,
            read_only: false,
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            lock_patterns: LOCK_PATTERNS.map(String::from).to_vec(),
            lock_families: Vec::new(),
            disabled_families: Vec::new(),
            queue_patterns: QUEUE_PATTERNS.map(String::from).to_vec(),
            queues: Vec::new(),
            push: PushEnd::Left,
            queue_families: Vec::new(),
            queue_prefixes: QueuePrefixes::new(),
            canaries: Vec::new(),
            scan: ScanConfig { budget: SCAN_BUDGET, max_keys: 200_000, replicas: false },
            redact: crate::decode::DEFAULT_SECRETS.map(String::from).to_vec(),
            worker: WorkerConfig::default(),
            rules: Rules::default(),
            ui: UiConfig {
                theme: Theme::Dark,
                ascii: false,
                mouse: true,
                bell: false,
                report_span: Duration::from_secs(3600),
            },
            log: None,
            state_dir: PathBuf::new(),
            remember: true,
            warnings: Vec::new(),
            secret_variables: secrets::SECRET_VARIABLES.map(String::from).to_vec(),
        }
    }
}

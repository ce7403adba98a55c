//! The effective configuration: fully validated, no option left open. Layers: flag > environment > profile > file > default.

mod document;
pub mod endpoint;
mod environment;
mod file;
mod group;
mod layer;
mod load;
mod node;
mod password;
mod problem;
pub mod secrets;
mod show;
pub mod topology;
mod url;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::queue::PushEnd;
use crate::domain::{NodeMeta, Rules};

pub use endpoint::{Address, Endpoint, Tls};
pub use environment::Environment;
pub use load::{Loaded, load};
pub use problem::{ConfigErrors, Problem, Source};
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
    /// Ids of lock families that are neither searched for nor recognised.
    pub disabled_families: Vec<String>,
    /// Globs (Redis syntax) of queue keys.
    pub queue_patterns: Vec<String>,
    /// Queues by name, watched also while they are empty.
    pub queues: Vec<QueueConfig>,
    /// Which end producers push to where a queue does not say.
    pub push: PushEnd,
    /// Budget of the key search.
    pub scan: ScanConfig,
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
}

/// Budget of the key search.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanConfig {
    /// Share of a node's time the steady search may take, 0 to 1.
    pub budget: f64,
    /// Locks and queues kept for each node; more is shown as truncated.
    pub max_keys: usize,
}

/// Defaults of the embedded worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Tasks at once.
    pub concurrency: usize,
    /// Command for real tasks; `None`: only test tasks.
    pub exec: Option<String>,
    /// TTL of its heartbeat key.
    pub heartbeat_ttl: Duration,
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
            disabled_families: Vec::new(),
            queue_patterns: QUEUE_PATTERNS.map(String::from).to_vec(),
            queues: Vec::new(),
            push: PushEnd::Left,
            scan: ScanConfig { budget: 0.01, max_keys: 200_000 },
            worker: WorkerConfig { concurrency: 1, exec: None, heartbeat_ttl: Duration::from_secs(10) },
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
            warnings: Vec::new(),
            secret_variables: secrets::SECRET_VARIABLES.map(String::from).to_vec(),
        }
    }
}

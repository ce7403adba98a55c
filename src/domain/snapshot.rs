//! What one look at one node gave: immutable, with its age.

use std::sync::Arc;
use std::time::Duration;

use super::node::{NodeFacts, NodeStatus};
use super::{Diagnostics, Finding, GroupSnapshot, LockList, NodeId, NodeMeta, Queue, Severity, Stamp};

/// A command this user may not run there, so that a pane can say what is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denied {
    /// What it is needed for: `nodes`, `locks` or `queues`.
    pub pane: &'static str,
    /// The command, such as `INFO`.
    pub command: String,
    /// Since when that is known.
    pub since: Stamp,
}

impl Denied {
    /// What the lack weighs: without these only a detail is missing (an age, a rate), and the pane says so.
    pub fn severity(&self) -> Severity {
        match self.command.as_str() {
            "OBJECT|IDLETIME" | "EVAL_RO" | "LINDEX" | "LPOS" | "TIME" | "STRLEN" | "PUBSUB|NUMSUB"
            | "PUBSUB|SHARDNUMSUB" => Severity::Info,
            _ if self.is_diagnostic() => Severity::Info,
            _ => Severity::Unknown,
        }
    }

    /// True where only a part of a node's details is missing, which says so itself.
    pub fn is_diagnostic(&self) -> bool {
        let commands =
            ["SLOWLOG|GET", "SLOWLOG|LEN", "LATENCY|LATEST", "CLIENT|LIST", "CONFIG|GET", "COMMAND|INFO"];
        self.pane == "nodes" && commands.contains(&self.command.as_str())
    }
}

/// Which server is searched for the keys of a primary.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SearchedOn {
    /// The primary: nothing else was asked for.
    #[default]
    Itself,
    /// This replica of it, as `[scan] replicas` asks.
    Replica(NodeId),
    /// The primary, although a replica was asked for: why.
    NoReplica(&'static str),
}

impl SearchedOn {
    /// The replica.
    pub fn replica(&self) -> Option<&NodeId> {
        match self {
            Self::Replica(node) => Some(node),
            Self::Itself | Self::NoReplica(_) => None,
        }
    }
}

/// How far the search for keys has come.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ScanProgress {
    /// Complete passes over the keyspace so far. 0: the lists are not complete yet.
    pub passes: u64,
    /// Share of the current pass, 0 to 1, where the number of keys is known.
    pub share: Option<f64>,
    /// How long the last complete pass took: a new key is found at the latest after about this time.
    pub pass_time: Option<Duration>,
    /// Where it reads.
    pub on: SearchedOn,
    /// More keys matched than are kept, or such as are too long to be kept.
    pub truncated: bool,
    /// Since when.
    pub truncated_since: Option<Stamp>,
    /// Why the search stopped, if it did, escaped.
    pub error: Option<String>,
    /// Since when.
    pub error_since: Option<Stamp>,
}

/// What watching costs the server.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cost {
    /// Commands we sent per second.
    pub commands_per_sec: f64,
    /// Share of the node's time our calls took from here, 0 to 1, network included: an upper bound. What the node
    /// spends on pushes is estimated and part of it.
    pub busy_share: f64,
    /// Notices of changed keys that came per second.
    pub pushes_per_sec: f64,
}

/// How changed keys become known.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Live {
    /// The server pushes changes under `prefixes`; else all is polled.
    pub pushed: bool,
    /// Why nothing is pushed: a sentence, escaped.
    pub why: Option<String>,
    /// Beginnings of the keys whose changes are pushed.
    pub prefixes: usize,
    /// Beginnings that are polled although they could be tracked, escaped, and why.
    pub polled: Vec<(String, &'static str)>,
}

impl Live {
    /// The word JSON and the screen use.
    pub fn word(&self) -> &'static str {
        if self.pushed { "push" } else { "poll" }
    }
}

/// Figures of the last looks, oldest first; `None` where a look missed or INFO did not say.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct History {
    /// Operations per second.
    pub ops: Arc<[Option<u64>]>,
    /// Used memory, bytes.
    pub memory: Arc<[Option<u64>]>,
    /// Connected clients.
    pub clients: Arc<[Option<u64>]>,
    /// Bytes per second from the network.
    pub input: Arc<[Option<u64>]>,
    /// Bytes per second to the network.
    pub output: Arc<[Option<u64>]>,
}

/// One node as last seen. Replaced as a whole at each look.
#[derive(Clone, PartialEq, Debug)]
pub struct NodeSnapshot {
    /// Which node.
    pub meta: NodeMeta,
    /// Number of this look, rising.
    pub seq: u64,
    /// When this look ended.
    pub taken_at: Stamp,
    /// Liveness.
    pub status: NodeStatus,
    /// Round trip of PING at this look.
    pub rtt: Option<Duration>,
    /// Round trips of the last looks, microseconds, oldest first; 0 stands for a miss.
    pub rtt_history: Arc<[u64]>,
    /// Other figures of the last looks.
    pub history: History,
    /// INFO as last read.
    pub facts: Option<Arc<NodeFacts>>,
    /// When `facts` were read.
    pub facts_at: Option<Stamp>,
    /// What it tells beyond INFO.
    pub diagnostics: Arc<Diagnostics>,
    /// Offset of the server's clock against ours, milliseconds (server minus ours), RTT-corrected.
    pub clock_offset_ms: Option<i64>,
    /// What the rules say of its facts, steadied by a [`super::health::Tracker`]; counts only while it is up.
    pub health: Arc<[Finding]>,
    /// What this user may not do there.
    pub denied: Vec<Denied>,
    /// Locks, sorted by key.
    pub locks: LockList,
    /// Queues, sorted by key.
    pub queues: Arc<Vec<Arc<Queue>>>,
    /// How complete the lists are.
    pub scan: ScanProgress,
    /// What we cost it.
    pub cost: Cost,
    /// Whether changes are pushed.
    pub live: Live,
}

/// All nodes and groups as last seen, in configuration order. Cheap to clone; latest wins.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// The nodes; those of one group stand together.
    pub nodes: Arc<Vec<Arc<NodeSnapshot>>>,
    /// The groups, in the order of their nodes. A fleet of independent nodes has none.
    pub groups: Arc<Vec<Arc<GroupSnapshot>>>,
}

impl<'b> IntoIterator for &'b Board {
    type Item = &'b Arc<NodeSnapshot>;
    type IntoIter = std::slice::Iter<'b, Arc<NodeSnapshot>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Board {
    /// The nodes.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<NodeSnapshot>> {
        self.nodes.iter()
    }
}

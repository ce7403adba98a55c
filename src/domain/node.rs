//! Nodes: who they are, whether they answer, what they say of themselves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{GroupId, Stamp};

/// Name of a configured node: unique in the fleet, stable for its life, safe to show.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub Arc<str>);

impl NodeId {
    /// An id from the node's name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the configuration says of a node, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeMeta {
    /// Its name.
    pub id: NodeId,
    /// `host:port`, `[v6]:port` or a socket path, without user and password.
    pub address: String,
    /// Logical database that is watched.
    pub db: u32,
    /// The group it belongs to, if any.
    pub group: Option<GroupId>,
}

/// Does it answer? A closed list, documented in the README.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It answered the last look.
    Up,
    /// It missed at least one look, or was not yet heard at all.
    Suspect,
    /// It missed `down_after` looks in a row.
    Down,
}

/// Why a node is not up. A closed list, documented in the README.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nobody listens on the port.
    Refused,
    /// No connection in time: the packets are swallowed, or nobody accepts.
    ConnectTimeout,
    /// It accepted and stayed silent.
    Timeout,
    /// It answers, but only after the deadline.
    Slow,
    /// The host name does not resolve.
    Dns,
    /// No route to the host or network.
    Unreachable,
    /// The connection broke in the middle.
    Reset,
    /// The TLS handshake failed.
    Tls,
    /// A password is required and none was given.
    Noauth,
    /// User or password is wrong.
    Wrongpass,
    /// The user may not run a command that liveness needs.
    Noperm,
    /// It is loading its data set.
    Loading,
    /// A replica without its primary that refuses stale reads.
    Masterdown,
    /// A cluster node that serves nothing because the cluster is not whole.
    Clusterdown,
    /// It refuses writes because it can't save to disk.
    Misconf,
    /// It has no connection left for us.
    MaxClients,
    /// It refuses other hosts because no password is set.
    ProtectedMode,
    /// A script runs for too long.
    Busy,
    /// What answers there is not Redis.
    NotRedis,
    /// Some other error, told in the detail.
    Other,
    /// Not looked at yet.
    Connecting,
}

impl Reason {
    /// The word that JSON and the README use.
    pub fn code(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Timeout => "timeout",
            Self::Slow => "slow",
            Self::Dns => "dns",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Tls => "tls",
            Self::Noauth => "noauth",
            Self::Wrongpass => "wrongpass",
            Self::Noperm => "noperm",
            Self::Loading => "loading",
            Self::Masterdown => "masterdown",
            Self::Clusterdown => "clusterdown",
            Self::Misconf => "misconf",
            Self::MaxClients => "max_clients",
            Self::ProtectedMode => "protected_mode",
            Self::Busy => "busy",
            Self::NotRedis => "not_redis",
            Self::Other => "other",
            Self::Connecting => "connecting",
        }
    }

    /// The reason in plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "connection refused: nobody listens there",
            Self::ConnectTimeout => "no connection in time: packets are dropped, or nobody accepts",
            Self::Timeout => "no answer in time: frozen, overloaded, or packets are dropped",
            Self::Slow => "it answers, but too late",
            Self::Dns => "the host name does not resolve",
            Self::Unreachable => "no route to the host",
            Self::Reset => "the connection broke off",
            Self::Tls => "the TLS handshake failed",
            Self::Noauth => "a password is required",
            Self::Wrongpass => "user or password is wrong",
            Self::Noperm => "this user may not run PING",
            Self::Loading => "it is loading its data set",
            Self::Masterdown => "a replica without its primary",
            Self::Clusterdown => "the cluster is down",
            Self::Misconf => "it refuses writes: it cannot save to disk",
            Self::MaxClients => "it has no connection left (maxclients)",
            Self::ProtectedMode => "protected mode: it refuses other hosts",
            Self::Busy => "a script blocks it",
            Self::NotRedis => "what answers there is not Redis",
            Self::Other => "it answered with an error",
            Self::Connecting => "not heard yet",
        }
    }

    /// The next thing to try.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Refused => "is the server process running, and on this port?",
            Self::ConnectTimeout => "check host, firewall and route; or its accept queue is full",
            Self::Timeout => "look at the process (stopped? swapping?) and at the path to it",
            Self::Slow => "look at SLOWLOG, CPU and the network; or raise --timeout",
            Self::Dns => "check the host name and the resolver",
            Self::Unreachable => "check the route and the firewall",
            Self::Reset => "look at the server's log and at proxies between",
            Self::Tls => "check rediss:// against the port, the CA and the server name",
            Self::Noauth => "set password_env, password_file or REDISCLI_AUTH",
            Self::Wrongpass => "check user and password against ACL LIST",
            Self::Noperm => "grant the ACL line from the README",
            Self::Loading => "wait: INFO persistence tells the progress",
            Self::Masterdown => "look at its primary",
            Self::Clusterdown => "CLUSTER INFO and CLUSTER SHARDS tell which slots nobody serves",
            Self::Misconf => "look at the disk and the server's log, then BGSAVE",
            Self::MaxClients => "raise maxclients or find who leaks connections (CLIENT LIST)",
            Self::ProtectedMode => "set a password or bind, on the server",
            Self::Busy => "SCRIPT KILL on that node, if it has not written yet",
            Self::NotRedis => "check host and port",
            Self::Other => "read the detail",
            Self::Connecting => "wait for the first answer",
        }
    }
}

/// A node that goes away several times within this time is flapping.
pub const FLAP_WINDOW: Duration = Duration::from_secs(300);

/// Liveness of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeStatus {
    /// Up, suspect or down.
    pub state: NodeState,
    /// Why, unless it is up.
    pub reason: Option<Reason>,
    /// The error's own words, escaped and free of secrets.
    pub detail: Option<String>,
    /// Since when it is in this state.
    pub since: Stamp,
    /// Looks missed in a row.
    pub misses: u32,
    /// When it last answered.
    pub last_ok: Option<Stamp>,
    /// How often it went away within the last [`FLAP_WINDOW`].
    pub flaps: u32,
    /// When it first went away within that time.
    pub flapping_since: Option<Stamp>,
}

/// Role in replication.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Follows a primary.
    Replica,
    /// Watches primaries, holds no data.
    Sentinel,
}

impl Role {
    /// The word JSON uses.
    pub fn code(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Sentinel => "sentinel",
        }
    }
}

/// What INFO says. Everything may be missing: an old server, a proxy, an ACL that denies INFO.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NodeFacts {
    /// `redis`, `valkey`, `keydb`, `dragonfly`, ... as the server calls itself.
    pub engine: Option<String>,
    /// Version of that engine, escaped.
    pub version: Option<String>,
    /// Identity of the server process; changes at each start.
    pub run_id: Option<String>,
    /// Role in replication.
    pub role: Option<Role>,
    /// A node of a cluster.
    pub in_cluster: bool,
    /// `instantaneous_ops_per_sec`.
    pub ops_per_sec: Option<u64>,
    /// `used_memory`, bytes.
    pub used_memory: Option<u64>,
    /// `maxmemory`, bytes; 0 means no limit.
    pub maxmemory: Option<u64>,
    /// `maxmemory_policy`.
    pub maxmemory_policy: Option<String>,
    /// `connected_clients`.
    pub connected_clients: Option<u64>,
    /// `maxclients`.
    pub maxclients: Option<u64>,
    /// `blocked_clients`.
    pub blocked_clients: Option<u64>,
    /// `uptime_in_seconds`.
    pub uptime: Option<Duration>,
    /// `connected_slaves`.
    pub connected_replicas: Option<u64>,
    /// Replica only: `host:port` of its primary, escaped.
    pub primary_address: Option<String>,
    /// Replica only: `master_link_status` is `up`.
    pub primary_link_up: Option<bool>,
    /// Replica only: `master_link_down_since_seconds`.
    pub primary_link_down: Option<Duration>,
    /// Keys in the watched database, from `db0:keys=...`; 0 when INFO lists other databases only.
    pub keys: Option<u64>,
    /// `loading:1`.
    pub loading: bool,
    /// `loading_loaded_perc`, 0 to 100; only while loading.
    pub loading_percent: Option<f64>,
    /// `loading_eta_seconds`; only while loading.
    pub loading_eta: Option<Duration>,
    /// `total_system_memory`, bytes.
    pub total_memory: Option<u64>,
    /// `mem_fragmentation_ratio`: resident over used memory.
    pub fragmentation: Option<f64>,
    /// `evicted_keys` since the start.
    pub evicted_keys: Option<u64>,
    /// `rejected_connections` since the start.
    pub rejected_connections: Option<u64>,
    /// `client_output_buffer_limit_disconnections` since the start.
    pub output_buffer_disconnects: Option<u64>,
    /// From `errorstat_...`: how often writes were refused since the start.
    pub refused: Option<RefusedWrites>,
    /// Denials by ACL that were not ours: sum of `acl_access_denied_...` since the start; of errors NOPERM and WRONGPASS where it is too old for them.
    pub acl_denied: Option<u64>,
    /// `rdb_last_bgsave_status` is `ok`.
    pub bgsave_ok: Option<bool>,
    /// `aof_last_write_status` is `ok`.
    pub aof_write_ok: Option<bool>,
    /// `aof_last_bgrewrite_status` is `ok`.
    pub aof_rewrite_ok: Option<bool>,
    /// `aof_enabled`.
    pub aof_enabled: Option<bool>,
    /// `rdb_saves` since the start.
    pub rdb_saves: Option<u64>,
    /// `rdb_last_save_time`, seconds since the epoch on the server's clock.
    pub rdb_last_save: Option<u64>,
    /// `rdb_changes_since_last_save`.
    pub rdb_changes: Option<u64>,
    /// `sync_full`: complete resynchronisations of replicas since the start.
    pub full_syncs: Option<u64>,
    /// Primary only: the largest `lag=` of its replicas.
    pub replica_lag: Option<Duration>,
    /// `master_replid`: the history of the data set, the same on a primary and on those that follow it.
    pub replication_id: Option<String>,
    /// `master_repl_offset`: bytes of the replication stream so far.
    pub offset: Option<u64>,
    /// Its replicas as it sees them, the first [`MOST_REPLICAS`].
    pub replicas: Vec<ReplicaLink>,
    /// Replica only: `slave_repl_offset`, what it has taken in of its primary's stream.
    pub replica_offset: Option<u64>,
    /// Replica only: `master_last_io_seconds_ago`.
    pub primary_heard: Option<Duration>,
    /// Replica only: `master_sync_in_progress`.
    pub syncing: Option<bool>,
    /// `used_memory_peak`, bytes.
    pub used_memory_peak: Option<u64>,
    /// `instantaneous_input_kbps`: KiB a second from the network.
    pub input_kbps: Option<f64>,
    /// `instantaneous_output_kbps`.
    pub output_kbps: Option<f64>,
    /// `latest_fork_usec`; zero: it did not fork yet.
    pub latest_fork: Option<Duration>,
    /// All databases with keys, the first [`MOST_DATABASES`]; `None` where INFO says nothing of them.
    pub keyspace: Option<Vec<Database>>,
    /// CPU time of the thread that runs commands, seconds since the start.
    pub main_thread_cpu: Option<f64>,
}

impl NodeFacts {
    /// Bytes that a replica of this primary lacks, as far as it told; `None` where either offset is unknown.
    pub fn behind(&self, replica: &ReplicaLink) -> Option<u64> {
        Some(self.offset?.saturating_sub(replica.offset?))
    }
}

/// Replicas of one primary that are kept.
pub const MOST_REPLICAS: usize = 32;
/// Databases of one server that are kept.
pub const MOST_DATABASES: usize = 64;

/// A replica as its primary sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaLink {
    /// `host:port`, escaped.
    pub address: String,
    /// `online`, or how far its first copy is, escaped.
    pub state: String,
    /// Up to where it acknowledged the stream.
    pub offset: Option<u64>,
    /// Since when it was not heard.
    pub lag: Option<Duration>,
}

/// A database with keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Database {
    /// Its number.
    pub db: u32,
    /// Keys.
    pub keys: u64,
    /// Keys with a TTL.
    pub expires: Option<u64>,
}

/// Writes refused since the server's start, by the error's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RefusedWrites {
    /// `OOM`: memory is full and nothing may be evicted.
    pub oom: u64,
    /// `MISCONF`: it can't save to disk.
    pub misconf: u64,
    /// `READONLY`: somebody writes to a replica.
    pub readonly: u64,
    /// `NOREPLICAS`: fewer replicas than `min-replicas-to-write`.
    pub noreplicas: u64,
    /// `CLUSTERDOWN`: the cluster is not whole.
    pub clusterdown: u64,
}

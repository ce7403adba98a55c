//! Nodes: who they are, whether they answer, what they say of themselves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Stamp;

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
    /// It accepted, or the packet was swallowed, and no answer came in time.
    Timeout,
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
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Tls => "tls",
            Self::Noauth => "noauth",
            Self::Wrongpass => "wrongpass",
            Self::Noperm => "noperm",
            Self::Loading => "loading",
            Self::Masterdown => "masterdown",
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
            Self::Timeout => "no answer in time: frozen, overloaded, or packets are dropped",
            Self::Dns => "the host name does not resolve",
            Self::Unreachable => "no route to the host",
            Self::Reset => "the connection broke off",
            Self::Tls => "the TLS handshake failed",
            Self::Noauth => "a password is required",
            Self::Wrongpass => "user or password is wrong",
            Self::Noperm => "this user may not run PING",
            Self::Loading => "it is loading its data set",
            Self::Masterdown => "a replica without its primary",
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
            Self::Timeout => "look at the process (stopped? swapping?) and at the path to it",
            Self::Dns => "check the host name and the resolver",
            Self::Unreachable => "check the route and the firewall",
            Self::Reset => "look at the server's log and at proxies between",
            Self::Tls => "check rediss:// against the port, the CA and the server name",
            Self::Noauth => "set password_env, password_file or REDISCLI_AUTH",
            Self::Wrongpass => "check user and password against ACL LIST",
            Self::Noperm => "grant the ACL line from the README",
            Self::Loading => "wait: INFO persistence tells the progress",
            Self::Masterdown => "look at its primary",
            Self::MaxClients => "raise maxclients or find who leaks connections (CLIENT LIST)",
            Self::ProtectedMode => "set a password or bind, on the server",
            Self::Busy => "SCRIPT KILL on that node, if it has not written yet",
            Self::NotRedis => "check host and port",
            Self::Other => "read the detail",
            Self::Connecting => "wait for the first answer",
        }
    }
}

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
}

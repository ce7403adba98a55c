//! What a node tells of itself beyond INFO: slow commands, latency events, clients, configuration, features.
//!
//! Read rarely and bounded. Arguments of anybody's commands are not in here: they may be payloads or passwords.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Bytes, Stamp};

/// Parameters that are read with CONFIG GET: what matters to locks, queues and whoever looks for trouble. None of
/// them can hold a secret.
pub const PARAMETERS: [&str; 20] = [
    "maxmemory",
    "maxmemory-policy",
    "maxclients",
    "save",
    "appendonly",
    "appendfsync",
    "stop-writes-on-bgsave-error",
    "min-replicas-to-write",
    "min-replicas-max-lag",
    "repl-backlog-size",
    "replica-read-only",
    "replica-serve-stale-data",
    "timeout",
    "tcp-keepalive",
    "client-output-buffer-limit",
    "protected-mode",
    "notify-keyspace-events",
    "slowlog-log-slower-than",
    "slowlog-max-len",
    "latency-monitor-threshold",
];

/// Commands that not every server has and that something of ours rests on, with what they are for. Probed with
/// COMMAND INFO, never guessed from a version.
pub const FEATURES: [(&str, &str); 8] = [
    ("EVAL_RO", "queue rates without the right to write"),
    ("LPOS", "in and out rates of lists"),
    ("LMOVE", "the worker's hand-over"),
    ("BLMOVE", "a worker that waits"),
    ("WATCH", "releases without scripts"),
    ("MEMORY", "test tasks without scripts"),
    ("XINFO", "streams"),
    ("CLIENT|NO-TOUCH", "looking without resetting idle times"),
];

/// A part of what a node tells, or why it is not known. Unknown is never 0 and never empty.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Told<T> {
    /// Not read yet.
    #[default]
    NotYet,
    /// This user may not run that command.
    NotPermitted(&'static str),
    /// The server does not know that command.
    Unsupported(&'static str),
    /// Not asked for, because the answer would cost the server too much.
    Withheld(&'static str),
    /// As last read.
    Known(T),
}

impl<T> Told<T> {
    /// What is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Why nothing is known, in words.
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::NotYet => Some("not read yet".into()),
            Self::NotPermitted(command) => Some(format!("not permitted ({command})")),
            Self::Unsupported(command) => Some(format!("it does not know {command}")),
            Self::Withheld(why) => Some((*why).into()),
        }
    }

    /// The command that is not permitted.
    pub fn denied(&self) -> Option<&'static str> {
        match self {
            Self::NotPermitted(command) => Some(command),
            _ => None,
        }
    }
}

/// See the module. Replaced as a whole when something was read again.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Diagnostics {
    /// When slow log, latency events and configuration were last asked for.
    pub read_at: Option<Stamp>,
    /// Slow commands.
    pub slowlog: Told<SlowLog>,
    /// Latency events, worst first; empty also where the server records none.
    pub latency: Told<Vec<LatencyEvent>>,
    /// When the clients were last asked for.
    pub clients_at: Option<Stamp>,
    /// Who is connected.
    pub clients: Told<Clients>,
    /// Parameters of [`PARAMETERS`] that the server has, escaped.
    pub config: Told<BTreeMap<&'static str, String>>,
    /// Which of [`FEATURES`] the server has.
    pub features: Told<Vec<(&'static str, bool)>>,
    /// What the server says of itself to HELLO.
    pub hello: Told<Hello>,
}

impl Diagnostics {
    /// A parameter of the configuration.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.config.known()?.get(name).map(String::as_str)
    }

    /// Commands that this user may not run.
    pub fn denied(&self) -> impl Iterator<Item = &'static str> {
        [
            self.slowlog.denied().or_else(|| {
                let log = self.slowlog.known()?;
                log.len.is_none().then_some("SLOWLOG|LEN")
            }),
            self.latency.denied(),
            self.clients.denied(),
            self.config.denied(),
            self.features.denied(),
        ]
        .into_iter()
        .flatten()
    }
}

/// The server's log of slow commands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SlowLog {
    /// How many it holds; `None`: not permitted.
    pub len: Option<u64>,
    /// The newest, newest first, at most ten.
    pub newest: Vec<SlowCommand>,
}

impl SlowLog {
    /// How many commands were logged since the server's start: ids count from 0 and survive SLOWLOG RESET.
    pub fn logged(&self) -> Option<u64> {
        self.newest.iter().map(|c| c.id + 1).max()
    }
}

/// One slow command, without its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlowCommand {
    /// Its number since the server's start.
    pub id: u64,
    /// When it ran, seconds since the epoch on the server's clock.
    pub at: u64,
    /// How long the server was busy with it.
    pub took: Duration,
    /// Its name, with the subcommand where that is a known word.
    pub command: String,
    /// Its first key, cut, where it is known to be a key.
    pub key: Option<Bytes>,
    /// How many arguments it had.
    pub arguments: u64,
    /// Host of the client, escaped; `None` where the server does not say.
    pub host: Option<String>,
}

/// A kind of latency spike that the server recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LatencyEvent {
    /// Its name, such as `command` or `fork`, escaped.
    pub event: String,
    /// When it last happened, seconds since the epoch on the server's clock.
    pub at: u64,
    /// How long it took the last time.
    pub latest: Duration,
    /// The longest ever.
    pub most: Duration,
}

/// Who is connected, from one CLIENT LIST.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clients {
    /// Clients in all.
    pub count: u64,
    /// Of those, blocked in a command that waits.
    pub blocked: u64,
    /// Bytes that wait in output buffers.
    pub output: u64,
    /// How many groups there are.
    pub groups: u64,
    /// The groups with most clients, most output and most blocked ones; largest first, bounded.
    pub top: Vec<ClientGroup>,
}

/// Clients of one name from one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientGroup {
    /// Their CLIENT SETNAME, escaped and cut; empty without one.
    pub name: String,
    /// Host, escaped; `unix socket` for those.
    pub host: String,
    /// How many.
    pub count: u64,
    /// Of those, blocked.
    pub blocked: u64,
    /// Bytes in their output buffers.
    pub output: u64,
}

/// What HELLO answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Name of the server, escaped.
    pub server: String,
    /// Its version, escaped.
    pub version: String,
    /// Protocol spoken on our connection, 2 or 3.
    pub protocol: u8,
    /// `standalone`, `cluster` or `sentinel`, escaped.
    pub mode: String,
}

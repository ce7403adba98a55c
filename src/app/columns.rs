//! The columns of each panel: title, name on the `:sort` line, and what a row is sorted by.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::command::Panel;
use super::state::Sort;
use crate::domain::fleet::FleetNode;
use crate::domain::lock::Ttl;
use crate::domain::node::NodeFacts;
use crate::domain::queue::Drain;
use crate::domain::stale;
use crate::domain::{FleetView, Lock, Queue, Rules, Severity};

/// What a row is sorted by; borrowed, so that nothing is allocated for each row or compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortKey<'a> {
    /// The row's place in the fleet's own list (configuration order, or by key).
    Position,
    /// A figure.
    Number(u64),
    /// Text or raw bytes.
    Bytes(&'a [u8]),
    /// Not known: last in either direction.
    Unknown,
}

impl SortKey<'_> {
    /// The order of two rows; rows that are equal here are told apart by their place in the fleet's list.
    pub fn compare(self, other: Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Unknown, Self::Unknown) => return Ordering::Equal,
            (Self::Unknown, _) => return Ordering::Greater,
            (_, Self::Unknown) => return Ordering::Less,
            (Self::Number(a), Self::Number(b)) => a.cmp(&b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            // One column gives one kind only.
            _ => Ordering::Equal,
        };
        if descending { order.reverse() } else { order }
    }

    fn number(value: Option<u64>) -> Self {
        value.map_or(Self::Unknown, Self::Number)
    }

    fn duration(value: Option<Duration>) -> Self {
        value.map_or(Self::Unknown, |d| Self::Number(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn rate(value: Option<f64>) -> Self {
        // Maps floats to integers of the same order.
        value.map_or(Self::Unknown, |f| {
            let bits = f.to_bits();
            Self::Number(if bits >> 63 == 1 { !bits } else { bits | (1 << 63) })
        })
    }
}

/// What a sort key may depend on beside the row.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Thresholds.
    pub rules: &'a Rules,
    /// The moment.
    pub now: Instant,
    /// What stands beside the row.
    pub fleet: &'a FleetView,
}

/// One column of a panel.
#[derive(Clone, Copy, Debug)]
pub struct Column<T> {
    /// Heading, in capitals as drawn.
    pub title: &'static str,
    /// Name on the `:sort` line.
    pub name: &'static str,
    /// Largest first when the column is chosen: what the person on call looks for stands on top.
    pub descending: bool,
    /// The order of locks may change by time alone, beyond what their state says.
    pub timed: bool,
    /// What a row is sorted by.
    pub key: for<'a> fn(&'a T, At<'_>) -> SortKey<'a>,
}

macro_rules! column {
    ($title:literal, $name:literal, $descending:literal, $key:expr) => {
        Column { title: $title, name: $name, descending: $descending, timed: false, key: $key }
    };
}

/// Nodes; the first column keeps the order of the configuration.
pub const NODES: &[Column<FleetNode>] = &[
    column!("NODE", "node", false, |_, _| SortKey::Position),
    column!("STATE", "state", true, |n, _| SortKey::Number(n.snapshot.status.state as u64)),
    column!("RTT", "rtt", true, |n, _| SortKey::duration(n.snapshot.rtt)),
    column!("ROLE", "role", false, |n, _| fact(n, |f| f.role.map(|r| r as u64))),
    column!("VERSION", "version", false, |n, _| {
        n.snapshot
            .facts
            .as_ref()
            .and_then(|f| f.version.as_ref())
            .map_or(SortKey::Unknown, |v| SortKey::Bytes(v.as_bytes()))
    }),
    column!("OPS/S", "ops", true, |n, _| fact(n, |f| f.ops_per_sec)),
    column!("MEMORY", "memory", true, |n, _| fact(n, |f| f.used_memory)),
    column!("CLIENTS", "clients", true, |n, _| fact(n, |f| f.connected_clients)),
    column!("BLOCKED", "blocked", true, |n, _| fact(n, |f| f.blocked_clients)),
    column!("UPTIME", "uptime", false, |n, _| fact(n, |f| f.uptime.map(|u| u.as_secs()))),
];

/// Locks.
pub const LOCKS: &[Column<Lock>] = &[
    column!("STATE", "state", true, |l, at| SortKey::Number(l.severity(at.rules, at.now) as u64)),
    column!("KEY", "key", false, |_, _| SortKey::Position),
    column!("NODE", "node", false, |l, _| SortKey::Bytes(l.id.node.as_str().as_bytes())),
    column!("HOLDER", "holder", false, |l, _| match (&l.holder, l.token.known()) {
        (Some(holder), _) => SortKey::Bytes(holder.as_bytes()),
        (None, Some(token)) => SortKey::Bytes(token.as_slice()),
        (None, None) => SortKey::Unknown,
    }),
    column!("TTL", "ttl", false, |l, at| match l.ttl {
        Ttl::Never => SortKey::Number(u64::MAX),
        _ => SortKey::duration(l.ttl_left(at.now)),
    }),
    column!("AGE", "age", true, |l, at| SortKey::duration(l.age(at.now))),
    column!("WAITERS", "waiters", true, |l, _| SortKey::number(l.waiters)),
    column!("FAMILY", "family", false, |l, _| SortKey::Bytes(l.family.as_bytes())),
    Column {
        timed: true,
        ..column!("STALE", "stale", true, |l, at| {
            SortKey::Number(u64::from(stale::score(l, at.rules, at.now)))
        })
    },
    Column {
        timed: true,
        ..column!("ALIVE", "alive", true, |l, at| SortKey::Number(l.holder_state(at.now) as u64))
    },
    column!("QUORUM", "quorum", true, |l, at| SortKey::number(votes(l, at).map(|n| n as u64))),
];

/// Queues.
pub const QUEUES: &[Column<Queue>] = &[
    column!("STATE", "state", true, |q, at| SortKey::Number(match q.drain(at.rules, at.now) {
        Drain::Growing(_) | Drain::Stalled => Severity::Warning as u64,
        Drain::Unknown => Severity::Unknown as u64,
        Drain::Idle | Drain::Drains(_) | Drain::Steady => Severity::Info as u64,
    })),
    column!("QUEUE", "key", false, |_, _| SortKey::Position),
    column!("NODE", "node", false, |q, _| SortKey::Bytes(q.id.node.as_str().as_bytes())),
    column!("WAITING", "waiting", true, |q, _| SortKey::number(q.waiting)),
    column!("IN/S", "in", true, |q, _| SortKey::rate(q.rates.incoming)),
    column!("OUT/S", "out", true, |q, _| SortKey::rate(q.rates.outgoing)),
    column!("NET/S", "net", true, |q, _| SortKey::rate(q.rates.net)),
    column!("OLDEST", "oldest", true, |q, at| SortKey::duration(q.oldest_age(at.now))),
];

/// How many voters of its quorum hold a lock; `None`: it is of no quorum.
pub fn votes(lock: &Lock, at: At<'_>) -> Option<usize> {
    let quorum = at.fleet.quorum_of(lock, at.now)?;
    Some(quorum.locks_of(&lock.token, at.now).count())
}

fn fact(node: &FleetNode, figure: impl Fn(&NodeFacts) -> Option<u64>) -> SortKey<'_> {
    SortKey::number(node.snapshot.facts.as_ref().and_then(|f| figure(f)))
}

/// The order a panel starts with: nodes as configured, locks and queues worst first and then by key.
pub fn default_sort(panel: Panel) -> Sort {
    match panel {
        Panel::Locks | Panel::Queues => Sort { column: 0, descending: true },
        Panel::Nodes | Panel::Worker => Sort::default(),
    }
}

/// Names of a panel's columns on the `:sort` line, in order; with the direction each starts with.
pub fn names(panel: Panel) -> Vec<(&'static str, bool)> {
    match panel {
        Panel::Nodes => NODES.iter().map(|c| (c.name, c.descending)).collect(),
        Panel::Locks => LOCKS.iter().map(|c| (c.name, c.descending)).collect(),
        Panel::Queues => QUEUES.iter().map(|c| (c.name, c.descending)).collect(),
        Panel::Worker => Vec::new(),
    }
}

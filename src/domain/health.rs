//! Verdicts over one node: a small set of rules, one file each. Pure.
//!
//! A rule looks at one `Sample` and says how bad it is, in a sentence with the figures. [`Tracker`] keeps what
//! rules need to remember and sees to it that nothing flickers. What INFO does not say gives no verdict: that it
//! may not be read is a finding of its own.

mod access;
mod acl;
mod clients;
mod clock;
pub mod config;
mod cpu;
mod eviction;
mod fork;
mod fragmentation;
mod latency;
mod latency_events;
mod limit;
mod liveness;
mod memory;
mod output_buffers;
mod persistence;
mod rejected;
mod replica_count;
mod replica_lag;
mod replication_link;
mod restart;
mod resync;
pub(in crate::domain) mod slot;
mod slowlog;
mod tracker;
mod writes;

use std::time::{Duration, Instant};

use super::node::{NodeFacts, NodeState};
use super::{Finding, NodeSnapshot, Rules, Severity, Stamp};

pub use tracker::Tracker;

/// All rules that judge what a node says of itself.
pub const RULES: [Rule; 22] = [
    memory::RULE,
    limit::RULE,
    eviction::RULE,
    writes::RULE,
    replication_link::RULE,
    replica_count::RULE,
    replica_lag::RULE,
    resync::RULE,
    clients::RULE,
    rejected::RULE,
    output_buffers::RULE,
    persistence::RULE,
    restart::RULE,
    clock::RULE,
    latency::RULE,
    slowlog::RULE,
    latency_events::RULE,
    cpu::RULE,
    fork::RULE,
    fragmentation::RULE,
    acl::RULE,
    config::RULE,
];

/// Codes of the findings that no rule of [`RULES`] gives: liveness and what could not be read.
pub const OTHER_CODES: [&str; 8] =
    ["connecting", "suspect", "down", "flapping", "stale", "not-permitted", "scan", "truncated"];

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable word for scripts, kebab-case.
    pub code: &'static str,
    /// The next thing to try.
    pub remedy: &'static str,
    /// It counts events or settings, which don't flicker: a single sample is enough to show it.
    pub at_once: bool,
    judge: fn(&Sample<'_>) -> Option<(Severity, String)>,
}

/// What surrounds a node, from the other nodes and from the poller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Around {
    /// Median of the clocks of all nodes that are up, against ours, milliseconds; `None` with fewer than two.
    pub clock_median_ms: Option<i64>,
}

/// What a rule may need to remember of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Memory {
    /// Longest TTL that a lock had there.
    longest_ttl: Option<Duration>,
    /// Shortest TTL, as first seen, of the locks held now.
    shortest_ttl: Option<Duration>,
    /// When it restarted while it was watched.
    restarted: Option<Stamp>,
    /// Most replicas lately, and when they were last seen.
    most_replicas: Option<(u64, Stamp)>,
    /// How many commands were logged as slow, and within which time.
    slow: Option<(u64, Duration)>,
}

/// Time of the last fork for each GiB of used memory; `None` where either is unknown, or
/// where there is too little memory for that to say anything.
pub fn fork_per_gib(facts: &NodeFacts) -> Option<Duration> {
    fork::per_gib(facts)
}

/// What a rule looks at.
struct Sample<'a> {
    node: &'a NodeSnapshot,
    facts: &'a NodeFacts,
    /// Facts of the same process from up to a minute before, and how long before.
    earlier: Option<(&'a NodeFacts, Duration)>,
    memory: &'a Memory,
    around: &'a Around,
    rules: &'a Rules,
}

impl Sample<'_> {
    /// How much a counter grew within the window. `None`: not known.
    fn grown(&self, counter: impl Fn(&NodeFacts) -> Option<u64>) -> Option<u64> {
        let (earlier, _) = self.earlier?;
        // CONFIG RESETSTAT sets counters back.
        Some(counter(self.facts)?.saturating_sub(counter(earlier)?))
    }

    /// The window in words.
    fn window(&self) -> String {
        super::stamp::short(self.earlier.map_or(Duration::ZERO, |(_, window)| window))
    }
}

impl NodeSnapshot {
    /// Findings of this node alone: liveness, what it says of itself, what is not permitted. Info is for its
    /// details and counts in no verdict.
    pub fn findings(&self, rules: &Rules, now: Instant) -> Vec<Finding> {
        let mut out = liveness::findings(self, rules, now);
        if self.status.state == NodeState::Up {
            out.extend(self.health.iter().cloned());
        }
        out.extend(access::findings(self));
        out
    }
}

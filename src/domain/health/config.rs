//! Settings that bite one day where locks or queues are: opinions, so they only inform.

use super::{Rule, Sample};
use crate::domain::node::Role;
use crate::domain::{NodeSnapshot, Severity};

/// See the module.
pub(super) const RULE: Rule =
    Rule { code: "config-hazards", remedy: "its details say for each what to set", at_once: true, judge };

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let told: Vec<String> = hazards(sample.node).into_iter().map(|h| h.why).collect();
    (!told.is_empty()).then(|| (Severity::Info, told.join("; ")))
}

/// A setting and what it may lead to.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Hazard {
    /// The parameter, as CONFIG names it.
    pub parameter: &'static str,
    /// What it leads to, escaped.
    pub why: String,
    /// What to set instead.
    pub remedy: &'static str,
}

/// Hazards in the configuration of a node; none where it may not be read.
pub fn hazards(node: &NodeSnapshot) -> Vec<Hazard> {
    let config = |name: &str| node.diagnostics.parameter(name);
    let number = |name: &str| config(name).and_then(|v| v.parse::<i64>().ok());
    let facts = node.facts.as_deref();
    let is_replica = facts.and_then(|f| f.role) == Some(Role::Replica);
    let (locks, queues) = (!node.locks.is_empty(), !node.queues.is_empty());
    let mut out = Vec::new();
    let mut add = |parameter, why: String, remedy| out.push(Hazard { parameter, why, remedy });
    let saves = config("save").is_some_and(|v| !v.is_empty());
    match (config("save"), config("appendonly")) {
        (Some(""), Some("no")) if locks || queues => {
            let held = match (locks, queues) {
                (true, true) => "locks and queues",
                (true, false) => "locks",
                _ => "queues",
            };
            let why = format!("nothing is written to disk: {held} are gone after a restart");
            add("appendonly", why, "appendonly yes; else let the longest lock TTL pass after each restart");
        }
        _ => {}
    }
    if config("appendonly") == Some("yes") && config("appendfsync") == Some("no") {
        let why = "the system decides when the AOF reaches the disk: a crash may lose half a minute".into();
        add("appendfsync", why, "appendfsync everysec");
    }
    if saves && config("stop-writes-on-bgsave-error") == Some("no") {
        let why = "writes go on while saving fails".into();
        add("stop-writes-on-bgsave-error", why, "stop-writes-on-bgsave-error yes");
    }
    let has_replicas = facts.and_then(|f| f.connected_replicas).is_some_and(|n| n > 0);
    if has_replicas && locks && number("min-replicas-to-write") == Some(0) {
        let why =
            "a write counts before any replica has it: a failover may give a lock to a second holder".into();
        add("min-replicas-to-write", why, "min-replicas-to-write 1 with min-replicas-max-lag 10");
    }
    if is_replica && config("replica-read-only") == Some("no") {
        let why = "this replica takes writes, and loses them at its next full copy".into();
        add("replica-read-only", why, "replica-read-only yes");
    }
    if number("tcp-keepalive") == Some(0) {
        let why =
            "vanished clients are never noticed: they count as connected, and as waiting workers".into();
        add("tcp-keepalive", why, "tcp-keepalive 300");
    }
    if let Some(seconds) = number("timeout").filter(|s| *s > 0 && *s < 60) {
        let why = format!("clients that are idle for {seconds} s are cut off, workers between two tasks too");
        add("timeout", why, "timeout 0, with tcp-keepalive");
    }
    if config("protected-mode") == Some("no") {
        let why =
            "protected mode is off: without a password whoever reaches the port may do everything".into();
        add("protected-mode", why, "protected-mode yes, or make sure that the default user has a password");
    }
    match number("slowlog-log-slower-than") {
        Some(..0) => {
            add(
                "slowlog-log-slower-than",
                "slow commands are not logged".into(),
                "slowlog-log-slower-than 10000",
            );
        }
        Some(0) => add(
            "slowlog-log-slower-than",
            "every command is logged as slow: the slow ones are lost among them".into(),
            "slowlog-log-slower-than 10000",
        ),
        _ => {}
    }
    if number("latency-monitor-threshold") == Some(0) {
        let why = "latency events are not recorded".into();
        add("latency-monitor-threshold", why, "latency-monitor-threshold 100");
    }
    out
}

//! Eviction on a node that holds locks or queues: they vanish silently.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "eviction",
    remedy: "set maxmemory-policy noeviction there, or keep locks and queues on a node of their own",
    at_once: true,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let facts = sample.facts;
    let policy = facts.maxmemory_policy.as_deref().filter(|policy| *policy != "noeviction")?;
    facts.maxmemory.filter(|max| *max > 0)?;
    let (locks, queues) = (sample.node.locks.len(), sample.node.queues.len());
    // volatile-... evicts only keys with a TTL: locks, but no queues.
    let held = match (locks, queues) {
        (1.., 1..) if !policy.starts_with("volatile-") => "locks and queues",
        (1.., _) => "locks",
        (0, 1..) if !policy.starts_with("volatile-") => "queues",
        _ => return None,
    };
    let evicted = sample.grown(|f| f.evicted_keys).filter(|n| *n > 0);
    Some(match evicted {
        Some(n) => (
            Severity::Critical,
            format!("{n} keys evicted within {} on a node that holds {held} ({policy})", sample.window()),
        ),
        None => {
            (Severity::Warning, format!("it holds {held}, and {policy} may evict them when memory is full"))
        }
    })
}

//! Slots that nobody serves, or whose primary is failing: part of the keyspace refuses writes.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;
use crate::domain::slots::told;

/// See the module. The thresholds are redis-mixin's: any slot counts.
pub(super) const RULE: GroupRule = GroupRule {
    code: "slots-uncovered",
    remedy: "redis-cli --cluster check HOST:PORT; a shard without primary needs CLUSTER FAILOVER TAKEOVER on a replica",
    at_once: true,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    let facts = sample.group.cluster()?;
    // Some views leave out the slots of a shard without primary: that is a shard that failed, too.
    let gaps = facts.uncovered();
    if !gaps.is_empty() {
        let count: u32 = gaps.iter().map(|r| r.count()).sum();
        return Some((Severity::Critical, format!("{count} slots are served by nobody ({})", told(&gaps))));
    }
    let count = facts.slots_failed();
    if count > 0 {
        let dead = facts.failed();
        let which = if dead.is_empty() { String::new() } else { format!(" ({})", told(&dead)) };
        return Some((Severity::Critical, format!("the primary of {count} slots failed{which}")));
    }
    let pfail = facts.slots_pfail.filter(|n| *n > 0)?;
    Some((Severity::Warning, format!("the primary of {pfail} slots may be failing")))
}

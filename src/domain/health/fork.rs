//! What a fork costs: the server stands still at every save and every full copy to a replica. Redis' documentation
//! measures about 10 ms per GB on a healthy machine and 240 ms on an old virtual one.

use super::{Rule, Sample};
use crate::domain::Severity;
use std::time::Duration;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "fork",
    remedy: "switch transparent huge pages off, save on a replica, or split the data over several nodes",
    at_once: true,
    judge,
};

const GIB: f64 = 1_073_741_824.0;
/// Below this, what a fork costs beside copying page tables rules the figure.
const LEAST: u64 = 256 << 20;
/// A stall of that length is worth a word whatever the size.
const LONG: Duration = Duration::from_secs(1);

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let took = sample.facts.latest_fork?;
    let per_gib = per_gib(sample.facts);
    let dear = per_gib.is_some_and(|cost| cost > sample.rules.fork_above);
    if !dear && took < LONG {
        return None;
    }
    let each = per_gib.map(|cost| format!(", {:.0} ms per GiB", cost.as_secs_f64() * 1000.0));
    let words = format!(
        "the last fork stopped it for {:.0} ms{}",
        took.as_secs_f64() * 1000.0,
        each.unwrap_or_default()
    );
    Some((if dear { Severity::Warning } else { Severity::Info }, words))
}

/// Time of the last fork for each GiB of used memory; `None` where either is unknown, and on small instances, where
/// it says nothing. The memory is today's: a fork of long ago may have been of less.
pub(super) fn per_gib(facts: &crate::domain::node::NodeFacts) -> Option<Duration> {
    let used = facts.used_memory.filter(|used| *used >= LEAST)?;
    Some(facts.latest_fork?.mul_f64(GIB / used as f64))
}

//! A clock that differs from the fleet's: TTLs and Redlock's arithmetic rest on clocks.

use super::{Rule, Sample};
use crate::domain::Severity;
use crate::domain::stamp::short;
use std::time::Duration;

/// See the module.
pub(super) const RULE: Rule =
    Rule { code: "clock-skew", remedy: "look at NTP or chrony on that machine", at_once: false, judge };

/// Below this, machines that keep time by NTP differ anyway.
const LEAST: Duration = Duration::from_millis(100);
/// Where there are no locks only the age of things is wrong.
const WITHOUT_LOCKS: Duration = Duration::from_secs(1);

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let median = sample.around.clock_median_ms?;
    let off = sample.node.clock_offset_ms?.saturating_sub(median);
    // What the round trip may have added.
    let error = sample.node.rtt?.as_millis() as u64;
    let skew = Duration::from_millis(off.unsigned_abs().saturating_sub(error));
    let (bound, why) = match sample.memory.shortest_ttl {
        Some(ttl) => {
            let share = ttl.mul_f64(sample.rules.skew_share).max(LEAST);
            (share, format!("; safe for the shortest lock TTL ({}) is {}", short(ttl), short(share)))
        }
        None => (WITHOUT_LOCKS, String::new()),
    };
    let whose = if sample.node.meta.group.is_some() { "its group's" } else { "the fleet's" };
    (skew > bound).then(|| (Severity::Warning, format!("its clock is {off:+} ms off {whose} median{why}")))
}

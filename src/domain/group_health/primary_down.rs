//! Sentinels say that the primary is down, or a failover runs.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "primary-down",
    remedy: "wait for the failover; if none comes, SENTINEL CKQUORUM and the log of a Sentinel tell why",
    at_once: true,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    let facts = sample.group.sentinel()?;
    let has = |flag: &str| facts.flags.iter().any(|f| f == flag);
    let name = facts.primary.as_ref().map(|p| format!(" {p}")).unwrap_or_default();
    if has("failover_in_progress") || has("force_failover") {
        return Some((Severity::Critical, format!("a failover from the primary{name} is in progress")));
    }
    if has("o_down") {
        return Some((Severity::Critical, format!("the Sentinels agree that the primary{name} is down")));
    }
    has("s_down").then(|| (Severity::Warning, format!("a Sentinel does not hear the primary{name}")))
}

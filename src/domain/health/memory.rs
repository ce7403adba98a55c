//! Used memory near its limit: next come refused writes or evictions. 70 and 90 %: Datadog's monitors.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "memory",
    remedy: "raise maxmemory, or find what grows: INFO memory, redis-cli --bigkeys",
    at_once: false,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let (used, max) = (sample.facts.used_memory?, sample.facts.maxmemory.filter(|max| *max > 0)?);
    let percent = used.saturating_mul(100) / max;
    let severity = if percent >= u64::from(sample.rules.memory_critical) {
        Severity::Critical
    } else if percent >= u64::from(sample.rules.memory_warning) {
        Severity::Warning
    } else {
        return None;
    };
    Some((severity, format!("memory {percent} % of maxmemory")))
}

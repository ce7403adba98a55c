//! No maxmemory: the kernel sets the limit, by killing the process.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "no-maxmemory",
    remedy: "set maxmemory below what the machine can spare",
    at_once: true,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let facts = sample.facts;
    let used = facts.used_memory.filter(|_| facts.maxmemory == Some(0))?;
    let percent = facts.total_memory.filter(|total| *total > 0).map(|total| used.saturating_mul(100) / total);
    match percent {
        Some(percent) if percent >= u64::from(sample.rules.memory_critical) => Some((
            Severity::Warning,
            format!("no maxmemory, and it uses {percent} % of the machine's memory"),
        )),
        _ => Some((Severity::Info, "no maxmemory: it grows until the machine's memory is full".into())),
    }
}

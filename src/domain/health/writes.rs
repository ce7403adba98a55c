//! Writes being refused, by the name of the error: the fastest symptom.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "writes-refused",
    remedy: "OOM: memory; MISCONF: disk and log; READONLY: who writes to a replica; NOREPLICAS: replicas; CLUSTERDOWN: slots",
    at_once: true,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let (now, before) = (sample.facts.refused?, sample.earlier.and_then(|(f, _)| f.refused)?);
    let grown: Vec<(&str, u64)> = [
        ("OOM", now.oom, before.oom),
        ("MISCONF", now.misconf, before.misconf),
        ("NOREPLICAS", now.noreplicas, before.noreplicas),
        ("CLUSTERDOWN", now.clusterdown, before.clusterdown),
        ("READONLY", now.readonly, before.readonly),
    ]
    .into_iter()
    .map(|(name, now, before)| (name, now.saturating_sub(before)))
    .filter(|(_, grown)| *grown > 0)
    .collect();
    // READONLY alone is a client that writes to a replica: wrong, but the data is served.
    let severity = match grown.as_slice() {
        [] => return None,
        [("READONLY", _)] => Severity::Warning,
        _ => Severity::Critical,
    };
    let told: Vec<String> = grown.iter().map(|(name, n)| format!("{name} {n}")).collect();
    Some((severity, format!("writes refused within {}: {}", sample.window(), told.join(", "))))
}

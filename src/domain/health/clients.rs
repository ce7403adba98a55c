//! Connections near maxclients: the next ones are turned away.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "clients",
    remedy: "find who leaks connections (CLIENT LIST), or raise maxclients",
    at_once: false,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let (now, max) = (sample.facts.connected_clients?, sample.facts.maxclients.filter(|max| *max > 0)?);
    let percent = now.saturating_mul(100) / max;
    (percent >= u64::from(sample.rules.clients_above))
        .then(|| (Severity::Warning, format!("{now} of {max} clients ({percent} %)")))
}

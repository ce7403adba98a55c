//! Connections turned away: hard errors for clients.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "rejected-connections",
    remedy: "raise maxclients, or find who leaks connections (CLIENT LIST)",
    at_once: true,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let grown = sample.grown(|f| f.rejected_connections)?;
    (grown > u64::from(sample.rules.rejected_above))
        .then(|| (Severity::Critical, format!("{grown} connections rejected within {}", sample.window())))
}

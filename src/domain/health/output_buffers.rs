//! Clients cut off because they read too slowly.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "output-buffers",
    remedy: "find the slow readers (CLIENT LIST, omem), look at client-output-buffer-limit",
    at_once: true,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let grown = sample.grown(|f| f.output_buffer_disconnects).filter(|n| *n > 0)?;
    let words = format!("{grown} clients cut off within {}: their output buffers were full", sample.window());
    Some((Severity::Warning, words))
}

//! Clients that read too slowly: cut off, or about to be while their answers pile up.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "output-buffers",
    remedy: "find the slow readers (CLIENT LIST, omem), look at client-output-buffer-limit",
    at_once: true,
    judge,
};

/// The default limit of a replica's output buffer; beside that nobody should have so much.
const LARGE: u64 = 256 << 20;

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    if let Some(grown) = sample.grown(|f| f.output_buffer_disconnects).filter(|n| *n > 0) {
        let words =
            format!("{grown} clients cut off within {}: their output buffers were full", sample.window());
        return Some((Severity::Warning, words));
    }
    let waiting = sample.node.diagnostics.clients.known()?.output;
    (waiting >= LARGE)
        .then(|| (Severity::Warning, format!("{} MiB wait in clients' output buffers", waiting >> 20)))
}

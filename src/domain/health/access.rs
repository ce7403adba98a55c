//! What could not be read: said, and never taken for fine.

use crate::domain::{Finding, NodeSnapshot, Severity};

pub(super) fn findings(node: &NodeSnapshot) -> Vec<Finding> {
    let mut out: Vec<Finding> = node
        .denied
        .iter()
        .map(|denied| {
            let message = format!("{}: not permitted ({})", denied.pane, denied.command);
            Finding::new(denied.severity(), "not-permitted", message)
                .with_remedy("grant the ACL line from the README")
                .since(denied.since)
        })
        .collect();
    if let Some(error) = &node.scan.error {
        let words = format!("keys could not be listed: {error}");
        out.push(Finding::new(Severity::Unknown, "scan", words).since(node.scan.error_since));
    }
    if node.scan.truncated {
        let remedy = "narrow the patterns, or raise scan.max_keys";
        out.push(
            Finding::new(Severity::Warning, "truncated", "more keys match than are kept")
                .with_remedy(remedy)
                .since(node.scan.truncated_since),
        );
    }
    out
}

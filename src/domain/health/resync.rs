//! Replicas that had to be copied whole: flapping links, or a backlog that is too small.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule =
    Rule { code: "full-resync", remedy: "raise repl-backlog-size, look at the links", at_once: true, judge };

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    // The first copy of a new replica is no trouble; again and again is.
    let grown = sample.grown(|f| f.full_syncs).filter(|n| *n >= 2)?;
    Some((Severity::Warning, format!("{grown} full resynchronisations within {}", sample.window())))
}

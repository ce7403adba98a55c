//! Memory that is wasted, or swapped out. Meaningless on small instances.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "fragmentation",
    remedy: "above 1.5: MEMORY PURGE or activedefrag; below 1: the machine swaps, give it memory",
    at_once: false,
    judge,
};

/// Below this the allocator's own overhead rules the figure.
const LEAST: u64 = 100 << 20;
const WASTE: f64 = 1.5;
const SWAP: f64 = 1.0;

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    sample.facts.used_memory.filter(|used| *used > LEAST)?;
    let ratio = sample.facts.fragmentation?;
    if ratio > WASTE {
        Some((Severity::Warning, format!("fragmentation {ratio:.2}: memory is wasted")))
    } else if ratio > 0.0 && ratio < SWAP {
        Some((Severity::Warning, format!("fragmentation {ratio:.2}: part of its memory is swapped out")))
    } else {
        None
    }
}

//! Slow commands, again and again: each held up everybody while it ran.

use super::{Rule, Sample};
use crate::domain::Severity;
use crate::domain::stamp::short;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "slowlog",
    remedy: "its details list the newest; SLOWLOG GET there shows their arguments",
    at_once: true,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let (grown, window) = sample.memory.slow?;
    if grown <= u64::from(sample.rules.slowlog_above) {
        return None;
    }
    let log = sample.node.diagnostics.slowlog.known()?;
    // Where the threshold is set low, being in that log says nothing.
    let worst = log.newest.iter().filter(|c| c.took >= sample.rules.slow_above).max_by_key(|c| c.took)?;
    let took = worst.took.as_secs_f64() * 1000.0;
    let words = format!(
        "{grown} slow commands within {}; of the newest {} took longest: {took:.0} ms",
        short(window),
        worst.command
    );
    Some((Severity::Warning, words))
}

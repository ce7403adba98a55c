//! Round trips far above the node's own history.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "slow",
    remedy: "SLOWLOG GET, LATENCY LATEST, INFO cpu; then the network between",
    at_once: false,
    judge,
};

/// Round trips that must all be slow.
const RECENT: usize = 3;
/// Round trips that tell what is usual.
const HISTORY: usize = 20;
/// So many times the usual is slow.
const TIMES: u64 = 5;

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let (old, recent) =
        sample.node.rtt_history.split_at_checked(sample.node.rtt_history.len().checked_sub(RECENT)?)?;
    let mut usual: Vec<u64> = old.iter().copied().filter(|us| *us > 0).collect();
    let least = recent.iter().copied().min().filter(|us| *us > 0)?;
    if usual.len() < HISTORY {
        return None;
    }
    let middle = usual.len() / 2;
    let median = *usual.select_nth_unstable(middle).1;
    let bound = (sample.rules.slow_above.as_micros() as u64).max(median.saturating_mul(TIMES));
    (least > bound).then(|| {
        let words = format!(
            "round trips of at least {:.1} ms; usual is {:.1} ms",
            least as f64 / 1000.0,
            median as f64 / 1000.0
        );
        (Severity::Warning, words)
    })
}

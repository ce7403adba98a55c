//! The one thread that runs commands near the ceiling of its core. 80 %: Redis' own advice.

use super::{Rule, Sample};
use crate::domain::Severity;
use std::time::Duration;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "cpu",
    remedy: "SLOWLOG GET and INFO commandstats tell what costs; spread the load",
    at_once: false,
    judge,
};

/// A shorter measurement says little.
const LEAST: Duration = Duration::from_secs(10);

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let (before, window) = sample.earlier.filter(|(_, window)| *window >= LEAST)?;
    let used = sample.facts.main_thread_cpu? - before.main_thread_cpu?;
    let percent = (used * 100.0 / window.as_secs_f64()).max(0.0);
    (percent >= f64::from(sample.rules.cpu_above)).then(|| {
        (Severity::Warning, format!("its main thread used {percent:.0} % of a core over {}", sample.window()))
    })
}

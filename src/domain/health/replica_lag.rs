//! A replica that falls behind: what it lacks is lost at a failover.

use super::{Rule, Sample};
use crate::domain::Severity;
use crate::domain::stamp::short;

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "replica-lag",
    remedy: "look at the load of the replica and at the network between",
    at_once: false,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let lag = sample.facts.replica_lag.filter(|lag| *lag >= sample.rules.lag_above)?;
    Some((Severity::Warning, format!("a replica was last heard {} ago", short(lag))))
}

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
    let (facts, rules) = (sample.facts, sample.rules);
    // One that still gets its first copy lacks everything, and that is no fault.
    let online = facts.replicas.iter().filter(|r| r.state == "online");
    let behind = online.filter_map(|r| Some((facts.behind(r)?, r))).max_by_key(|(bytes, _)| *bytes);
    let mut told = Vec::new();
    if let Some((bytes, replica)) = behind.filter(|(bytes, _)| *bytes >= rules.lag_bytes_above) {
        told.push(format!("{} is {:.1} MiB behind", replica.address, bytes as f64 / f64::from(1 << 20)));
    }
    if let Some(lag) = facts.replica_lag.filter(|lag| *lag >= rules.lag_above) {
        told.push(format!("a replica was last heard {} ago", short(lag)));
    }
    (!told.is_empty()).then(|| (Severity::Warning, told.join("; ")))
}

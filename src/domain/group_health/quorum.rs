//! The Sentinels could not agree on a failover: the next failure of the primary is an outage.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "quorum",
    remedy: "start the missing Sentinels, or SENTINEL RESET a name that remembers ones that are gone for good",
    at_once: false,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    let facts = sample.group.sentinel()?;
    if let Some(Err(why)) = &facts.ckquorum {
        return Some((Severity::Critical, format!("no failover is possible: {why}")));
    }
    let (answering, known) = (facts.answering(), facts.sentinels.len());
    // All Sentinels silent is another rule's: what is known is then old.
    let quorum = facts.quorum.filter(|q| answering > 0 && (answering as u64) < *q)?;
    let words = format!("only {answering} of {known} Sentinels answer, the quorum is {quorum}");
    // They hear each other although we do not: the way from here is at fault, not the failover.
    let severity = if facts.ckquorum.is_some() { Severity::Warning } else { Severity::Critical };
    Some((severity, words))
}

//! Slots on the move: worth knowing; a slot that only one side knows of is stuck.

use super::{GroupRule, GroupSample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: GroupRule = GroupRule {
    code: "slots-moving",
    remedy: "a slot that stays half way: redis-cli --cluster fix HOST:PORT",
    at_once: false,
    judge,
};

fn judge(sample: &GroupSample<'_>) -> Option<(Severity, String)> {
    let moving = &sample.group.cluster()?.moving;
    if let Some(stuck) = moving.iter().find(|m| m.from.is_none() || m.to.is_none()) {
        let words = match (&stuck.from, &stuck.to) {
            (Some(from), None) => format!("slot {} is leaving {from}, and nobody takes it", stuck.slot),
            (_, Some(to)) => format!("slot {} is coming to {to}, and nobody gives it away", stuck.slot),
            (None, None) => return None,
        };
        return Some((Severity::Warning, words));
    }
    let first = moving.first()?;
    let (from, to) = (first.from.as_ref()?, first.to.as_ref()?);
    let more = moving.len() - 1;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some((Severity::Info, format!("slot {}{more} on the way from {from} to {to}", first.slot)))
}

//! Critical findings by identity, so that the bell rings for news only.

use std::collections::HashSet;
use std::time::Instant;

use super::state::AppState;
use crate::domain::{FleetView, GroupId, NodeId, Rules, Severity};

/// One critical finding of a node or a group.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Critical {
    /// A node, with the finding's code.
    Node(NodeId, &'static str),
    /// A group, with the finding's code.
    Group(GroupId, &'static str),
}

/// True when the fleet as last heard has a critical finding that the one before had not. The first look is no news.
pub(super) fn is_news(state: &mut AppState, before: &FleetView) -> bool {
    let (rules, now) = (&state.settings.rules, state.now.mono);
    let critical = of(&state.fleet, rules, now);
    let known = state.critical.replace(critical);
    let (Some(known), Some(critical)) = (known, &state.critical) else { return false };
    critical.iter().any(|c| !known.contains(c)) || has_new_lock(&state.fleet, before, rules, now)
}

/// Only locks that were read again can have become critical: no TTL and a holder that is gone are no matter of time.
fn has_new_lock(fleet: &FleetView, before: &FleetView, rules: &Rules, now: Instant) -> bool {
    let changes = before.locks.changes_to(&fleet.locks);
    changes.come.iter().filter_map(|at| fleet.locks.get(*at as usize)).any(|lock| {
        let was = || before.lock(&lock.id).map(|lock| lock.severity(rules, now));
        lock.severity(rules, now) == Severity::Critical && was() != Some(Severity::Critical)
    })
}

/// All critical findings of nodes and groups at this moment.
fn of(fleet: &FleetView, rules: &Rules, now: Instant) -> HashSet<Critical> {
    let nodes = fleet.nodes.iter().flat_map(|n| {
        let id = n.snapshot.meta.id.clone();
        n.findings(rules, now)
            .into_iter()
            .filter(|f| f.severity == Severity::Critical)
            .map(move |f| Critical::Node(id.clone(), f.code))
    });
    let groups = fleet.groups.iter().flat_map(|g| {
        let critical = g.findings().into_iter().filter(|f| f.severity == Severity::Critical);
        critical.map(|f| Critical::Group(g.id.clone(), f.code))
    });
    nodes.chain(groups).collect()
}

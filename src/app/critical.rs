//! Critical findings by identity, so that the bell rings for news only.

use std::collections::HashSet;
use std::time::Instant;

use crate::domain::{FleetView, GroupId, LockId, NodeId, Rules, Severity};

/// One critical finding.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Critical {
    /// A node, with the finding's code.
    Node(NodeId, &'static str),
    /// A group, with the finding's code.
    Group(GroupId, &'static str),
    /// A lock.
    Lock(LockId),
}

/// All critical findings of the fleet at this moment.
pub fn of(fleet: &FleetView, rules: &Rules, now: Instant) -> HashSet<Critical> {
    let nodes = fleet.nodes.iter().flat_map(|n| {
        let id = n.snapshot.meta.id.clone();
        n.findings(rules, now)
            .into_iter()
            .filter(|f| f.severity == Severity::Critical)
            .map(move |f| Critical::Node(id.clone(), f.code))
    });
    let locks = fleet
        .locks
        .iter()
        .filter(|l| l.severity(rules, now) == Severity::Critical)
        .map(|l| Critical::Lock(l.id.clone()));
    let groups = fleet.groups.iter().flat_map(|g| {
        let critical = g.findings().into_iter().filter(|f| f.severity == Severity::Critical);
        critical.map(|f| Critical::Group(g.id.clone(), f.code))
    });
    nodes.chain(groups).chain(locks).collect()
}

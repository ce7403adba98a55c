//! Where the keys are searched, where somebody asked for replicas: in the panels and in a node's details.

use crate::domain::NodeSnapshot;
use crate::domain::node::NodeState;
use crate::domain::snapshot::SearchedOn;

/// The fleet in a few words; nothing where every node is searched itself because nothing else was asked for.
pub(super) fn notes<'a>(nodes: impl Iterator<Item = &'a NodeSnapshot>) -> Vec<String> {
    let (mut replicas, mut without) = (Vec::new(), Vec::new());
    for node in nodes.filter(|n| n.status.state == NodeState::Up) {
        match &node.scan.on {
            SearchedOn::Itself => {}
            SearchedOn::Replica(replica) => replicas.push(replica),
            SearchedOn::NoReplica(_) => without.push(&node.meta.id),
        }
    }
    let on = match replicas.as_slice() {
        [] => None,
        [one] => Some(format!("search reads the replica {one}")),
        many => Some(format!("search reads {} replicas", many.len())),
    };
    let itself = match without.as_slice() {
        [] => None,
        [one] => Some(format!("no fit replica: search reads {one}")),
        many => Some(format!("no fit replica: search reads {} primaries", many.len())),
    };
    on.into_iter().chain(itself).collect()
}

/// Of one node, as the end of a sentence about its search.
pub(super) fn sentence(node: &NodeSnapshot) -> String {
    match &node.scan.on {
        SearchedOn::Itself => String::new(),
        SearchedOn::Replica(replica) => format!(", on its replica {replica}"),
        SearchedOn::NoReplica(why) => format!(", here, because {why}"),
    }
}

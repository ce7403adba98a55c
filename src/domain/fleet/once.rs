//! In a cluster, or behind Sentinels, a key is in one place only. Around a failover, and while a slot moves, two looks
//! from different moments may both have it: the fleet lists it once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::group::GroupKind;
use crate::domain::node::NodeState;
use crate::domain::snapshot::Board;
use crate::domain::{Bytes, GroupId, Lock, NodeId, Queue, Stamp};

/// A node's part in its group.
struct Part<'a> {
    group: &'a GroupId,
    up: bool,
}

/// The nodes of groups in which a key is in one place.
pub(super) struct Once<'a>(HashMap<&'a NodeId, Part<'a>>);

/// A lock or a queue, as far as its place is concerned.
pub(super) trait Placed {
    /// Its node, database and key, and when it was read.
    fn place(&self) -> (&NodeId, u32, &Bytes, Stamp);
}

impl Placed for Lock {
    fn place(&self) -> (&NodeId, u32, &Bytes, Stamp) {
        (&self.id.node, self.id.db, &self.id.key, self.read_at)
    }
}

impl Placed for Queue {
    fn place(&self) -> (&NodeId, u32, &Bytes, Stamp) {
        (&self.id.node, self.id.db, &self.id.key, self.read_at)
    }
}

impl<'a> Once<'a> {
    pub(super) fn of(board: &'a Board) -> Self {
        let single =
            |id: &GroupId| board.groups.iter().any(|g| g.id == *id && g.kind != GroupKind::Independent);
        let parts = board.iter().filter_map(|node| {
            let group = node.meta.group.as_ref().filter(|id| single(id))?;
            Some((&node.meta.id, Part { group, up: node.status.state == NodeState::Up }))
        });
        Self(parts.collect())
    }

    /// True where a key may be in several places.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The node's group, where a key is in one place of it only, and whether the node answers.
    pub(super) fn part_of(&self, node: &NodeId) -> Option<(&GroupId, bool)> {
        self.0.get(node).map(|part| (part.group, part.up))
    }

    /// True when what was last seen on this node is past: it does not answer, and its group has other primaries now.
    pub(super) fn is_past(&self, node: &NodeId, board: &Board) -> bool {
        let Some(part) = self.0.get(node).filter(|part| !part.up) else { return false };
        let group = board.groups.iter().find(|g| g.id == *part.group);
        group.is_some_and(|g| {
            let primaries = g.primaries();
            !primaries.is_empty() && !primaries.contains(&node)
        })
    }

    /// Leaves one of each: on a node that answers if there is one, of these the one read last. The list is sorted by key.
    pub(super) fn leave_one<T: Placed>(&self, list: &mut Vec<Arc<T>>) {
        if self.0.is_empty() {
            return;
        }
        let mut kept: Vec<Arc<T>> = Vec::with_capacity(list.len());
        for item in list.drain(..) {
            let key = item.place().2;
            let same_key = kept.iter().rposition(|k| k.place().2 != key).map_or(0, |i| i + 1);
            let twin =
                (same_key..kept.len()).find(|i| kept.get(*i).is_some_and(|k| self.are_one(&**k, &*item)));
            match twin.and_then(|i| kept.get_mut(i)) {
                None => kept.push(item),
                Some(other) if self.weight(&*item) > self.weight(&**other) => *other = item,
                Some(_) => {}
            }
        }
        *list = kept;
    }

    fn are_one<T: Placed>(&self, a: &T, b: &T) -> bool {
        let ((a_node, a_db, ..), (b_node, b_db, ..)) = (a.place(), b.place());
        let group = |node| self.0.get(node).map(|part| part.group);
        a_node != b_node && a_db == b_db && group(a_node).is_some() && group(a_node) == group(b_node)
    }

    fn weight<T: Placed>(&self, item: &T) -> (bool, std::time::Instant) {
        let (node, _, _, read_at) = item.place();
        (self.0.get(node).is_some_and(|part| part.up), read_at.mono)
    }
}

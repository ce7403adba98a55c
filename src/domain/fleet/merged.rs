//! The locks of all nodes in one list: made anew where the nodes changed, else changed where theirs did.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::once::Once;
use crate::domain::lock_list::{Edit, in_order};
use crate::domain::{Bytes, GroupId, Lock, LockList, NodeId, NodeSnapshot};

/// What the fleet's list takes from one node.
#[derive(Clone, Debug)]
pub(super) struct Source {
    node: NodeId,
    db: u32,
    /// In a group where a key is in one place only: which, and whether the node answers.
    single: Option<(GroupId, bool)>,
    locks: LockList,
}

impl Source {
    pub(super) fn of(node: &NodeSnapshot, once: &Once<'_>) -> Self {
        let single = once.part_of(&node.meta.id).map(|(group, up)| (group.clone(), up));
        Self { node: node.meta.id.clone(), db: node.meta.db, single, locks: node.locks.clone() }
    }

    fn is_like(&self, other: &Self) -> bool {
        (&self.node, self.db, &self.single) == (&other.node, other.db, &other.single)
    }
}

/// The list of these sources, which is the older one but for what changed in them.
pub(super) fn next((before, list): (&[Source], &LockList), sources: &[Source], once: &Once<'_>) -> LockList {
    if let ([only], true) = (sources, once.is_empty()) {
        return only.locks.clone();
    }
    let alike = before.len() == sources.len() && before.iter().zip(sources).all(|(a, b)| a.is_like(b));
    if !alike {
        return whole(sources.iter().flat_map(|s| s.locks.iter()), once).into_iter().collect();
    }
    let mut edits: Vec<Edit> = Vec::new();
    let mut keys: BTreeSet<&Bytes> = BTreeSet::new();
    for (old, new) in before.iter().zip(sources) {
        let changes = old.locks.changes_to(&new.locks);
        let gone = changes.gone.iter().filter_map(|at| old.locks.get(*at as usize));
        let come = changes.come.iter().filter_map(|at| new.locks.get(*at as usize));
        if once.is_empty() {
            edits.extend(gone.map(|lock| Edit::Take(lock.id.clone())));
            edits.extend(come.map(|lock| Edit::Put(lock.clone())));
        } else {
            keys.extend(gone.chain(come).map(|lock| &lock.id.key));
        }
    }
    for key in keys {
        // Which of several stays is for all of one key to say.
        edits.extend(list.of_key(key).map(|lock| Edit::Take(lock.id.clone())));
        let stay = whole(sources.iter().flat_map(|s| s.locks.of_key(key)), once);
        edits.extend(stay.into_iter().map(Edit::Put));
    }
    // What is taken out and put in again is changed: of equal ones the last counts.
    edits.sort_by(|a, b| in_order(b, a));
    edits.reverse();
    edits.dedup_by(|a, b| in_order(a, b).is_eq());
    list.edited(edits)
}

fn whole<'a>(locks: impl Iterator<Item = &'a Arc<Lock>>, once: &Once<'_>) -> Vec<Arc<Lock>> {
    let mut locks: Vec<Arc<Lock>> = locks.cloned().collect();
    locks.sort_by(|a, b| (&a.id.key, &a.id.node, a.id.db).cmp(&(&b.id.key, &b.id.node, b.id.db)));
    once.leave_one(&mut locks);
    locks
}

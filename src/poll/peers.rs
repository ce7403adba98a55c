//! The other nodes: how each is reached now, and what was spent on it on another node's account.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{Endpoint, NodeConfig};
use crate::domain::NodeId;

/// See the module.
#[derive(Default)]
pub(super) struct Peers(Mutex<Table>);

#[derive(Default)]
struct Table {
    endpoints: HashMap<NodeId, Endpoint>,
    spent: HashMap<NodeId, Spent>,
}

/// Calls that somebody else's poller made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Spent {
    pub(super) commands: usize,
    /// The server's time for them, about.
    pub(super) time: Duration,
}

impl Peers {
    /// The fleet is this now.
    pub(super) fn set(&self, nodes: &[NodeConfig]) {
        let mut table = self.table();
        table.endpoints = nodes.iter().map(|n| (n.meta.id.clone(), n.endpoint.clone())).collect();
        let Table { endpoints, spent } = &mut *table;
        spent.retain(|node, _| endpoints.contains_key(node));
    }

    /// How it is reached; `None`: it is not watched any more.
    pub(super) fn endpoint(&self, node: &NodeId) -> Option<Endpoint> {
        self.table().endpoints.get(node).cloned()
    }

    /// A call was made there.
    pub(super) fn spend(&self, node: &NodeId, time: Duration) {
        let mut table = self.table();
        let spent = table.spent.entry(node.clone()).or_default();
        spent.commands += 1;
        spent.time += time;
    }

    /// What was spent there since this was asked last: its own poller adds it to its figures.
    pub(super) fn take_spent(&self, node: &NodeId) -> Spent {
        self.table().spent.remove(node).unwrap_or_default()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

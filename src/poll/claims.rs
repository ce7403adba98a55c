//! Which poller watches the keys of a server that is configured more than once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::NodeConfig;
use crate::domain::NodeId;

/// Server process and database -> node under whose name its keys are watched.
#[derive(Default)]
pub(super) struct Claims(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// Place of each node in the fleet as it is now; it changes with failovers and discoveries.
    order: HashMap<NodeId, usize>,
    owners: HashMap<(String, u32), NodeId>,
}

impl Claims {
    /// The fleet has this order now. Nodes that left it own nothing any more.
    pub(super) fn set_order(&self, nodes: &[NodeConfig]) {
        let mut table = self.table();
        table.order = nodes.iter().enumerate().map(|(i, n)| (n.meta.id.clone(), i)).collect();
        let Table { order, owners } = &mut *table;
        owners.retain(|_, owner| order.contains_key(owner));
    }

    /// True when this node's poller is to watch them: the first one in the fleet's order wins.
    pub(super) fn claim(&self, run_id: &str, db: u32, node: &NodeId) -> bool {
        let mut table = self.table();
        let Table { order, owners } = &mut *table;
        let rank = |id: &NodeId| order.get(id).copied().unwrap_or(usize::MAX);
        let owner = owners.entry((run_id.to_string(), db)).or_insert_with(|| node.clone());
        if rank(node) < rank(owner) {
            *owner = node.clone();
        }
        owner == node
    }

    /// Gives up all claims of this node: its address does not answer any more.
    pub(super) fn release(&self, node: &NodeId) {
        self.table().owners.retain(|_, owner| owner != node);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Endpoint;
    use crate::redis_io::topology::node_of;

    #[test]
    fn the_first_in_the_order_of_now_wins() {
        let nodes: Vec<NodeConfig> = [1, 2, 3].map(|port| node_of(&Endpoint::tcp("h", port))).to_vec();
        let id = |i: usize| &nodes[i].meta.id;
        let claims = Claims::default();
        claims.set_order(&nodes);
        assert!(claims.claim("run", 0, id(1)) && !claims.claim("run", 0, id(2)));
        assert!(claims.claim("run", 3, id(2)), "another database");
        assert!(claims.claim("run", 0, id(0)) && !claims.claim("run", 0, id(1)));
        // After a failover the fleet is listed in another order.
        claims.set_order(&[nodes[2].clone(), nodes[1].clone(), nodes[0].clone()]);
        assert!(claims.claim("run", 0, id(2)) && !claims.claim("run", 0, id(0)));
        claims.set_order(&nodes[..2]);
        assert!(claims.claim("run", 0, id(1)), "the owner left");
        claims.release(id(1));
        assert!(claims.claim("run", 0, id(0)));
    }
}

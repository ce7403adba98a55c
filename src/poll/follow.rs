//! Which nodes there are, and no more: for who works on some of them and must find where a primary went.

use std::sync::Arc;

use tokio::sync::watch;

use super::fleet::AbortOnDrop;
use super::roster::Roster;
use crate::config::endpoint::Directory;
use crate::config::{Config, Endpoint, NodeConfig};

/// The nodes as known now: the configured ones and those that discovery finds, also later ones. Dropping it ends
/// discovery; directories and peers then stay as they were last.
pub struct Nodes {
    nodes: watch::Receiver<Arc<Vec<NodeConfig>>>,
    _task: AbortOnDrop,
}

impl Nodes {
    /// Asks for the nodes once, and goes on asking where there is anything to discover. Must be called within a tokio
    /// runtime.
    pub async fn follow(config: &Arc<Config>) -> Self {
        let mut roster = Roster::new(config.clone());
        if !roster.is_fixed() {
            roster.discover().await;
        }
        let (publish, nodes) = watch::channel(Arc::new(roster.known().nodes));
        let task = tokio::spawn(async move {
            while !roster.is_fixed() {
                tokio::time::sleep(roster.every()).await;
                roster.discover().await;
                let now = roster.known().nodes;
                publish.send_if_modified(|known| {
                    let changed = **known != now;
                    if changed {
                        *known = Arc::new(now);
                    }
                    changed
                });
            }
        });
        Self { nodes, _task: AbortOnDrop(task) }
    }

    /// Those known now.
    pub fn now(&self) -> Arc<Vec<NodeConfig>> {
        self.nodes.borrow().clone()
    }

    /// Where each one is.
    pub fn directory(&self) -> Directory {
        let nodes = self.nodes.clone();
        Arc::new(move |id| nodes.borrow().iter().find(|n| n.meta.id == *id).map(|n| n.endpoint.clone()))
    }

    /// Where all of them are.
    pub fn endpoints(&self) -> Arc<dyn Fn() -> Vec<Endpoint> + Send + Sync> {
        let nodes = self.nodes.clone();
        Arc::new(move || nodes.borrow().iter().map(|n| n.endpoint.clone()).collect())
    }
}

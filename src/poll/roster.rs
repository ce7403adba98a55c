//! Which nodes there are: the configured ones, and those found in a cluster or behind Sentinels, followed through
//! failovers.

use std::time::Duration;

use crate::config::{Config, NodeConfig};
use crate::redis_io::topology::{cluster_nodes, node_of, sentinel_nodes};

/// How often a topology is asked for again.
const EVERY: Duration = Duration::from_secs(2);

/// Nodes from discovery beside the configured ones.
pub(super) struct Roster {
    config: std::sync::Arc<Config>,
    cluster: Vec<NodeConfig>,
    sentinel: Vec<NodeConfig>,
}

impl Roster {
    pub(super) fn new(config: std::sync::Arc<Config>) -> Self {
        // Until they answer, the seeds stand for what they lead to: a dead seed is shown as dead.
        let cluster = config.topology.cluster.iter().map(node_of).collect();
        let sentinel = config.topology.sentinel.iter().flat_map(|s| &s.seeds).map(node_of).collect();
        Self { config, cluster, sentinel }
    }

    /// True when nothing has to be discovered.
    pub(super) fn is_fixed(&self) -> bool {
        self.config.topology.is_empty()
    }

    /// All nodes as known now, each once.
    pub(super) fn nodes(&self) -> Vec<NodeConfig> {
        let mut seen = std::collections::HashSet::new();
        self.config
            .nodes
            .iter()
            .chain(&self.cluster)
            .chain(&self.sentinel)
            .filter(|n| seen.insert(n.meta.id.clone()))
            .cloned()
            .collect()
    }

    /// Time between two discoveries.
    pub(super) fn every(&self) -> Duration {
        EVERY.max(self.config.interval)
    }

    /// Asks the seeds, and whoever was found before, until one answers. True when all topologies were found.
    pub(super) async fn discover(&mut self) -> bool {
        let timeout = self.config.timeout;
        let mut complete = true;
        if !self.config.topology.cluster.is_empty() {
            let mut found = None;
            for seed in self.config.topology.cluster.iter().chain(self.cluster.iter().map(|n| &n.endpoint)) {
                match cluster_nodes(seed, timeout).await {
                    Ok(nodes) if !nodes.is_empty() => {
                        found = Some(nodes);
                        break;
                    }
                    Ok(_) => {}
                    Err(error) => tracing::debug!(seed = %seed.address, %error, "cluster not found"),
                }
            }
            complete &= found.is_some();
            self.cluster = found.unwrap_or_else(|| std::mem::take(&mut self.cluster));
        }
        if let Some(sentinel) = &self.config.topology.sentinel {
            let mut found = None;
            for seed in &sentinel.seeds {
                match sentinel_nodes(seed, sentinel, timeout).await {
                    Ok(nodes) => {
                        found = Some(nodes);
                        break;
                    }
                    Err(error) => tracing::debug!(sentinel = %seed.address, %error, "not answered"),
                }
            }
            complete &= found.is_some();
            self.sentinel = found.unwrap_or_else(|| std::mem::take(&mut self.sentinel));
        }
        complete
    }
}

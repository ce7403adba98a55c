//! Which nodes and groups there are: the configured ones, and those that clusters and Sentinels tell, followed
//! through failovers.

mod ask;
mod cluster;
mod sentinel;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use self::cluster::ClusterWatch;
use self::sentinel::{Part, SentinelWatch};
use crate::config::{Config, NodeConfig};
use crate::domain::group::GroupKind;
use crate::domain::group_health::GroupTracker;
use crate::domain::{GroupId, GroupSnapshot, NodeId, NodeSnapshot, Stamp};

/// How often a topology is asked for again.
const EVERY: Duration = Duration::from_secs(2);

/// Everybody who is watched, by whoever tells it.
pub(super) struct Roster {
    config: Arc<Config>,
    clusters: Vec<ClusterWatch>,
    sentinels: Vec<SentinelWatch>,
    trackers: HashMap<GroupId, GroupTracker>,
}

/// All nodes and groups as known now.
pub(super) struct Known {
    /// Each once; those of one group stand together.
    pub(super) nodes: Vec<NodeConfig>,
    /// In the order of their nodes.
    pub(super) groups: Vec<GroupSnapshot>,
}

impl Roster {
    pub(super) fn new(config: Arc<Config>) -> Self {
        let clusters = config.topology.clusters.iter().cloned().map(ClusterWatch::new).collect();
        let sentinels = config.topology.sentinels.iter().cloned().map(SentinelWatch::new).collect();
        Self { config, clusters, sentinels, trackers: HashMap::new() }
    }

    /// True when nothing has to be discovered.
    pub(super) fn is_fixed(&self) -> bool {
        self.config.topology.is_empty()
    }

    /// Time between two discoveries.
    pub(super) fn every(&self) -> Duration {
        EVERY.max(self.config.interval)
    }

    /// Asks all clusters and Sentinels at once. True when each of them told.
    pub(super) async fn discover(&mut self) -> bool {
        let timeout = self.config.timeout;
        let clusters = futures_util::future::join_all(self.clusters.iter_mut().map(|c| c.round(timeout)));
        let sentinels = futures_util::future::join_all(self.sentinels.iter_mut().map(|s| s.round(timeout)));
        let (clusters, sentinels) = tokio::join!(clusters, sentinels);
        clusters.into_iter().chain(sentinels).all(|told| told)
    }

    /// Nodes and groups as known now: first the configured nodes, then clusters, then what Sentinels watch.
    pub(super) fn known(&self) -> Known {
        let mut nodes = configured(&self.config.nodes);
        let mut groups: Vec<GroupSnapshot> = Vec::new();
        for node in &nodes {
            if let Some(id) = &node.meta.group
                && !groups.iter().any(|g| g.id == *id)
            {
                groups.push(GroupSnapshot::unheard(id.clone(), GroupKind::Independent));
            }
        }
        let clusters = self.clusters.iter().map(|c| Part { group: c.group.clone(), nodes: c.nodes.clone() });
        for part in clusters.chain(self.sentinels.iter().flat_map(|s| s.parts.iter().cloned())) {
            groups.push(join(&mut nodes, part, &groups));
        }
        Known { nodes, groups }
    }

    /// What the rules say of the groups, with their nodes as last seen.
    pub(super) fn judge(&mut self, groups: &mut [GroupSnapshot], nodes: &[Arc<NodeSnapshot>], now: Stamp) {
        self.trackers.retain(|id, _| groups.iter().any(|g| g.id == *id));
        for group in groups {
            let own: Vec<Arc<NodeSnapshot>> =
                nodes.iter().filter(|n| n.meta.group.as_ref() == Some(&group.id)).cloned().collect();
            let expected = self.clusters.iter().find(|c| c.group.id == group.id);
            let expected = expected.and_then(ClusterWatch::expected_masters);
            let tracker =
                self.trackers.entry(group.id.clone()).or_insert_with(|| GroupTracker::new(expected));
            group.health = tracker.observe(group, &own, &self.config.rules, now);
        }
    }
}

/// The configured nodes, each once; those of one group together, in the order in which groups first appear.
fn configured(nodes: &[NodeConfig]) -> Vec<NodeConfig> {
    let mut order: Vec<Option<&GroupId>> = vec![None];
    for node in nodes {
        if !order.contains(&node.meta.group.as_ref()) {
            order.push(node.meta.group.as_ref());
        }
    }
    let mut seen = std::collections::HashSet::new();
    order
        .iter()
        .flat_map(|group| nodes.iter().filter(move |n| n.meta.group.as_ref() == *group))
        .filter(|n| seen.insert(n.meta.id.clone()))
        .cloned()
        .collect()
}

/// Adds a group's nodes to those known. A node that is there already, by its address, is not watched twice: the
/// group then calls it by that name. Two nodes that announce the same name in different networks are told apart.
fn join(nodes: &mut Vec<NodeConfig>, part: Part, groups: &[GroupSnapshot]) -> GroupSnapshot {
    let mut group = part.group;
    if groups.iter().any(|g| g.id == group.id) {
        let fresh = (2..).map(|n| GroupId::new(&format!("{} {n}", group.id)));
        let free = |id: &GroupId| !groups.iter().any(|g| g.id == *id);
        group.id = fresh.take(groups.len() + 2).find(free).unwrap_or(group.id);
    }
    let mut names: HashMap<NodeId, NodeId> = HashMap::new();
    let mut last = None;
    for mut node in part.nodes {
        let called = node.meta.id.clone();
        let same_place =
            |n: &NodeConfig| n.endpoint.address == node.endpoint.address && n.endpoint.db == node.endpoint.db;
        if let Some(there) = nodes.iter_mut().find(|n| same_place(n)) {
            names.insert(called, there.meta.id.clone());
            there.meta.group.get_or_insert_with(|| group.id.clone());
            continue;
        }
        if nodes.iter().any(|n| n.meta.id == called) {
            node.meta.id = NodeId::new(&format!("{}/{called}", group.id));
        }
        names.insert(called, node.meta.id.clone());
        node.meta.group = Some(group.id.clone());
        last = Some(nodes.len());
        nodes.push(node);
    }
    // Configured nodes that turned out to belong here stand with the others.
    if last.is_some() {
        let (own, others): (Vec<NodeConfig>, Vec<NodeConfig>) =
            std::mem::take(nodes).into_iter().partition(|n| n.meta.group.as_ref() == Some(&group.id));
        *nodes = others;
        nodes.extend(own);
    }
    group.renamed(|id| names.get(id).unwrap_or(id).clone())
}

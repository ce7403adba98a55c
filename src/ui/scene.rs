//! What every part of a frame is drawn from: the state, the look, the moment, and how fresh each node's data is.

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::look::Look;
use crate::app::state::AppState;
use crate::domain::node::NodeState;
use crate::domain::{NodeId, NodeSnapshot, Stamp};

/// The inputs of one frame.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Everything shown.
    pub state: &'a AppState,
    /// Theme and signs.
    pub look: Look,
    /// The moment the shown data is judged at: now, or when the display was frozen.
    pub now: Stamp,
    /// Time zone of clocks.
    pub zone: &'a TimeZone,
    nodes: HashMap<&'a NodeId, &'a NodeSnapshot>,
}

impl<'a> Scene<'a> {
    /// The scene of a state.
    pub fn new(state: &'a AppState, zone: &'a TimeZone) -> Self {
        let nodes = state.shown.nodes.iter().map(|n| (&n.snapshot.meta.id, &*n.snapshot)).collect();
        let look = Look::new(state.settings.theme, state.settings.ascii);
        Self { state, look, now: state.view_time(), zone, nodes }
    }

    /// The node of that name.
    pub fn node(&self, id: &NodeId) -> Option<&'a NodeSnapshot> {
        self.nodes.get(id).copied()
    }

    /// True when what is known of this node is old: it does not answer, or its last look is long ago.
    pub fn is_stale(&self, id: &NodeId) -> bool {
        self.node(id).is_some_and(|n| {
            n.status.state != NodeState::Up || self.age(n) > self.state.settings.rules.stale_after
        })
    }

    /// Age of a node's data.
    pub fn age(&self, node: &NodeSnapshot) -> Duration {
        self.now.since(node.status.last_ok.unwrap_or(node.taken_at))
    }

    /// Age of the oldest data among the nodes that are up; of the newest data when none is.
    pub fn data_age(&self) -> Option<Duration> {
        let ages = |up: bool| {
            self.nodes
                .values()
                .filter(move |n| (n.status.state == NodeState::Up) == up && n.status.last_ok.is_some())
                .map(|n| self.age(n))
        };
        ages(true).max().or_else(|| ages(false).min())
    }

    /// True while some node was not searched whole yet, because it is new or was never up: what is counted is a
    /// lower bound.
    pub fn is_incomplete(&self) -> bool {
        self.nodes.values().any(|n| n.scan.passes == 0)
    }

    /// A count of what the key search found: `?` before anything is known, a lower bound while it is not complete.
    pub fn found(&self, n: usize) -> String {
        let number = super::format::count(n as u64);
        match (self.is_waiting() || self.is_incomplete(), n) {
            (false, _) => number,
            (true, 0) => "?".into(),
            (true, _) => format!("{}{number}", self.look.at_least()),
        }
    }

    /// True before anything was heard of any node.
    pub fn is_waiting(&self) -> bool {
        self.nodes.values().all(|n| n.status.last_ok.is_none() && n.status.state == NodeState::Suspect)
    }
}

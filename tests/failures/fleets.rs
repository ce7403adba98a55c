//! Whole fleets that are followed: discovery as configured, and the screen's own state fed by every board.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::app::event::Event;
use redwarden::app::state::AppState;
use redwarden::app::update::update;
use redwarden::config::{Cluster, Config, Endpoint, Sentinel, Tls, Topology};
use redwarden::domain::node::{NodeState, Reason, Role};
use redwarden::domain::snapshot::Board;
use redwarden::domain::{FleetView, NodeSnapshot, Stamp};
use redwarden::poll::Fleet;

use super::{config, fixtures};

/// Watches the cluster of this seed.
pub(crate) fn of_cluster(seed: Endpoint) -> Config {
    let cluster = Cluster { name: "cluster".into(), seeds: vec![seed], ..Cluster::default() };
    Config { topology: Topology { clusters: vec![cluster], ..Topology::default() }, ..config(&[]) }
}

/// Watches what these Sentinels watch; the nodes speak TLS as the Sentinels do.
pub(crate) fn of_sentinels(seeds: Vec<Endpoint>, tls: Option<Tls>) -> Config {
    let master_names = vec!["mymaster".into()];
    let sentinel = Sentinel { seeds, tls, master_names, ..Sentinel::default() };
    Config { topology: Topology { sentinels: vec![sentinel], ..Topology::default() }, ..config(&[]) }
}

/// A fleet with the state of a dashboard on it.
pub(crate) struct Followed {
    fleet: Fleet,
    state: AppState,
}

impl Followed {
    pub(crate) fn start(config: Config) -> Self {
        Self { fleet: Fleet::spawn(Arc::new(config)), state: fixtures::state() }
    }

    /// Waits until the board satisfies the condition; each board goes through the dashboard's state, and on none may a
    /// lock be listed twice.
    pub(crate) async fn until(&mut self, what: &str, condition: impl Fn(&FleetView) -> bool) -> FleetView {
        let mut board = self.fleet.board();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let now = Board::clone(&board.borrow_and_update());
            update(&mut self.state, Event::Board(now.clone()), Stamp::now());
            let view = FleetView::build(&now);
            let mut times = BTreeMap::new();
            for lock in view.locks.iter() {
                *times.entry(lock.id.key.clone()).or_insert(0) += 1;
            }
            // Before discovery has told, the nodes are not known to belong together.
            let told = view.nodes.iter().all(|n| n.snapshot.meta.group.is_some());
            let once = times.values().all(|n| *n == 1);
            assert!(once || !told, "while waiting for {what}: {:#?}", summary(&view));
            if condition(&view) {
                return view;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never came: {what}\nlast seen: {:#?}", summary(&view));
            let _ = tokio::time::timeout(left, board.changed()).await;
        }
    }

    /// What the feed of events says, oldest first.
    pub(crate) fn events(&self) -> Vec<String> {
        let told = self.state.events.iter();
        told.map(|e| format!("{}: {}", e.node.as_ref().map_or("-", |n| n.as_str()), e.text)).collect()
    }
}

fn summary(view: &FleetView) -> Vec<String> {
    let nodes = view.nodes.iter().map(|n| {
        let s = &n.snapshot;
        format!(
            "{} {:?} {:?} {:?}, {} locks",
            s.meta.id,
            s.status.state,
            s.status.reason,
            role(s),
            s.locks.len()
        )
    });
    nodes.collect()
}

/// The node that listens on this port.
pub(crate) fn at(view: &FleetView, port: u16) -> Option<&NodeSnapshot> {
    let ends = format!(":{port}");
    view.nodes.iter().map(|n| &*n.snapshot).find(|n| n.meta.address.ends_with(&ends))
}

pub(crate) fn role(node: &NodeSnapshot) -> Option<Role> {
    node.facts.as_ref().and_then(|f| f.role)
}

/// True when the node is up in this role.
pub(crate) fn is_up(view: &FleetView, port: u16, wanted: Role) -> bool {
    at(view, port).is_some_and(|n| n.status.state == NodeState::Up && role(n) == Some(wanted))
}

/// True when the node is down for this reason.
pub(crate) fn is_down(view: &FleetView, port: u16, reason: Reason) -> bool {
    at(view, port).is_some_and(|n| n.status.state == NodeState::Down && n.status.reason == Some(reason))
}

/// Runs something that blocks, such as the start of a fleet.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

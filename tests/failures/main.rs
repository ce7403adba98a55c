//! Every way a node can fail, produced for real and told apart by state and reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

#[path = "../support/fault_proxy.rs"]
mod fault_proxy;
#[path = "../support/fixtures.rs"]
mod fixtures;
#[path = "../support/fleet.rs"]
mod fleet;
mod fleets;
mod group_rules;
#[path = "../support/groups.rs"]
mod groups;
mod health;
mod network;
mod outputs;
mod quorum;
#[path = "../support/reshard.rs"]
mod reshard;
mod rules;
mod secure;
mod server;
#[path = "../support/tls.rs"]
mod tls;
mod told_apart;
mod topology;

use redwarden::domain::FleetView;
use redwarden::domain::node::{NodeState, NodeStatus, Reason};
use redwarden::poll::Fleet;

pub(crate) use fleet::*;

/// Status of the first node.
pub(crate) fn status(view: &FleetView) -> &NodeStatus {
    &view.nodes[0].snapshot.status
}

/// Waits until the first node is down for this reason, with these words in the detail, and says when it went.
pub(crate) async fn down(fleet: &Fleet, reason: Reason, words: &str) -> NodeStatus {
    let view = wait_for(fleet, reason.code(), |v| {
        let s = status(v);
        s.state == NodeState::Down
            && s.reason == Some(reason)
            && s.detail.as_deref().unwrap_or_default().contains(words)
    })
    .await;
    let status = status(&view).clone();
    assert!(status.misses >= 3);
    assert!(!reason.words().is_empty() && !reason.remedy().is_empty());
    status
}

/// Waits until the first node is up.
pub(crate) async fn up(fleet: &Fleet) -> NodeStatus {
    let view = wait_for(fleet, "up", |v| status(v).state == NodeState::Up).await;
    status(&view).clone()
}

//! Every way a node can fail, produced for real and told apart by state and reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod attendance;
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

use redwarden::domain::node::{NodeState, NodeStatus, Reason};
use redwarden::domain::{FleetView, Rules, Severity, Stamp};
use redwarden::poll::Fleet;

pub(crate) use fleet::*;

/// Status of the first node.
pub(crate) fn status(view: &FleetView) -> &NodeStatus {
    &view.nodes[0].snapshot.status
}

/// Waits until the first node is down for this reason, with these words in the detail. What is shown of it must say
/// why in plain words, since when, and what to try; and since when must not move while it stays down.
pub(crate) async fn down(fleet: &Fleet, reason: Reason, words: &str) -> NodeStatus {
    let view = wait_for(fleet, reason.code(), |v| {
        let s = status(v);
        s.state == NodeState::Down
            && s.reason == Some(reason)
            && s.detail.as_deref().unwrap_or_default().contains(words)
    })
    .await;
    let node = &view.nodes[0].snapshot;
    let status = status(&view).clone();
    assert!(status.misses >= 3);
    let findings = node.findings(&Rules::default(), Stamp::now().mono);
    let told = findings.iter().find(|f| f.code == "down").unwrap();
    assert_eq!((told.severity, told.since), (Severity::Critical, Some(status.since)), "{told:?}");
    assert_eq!(told.remedy, Some(reason.remedy()), "{told:?}");
    assert!(told.message.starts_with(&format!("down: {}", reason.words())), "{told:?}");
    in_plain_words(&told.message);
    in_plain_words(reason.remedy());
    assert!(status.since.mono <= node.taken_at.mono, "{status:?}");
    assert!(status.last_ok.is_none_or(|at| at.mono <= status.since.mono), "{status:?}");
    let seq = node.seq;
    let later = wait_for(fleet, "another look", |v| v.nodes[0].snapshot.seq > seq).await;
    let still = self::status(&later);
    assert!(still.state != NodeState::Down || still.since == status.since, "{status:?}\n{still:?}");
    status
}

/// Fails on what only a programmer understands: names of types, numbers of errors, empty brackets.
fn in_plain_words(sentence: &str) {
    for not in ["os error", "Error", "Os {", "kind:", "::", "Some(", "None", "()", "errno", "( "] {
        assert!(!sentence.contains(not), "{not:?} in: {sentence}");
    }
    assert!(sentence.split(' ').count() >= 3, "{sentence}");
}

/// Waits until the first node is up.
pub(crate) async fn up(fleet: &Fleet) -> NodeStatus {
    let view = wait_for(fleet, "up", |v| status(v).state == NodeState::Up).await;
    status(&view).clone()
}

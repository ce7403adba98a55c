//! Real libraries. Queues with their own workers: what they count is what we count, at several moments. Locks with a
//! holder and a waiter: recognised, released, and both do what the plan said.
//!
//! The most common always; the others are slower to fetch and come with `cargo test --test libraries -- --ignored`,
//! those of Ruby and PHP from Debian's packages that the README names.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod counted;
#[path = "../support/db.rs"]
mod db;
#[path = "../support/debian.rs"]
mod debian;
#[path = "../support/driver.rs"]
mod driver;
mod dying_workers;
mod flight;
mod holders;
mod locks;
mod more_canaries;
#[path = "../support/node.rs"]
mod node;
mod node_canary;
mod node_locks;
mod node_more_queues;
mod node_queues;
mod php_locks;
#[path = "../support/python.rs"]
mod python;
mod python_canary;
mod python_locks;
mod python_more_locks;
mod python_queues;
mod quorums;
mod requeued;
mod ruby_and_php;
#[path = "../support/runtime.rs"]
mod runtime;
#[path = "../support/rust.rs"]
mod rust;
mod rust_libraries;
#[path = "../support/shell.rs"]
mod shell;

use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::config::{Config, NodeConfig};
use redwarden::domain::snapshot::Board;
use redwarden::domain::{Bytes, FleetView, NodeId, NodeMeta, Queue};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;

pub(crate) fn watch(server: &Server) -> Fleet {
    let endpoint = server.endpoint();
    let meta = NodeMeta {
        id: NodeId::new("n1"),
        address: endpoint.address.to_string(),
        db: endpoint.db,
        group: None,
    };
    Fleet::spawn(Arc::new(Config {
        nodes: vec![NodeConfig { meta, endpoint }],
        interval: Duration::from_millis(100),
        timeout: Duration::from_secs(2),
        ..Config::default()
    }))
}

/// Waits until the queue is as it must be; it must be the only one, under this name and of this family.
pub(crate) async fn agree(
    fleet: &Fleet,
    key: &str,
    family: &str,
    what: &str,
    holds: impl Fn(&Queue) -> bool,
) -> Queue {
    let mut board = fleet.board();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let view = FleetView::build(&Board::clone(&board.borrow_and_update()));
        let ours: Vec<&Queue> = view.queues.iter().map(|q| &**q).collect();
        if let [queue] = ours.as_slice()
            && (queue.id.key.clone(), queue.family) == (Bytes::from(key), family)
            && holds(queue)
        {
            return (*queue).clone();
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "never came: {what}\nlast seen: {ours:#?}");
        let _ = tokio::time::timeout(left, board.changed()).await;
    }
}

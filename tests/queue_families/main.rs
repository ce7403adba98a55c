//! Queues of libraries: the keys as the real libraries wrote them, put into a real server, read by a real poller.
//!
//! `observed.jsonl` holds for each key its type, its length and some of its elements; the rest is filled up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod consumers;
mod hostile;
mod live;
mod node_and_rust;
mod own;
mod peek;
mod peek_held;
mod prefixes;
mod python;
mod recorded;
mod ruby_php_go;
mod unnamed;

#[path = "../support/fleet.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::config::{Config, NodeConfig};
use redwarden::domain::{Bytes, Command, FleetView, NodeId, NodeMeta, Queue, Reply};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::Writer;

pub(crate) use support::{wait_for, writer};

pub(crate) fn config(server: &Server) -> Config {
    let endpoint = server.endpoint();
    let meta = NodeMeta {
        id: NodeId::new("n1"),
        address: endpoint.address.to_string(),
        db: endpoint.db,
        group: None,
    };
    Config {
        nodes: vec![NodeConfig { meta, endpoint }],
        interval: Duration::from_millis(100),
        timeout: Duration::from_secs(2),
        ..Config::default()
    }
}

pub(crate) fn watch(server: &Server) -> Fleet {
    Fleet::spawn(Arc::new(config(server)))
}

/// Runs one command; errors are failures.
pub(crate) async fn call(writer: &mut Writer, command: Command) -> Reply {
    let reply = writer.call(&command).await.expect("an answer");
    assert!(reply.as_error().is_none(), "{command}: {reply:?}");
    reply
}

/// Runs one command given as words.
pub(crate) async fn run(writer: &mut Writer, words: &str) -> Reply {
    call(writer, Command { args: words.split(' ').map(Into::into).collect() }).await
}

/// True when the search went through all keys at least once.
pub(crate) fn complete(view: &FleetView) -> bool {
    view.nodes.first().is_some_and(|n| n.snapshot.scan.passes > 0)
}

pub(crate) fn find(view: &FleetView, key: impl Into<Bytes>) -> &Queue {
    let key = key.into();
    view.queues.iter().find(|q| q.id.key == key).unwrap_or_else(|| panic!("no {key}: {:#?}", view.queues))
}

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// Waits until a client is blocked.
pub(crate) async fn wait_blocked(writer: &mut Writer) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let info = run(writer, "INFO clients").await.as_bytes().unwrap().escaped();
        if info.contains("blocked_clients:1") {
            return;
        }
        assert!(Instant::now() < deadline, "{info}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

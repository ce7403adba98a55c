//! A fleet of pollers over real servers, and waiting for what its board says.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::config::{Config, Endpoint, NodeConfig};
use redwarden::domain::snapshot::Board;
use redwarden::domain::{Command, FleetView, NodeId, NodeMeta, Reply};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

/// A configuration that watches these endpoints ten times a second.
pub(crate) fn config(endpoints: &[Endpoint]) -> Config {
    let nodes = endpoints
        .iter()
        .map(|e| {
            let name = format!("{}/{}", e.address, e.db);
            NodeConfig {
                meta: NodeMeta {
                    id: NodeId::new(&name),
                    address: e.address.to_string(),
                    db: e.db,
                    group: None,
                },
                endpoint: e.clone(),
            }
        })
        .collect();
    Config {
        nodes,
        interval: Duration::from_millis(100),
        timeout: Duration::from_millis(300),
        ..Config::default()
    }
}

/// A writer to a server of ours.
pub(crate) async fn writer(server: &Server) -> Writer {
    Writer::open(&server.endpoint(), ClientRole::Demo, Duration::from_secs(5), WritePermit::for_own_servers())
        .await
        .expect("a connection")
}

/// Runs one command given as words.
pub(crate) async fn run(writer: &mut Writer, words: &str) -> Reply {
    let command = Command { args: words.split(' ').map(Into::into).collect() };
    writer.call(&command).await.expect("an answer")
}

/// Waits until the board satisfies the condition; shows the last one when it never does.
pub(crate) async fn wait_for(fleet: &Fleet, what: &str, condition: impl Fn(&FleetView) -> bool) -> FleetView {
    let mut board = fleet.board();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let view = FleetView::build(&Board::clone(&board.borrow_and_update()));
        if condition(&view) {
            return view;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "never came: {what}\nlast seen: {view:#?}");
        let _ = tokio::time::timeout(left, board.changed()).await;
    }
}

/// A fleet over the endpoints.
pub(crate) fn watch(endpoints: &[Endpoint]) -> Fleet {
    Fleet::spawn(Arc::new(config(endpoints)))
}

//! Starts private throw-away Redis or Valkey servers on loopback: single ones, clusters, Sentinel groups. Serves the
//! demo and the tests.
//!
//! Only children of ours are ever stopped, each through its own handle.

mod cluster;
mod sentinel;
mod server;
mod tls;
mod wire;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use cluster::{Cluster, ClusterShape};
pub use sentinel::{SentinelGroup, SentinelShape};
pub use server::Server;
pub use tls::TlsFiles;

/// A cluster's bus listens this much above the data port.
const BUS_OFFSET: u16 = 10_000;
/// Data ports of cluster nodes stay below, so that the bus has a port of its own.
const CLUSTER_PORTS_BELOW: u16 = 55_000;
/// How long servers may take to find each other.
const SETTLE: Duration = Duration::from_secs(60);

/// Why no server runs.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Neither server is installed.
    #[error(
        "neither redis-server nor valkey-server is on PATH: install one (Debian/Ubuntu: apt-get install redis-server; macOS: brew install redis)"
    )]
    NotInstalled,
    /// A file or process could not be made.
    #[error("could not start a server: {0}")]
    Io(#[from] std::io::Error),
    /// It ended by itself or never answered.
    #[error("the server on port {port} did not come up: {log}")]
    NotUp {
        /// Its port.
        port: u16,
        /// The end of its log.
        log: String,
    },
    /// The servers run, and do not become one fleet.
    #[error("the servers did not come together: {0}")]
    NotTogether(String),
}

/// Finds `redis-server`, else `valkey-server`, on PATH; `REDWARDEN_SERVER` names another binary.
pub fn find_server() -> Result<PathBuf, LaunchError> {
    if let Some(path) = std::env::var_os("REDWARDEN_SERVER").filter(|p| !p.is_empty()) {
        return Ok(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["redis-server", "valkey-server"]
        .iter()
        .map(|name| format!("{name}{}", std::env::consts::EXE_SUFFIX))
        .flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(&name)))
        .find(|candidate| candidate.is_file())
        .ok_or(LaunchError::NotInstalled)
}

/// A loopback port nobody listens on right now.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A free port whose bus port exists and is free, too.
fn free_cluster_port() -> std::io::Result<u16> {
    for _ in 0..1000 {
        let port = free_port()?;
        let bus = port.saturating_add(BUS_OFFSET);
        if port < CLUSTER_PORTS_BELOW && TcpListener::bind((Ipv4Addr::LOCALHOST, bus)).is_ok() {
            return Ok(port);
        }
    }
    Err(std::io::Error::other(format!("no free port below {CLUSTER_PORTS_BELOW} for a cluster's node")))
}

/// Asks again and again until it holds; `Err` is what was missing last.
fn settle(mut missing: impl FnMut() -> Option<String>) -> Result<(), LaunchError> {
    let deadline = Instant::now() + SETTLE;
    while let Some(what) = missing() {
        if Instant::now() > deadline {
            return Err(LaunchError::NotTogether(what));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

//! What actions need: where nodes are, the right to write, the audit file, the deadline of a call.

use std::sync::Arc;
use std::time::Duration;

use super::Request;
use super::audit::Audit;
use super::prepare::{PreparedAction, build};
use super::route::{MOST_HOPS, Stop};
use crate::config::endpoint::{Directory, Routes, route};
use crate::config::{Config, Endpoint};
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, NodeId, Reply};
use crate::family::registry::LockFamilies;
use crate::family::{Dialect, Read};
use crate::redis_io::{CallError, ClientRole, Reader, WritePermit, connect};

/// The configured nodes as a directory.
pub fn directory(config: &Config) -> Directory {
    let nodes: Vec<(NodeId, Endpoint)> =
        config.nodes.iter().map(|node| (node.meta.id.clone(), node.endpoint.clone())).collect();
    Arc::new(move |id| nodes.iter().find(|(known, _)| known == id).map(|(_, endpoint)| endpoint.clone()))
}

/// The configured nodes by their addresses.
pub fn routes(config: &Config) -> Routes {
    let nodes = config.nodes.clone();
    Arc::new(move |address| route(&nodes, address))
}

/// Everything an action needs besides its request. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Where nodes are.
    pub directory: Directory,
    /// Which node a cluster means by an address.
    pub routes: Routes,
    /// `None` in read-only mode: then no connection that may write is ever made.
    pub permit: Option<WritePermit>,
    /// Which libraries' locks are released, and how.
    pub families: LockFamilies,
    /// Where actions are written down.
    pub audit: Audit,
    /// Deadline of a connect and of each call.
    pub timeout: Duration,
}

impl Services {
    /// Services for the configured nodes.
    pub fn new(config: &Config, permit: Option<WritePermit>, audit: Audit) -> Self {
        Self {
            directory: directory(config),
            routes: routes(config),
            permit,
            families: LockFamilies::new(config),
            audit,
            timeout: config.timeout,
        }
    }

    /// Prepares one action. `Err` is an escaped sentence; nothing was changed.
    pub async fn prepare(&self, request: Request) -> Result<PreparedAction, String> {
        build(self, request).await
    }

    /// How long after its TIME a plan may still run. Not longer than we wait for the answer, so that a plan
    /// reported as unknown can no longer start.
    pub(super) fn valid_for(&self) -> Duration {
        self.timeout
    }

    /// The endpoint of a node, in this database.
    pub(super) fn endpoint(&self, node: &NodeId, db: u32) -> Result<Endpoint, String> {
        let endpoint = (self.directory)(node).ok_or_else(|| format!("no node is called {node}"))?;
        Ok(Endpoint { db, ..endpoint })
    }

    /// A connection that only reads, on this node or, in a cluster, on the one that has the key by now.
    pub(super) async fn reader(&self, node: &NodeId, db: u32, key: &Bytes) -> Result<Reader, String> {
        let mut stop = Stop::at(node);
        for _ in 0..MOST_HOPS {
            let endpoint = self.endpoint(&stop.node, db)?;
            let failed = |e| named(&stop.node, &e);
            let mut reader = connect(&endpoint, ClientRole::Act, self.timeout).await.map_err(failed)?;
            if stop.asking {
                reader.ask();
            }
            let found = reader.read(&[Read::Type(key.clone())], Dialect::NoScripts).await.map_err(failed)?;
            match found.first().and_then(Reply::as_error).and_then(ReplyError::redirect) {
                None => return Ok(reader),
                Some(redirect) => stop = stop.next(self, &endpoint, &redirect)?,
            }
        }
        Err(stop.endless())
    }
}

/// An error with the node it comes from.
pub(super) fn named(node: &NodeId, error: &CallError) -> String {
    format!("{node}: {error}")
}

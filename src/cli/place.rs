//! Which queue is meant, on which node, and which end of it: flags that several commands share.

use std::ffi::OsString;

use clap::Args;

use super::Usage;
use super::value::{base64, bytes, some_key};
use crate::domain::Bytes;
use crate::domain::queue::PushEnd;

/// Which nodes are meant when a key exists on more than one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Where {
    /// `--node`.
    pub node: Option<String>,
    /// `--all-nodes`.
    pub all_nodes: bool,
    /// `--db`: only nodes watched in this logical database.
    pub db: Option<u32>,
}

/// Which of several nodes is meant.
#[derive(Args, Debug)]
pub(super) struct OneNode {
    /// Only on this node.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Only in this logical database.
    #[arg(long, value_name = "N")]
    db: Option<u32>,
}

/// The same, of commands that may be about more than one.
#[derive(Args, Debug)]
pub(super) struct Nodes {
    #[command(flatten)]
    one: OneNode,
    /// On each node that has it.
    #[arg(long, conflicts_with = "node")]
    all_nodes: bool,
}

/// A queue whose key is given as text or in base64.
#[derive(Args, Debug)]
pub(super) struct QueueKey {
    /// Key of the queue, as `redwarden queues` lists it.
    #[arg(value_name = "QUEUE", required_unless_present = "key_b64", conflicts_with = "key_b64")]
    queue: Option<OsString>,
    /// Key of the queue in base64, as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    key_b64: Option<Bytes>,
}

/// The end that producers push to.
#[derive(Args, Debug)]
pub(super) struct End {
    /// Producers push to the left (LPUSH) [default: as configured].
    #[arg(long, conflicts_with = "right")]
    left: bool,
    /// Producers push to the right (RPUSH).
    #[arg(long)]
    right: bool,
}

impl From<OneNode> for Where {
    fn from(place: OneNode) -> Self {
        Self { node: place.node, all_nodes: false, db: place.db }
    }
}

impl From<Nodes> for Where {
    fn from(place: Nodes) -> Self {
        Self { all_nodes: place.all_nodes, ..place.one.into() }
    }
}

impl QueueKey {
    pub(super) fn exact(self) -> Result<Bytes, Usage> {
        some_key(self.queue.map(bytes).or(self.key_b64))
    }
}

impl End {
    pub(super) fn chosen(&self) -> Option<PushEnd> {
        match (self.left, self.right) {
            (true, _) => Some(PushEnd::Left),
            (_, true) => Some(PushEnd::Right),
            _ => None,
        }
    }
}

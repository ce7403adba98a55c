//! Asks cluster nodes and Sentinels who belongs together. Replies are hostile too: names, addresses and numbers are
//! taken from them, bounded, and nothing else.

mod cluster;
mod nodes;
mod sentinel;
mod shards;

use std::time::Duration;

use super::connect::{ClientRole, open};
use super::error::CallError;
use super::link::Link;
use crate::config::{Address, Endpoint, NodeConfig};
use crate::domain::bytes::escape_text;
use crate::domain::{NodeId, NodeMeta, Reply};

pub use cluster::{ClusterWord, ToldNode, ToldShard};
pub use sentinel::{SentinelWord, ToldPrimary, ToldReplica, ToldSentinel};

/// Nodes taken from one answer at the most; the largest cluster recommended is 1,000 nodes.
const MAX_NODES: usize = 2000;

/// A connection that can only ask for the topology.
pub struct TopologyReader {
    link: Link,
}

impl TopologyReader {
    /// Connects within `timeout`; each later call has the same deadline.
    pub async fn open(endpoint: &Endpoint, timeout: Duration) -> Result<Self, CallError> {
        // Sentinels have no databases, and cluster nodes only one.
        let endpoint = Endpoint { db: 0, ..endpoint.clone() };
        Ok(Self { link: open(&endpoint, ClientRole::Poll, timeout).await? })
    }
}

/// A node called by its address.
pub fn node_of(endpoint: &Endpoint) -> NodeConfig {
    node_called(&escape_text(&endpoint.address.to_string()), endpoint.clone())
}

/// A node of this name, reached there.
pub fn node_called(name: &str, endpoint: Endpoint) -> NodeConfig {
    let address = escape_text(&endpoint.address.to_string());
    NodeConfig { meta: NodeMeta { id: NodeId::new(name), address, db: endpoint.db, group: None }, endpoint }
}

/// The name of a node that announces itself so: `host:port`, safe to show.
pub fn announced_name(host: &str, port: u16) -> String {
    escape_text(&Address::Tcp { host: host.to_owned(), port }.to_string())
}

/// A field of an entry: a map in RESP3, a flat list of names and values in RESP2.
fn field<'r>(entry: &'r Reply, wanted: &str) -> Option<&'r Reply> {
    let is = |r: &Reply| r.as_bytes().is_some_and(|b| b.as_slice() == wanted.as_bytes());
    match entry {
        Reply::Map(pairs) => pairs.iter().find(|(k, _)| is(k)).map(|(_, v)| v),
        Reply::Array(flat) => {
            flat.chunks(2).find(|pair| pair.first().is_some_and(is)).and_then(|pair| pair.get(1))
        }
        _ => None,
    }
}

/// The text of a field, if it is UTF-8.
fn text_field(entry: &Reply, wanted: &str) -> Option<String> {
    field(entry, wanted)?.as_bytes()?.as_utf8().map(str::to_owned)
}

/// A port in a field; 0 is none.
fn port_field(entry: &Reply, wanted: &str) -> Option<u16> {
    u16::try_from(field(entry, wanted)?.as_int()?).ok().filter(|p| *p != 0)
}

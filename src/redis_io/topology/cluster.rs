//! What one node says of its cluster: CLUSTER SHARDS, else SLOTS, else NODES, with INFO and the slots it moves.

use super::{TopologyReader, nodes, shards};
use crate::domain::slots::SlotRange;
use crate::domain::{Command, Reply};
use crate::redis_io::error::CallError;

/// One node's word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterWord {
    /// Shards as it knows them.
    pub shards: Vec<ToldShard>,
    /// The same without what other nodes would not tell: which command gave the shards.
    pub source: &'static str,
    /// `cluster_state` is `ok`.
    pub is_ok: Option<bool>,
    /// `cluster_slots_pfail`.
    pub slots_pfail: Option<u64>,
    /// `cluster_slots_fail`.
    pub slots_fail: Option<u64>,
    /// `cluster_current_epoch`.
    pub epoch: Option<u64>,
    /// Its own id in the cluster.
    pub myself: Option<String>,
    /// Slots it gives away, and the id of the node they go to. `None`: not told.
    pub migrating: Option<Vec<(u16, String)>>,
    /// Slots it takes, and the id of the node they come from. `None`: not told.
    pub importing: Option<Vec<(u16, String)>>,
    /// Commands that this user may not run.
    pub denied: Vec<&'static str>,
}

/// A shard as told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldShard {
    /// Its primary.
    pub primary: Option<ToldNode>,
    /// Its replicas.
    pub replicas: Vec<ToldNode>,
    /// Its slots.
    pub slots: Vec<SlotRange>,
}

/// A node as told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldNode {
    /// Its id in the cluster.
    pub id: String,
    /// The host it announces; `None`: it does not know, and it is to be reached where the teller is.
    pub host: Option<String>,
    /// Another name or address of the same host, for the address map.
    pub other_host: Option<String>,
    /// The port it announces.
    pub port: u16,
    /// `false`: it failed or is loading.
    pub is_online: Option<bool>,
}

impl TopologyReader {
    /// Asks this node. `tls`: ports for TLS are wanted.
    pub async fn cluster(&mut self, tls: bool) -> Result<ClusterWord, CallError> {
        let asked = ["CLUSTER SHARDS", "CLUSTER INFO", "CLUSTER NODES"].map(Command::new);
        let replies = self.link.pipeline(&asked).await?;
        let [told, info, nodes] = &replies[..] else { return Ok(ClusterWord::default()) };
        if let Reply::Error(e) = info
            && e.message.contains("cluster support disabled")
        {
            return Err(CallError::new(crate::domain::node::Reason::Other, "it is no cluster node"));
        }
        let mut word = ClusterWord::default();
        if info.is_denied() {
            word.denied.push("CLUSTER|INFO");
        }
        read_info(info, &mut word);
        let text = match nodes {
            Reply::Bulk(text) => Some(String::from_utf8_lossy(text.as_slice()).into_owned()),
            _ => None,
        };
        if let Some(text) = &text {
            nodes::read_own(text, &mut word);
        } else if nodes.is_denied() {
            word.denied.push("CLUSTER|NODES");
        }
        if let Some(shards) = told.as_array().map(|list| shards::from_shards(list, tls)) {
            (word.shards, word.source) = (shards, "CLUSTER SHARDS");
            return Ok(word);
        }
        // Before 7.0, other engines, or a user who may not.
        let slots = self.link.call(&Command::new("CLUSTER SLOTS")).await?;
        if let Some(list) = slots.as_array() {
            (word.shards, word.source) = (shards::from_slots(list), "CLUSTER SLOTS");
            // SLOTS leaves out who serves nothing and tells no health; NODES adds both where it is permitted.
            if let Some(text) = &text {
                shards::merge(&mut word.shards, nodes::shards(text));
            }
            return Ok(word);
        }
        match (text, slots.as_error().or(nodes.as_error())) {
            (Some(text), _) => (word.shards, word.source) = (nodes::shards(&text), "CLUSTER NODES"),
            (None, Some(error)) => return Err(CallError::from_reply(error)),
            (None, None) => {}
        }
        Ok(word)
    }
}

fn read_info(info: &Reply, word: &mut ClusterWord) {
    let Some(text) = info.as_bytes() else { return };
    let text = String::from_utf8_lossy(text.as_slice());
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name {
            "cluster_state" => word.is_ok = Some(value == "ok"),
            "cluster_slots_pfail" => word.slots_pfail = value.parse().ok(),
            "cluster_slots_fail" => word.slots_fail = value.parse().ok(),
            "cluster_current_epoch" => word.epoch = value.parse().ok(),
            _ => {}
        }
    }
}

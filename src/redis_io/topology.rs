//! Finds the nodes of a Redis Cluster or behind Sentinels. Replies are hostile too: only addresses are taken.

use std::time::Duration;

use super::connect::{ClientRole, open};
use super::error::CallError;
use crate::config::{Address, Endpoint, NodeConfig, Sentinel};
use crate::domain::bytes::escape_text;
use crate::domain::node::Reason;
use crate::domain::{Command, NodeId, NodeMeta, Reply};

/// Nodes taken from one answer at the most; the largest cluster recommended is 1,000 nodes.
const MAX_NODES: usize = 2000;

/// All nodes of the cluster that `seed` belongs to, primaries first. They get the seed's credentials and TLS.
pub async fn cluster_nodes(seed: &Endpoint, timeout: Duration) -> Result<Vec<NodeConfig>, CallError> {
    let mut link = open(seed, ClientRole::Poll, timeout).await?;
    let reply = link.call(&Command::new("CLUSTER NODES")).await?;
    let text = match &reply {
        Reply::Error(e) => return Err(CallError::from_reply(e)),
        other => other.as_bytes().unwrap_or_default(),
    };
    let text = String::from_utf8_lossy(text.as_slice()).into_owned();
    Ok(parse_cluster_nodes(&text, seed))
}

/// `id ip:port@cport[,hostname] flags primary ping pong epoch link slots...`, one line a node.
fn parse_cluster_nodes(text: &str, seed: &Endpoint) -> Vec<NodeConfig> {
    let mut found: Vec<(bool, NodeConfig)> = Vec::new();
    for line in text.lines().take(MAX_NODES) {
        let mut words = line.split(' ');
        let (Some(_id), Some(address), Some(flags)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let flag = |name: &str| flags.split(',').any(|f| f == name);
        if flag("noaddr") || flag("handshake") {
            continue;
        }
        let address = address.split(['@', ',']).next().unwrap_or(address);
        let Some((host, port)) = address.rsplit_once(':') else { continue };
        let Ok(port) = port.parse::<u16>() else { continue };
        // A node that does not know its own address yet is the one we asked.
        let host = match (host, &seed.address) {
            ("", Address::Tcp { host, .. }) => host.clone(),
            (host, _) => host.trim_matches(['[', ']']).to_string(),
        };
        found.push((!flag("master"), node_at(&host, port, seed)));
    }
    found.sort_by_key(|(replica, _)| *replica);
    found.into_iter().map(|(_, node)| node).collect()
}

/// The primary (all of them without a name), its replicas and the Sentinels that watch it, as `seed` tells them.
pub async fn sentinel_nodes(
    seed: &Endpoint,
    sentinel: &Sentinel,
    timeout: Duration,
) -> Result<Vec<NodeConfig>, CallError> {
    let master_name = sentinel.master_name.as_deref();
    let data = Endpoint {
        username: sentinel.username.clone(),
        password: sentinel.password.clone(),
        tls: sentinel.tls.clone(),
        ..seed.clone()
    };
    let mut link = open(seed, ClientRole::Poll, timeout).await?;
    let reply = link.call(&Command::new("SENTINEL MASTERS")).await?;
    if let Reply::Error(e) = &reply {
        return Err(CallError::from_reply(e));
    }
    let masters: Vec<(String, String, u16)> = entries(&reply)
        .into_iter()
        .filter(|(name, _, _)| master_name.is_none_or(|wanted| wanted == name))
        .collect();
    if masters.is_empty() {
        let what = master_name.map_or_else(
            || "this Sentinel watches no primary".to_string(),
            |name| format!("this Sentinel watches no primary called {name}"),
        );
        return Err(CallError::new(Reason::Other, what));
    }
    let mut nodes = Vec::new();
    for (name, host, port) in masters {
        nodes.push(node_at(&host, port, &data));
        // REPLICAS came with 5.0; SLAVES is understood by all.
        let lists = [
            Command::new("SENTINEL SLAVES").arg(name.as_str()),
            Command::new("SENTINEL SENTINELS").arg(name.as_str()),
        ];
        for (reply, like) in link.pipeline(&lists).await?.iter().zip([&data, seed]) {
            nodes.extend(entries(reply).into_iter().map(|(_, host, port)| node_at(&host, port, like)));
        }
    }
    nodes.push(node_of(seed));
    let mut seen = std::collections::HashSet::new();
    nodes.retain(|node| seen.insert(node.meta.id.clone()));
    Ok(nodes)
}

/// `(name, ip, port)` of each entry: flat lists in RESP2, maps in RESP3.
fn entries(reply: &Reply) -> Vec<(String, String, u16)> {
    let field = |entry: &Reply, wanted: &str| -> Option<String> {
        let text = |r: &Reply| r.as_bytes().map(|b| b.escaped());
        match entry {
            Reply::Map(pairs) => {
                pairs.iter().find(|(k, _)| text(k).as_deref() == Some(wanted)).and_then(|(_, v)| text(v))
            }
            Reply::Array(flat) => flat
                .chunks(2)
                .find(|pair| pair.first().and_then(text).as_deref() == Some(wanted))
                .and_then(|pair| pair.get(1).and_then(text)),
            _ => None,
        }
    };
    reply
        .as_array()
        .unwrap_or_default()
        .iter()
        .take(MAX_NODES)
        .filter_map(|e| Some((field(e, "name")?, field(e, "ip")?, field(e, "port")?.parse().ok()?)))
        .collect()
}

fn node_at(host: &str, port: u16, like: &Endpoint) -> NodeConfig {
    node_of(&Endpoint { address: Address::Tcp { host: host.to_string(), port }, db: 0, ..like.clone() })
}

/// A node called by its address.
pub fn node_of(endpoint: &Endpoint) -> NodeConfig {
    let shown = escape_text(&endpoint.address.to_string());
    NodeConfig {
        meta: NodeMeta { id: NodeId::new(&shown), address: shown, db: endpoint.db, group: None },
        endpoint: endpoint.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_cluster_nodes() {
        let seed = Endpoint::tcp("10.0.0.9", 7000);
        let text = "a :7000@17000 myself,slave b 0 0 1 connected\n\
                    b 10.0.0.2:7001@17001,host.example master - 0 0 2 connected 0-5460\n\
                    c fd00::1:7002@17002 master,fail - 0 0 3 disconnected 5461-10922\n\
                    d :0@0 master,noaddr - 0 0 4 disconnected\nrubbish\n";
        let found: Vec<String> =
            parse_cluster_nodes(text, &seed).iter().map(|n| n.meta.address.clone()).collect();
        assert_eq!(found, ["10.0.0.2:7001", "[fd00::1]:7002", "10.0.0.9:7000"]);
    }
}

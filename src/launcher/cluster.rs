//! A Redis Cluster of our own: primaries with replicas, made by the same commands that operators use.

use std::path::Path;
use std::time::Duration;

use super::server::data_args;
use super::{LaunchError, Server, TlsFiles, free_cluster_port, free_port, settle, wire};
use crate::config::Endpoint;

/// Hash slots of a cluster.
const SLOTS: usize = 16_384;

/// What cluster to make.
#[derive(Clone, Debug)]
pub struct ClusterShape {
    /// Primaries, 1 to 100; they share the slots evenly.
    pub primaries: usize,
    /// Replicas of each primary.
    pub replicas: usize,
    /// `cluster-node-timeout`: silence after which a node is taken for dead. A failover takes about twice that.
    pub node_timeout: Duration,
    /// Nodes speak TLS with each other and announce their TLS ports.
    pub tls: Option<TlsFiles>,
    /// Added to the command line of each node.
    pub args: Vec<String>,
}

impl Default for ClusterShape {
    /// Three primaries without replicas, that notice a death within a second or two.
    fn default() -> Self {
        Self { primaries: 3, replicas: 0, node_timeout: Duration::from_secs(1), tls: None, args: Vec::new() }
    }
}

/// A cluster of ours. Dropping it kills its servers and removes their directories.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    server: Server,
    /// The port that the cluster tells of: the TLS port where there is one.
    announced: u16,
}

impl Cluster {
    /// Starts a cluster; returns when all slots are served on all nodes and each replica is linked.
    pub fn start(shape: &ClusterShape) -> Result<Self, LaunchError> {
        Self::start_in(&std::env::temp_dir(), shape)
    }

    /// [`Cluster::start`] with all directories made inside `parent`.
    pub fn start_in(parent: &Path, shape: &ClusterShape) -> Result<Self, LaunchError> {
        let primaries = shape.primaries.clamp(1, 100);
        let total = primaries * (1 + shape.replicas);
        let mut nodes = Vec::with_capacity(total);
        for _ in 0..total {
            nodes.push(start_node(parent, shape)?);
        }
        let cluster = Self { nodes };
        cluster.join(primaries, shape.replicas)?;
        Ok(cluster)
    }

    /// All nodes: the primaries first, then their replicas; as they were made, whatever happened since.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().map(|node| &node.server)
    }

    /// A node by its place in [`Cluster::servers`].
    pub fn server(&self, index: usize) -> Option<&Server> {
        self.nodes.get(index).map(|node| &node.server)
    }

    /// The same, to kill and restart it.
    pub fn server_mut(&mut self, index: usize) -> Option<&mut Server> {
        self.nodes.get_mut(index).map(|node| &mut node.server)
    }

    /// The port by which the cluster calls a node: its TLS port where it speaks TLS.
    pub fn announced_port(&self, index: usize) -> Option<u16> {
        self.nodes.get(index).map(|node| node.announced)
    }

    /// Plain endpoints of all nodes.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.servers().map(Server::endpoint).collect()
    }

    /// The primary that owns this slot, as the first node that answers tells: its place in [`Cluster::servers`].
    pub fn owner_of(&self, slot: u16) -> Option<usize> {
        let nodes =
            self.nodes.iter().find_map(|n| wire::text(n.server.port(), &["CLUSTER", "NODES"]).ok())?;
        let line = nodes.lines().find(|line| owns(line, slot))?;
        let port = port_of(line)?;
        // To a plain connection also a cluster with TLS tells plain ports.
        self.nodes.iter().position(|node| node.announced == port || node.server.port() == port)
    }

    /// The id that the cluster gave to a node.
    pub fn id(&self, index: usize) -> Option<String> {
        wire::text(self.server(index)?.port(), &["CLUSTER", "MYID"]).ok()
    }

    fn join(&self, primaries: usize, replicas: usize) -> Result<(), LaunchError> {
        let say = |node: &Node, words: &[&str]| {
            wire::text(node.server.port(), words).map_err(LaunchError::NotTogether)
        };
        // Refused to a node that has met another one, so all of them first.
        for (i, node) in self.nodes.iter().enumerate() {
            say(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()])?;
        }
        for (i, node) in self.nodes.iter().enumerate() {
            if i < primaries {
                // ADDSLOTSRANGE came with 7.0.
                let slots = i * SLOTS / primaries..(i + 1) * SLOTS / primaries;
                let slots: Vec<String> = slots.map(|slot| slot.to_string()).collect();
                let words = ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str));
                say(node, &words.collect::<Vec<_>>())?;
            }
            // Each meets each: faster than waiting for the gossip.
            for other in self.nodes.iter().skip(i + 1) {
                say(node, &["CLUSTER", "MEET", "127.0.0.1", &other.announced.to_string()])?;
            }
        }
        for (i, node) in self.nodes.iter().enumerate().skip(primaries) {
            let Some(primary) = self.id(i % primaries) else { continue };
            // Refused until the two have met.
            settle(|| wire::text(node.server.port(), &["CLUSTER", "REPLICATE", &primary]).err())?;
        }
        settle(|| self.missing(primaries, replicas))
    }

    /// What is missing until the cluster stands.
    fn missing(&self, primaries: usize, replicas: usize) -> Option<String> {
        let total = self.nodes.len();
        self.nodes.iter().enumerate().find_map(|(i, node)| {
            let port = node.server.port();
            let state = match wire::text(port, &["CLUSTER", "INFO"]) {
                Ok(info) => info,
                Err(why) => return Some(why),
            };
            let list = wire::text(port, &["CLUSTER", "NODES"]).unwrap_or_default();
            let links = wire::text(port, &["INFO", "replication"]).unwrap_or_default();
            let has = |role: &str| list.lines().filter(|line| flags(line).contains(&role)).count();
            if !state.contains("cluster_state:ok") || !state.contains(&format!("cluster_known_nodes:{total}"))
            {
                return Some(format!("port {port}: {}", state.replace("\r\n", " ")));
            }
            if has("master") != primaries || has("slave") != primaries * replicas || has("handshake") != 0 {
                return Some(format!("port {port} does not know all nodes yet: {list}"));
            }
            let linked = if i < primaries {
                links.matches("state=online").count() == replicas
            } else {
                links.contains("master_link_status:up")
            };
            (!linked).then(|| format!("port {port} is not linked yet"))
        })
    }
}

fn start_node(parent: &Path, shape: &ClusterShape) -> Result<Node, LaunchError> {
    // The bus belongs to the announced port: of a node with TLS that is not the plain one.
    let tls_port = shape.tls.as_ref().map(|_| free_cluster_port()).transpose()?;
    let timeout = shape.node_timeout.as_millis().to_string();
    let args = |dir: &Path, port: u16| {
        let mut args = data_args(
            dir,
            port,
            &[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                &timeout,
                "--cluster-replica-validity-factor",
                "0",
                "--repl-diskless-sync-delay",
                "0",
            ],
        );
        if let (Some(tls), Some(port)) = (&shape.tls, tls_port) {
            args.extend(tls.args(port));
            args.extend(["--tls-cluster".into(), "yes".into()]);
        }
        args.extend(shape.args.iter().cloned());
        Ok(args)
    };
    let pick = if tls_port.is_some() { free_port } else { free_cluster_port };
    let server = Server::start_on(parent, pick, args)?;
    let announced = tls_port.unwrap_or_else(|| server.port());
    Ok(Node { server, announced })
}

/// The flags of a line of CLUSTER NODES: `id ip:port@cport flags primary ping pong epoch link slots...`.
fn flags(line: &str) -> Vec<&str> {
    line.split(' ').nth(2).unwrap_or_default().split(',').collect()
}

fn port_of(line: &str) -> Option<u16> {
    line.split(' ').nth(1)?.split('@').next()?.rsplit(':').next()?.parse().ok()
}

fn owns(line: &str, slot: u16) -> bool {
    line.split(' ').skip(8).any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
    })
}

//! The servers of the demo, the directory they live in, and what happens to them.

use std::time::Duration;

use super::cast::{NODES, scenes};
use super::place::Place;
use super::stage::Role;
use super::supervisor::Line;
use super::{DemoNode, Duty};
use crate::cli::Stage;
use crate::launcher::{Cluster, ClusterShape, LaunchError, SentinelGroup, SentinelShape, Server};

/// A limit, so that the memory column has something to compare with.
const LIMITS: [&str; 4] = ["--maxmemory", "64mb", "--maxmemory-policy", "noeviction"];

/// Something that happens to a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incident {
    /// The first primary dies.
    Dies,
    /// It comes back.
    Returns,
}

impl Incident {
    /// What happens, each so long after the one before.
    pub(super) fn plot(failover: bool) -> Vec<(Duration, Self)> {
        if failover {
            vec![(Duration::from_secs(15), Self::Dies), (Duration::from_secs(20), Self::Returns)]
        } else {
            Vec::new()
        }
    }
}

/// The servers and, declared last so that it goes last, the directory they live in.
pub(super) struct Fleet {
    servers: Servers,
    dir: tempfile::TempDir,
}

enum Servers {
    Nodes(Vec<Server>),
    Cluster(Cluster),
    Sentinel(SentinelGroup),
}

impl Fleet {
    /// Blocks until all servers answer and know each other.
    pub(super) fn start(stage: Stage) -> Result<Self, LaunchError> {
        let dir = tempfile::Builder::new().prefix("redwarden-demo-").tempdir()?;
        let limits = || LIMITS.map(String::from).to_vec();
        let servers = match stage {
            Stage::Nodes => {
                let start = |_name| Server::start_in(dir.path(), &LIMITS);
                Servers::Nodes(NODES.iter().map(start).collect::<Result<_, _>>()?)
            }
            Stage::Cluster => {
                // Long enough that a busy machine does not look like a dead one.
                let node_timeout = Duration::from_secs(2);
                let shape =
                    ClusterShape { replicas: 1, node_timeout, args: limits(), ..ClusterShape::default() };
                Servers::Cluster(Cluster::start_in(dir.path(), &shape)?)
            }
            Stage::Sentinel => {
                let down_after = Duration::from_secs(2);
                let shape =
                    SentinelShape { replicas: 2, down_after, args: limits(), ..SentinelShape::default() };
                Servers::Sentinel(SentinelGroup::start_in(dir.path(), &shape)?)
            }
        };
        Ok(Self { servers, dir })
    }

    /// Who plays where.
    pub(super) fn scenes(&self) -> Vec<(Place, Vec<Role>)> {
        let everywhere = |place| vec![(place, scenes().into_iter().flatten().collect())];
        match &self.servers {
            Servers::Nodes(servers) => {
                servers.iter().map(|server| Place::Node(server.endpoint())).zip(scenes()).collect()
            }
            Servers::Cluster(cluster) => everywhere(Place::Any(cluster.endpoints())),
            Servers::Sentinel(group) => everywhere(Place::Any(group.endpoints())),
        }
    }

    /// Lets it happen. A server that does not come back stays away: the screen shows it.
    pub(super) fn suffer(&mut self, incident: Incident) {
        let first = match &mut self.servers {
            Servers::Nodes(servers) => servers.first_mut(),
            Servers::Cluster(cluster) => cluster.server_mut(0),
            Servers::Sentinel(group) => group.server_mut(0),
        };
        let Some(server) = first else { return };
        match incident {
            Incident::Dies => server.kill(),
            Incident::Returns => drop(server.restart()),
        }
    }

    /// What the dashboard is told.
    pub(super) fn line(&self) -> Line {
        let node = |server: &Server, name: String, duty| DemoNode {
            name,
            port: server.port(),
            pid: server.pid(),
            duty,
        };
        let data = |server: &Server| node(server, format!("127.0.0.1:{}", server.port()), Duty::Data);
        let nodes = match &self.servers {
            Servers::Nodes(servers) => servers
                .iter()
                .zip(NODES)
                .map(|(server, name)| node(server, name.into(), Duty::Data))
                .collect(),
            Servers::Cluster(cluster) => cluster.servers().map(data).collect(),
            Servers::Sentinel(group) => {
                let sentinel =
                    |server: &Server| node(server, format!("127.0.0.1:{}", server.port()), Duty::Sentinel);
                group.servers().map(data).chain(group.sentinels().map(sentinel)).collect()
            }
        };
        Line::Up { nodes, dir: self.dir.path().to_path_buf() }
    }
}

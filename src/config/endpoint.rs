//! How to reach a node.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Secret;
use crate::domain::NodeId;

/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP, host name or address.
    Tcp {
        /// Host name, IPv4 or IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// TLS settings of a node.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tls {
    /// PEM file with the CA to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file with our certificate chain.
    pub cert_file: Option<PathBuf>,
    /// PEM file with our private key.
    pub key_file: Option<PathBuf>,
    /// Name to ask for and to verify instead of the host.
    pub server_name: Option<String>,
    /// Verify nothing.
    pub insecure: bool,
}

/// A node's address with its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Address,
    /// TLS, if it is spoken.
    pub tls: Option<Tls>,
    /// ACL user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Logical database.
    pub db: u32,
}

impl Endpoint {
    /// A plain endpoint without credentials, database 0.
    pub fn tcp(host: &str, port: u16) -> Self {
        Self {
            address: Address::Tcp { host: host.into(), port },
            tls: None,
            username: None,
            password: None,
            db: 0,
        }
    }
}

/// Tells which of the watched nodes has this address. A cluster names nodes by their addresses; one that is not
/// watched is never dialled.
pub type Routes = Arc<dyn Fn(&Address) -> Option<NodeId> + Send + Sync>;

/// The node among these that has this address; else the one that announces it and is reached elsewhere (an
/// `address_map`): it is called by what it announces. `None` also where two networks announce the same.
pub fn route(nodes: &[super::NodeConfig], address: &Address) -> Option<NodeId> {
    let reached = nodes.iter().find(|node| node.endpoint.address == *address);
    let name = crate::domain::bytes::escape_text(&address.to_string());
    let announces = |id: &str| id == name || id.strip_suffix(name.as_str()).is_some_and(|g| g.ends_with('/'));
    let mut announced = nodes.iter().filter(|node| announces(node.meta.id.as_str()));
    let only = announced.next().filter(|_| announced.next().is_none());
    reached.or(only).map(|node| node.meta.id.clone())
}

/// Tells where a node is. A closure, so that nodes found while running can be acted on too.
pub type Directory = Arc<dyn Fn(&NodeId) -> Option<Endpoint> + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis_io::topology::node_called;

    #[test]
    fn a_redirection_leads_to_who_announces_the_address() {
        let announced = Address::Tcp { host: "10.0.0.5".into(), port: 6379 };
        let mapped = node_called("10.0.0.5:6379", Endpoint::tcp("127.0.0.1", 7001));
        let plain = node_called("cache", Endpoint::tcp("10.0.0.6", 6379));
        let found =
            |nodes: &[super::super::NodeConfig], to: &Address| route(nodes, to).map(|id| id.to_string());
        let nodes = [mapped.clone(), plain.clone()];
        assert_eq!(found(&nodes, &announced).as_deref(), Some("10.0.0.5:6379"));
        assert_eq!(found(&nodes, &plain.endpoint.address).as_deref(), Some("cache"));
        // Another network announces the same: better nobody than the wrong one.
        let twin = node_called("b/10.0.0.5:6379", Endpoint::tcp("127.0.0.1", 7002));
        assert_eq!(found(&[mapped, twin], &announced), None);
    }
}

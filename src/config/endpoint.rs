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

/// The node among these that has this address.
pub fn route(nodes: &[super::NodeConfig], address: &Address) -> Option<NodeId> {
    nodes.iter().find(|node| node.endpoint.address == *address).map(|node| node.meta.id.clone())
}

/// Tells where a node is. A closure, so that nodes found while running can be acted on too.
pub type Directory = Arc<dyn Fn(&NodeId) -> Option<Endpoint> + Send + Sync>;

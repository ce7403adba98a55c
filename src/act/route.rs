//! Follows a cluster's redirects, from watched node to watched node only.

use super::services::Services;
use crate::config::Endpoint;
use crate::config::endpoint::Address;
use crate::domain::NodeId;
use crate::domain::bytes::escape_text;
use crate::domain::reply::Redirect;

/// Redirects that are followed for one connection: MOVED and ASK, and as much again for a view that is out of date.
pub(super) const MOST_HOPS: usize = 5;

/// A node on the way to a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stop {
    /// Which node.
    pub(super) node: NodeId,
    /// The key is on its way there: ASKING is needed.
    pub(super) asking: bool,
}

impl Stop {
    /// The first one.
    pub(super) fn at(node: &NodeId) -> Self {
        Self { node: node.clone(), asking: false }
    }

    /// Where `asked` sends us, if that is a node we watch.
    pub(super) fn next(
        &self,
        services: &Services,
        asked: &Endpoint,
        redirect: &Redirect,
    ) -> Result<Self, String> {
        let address = address_of(asked, redirect);
        let node = (services.routes)(&address).ok_or_else(|| {
            let there = escape_text(&address.to_string());
            format!(
                "{} says that the key is on {there}, which is no node that is watched: nothing was sent there",
                self.node
            )
        })?;
        Ok(Self { node, asking: redirect.asking })
    }

    /// The sentence when it never ends.
    pub(super) fn endless(&self) -> String {
        format!("the nodes send each other's way, last to {}: try again", self.node)
    }
}

/// The address a redirect means. A node without a name for itself means the host that was asked.
pub fn address_of(asked: &Endpoint, redirect: &Redirect) -> Address {
    let host = match (&asked.address, redirect.host.as_str()) {
        (Address::Tcp { host, .. }, "" | "?") => host.clone(),
        (_, host) => host.to_string(),
    };
    Address::Tcp { host, port: redirect.port }
}

//! Where further nodes are to be asked for: clusters and Sentinels.

use super::{Endpoint, Secret, Tls};

/// Clusters and Sentinels, beside the nodes that are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Clusters, in order.
    pub clusters: Vec<Cluster>,
    /// Sentinels, in order.
    pub sentinels: Vec<Sentinel>,
}

impl Topology {
    /// True when there is nobody to ask.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.sentinels.is_empty()
    }
}

/// A cluster and how to find it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Name of its group; unique among clusters and Sentinels.
    pub name: String,
    /// Nodes to start from; never empty. The nodes found take credentials and TLS of the first one.
    pub seeds: Vec<Endpoint>,
    /// Where announced addresses are reached from here.
    pub addresses: AddressMap,
    /// Primaries that there should be, if that is said.
    pub masters: Option<u32>,
}

/// Sentinels, and how to reach the nodes they tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentinel {
    /// Name of the group, if one is given; else the name of the primary they watch.
    pub name: Option<String>,
    /// The Sentinels, with credentials of their own; never empty.
    pub seeds: Vec<Endpoint>,
    /// Only these primaries and their replicas; empty: all that the Sentinels watch.
    pub master_names: Vec<String>,
    /// ACL user for the nodes they tell.
    pub username: Option<String>,
    /// Password for the nodes they tell.
    pub password: Option<Secret>,
    /// TLS for the nodes they tell: as for the first Sentinel, unless `node_tls` says otherwise.
    pub tls: Option<Tls>,
    /// Where announced addresses are reached from here.
    pub addresses: AddressMap,
}

/// Where announced addresses are reached from here: nodes behind NAT, in containers, behind port forwarding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressMap(Vec<Mapping>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    from: (String, Option<u16>),
    to: (String, Option<u16>),
}

impl AddressMap {
    /// Adds one: `host:port` or `host` to `host:port` or `host`; without a port it stays as announced. `None`: one of
    /// the two is no address.
    pub fn with(mut self, from: &str, to: &str) -> Option<Self> {
        let (from, to) = (address(from)?, address(to)?);
        self.0.push(Mapping { from, to });
        Some(self)
    }

    /// Where this announced address is reached; a rule with the port beats one without. `None`: as announced.
    pub fn reached(&self, host: &str, port: u16) -> Option<(String, u16)> {
        let find = |at| self.0.iter().find(|m| m.from.0.eq_ignore_ascii_case(host) && m.from.1 == at);
        let rule = find(Some(port)).or_else(|| find(None))?;
        Some((rule.to.0.clone(), rule.to.1.unwrap_or(port)))
    }

    /// True when nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each rule as it is written.
    pub fn rules(&self) -> impl Iterator<Item = (String, String)> {
        let shown = |(host, port): &(String, Option<u16>)| match port {
            Some(port) if host.contains(':') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        self.0.iter().map(move |m| (shown(&m.from), shown(&m.to)))
    }
}

/// `host`, `host:port`, `v6` or `[v6]:port`.
fn address(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, port.strip_prefix(':'))
        }
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|p| *p != 0)?),
        None => None,
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:%".contains(c) || !c.is_ascii();
    (!host.is_empty() && host.chars().all(fits)).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_addresses_are_mapped() {
        let map = AddressMap::default()
            .with("10.0.0.5:6379", "127.0.0.1:7001")
            .and_then(|m| m.with("10.0.0.5", "gate"))
            .and_then(|m| m.with("[fd00::1]:7000", "[::1]:7002"))
            .expect("addresses");
        for (from, to) in [
            (("10.0.0.5", 6379), ("127.0.0.1", 7001)),
            (("10.0.0.5", 6380), ("gate", 6380)),
            (("fd00::1", 7000), ("::1", 7002)),
        ] {
            assert_eq!(map.reached(from.0, from.1), Some((to.0.to_owned(), to.1)));
        }
        assert_eq!(map.reached("10.0.0.6", 6379), None);
        for bad in ["", "h:", "h:0", "h:x", "[::1", "a b", "redis://h"] {
            assert!(AddressMap::default().with(bad, "h").is_none(), "{bad}");
        }
    }
}

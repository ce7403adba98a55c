//! Asking several members at once, over connections that stay open between rounds.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::{Address, AddressMap, Endpoint, NodeConfig};
use crate::domain::NodeId;
use crate::redis_io::CallError;
use crate::redis_io::topology::{TopologyReader, announced_name, node_called};

/// Members asked in one round at the most; of more, others get their turn in the next.
pub(super) const MAX_ASKED: usize = 16;

/// Open connections by the name of the member.
pub(super) type Readers = HashMap<NodeId, TopologyReader>;

/// Asks each of `whom` at once; each has the deadline to itself, so that a dead one costs one deadline in all.
pub(super) async fn ask<W, F>(
    readers: &mut Readers,
    whom: &[NodeConfig],
    timeout: Duration,
    question: impl Fn(TopologyReader, &NodeConfig) -> F,
) -> Vec<(NodeConfig, Result<W, CallError>)>
where
    F: Future<Output = (TopologyReader, Result<W, CallError>)>,
{
    let asked = whom.iter().map(|node| {
        let kept = readers.remove(&node.meta.id);
        let question = &question;
        async move {
            let opened = match kept {
                Some(reader) => Ok(reader),
                None => TopologyReader::open(&node.endpoint, timeout).await,
            };
            match opened {
                Ok(reader) => match question(reader, node).await {
                    (reader, Ok(word)) => (node.clone(), Some(reader), Ok(word)),
                    (_broken, Err(error)) => (node.clone(), None, Err(error)),
                },
                Err(error) => (node.clone(), None, Err(error)),
            }
        }
    });
    let mut out = Vec::new();
    for (node, reader, word) in futures_util::future::join_all(asked).await {
        if let Some(reader) = reader {
            readers.insert(node.meta.id.clone(), reader);
        }
        if let Err(error) = &word {
            tracing::debug!(node = %node.meta.id, %error, "tells no topology");
        }
        out.push((node, word));
    }
    out
}

/// The node that announces itself so, reached where the map says; credentials and TLS as `like`.
pub(super) fn found(
    place: (&str, u16),
    other: Option<&str>,
    map: &AddressMap,
    like: &Endpoint,
) -> NodeConfig {
    let (host, port) = place;
    let mapped = map.reached(host, port).or_else(|| map.reached(other?, port));
    let (at, at_port) = mapped.unwrap_or_else(|| (host.to_owned(), port));
    let endpoint = Endpoint { address: Address::Tcp { host: at, port: at_port }, db: 0, ..like.clone() };
    node_called(&announced_name(host, port), endpoint)
}

/// Why nobody told, in the words of the first who was asked.
pub(super) fn why<W>(asked: &[(NodeConfig, Result<W, CallError>)]) -> String {
    let told =
        asked.iter().find_map(|(node, word)| Some(format!("{}: {}", node.meta.id, word.as_ref().err()?)));
    told.unwrap_or_else(|| "there is nobody to ask".to_owned())
}

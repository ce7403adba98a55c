//! Shards out of the replies of CLUSTER SHARDS and CLUSTER SLOTS. Unknown fields are left alone.

use super::cluster::{ToldNode, ToldShard};
use super::{MAX_NODES, field, port_field, text_field};
use crate::domain::Reply;
use crate::domain::slots::SlotRange;

/// `slots` and `nodes` of each shard.
pub(super) fn from_shards(list: &[Reply], tls: bool) -> Vec<ToldShard> {
    let mut left = MAX_NODES;
    let mut out = Vec::new();
    for entry in list.iter().take(MAX_NODES) {
        let bounds = field(entry, "slots").and_then(Reply::as_array).unwrap_or_default();
        let mut shard = ToldShard {
            slots: bounds
                .chunks(2)
                .filter_map(|pair| SlotRange::new(pair.first()?.as_int()?, pair.get(1)?.as_int()?))
                .collect(),
            ..ToldShard::default()
        };
        let nodes = field(entry, "nodes").and_then(Reply::as_array).unwrap_or_default();
        for node in nodes.iter().take(left) {
            left -= 1;
            let Some(told) = read_node(node, tls) else { continue };
            let is_primary = text_field(node, "role").is_some_and(|role| role == "master");
            place(&mut shard, told, is_primary);
        }
        if shard.primary.is_some() || !shard.replicas.is_empty() {
            out.push(shard);
        }
    }
    out
}

/// After a failover a primary that failed may still be listed as one beside its successor.
fn place(shard: &mut ToldShard, told: ToldNode, is_primary: bool) {
    match &mut shard.primary {
        _ if !is_primary => shard.replicas.push(told),
        None => shard.primary = Some(told),
        Some(first) if first.is_online == Some(false) && told.is_online != Some(false) => {
            let failed = std::mem::replace(first, told);
            shard.replicas.push(failed);
        }
        Some(_) => shard.replicas.push(told),
    }
}

fn read_node(node: &Reply, tls: bool) -> Option<ToldNode> {
    let ports = if tls { ["tls-port", "port"] } else { ["port", "tls-port"] };
    let port = ports.iter().find_map(|name| port_field(node, name))?;
    let named = |name| text_field(node, name).filter(|h| is_host(h));
    let (endpoint, ip) = (named("endpoint"), named("ip"));
    let hostname = named("hostname");
    let host = endpoint.or_else(|| {
        // `?`: a hostname is preferred there and none is set; nothing: an unknown endpoint is preferred.
        let unset = text_field(node, "endpoint").is_some_and(|e| e == "?");
        if unset { ip.clone() } else { None }
    });
    let other_host = [ip, hostname].into_iter().flatten().find(|other| Some(other) != host.as_ref());
    Some(ToldNode {
        id: text_field(node, "id")?,
        host,
        other_host,
        port,
        is_online: text_field(node, "health").map(|h| h == "online"),
    })
}

/// `[first, last, [host, port, id, ...], ...]` for each range; the primary comes first.
pub(super) fn from_slots(list: &[Reply]) -> Vec<ToldShard> {
    let mut out: Vec<ToldShard> = Vec::new();
    for entry in list.iter().take(MAX_NODES).filter_map(Reply::as_array) {
        let [first, last, nodes @ ..] = entry else { continue };
        let range = first.as_int().zip(last.as_int()).and_then(|(a, b)| SlotRange::new(a, b));
        let mut nodes = nodes.iter().take(MAX_NODES).filter_map(slots_node);
        let (Some(range), Some(primary)) = (range, nodes.next()) else { continue };
        match out.iter_mut().find(|s| s.primary.as_ref().is_some_and(|p| p.id == primary.id)) {
            Some(shard) => shard.slots.push(range),
            None => {
                out.push(ToldShard { primary: Some(primary), replicas: nodes.collect(), slots: vec![range] });
            }
        }
    }
    out
}

fn slots_node(node: &Reply) -> Option<ToldNode> {
    let [host, port, rest @ ..] = node.as_array()? else { return None };
    let port = u16::try_from(port.as_int()?).ok().filter(|p| *p != 0)?;
    let text = |reply: &Reply| reply.as_bytes()?.as_utf8().map(str::to_owned);
    let metadata = rest.get(1);
    let named = |name| metadata.and_then(|m| text_field(m, name)).filter(|h| is_host(h));
    let unset = text(host).is_some_and(|h| h == "?");
    let host = text(host).filter(|h| is_host(h)).or_else(|| named("ip").filter(|_| unset));
    let other_host =
        [named("ip"), named("hostname")].into_iter().flatten().find(|o| Some(o) != host.as_ref());
    // Before 4.0 there is no id: the address tells nodes apart as well.
    let id = rest.first().and_then(text).unwrap_or_else(|| format!("{host:?}:{port}"));
    Some(ToldNode { id, host, other_host, port, is_online: None })
}

/// Adds what another source knows more of the same nodes: health, and shards without slots.
pub(super) fn merge(shards: &mut Vec<ToldShard>, more: Vec<ToldShard>) {
    for shard in more {
        let known = |node: &ToldNode| shards.iter().position(|s| members(s).any(|m| m.id == node.id));
        let place = members(&shard).find_map(known);
        let Some(mine) = place.and_then(|i| shards.get_mut(i)) else {
            shards.push(shard);
            continue;
        };
        for node in shard.primary.into_iter().chain(shard.replicas) {
            let found = mine.primary.iter_mut().chain(&mut mine.replicas).find(|m| m.id == node.id);
            match found {
                Some(found) => found.is_online = found.is_online.or(node.is_online),
                None => mine.replicas.push(node),
            }
        }
    }
}

fn members(shard: &ToldShard) -> impl Iterator<Item = &ToldNode> {
    shard.primary.iter().chain(&shard.replicas)
}

/// A host name or address; `?` and nothing are none, and neither is what could not be one.
pub(super) fn is_host(host: &str) -> bool {
    let fits = |c: char| !c.is_control() && !c.is_whitespace() && c != '?' && c != '/';
    !host.is_empty() && host.len() <= 255 && host.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.into())
    }

    fn map(pairs: &[(&str, Reply)]) -> Reply {
        Reply::Map(pairs.iter().map(|(k, v)| (bulk(k), v.clone())).collect())
    }

    fn node(id: &str, role: &str, health: &str, more: &[(&str, Reply)]) -> Reply {
        let mut fields = vec![("id", bulk(id)), ("role", bulk(role)), ("health", bulk(health))];
        fields.extend(more.iter().map(|(k, v)| (*k, v.clone())));
        map(&fields)
    }

    #[test]
    fn shards_with_all_kinds_of_endpoints() {
        let plain = [("port", Reply::Int(7000)), ("ip", bulk("10.0.0.1")), ("endpoint", bulk("10.0.0.1"))];
        let both = [
            ("port", Reply::Int(7001)),
            ("tls-port", Reply::Int(8001)),
            ("ip", bulk("10.0.0.2")),
            ("endpoint", bulk("two.example")),
            ("hostname", bulk("two.example")),
            ("new-in-9", Reply::Nil),
        ];
        let unset = [("tls-port", Reply::Int(8002)), ("ip", bulk("fd00::3")), ("endpoint", bulk("?"))];
        let unknown = [("port", Reply::Int(7003)), ("ip", bulk("10.0.0.4")), ("endpoint", Reply::Nil)];
        let list = [map(&[
            ("slots", Reply::Array(vec![Reply::Int(0), Reply::Int(99), Reply::Int(200), Reply::Int(99_999)])),
            (
                "nodes",
                Reply::Array(vec![
                    node("a", "master", "fail", &plain),
                    node("b", "master", "online", &both),
                    node("c", "replica", "loading", &unset),
                    node("d", "replica", "online", &unknown),
                    node("e", "replica", "online", &[("port", Reply::Int(0))]),
                ]),
            ),
        ])];
        let hosts = |tls: bool| {
            let shards = from_shards(&list, tls);
            members(&shards[0])
                .map(|n| format!("{} {:?}:{} {:?}", n.id, n.host, n.port, n.is_online))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            hosts(true),
            [
                "b Some(\"two.example\"):8001 Some(true)",
                "a Some(\"10.0.0.1\"):7000 Some(false)",
                "c Some(\"fd00::3\"):8002 Some(false)",
                "d None:7003 Some(true)",
            ]
        );
        assert_eq!(hosts(false)[0], "b Some(\"two.example\"):7001 Some(true)");
        assert_eq!(from_shards(&list, false)[0].slots, [SlotRange { first: 0, last: 99 }]);
        // RESP2: flat lists.
        let flat = Reply::Array(vec![
            bulk("slots"),
            Reply::Array(vec![]),
            bulk("nodes"),
            Reply::Array(vec![Reply::Array(vec![
                bulk("id"),
                bulk("z"),
                bulk("port"),
                Reply::Int(1),
                bulk("endpoint"),
                bulk("h"),
                bulk("role"),
                bulk("master"),
            ])]),
        ]);
        assert_eq!(from_shards(&[flat, Reply::Nil, Reply::Int(3)], false).len(), 1);
    }

    #[test]
    fn ranges_of_one_primary_are_one_shard() {
        let at = |host: Reply, id: &str| {
            Reply::Array(vec![host, Reply::Int(7000), bulk(id), Reply::Array(vec![])])
        };
        let range = |a, b, nodes: &[Reply]| {
            let mut entry = vec![Reply::Int(a), Reply::Int(b)];
            entry.extend_from_slice(nodes);
            Reply::Array(entry)
        };
        let list = [
            range(0, 9, &[at(bulk("h"), "a"), at(Reply::Nil, "b")]),
            range(20, 29, &[at(bulk("h"), "a"), at(Reply::Nil, "b")]),
            range(30, 30, &[at(bulk("g"), "c")]),
            range(40, 40, &[]),
        ];
        let mut shards = from_slots(&list);
        assert_eq!((shards.len(), shards[0].slots.len(), shards[0].replicas.len()), (2, 2, 1));
        assert_eq!(shards[0].replicas[0].host, None);
        let failed = ToldNode { id: "c".into(), is_online: Some(false), ..ToldNode::default() };
        let idle = ToldNode { id: "d".into(), ..ToldNode::default() };
        let more = |node| ToldShard { primary: Some(node), ..ToldShard::default() };
        merge(&mut shards, vec![more(failed), more(idle)]);
        assert_eq!((shards.len(), shards[1].primary.as_ref().and_then(|p| p.is_online)), (3, Some(false)));
    }
}

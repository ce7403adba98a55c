//! CLIENT LIST as groups: who is connected, by name and host.

use std::collections::{BTreeSet, HashMap};

use super::{cut, host, refused};
use crate::domain::Reply;
use crate::domain::diagnostics::{ClientGroup, Clients, Told};

/// Groups told apart while counting; what comes after is counted in the totals only.
const MOST_GROUPS: usize = 5_000;
/// Groups kept by each measure.
const TOP: usize = 8;
/// Bytes of a name that are kept.
const LONGEST_NAME: usize = 64;

/// Name, and host with what of the address is no port.
type Key<'a> = (&'a [u8], &'a [u8]);

#[derive(Default)]
struct Sums {
    count: u64,
    blocked: u64,
    output: u64,
}

pub(super) fn parse(reply: &Reply) -> Told<Clients> {
    let Reply::Bulk(list) = reply else { return refused(reply, "CLIENT|LIST") };
    let mut all = Clients::default();
    let mut groups: HashMap<Key<'_>, Sums> = HashMap::new();
    for line in list.as_slice().split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let field = |name: &[u8]| {
            line.split(|b| *b == b' ').find_map(|f| f.strip_prefix(name)?.strip_prefix(b"=".as_slice()))
        };
        let Some(address) = field(b"addr") else { continue };
        // The port differs for each client; without it the host is left.
        let place =
            address.iter().rposition(|b| *b == b':').and_then(|at| address.get(..at)).unwrap_or(address);
        let blocked = u64::from(field(b"flags").is_some_and(|flags| flags.contains(&b'b')));
        let output = field(b"omem").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok()).unwrap_or(0_u64);
        all.count += 1;
        all.blocked += blocked;
        all.output = all.output.saturating_add(output);
        let key = (field(b"name").unwrap_or_default(), place);
        if groups.len() >= MOST_GROUPS && !groups.contains_key(&key) {
            continue;
        }
        let sums = groups.entry(key).or_default();
        sums.count += 1;
        sums.blocked += blocked;
        sums.output = sums.output.saturating_add(output);
    }
    all.groups = groups.len() as u64;
    let mut ranked: Vec<(Key<'_>, Sums)> = groups.into_iter().collect();
    ranked.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
    let mut kept: BTreeSet<usize> = (0..ranked.len().min(TOP)).collect();
    for measure in [|s: &Sums| s.output, |s: &Sums| s.blocked] {
        let mut order: Vec<usize> = (0..ranked.len()).collect();
        let value = |at: &usize| ranked.get(*at).map_or(0, |(_, s)| measure(s));
        order.sort_by_key(|at| std::cmp::Reverse(value(at)));
        kept.extend(order.into_iter().filter(|at| value(at) > 0).take(TOP));
    }
    let group = |((name, place), sums): &(Key<'_>, Sums)| ClientGroup {
        name: cut(name, LONGEST_NAME),
        host: host(&[place, b":".as_slice()].concat()),
        count: sums.count,
        blocked: sums.blocked,
        output: sums.output,
    };
    all.top = kept.into_iter().filter_map(|at| ranked.get(at)).map(group).collect();
    Told::Known(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_name_and_host() {
        let web = (0..30).map(|n| format!("id={n} addr=10.0.0.1:{n} name=web flags=N omem=0 cmd=get\n"));
        let others = (0..12).map(|n| format!("id={n} addr=[fe80::1]:{n} name=w{n} flags=N omem=0 cmd=get\n"));
        let mut text: String = web.chain(others).collect::<Vec<_>>().concat();
        text += "id=9 addr=10.0.0.2:7 name=slow\x1b[2J flags=b omem=4096 cmd=blpop\ngarbage\nid=1 addr=/tmp/s:0 name= flags=N\n";
        let told = parse(&Reply::Bulk(text.into()));
        let clients = told.known().cloned().unwrap_or_default();
        assert_eq!((clients.count, clients.blocked, clients.output, clients.groups), (44, 1, 4096, 15));
        let first = clients.top.first().cloned();
        assert_eq!(first.map(|g| (g.name, g.host, g.count)), Some(("web".into(), "10.0.0.1".into(), 30)));
        let slow = clients.top.iter().find(|g| g.output > 0);
        assert_eq!(slow.map(|g| g.name.as_str()), Some("slow\\x1b[2J"));
        assert!(clients.top.iter().any(|g| g.host == "[fe80::1]") && clients.top.len() <= 3 * TOP);
        assert!(clients.top.iter().all(|g| !g.host.contains("/tmp")));
    }

    #[test]
    fn many_names_are_bounded() {
        let lines = (0..9_000).map(|n| format!("id={n} addr=h:{n} name=n{n} flags=N omem=1\n"));
        let text: String = lines.collect::<Vec<_>>().concat();
        let told = parse(&Reply::Bulk(text.into()));
        let clients = told.known().cloned().unwrap_or_default();
        assert_eq!((clients.count, clients.output, clients.groups), (9_000, 9_000, MOST_GROUPS as u64));
        assert!(clients.top.len() <= 3 * TOP);
    }
}

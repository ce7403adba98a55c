//! The text of CLUSTER NODES: `id ip:port@cport[,hostname] flags primary ping pong epoch link slots...`, one line a
//! node. Slots on the move stand in the asked node's own line: `[slot->-id]` leaves, `[slot-<-id]` comes.

use super::MAX_NODES;
use super::cluster::{ClusterWord, ToldNode, ToldShard};
use super::shards::is_host;
use crate::domain::slots::SlotRange;

struct Line<'a> {
    id: &'a str,
    address: &'a str,
    flags: &'a str,
    primary: &'a str,
    slots: Vec<&'a str>,
}

impl Line<'_> {
    fn has(&self, flag: &str) -> bool {
        self.flags.split(',').any(|f| f == flag)
    }

    fn told(&self) -> Option<ToldNode> {
        let (address, more) = self.address.split_once(',').unwrap_or((self.address, ""));
        let address = address.split('@').next().unwrap_or(address);
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_matches(['[', ']']);
        let hostname = more.split(',').next().filter(|h| is_host(h) && !h.contains('='));
        Some(ToldNode {
            id: self.id.to_owned(),
            host: Some(host.to_owned()).filter(|h| is_host(h)),
            other_host: hostname.map(str::to_owned),
            port: port.parse().ok().filter(|p| *p != 0)?,
            is_online: Some(!self.has("fail")),
        })
    }
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().take(MAX_NODES).filter_map(|line| {
        let mut words = line.split(' ');
        let (id, address, flags, primary) = (words.next()?, words.next()?, words.next()?, words.next()?);
        // Ping, pong, epoch, state of the link.
        Some(Line { id, address, flags, primary, slots: words.skip(4).collect() })
    })
}

/// All shards, those without slots too.
pub(super) fn shards(text: &str) -> Vec<ToldShard> {
    let known = || lines(text).filter(|l| !l.has("noaddr") && !l.has("handshake"));
    let mut out: Vec<ToldShard> = known()
        .filter(|line| line.has("master"))
        .filter_map(|line| {
            let slots = line.slots.iter().filter_map(|word| range(word)).collect();
            Some(ToldShard { primary: Some(line.told()?), replicas: Vec::new(), slots })
        })
        .collect();
    for line in known().filter(|line| line.has("slave") || line.has("replica")) {
        let Some(told) = line.told() else { continue };
        let shard = out.iter_mut().find(|s| s.primary.as_ref().is_some_and(|p| p.id == line.primary));
        match shard {
            Some(shard) => shard.replicas.push(told),
            None => out.push(ToldShard { replicas: vec![told], ..ToldShard::default() }),
        }
    }
    out
}

fn range(word: &str) -> Option<SlotRange> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    SlotRange::new(first.parse().ok()?, last.parse().ok()?)
}

/// What the asked node says of itself: its id, and the slots it moves.
pub(super) fn read_own(text: &str, word: &mut ClusterWord) {
    let Some(own) = lines(text).find(|line| line.has("myself")) else { return };
    word.myself = Some(own.id.to_owned());
    let moves = |arrow: &str| {
        let inner = own.slots.iter().filter_map(|w| w.strip_prefix('[')?.strip_suffix(']'));
        let pairs = inner.filter_map(|w| w.split_once(arrow));
        pairs.filter_map(|(slot, id)| Some((range(slot)?.first, id.to_owned()))).collect()
    };
    word.migrating = Some(moves("->-"));
    word.importing = Some(moves("-<-"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_and_moves_in_the_text() {
        let text = "a :7000@17000 myself,master - 0 0 2 connected 0-99 101 [7->-b] [200-<-b]\n\
                    b 10.0.0.2:7001@17001,host.example master - 0 0 1 connected 5461-10922\n\
                    c fd00::1:7002@17002,,shard-id=x slave,fail b 0 0 3 disconnected\n\
                    d :0@0 master,noaddr - 0 0 4 disconnected\n\
                    e 10.0.0.5:7003@17003 slave gone 0 0 4 connected\nrubbish\n";
        let found: Vec<String> = shards(text)
            .iter()
            .map(|s| {
                let nodes = s.primary.iter().chain(&s.replicas);
                let nodes: Vec<_> =
                    nodes.map(|n| format!("{:?}:{} {:?}", n.host, n.port, n.is_online)).collect();
                format!(
                    "{} {:?}",
                    nodes.join(" + "),
                    s.slots.iter().map(ToString::to_string).collect::<Vec<_>>()
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "None:7000 Some(true) [\"0-99\", \"101\"]",
                "Some(\"10.0.0.2\"):7001 Some(true) + Some(\"fd00::1\"):7002 Some(false) [\"5461-10922\"]",
                "Some(\"10.0.0.5\"):7003 Some(true) []",
            ]
        );
        let mut word = ClusterWord::default();
        read_own(text, &mut word);
        assert_eq!(word.myself.as_deref(), Some("a"));
        assert_eq!(word.migrating, Some(vec![(7, "b".to_owned())]));
        assert_eq!(word.importing, Some(vec![(200, "b".to_owned())]));
    }
}

//! Follows one cluster: asks its nodes, takes the map that most of them tell, and forgets who left it.

use std::collections::HashMap;
use std::time::Duration;

use super::ask::{MAX_ASKED, Readers, ask, found, why};
use crate::config::{Address, Cluster, Endpoint, NodeConfig};
use crate::domain::group::{ClusterFacts, GroupFacts, GroupKind, Member, MovingSlot, Shard, Told};
use crate::domain::node::Reason;
use crate::domain::slots::SlotRange;
use crate::domain::{GroupId, GroupSnapshot, NodeId, Stamp};
use crate::redis_io::CallError;
use crate::redis_io::topology::{ClusterWord, ToldNode, ToldShard, node_of};

/// Slots that a node gives away and takes, each with the cluster's id of the other side.
type Moves = (Vec<(u16, String)>, Vec<(u16, String)>);

/// See the module.
pub(super) struct ClusterWatch {
    config: Cluster,
    /// The seed that answered: the nodes found take its credentials and TLS.
    like: Option<Endpoint>,
    readers: Readers,
    /// Last word on moving slots, by the cluster's id of the node.
    moves: HashMap<String, Moves>,
    turn: usize,
    pub(super) nodes: Vec<NodeConfig>,
    pub(super) group: GroupSnapshot,
}

impl ClusterWatch {
    pub(super) fn new(config: Cluster) -> Self {
        // Until they answer, the seeds stand for what they lead to: a dead seed is shown as dead.
        let nodes = config.seeds.iter().map(node_of).collect();
        let group = GroupSnapshot::unheard(GroupId::new(&config.name), GroupKind::Cluster);
        Self { config, like: None, readers: Readers::new(), moves: HashMap::new(), turn: 0, nodes, group }
    }

    /// Primaries that the configuration expects.
    pub(super) fn expected_masters(&self) -> Option<u32> {
        self.config.masters
    }

    /// One round. True when somebody told.
    pub(super) async fn round(&mut self, timeout: Duration) -> bool {
        let mut asked = Vec::new();
        if self.group.told.is_some() {
            let whom = self.whom();
            asked = self.ask(&whom, timeout).await;
        }
        if !asked.iter().any(|(_, word)| word.is_ok()) {
            let seeds: Vec<NodeConfig> = self.config.seeds.iter().map(node_of).collect();
            asked = self.ask(&seeds, timeout).await;
            if let Some((seed, _)) = asked.iter().find(|(_, word)| word.is_ok()) {
                self.like = Some(seed.endpoint.clone());
            }
        }
        let trouble = why(&asked);
        let words: Vec<(NodeConfig, ClusterWord)> =
            asked.into_iter().filter_map(|(node, word)| Some((node, word.ok()?))).collect();
        let Some(best) = choose(&words) else {
            self.group.trouble = Some(trouble);
            return false;
        };
        self.take(&words, best);
        true
    }

    /// Known nodes, some at a time when there are many: primaries and replicas take their turns alike.
    fn whom(&mut self) -> Vec<NodeConfig> {
        let count = self.nodes.len().max(1);
        let first = if count > MAX_ASKED { self.turn % count } else { 0 };
        self.turn = first + MAX_ASKED;
        self.nodes.iter().cycle().skip(first).take(count.min(MAX_ASKED)).cloned().collect()
    }

    async fn ask(
        &mut self,
        whom: &[NodeConfig],
        timeout: Duration,
    ) -> Vec<(NodeConfig, Result<ClusterWord, CallError>)> {
        ask(&mut self.readers, whom, timeout, |mut reader, node| {
            let tls = node.endpoint.tls.is_some();
            async move {
                let word = match reader.cluster(tls).await {
                    Ok(word) if word.shards.is_empty() => {
                        Err(CallError::new(Reason::Other, "it knows no nodes"))
                    }
                    other => other,
                };
                (reader, word)
            }
        })
        .await
    }

    fn take(&mut self, words: &[(NodeConfig, ClusterWord)], best: usize) {
        let Some((teller, word)) = words.get(best) else { return };
        let like = self.like.clone().unwrap_or_else(|| teller.endpoint.clone());
        let mut shards = word.shards.clone();
        shards.sort_by_key(|s| s.slots.iter().map(|r| r.first).min().unwrap_or(u16::MAX));
        // Who announces no host is where the teller is.
        let here = announced_host(teller);
        let mut ids: HashMap<&str, NodeId> = HashMap::new();
        let mut nodes = Vec::new();
        let mut facts = ClusterFacts {
            is_ok: word.is_ok,
            slots_pfail: word.slots_pfail,
            slots_fail: word.slots_fail,
            epoch: word.epoch,
            ..ClusterFacts::default()
        };
        for told in &shards {
            let mut member = |node: &ToldNode| -> Member {
                let host = node.host.as_deref().unwrap_or(&here);
                let mut config =
                    found((host, node.port), node.other_host.as_deref(), &self.config.addresses, &like);
                config.meta.group = Some(self.group.id.clone());
                let member = Member { node: config.meta.id.clone(), is_online: node.is_online };
                nodes.push(config);
                member
            };
            let mut slots = told.slots.clone();
            slots.sort_unstable();
            let shard = Shard {
                primary: told.primary.as_ref().map(&mut member),
                replicas: told.replicas.iter().map(&mut member).collect(),
                slots,
            };
            let told_nodes = told.primary.iter().chain(&told.replicas);
            let members = shard.primary.iter().chain(&shard.replicas);
            ids.extend(told_nodes.zip(members).map(|(t, m)| (t.id.as_str(), m.node.clone())));
            facts.shards.push(shard);
        }
        for (_, word) in words {
            if let (Some(id), Some(from), Some(to)) = (&word.myself, &word.migrating, &word.importing) {
                self.moves.insert(id.clone(), (from.clone(), to.clone()));
            }
        }
        self.moves.retain(|id, _| ids.contains_key(id.as_str()));
        facts.moving = moving(&self.moves, &ids);
        let counted = signature(word);
        facts.dissenters =
            words.iter().filter(|(_, w)| signature(w) != counted).map(|(n, _)| n.meta.id.clone()).collect();
        let mut seen = std::collections::HashSet::new();
        nodes.retain(|node| seen.insert(node.meta.id.clone()));
        self.readers.retain(|id, _| seen.contains(id));
        self.nodes = nodes;
        self.group = GroupSnapshot {
            told: Some(Told { by: teller.meta.id.clone(), at: Stamp::now() }),
            trouble: None,
            facts: GroupFacts::Cluster(facts),
            ..self.group.clone()
        };
        self.group.deny(denied(words), Stamp::now());
    }
}

fn announced_host(node: &NodeConfig) -> String {
    // A seed is called as it is reached; what was found, as it announces itself.
    match node.meta.id.as_str().rsplit_once(':') {
        Some((host, _)) if matches!(node.endpoint.address, Address::Tcp { .. }) => {
            host.trim_matches(['[', ']']).to_owned()
        }
        _ => "127.0.0.1".to_owned(),
    }
}

/// What only some may not run somewhere is known from the others.
fn denied(words: &[(NodeConfig, ClusterWord)]) -> Vec<String> {
    let Some((_, first)) = words.first() else { return Vec::new() };
    let everywhere = |command: &&&str| words.iter().all(|(_, w)| w.denied.contains(*command));
    first.denied.iter().filter(everywhere).map(ToString::to_string).collect()
}

type Signature<'w> = Vec<(&'w str, Vec<SlotRange>)>;

/// Who serves what, in a comparable form.
fn signature(word: &ClusterWord) -> Signature<'_> {
    let serving = |s: &&ToldShard| !s.slots.is_empty();
    let mut out: Signature<'_> = word
        .shards
        .iter()
        .filter(serving)
        .map(|s| {
            let mut slots = s.slots.clone();
            slots.sort_unstable();
            (s.primary.as_ref().map_or("", |p| p.id.as_str()), slots)
        })
        .collect();
    out.sort_unstable();
    out
}

/// The word that counts: the map that most tell, of equally many the one of the latest epoch.
fn choose(words: &[(NodeConfig, ClusterWord)]) -> Option<usize> {
    let signatures: Vec<Signature<'_>> = words.iter().map(|(_, w)| signature(w)).collect();
    let votes = |i: usize| signatures.iter().filter(|s| Some(*s) == signatures.get(i)).count();
    (0..words.len()).max_by_key(|i| {
        let epoch = words.get(*i).and_then(|(_, w)| w.epoch);
        (votes(*i), epoch, std::cmp::Reverse(*i))
    })
}

/// Slots on the move, as both sides tell them. A side that was not heard is believed to agree.
fn moving(moves: &HashMap<String, Moves>, ids: &HashMap<&str, NodeId>) -> Vec<MovingSlot> {
    let name = |id: &str| ids.get(id).cloned();
    let mut out: Vec<MovingSlot> = Vec::new();
    for (id, (leaving, coming)) in moves {
        for (slot, to) in leaving {
            let agrees = moves.get(to).is_none_or(|(_, c)| c.iter().any(|(s, _)| s == slot));
            let to = name(to).filter(|_| agrees);
            out.push(MovingSlot { slot: *slot, from: name(id), to });
        }
        for (slot, from) in coming {
            let agrees = moves.get(from).is_none_or(|(l, _)| l.iter().any(|(s, _)| s == slot));
            let from = name(from).filter(|_| agrees);
            out.push(MovingSlot { slot: *slot, from, to: name(id) });
        }
    }
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(owner: &str, epoch: u64) -> (NodeConfig, ClusterWord) {
        let primary = ToldNode { id: owner.into(), port: 1, ..ToldNode::default() };
        let slots = SlotRange::new(0, 16383).into_iter().collect();
        let shards = vec![ToldShard { primary: Some(primary), replicas: Vec::new(), slots }];
        (
            node_of(&Endpoint::tcp("h", 1)),
            ClusterWord { shards, epoch: Some(epoch), ..ClusterWord::default() },
        )
    }

    #[test]
    fn the_majority_counts_and_then_the_epoch() {
        assert_eq!(choose(&[]), None);
        assert_eq!(choose(&[word("old", 9), word("new", 3), word("new", 2)]), Some(1));
        assert_eq!(choose(&[word("old", 2), word("new", 3)]), Some(1));
    }

    #[test]
    fn a_move_is_whole_when_both_sides_tell_it() {
        let ids = HashMap::from([("a", NodeId::new("A")), ("b", NodeId::new("B"))]);
        let to_b = || (vec![(7, "b".to_owned())], vec![]);
        let from_a = || (vec![], vec![(7, "a".to_owned())]);
        let sides = |from: bool, to: bool| MovingSlot {
            slot: 7,
            from: from.then(|| NodeId::new("A")),
            to: to.then(|| NodeId::new("B")),
        };
        let moves = HashMap::from([("a".to_owned(), to_b()), ("b".to_owned(), from_a())]);
        assert_eq!(moving(&moves, &ids), [sides(true, true)]);
        let moves = HashMap::from([("a".to_owned(), to_b())]);
        assert_eq!(moving(&moves, &ids), [sides(true, true)], "b was not heard");
        let moves = HashMap::from([("a".to_owned(), to_b()), ("b".to_owned(), Moves::default())]);
        assert_eq!(moving(&moves, &ids), [sides(true, false)]);
        let moves = HashMap::from([("a".to_owned(), Moves::default()), ("b".to_owned(), from_a())]);
        assert_eq!(moving(&moves, &ids), [sides(false, true)]);
    }
}

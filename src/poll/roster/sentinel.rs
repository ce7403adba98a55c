//! Follows the primaries that a set of Sentinels watches: asks all Sentinels it knows, and takes what most say.

use std::collections::HashMap;
use std::time::Duration;

use super::ask::{MAX_ASKED, Readers, ask, found, why};
use crate::config::{Endpoint, NodeConfig, Sentinel};
use crate::domain::bytes::escape_text;
use crate::domain::group::{GroupFacts, GroupKind, Member, SentinelFacts, Told, Watcher};
use crate::domain::{GroupId, GroupSnapshot, NodeId, Stamp};
use crate::redis_io::topology::{SentinelWord, ToldPrimary, node_of};

/// A group with its nodes, in the order of the screen.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) group: GroupSnapshot,
    pub(super) nodes: Vec<NodeConfig>,
}

/// See the module.
pub(super) struct SentinelWatch {
    config: Sentinel,
    readers: Readers,
    /// Sentinels that are asked, the configured ones first; with their ids where these are known.
    sentinels: Vec<(NodeConfig, Option<String>)>,
    pub(super) parts: Vec<Part>,
}

/// Flags that tell trouble; the others tell what kind of entry it is.
const TROUBLE: [&str; 4] = ["s_down", "o_down", "failover_in_progress", "force_failover"];

impl SentinelWatch {
    pub(super) fn new(config: Sentinel) -> Self {
        let nodes: Vec<NodeConfig> = config.seeds.iter().map(node_of).collect();
        let sentinels = nodes.iter().map(|n| (n.clone(), None)).collect();
        let mut watch = Self { config, readers: Readers::new(), sentinels, parts: Vec::new() };
        let names = watch.config.master_names.clone();
        let names = if names.is_empty() { vec!["sentinel".to_owned()] } else { names };
        let count = names.len();
        watch.parts = names
            .iter()
            .map(|name| {
                let group = GroupSnapshot::unheard(watch.group_id(name, count), GroupKind::Sentinel);
                let nodes = nodes.iter().cloned().map(|n| in_group(n, &group.id)).collect();
                Part { group, nodes }
            })
            .collect();
        watch
    }

    fn group_id(&self, master: &str, count: usize) -> GroupId {
        let master = escape_text(master);
        match &self.config.name {
            Some(name) if count == 1 => GroupId::new(name),
            Some(name) => GroupId::new(&format!("{name}/{master}")),
            None => GroupId::new(&master),
        }
    }

    /// One round. True when somebody told of all primaries that are wanted.
    pub(super) async fn round(&mut self, timeout: Duration) -> bool {
        let whom: Vec<NodeConfig> = self.sentinels.iter().take(MAX_ASKED).map(|(n, _)| n.clone()).collect();
        let names = self.config.master_names.clone();
        let asked = ask(&mut self.readers, &whom, timeout, |mut reader, _| {
            let names = names.clone();
            async move {
                let word = reader.sentinel(&names).await;
                (reader, word)
            }
        })
        .await;
        let trouble = why(&asked);
        let words: Vec<(NodeConfig, SentinelWord)> =
            asked.into_iter().filter_map(|(node, word)| Some((node, word.ok()?))).collect();
        if words.is_empty() {
            for part in &mut self.parts {
                part.group.trouble = Some(trouble.clone());
                if let GroupFacts::Sentinel(facts) = &mut part.group.facts {
                    facts.sentinels.iter_mut().for_each(|s| s.answered = false);
                }
            }
            return false;
        }
        self.meet(&words);
        let mut masters: Vec<&str> =
            words.iter().flat_map(|(_, w)| &w.primaries).map(|p| p.name.as_str()).collect();
        masters.sort_unstable();
        masters.dedup();
        let wanted: Vec<&str> = match names.as_slice() {
            [] => masters.clone(),
            names => names.iter().map(String::as_str).collect(),
        };
        if wanted.is_empty() {
            for part in &mut self.parts {
                part.group.trouble = Some("these Sentinels watch no primary".to_owned());
            }
            return false;
        }
        let parts: Vec<Part> = wanted.iter().map(|name| self.part(name, wanted.len(), &words)).collect();
        self.parts = parts;
        self.parts.iter().all(|p| p.group.trouble.is_none())
    }

    /// Who the Sentinels are: the configured ones, and those that the answering ones tell. Known by their ids where
    /// they have one, so that a second name of one is not a second Sentinel.
    fn meet(&mut self, words: &[(NodeConfig, SentinelWord)]) {
        let own_id = |node: &NodeConfig| -> Option<String> {
            let told =
                words.iter().find(|(n, _)| n.meta.id == node.meta.id).and_then(|(_, w)| w.myself.clone());
            let known = || self.sentinels.iter().find(|(n, _)| n.meta.id == node.meta.id)?.1.clone();
            told.or_else(known)
        };
        let mut out: Vec<(NodeConfig, Option<String>)> = Vec::new();
        let is_new = |out: &[(NodeConfig, Option<String>)], node: &NodeConfig, id: Option<&String>| {
            !out.iter().any(|(n, known)| {
                n.endpoint.address == node.endpoint.address || (id.is_some() && known.as_ref() == id)
            })
        };
        for seed in self.config.seeds.iter().map(node_of) {
            let id = own_id(&seed);
            if is_new(&out, &seed, id.as_ref()) {
                out.push((seed, id));
            }
        }
        let like = self.config.seeds.first().cloned();
        for told in words.iter().flat_map(|(_, w)| &w.primaries).flat_map(|p| &p.sentinels) {
            let Some(like) = &like else { continue };
            let node = found((&told.place.0, told.place.1), None, &self.config.addresses, like);
            if is_new(&out, &node, told.id.as_ref()) {
                out.push((node, told.id.clone()));
            }
        }
        self.sentinels = out;
        let known: Vec<NodeId> = self.sentinels.iter().map(|(n, _)| n.meta.id.clone()).collect();
        self.readers.retain(|id, _| known.contains(id));
    }

    /// What most Sentinels say of one primary.
    fn part(&self, name: &str, count: usize, words: &[(NodeConfig, SentinelWord)]) -> Part {
        let id = self.group_id(name, count);
        let told: Vec<(&NodeConfig, &SentinelWord, &ToldPrimary)> = words
            .iter()
            .filter_map(|(n, w)| Some((n, w, w.primaries.iter().find(|p| p.name == name)?)))
            .collect();
        let Some((by, _, best)) = choose(&told).and_then(|i| told.get(i)).copied() else {
            let old = self.parts.iter().find(|p| p.group.id == id).cloned();
            let mut part = old.unwrap_or_else(|| Part {
                group: GroupSnapshot::unheard(id.clone(), GroupKind::Sentinel),
                nodes: self.sentinels.iter().map(|(n, _)| in_group(n.clone(), &id)).collect(),
            });
            part.group.trouble =
                Some(format!("these Sentinels watch no primary called {}", escape_text(name)));
            return part;
        };
        let data = Endpoint {
            username: self.config.username.clone(),
            password: self.config.password.clone(),
            tls: self.config.tls.clone(),
            ..Endpoint::tcp("", 0)
        };
        let at = |place: &(String, u16)| {
            in_group(found((&place.0, place.1), None, &self.config.addresses, &data), &id)
        };
        let primary = at(&best.place);
        let mut facts = SentinelFacts {
            master_name: escape_text(name),
            primary: Some(primary.meta.id.clone()),
            quorum: best.quorum,
            epoch: best.epoch,
            ckquorum: ckquorum(&told),
            ..SentinelFacts::default()
        };
        let mut nodes = vec![primary];
        for replica in best.replicas.iter().filter(|r| r.place != best.place) {
            let node = at(&replica.place);
            facts.replicas.push(Member { node: node.meta.id.clone(), is_online: Some(replica.is_online) });
            nodes.push(node);
        }
        let agreeing = || told.iter().filter(|(_, _, p)| p.place == best.place);
        facts.flags = TROUBLE
            .iter()
            .filter(|flag| agreeing().any(|(_, _, p)| p.flags.iter().any(|f| f == *flag)))
            .map(ToString::to_string)
            .collect();
        for (sentinel, own) in &self.sentinels {
            let word = told.iter().find(|(n, _, _)| n.meta.id == sentinel.meta.id);
            let heard = words.iter().any(|(n, _)| n.meta.id == sentinel.meta.id);
            // Who answers and does not tell of this primary does not watch it.
            if heard && word.is_none() {
                continue;
            }
            let is_seed = self.config.seeds.iter().any(|s| s.address == sentinel.endpoint.address);
            let is_told = told.iter().flat_map(|(_, _, p)| &p.sentinels).any(|s| {
                (s.id.is_some() && s.id == *own)
                    || found((&s.place.0, s.place.1), None, &self.config.addresses, &data).meta.id
                        == sentinel.meta.id
            });
            if !(is_seed || is_told || word.is_some()) {
                continue;
            }
            facts.sentinels.push(Watcher {
                node: sentinel.meta.id.clone(),
                answered: word.is_some(),
                primary: word.map(|(_, _, p)| at(&p.place).meta.id),
            });
            nodes.push(in_group(sentinel.clone(), &id));
        }
        let before = self.parts.iter().find(|p| p.group.id == id).and_then(|p| p.group.denied_since);
        let mut group = GroupSnapshot {
            told: Some(Told { by: by.meta.id.clone(), at: Stamp::now() }),
            facts: GroupFacts::Sentinel(facts),
            denied_since: before,
            ..GroupSnapshot::unheard(id, GroupKind::Sentinel)
        };
        group.deny(denied(&told), Stamp::now());
        let mut seen = std::collections::HashSet::new();
        nodes.retain(|node| seen.insert(node.meta.id.clone()));
        Part { group, nodes }
    }
}

fn in_group(mut node: NodeConfig, id: &GroupId) -> NodeConfig {
    node.meta.group = Some(id.clone());
    node
}

/// The Sentinel whose word counts: the place that most name, of equally many the one of the latest epoch.
fn choose(told: &[(&NodeConfig, &SentinelWord, &ToldPrimary)]) -> Option<usize> {
    let mut votes: HashMap<&(String, u16), usize> = HashMap::new();
    for (_, _, primary) in told {
        *votes.entry(&primary.place).or_default() += 1;
    }
    (0..told.len()).max_by_key(|i| {
        let (_, _, primary) = told.get(*i)?;
        Some((votes.get(&primary.place).copied(), primary.epoch, std::cmp::Reverse(*i)))
    })
}

/// One Sentinel that can reach the others is enough to lead a failover.
fn ckquorum(told: &[(&NodeConfig, &SentinelWord, &ToldPrimary)]) -> Option<Result<(), String>> {
    let said = || told.iter().filter_map(|(_, _, p)| p.ckquorum.as_ref());
    said().find(|c| c.is_ok()).or_else(|| said().next()).cloned()
}

fn denied(told: &[(&NodeConfig, &SentinelWord, &ToldPrimary)]) -> Vec<String> {
    let Some((_, first, _)) = told.first() else { return Vec::new() };
    let everywhere = |command: &&&str| told.iter().all(|(_, w, _)| w.denied.contains(*command));
    first.denied.iter().filter(everywhere).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_counts_and_then_the_epoch() {
        let node = node_of(&Endpoint::tcp("h", 1));
        let word = SentinelWord::default();
        let primary = |host: &str, epoch| ToldPrimary {
            place: (host.to_owned(), 1),
            epoch: Some(epoch),
            ..ToldPrimary::default()
        };
        let best = |all: &[ToldPrimary]| {
            let told: Vec<_> = all.iter().map(|p| (&node, &word, p)).collect();
            choose(&told)
        };
        assert_eq!(best(&[]), None);
        assert_eq!(best(&[primary("old", 9), primary("new", 3), primary("new", 2)]), Some(1));
        assert_eq!(best(&[primary("old", 2), primary("new", 3)]), Some(1));
    }
}

//! Groups of nodes that belong together: a Redis Cluster, a primary that Sentinels watch, or independent nodes that
//! the configuration gathers under a name (such as the voters of a Redlock).

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::slots::{SLOTS, SlotRange, uncovered};
use super::{Finding, NodeId, Severity, Stamp};

/// Name of a group: unique in the fleet, safe to show.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub Arc<str>);

impl GroupId {
    /// An id from the group's name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What holds a group together. A closed list, documented in the README.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// Nothing but the configuration.
    Independent,
    /// A Redis Cluster.
    Cluster,
    /// A primary with its replicas, and the Sentinels that watch it.
    Sentinel,
}

impl GroupKind {
    /// The word that the screen, JSON and the README use.
    pub fn code(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        }
    }
}

/// Who told last, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Name of the node or Sentinel whose word counts.
    pub by: NodeId,
    /// When.
    pub at: Stamp,
}

/// A group as last told. Replaced as a whole.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupSnapshot {
    /// Its name.
    pub id: GroupId,
    /// What holds it together.
    pub kind: GroupKind,
    /// Who told what stands here; `None`: nobody yet, or nobody needs to (independent nodes).
    pub told: Option<Told>,
    /// Why nobody told at the last round, escaped; what stands here is then older.
    pub trouble: Option<String>,
    /// What was told.
    pub facts: GroupFacts,
    /// Commands that nobody would answer us because of the ACL, such as `CLUSTER|INFO`.
    pub denied: Vec<String>,
    /// Since when something is in `denied`.
    pub denied_since: Option<Stamp>,
    /// What the rules say of it, steadied by a [`super::group_health::GroupTracker`].
    pub health: Arc<[Finding]>,
}

impl GroupSnapshot {
    /// A group of which nothing is known yet.
    pub fn unheard(id: GroupId, kind: GroupKind) -> Self {
        Self {
            id,
            kind,
            told: None,
            trouble: None,
            facts: GroupFacts::Unknown,
            denied: Vec::new(),
            denied_since: None,
            health: [].into(),
        }
    }

    /// The cluster's facts.
    pub fn cluster(&self) -> Option<&ClusterFacts> {
        match &self.facts {
            GroupFacts::Cluster(facts) => Some(facts),
            _ => None,
        }
    }

    /// The facts of the primary that Sentinels watch.
    pub fn sentinel(&self) -> Option<&SentinelFacts> {
        match &self.facts {
            GroupFacts::Sentinel(facts) => Some(facts),
            _ => None,
        }
    }

    /// The nodes that are told to be primaries.
    pub fn primaries(&self) -> Vec<&NodeId> {
        match &self.facts {
            GroupFacts::Cluster(facts) => {
                facts.shards.iter().filter_map(|s| s.primary.as_ref()).map(|m| &m.node).collect()
            }
            GroupFacts::Sentinel(facts) => facts.primary.iter().collect(),
            GroupFacts::Unknown => Vec::new(),
        }
    }

    /// The primary that this node is told to follow.
    pub fn primary_of(&self, replica: &NodeId) -> Option<&NodeId> {
        match &self.facts {
            GroupFacts::Cluster(facts) => {
                let shard = facts.shards.iter().find(|s| s.replicas.iter().any(|r| r.node == *replica))?;
                shard.primary.as_ref().map(|m| &m.node)
            }
            GroupFacts::Sentinel(facts) => {
                facts.primary.as_ref().filter(|_| facts.replicas.iter().any(|r| r.node == *replica))
            }
            GroupFacts::Unknown => None,
        }
    }

    /// The same with its nodes under the names that `name` gives them.
    #[must_use]
    pub fn renamed(mut self, name: impl Fn(&NodeId) -> NodeId) -> Self {
        let set = |id: &mut NodeId| *id = name(id);
        self.told.iter_mut().for_each(|t| set(&mut t.by));
        match &mut self.facts {
            GroupFacts::Unknown => {}
            GroupFacts::Cluster(facts) => {
                for shard in &mut facts.shards {
                    shard.primary.iter_mut().chain(&mut shard.replicas).for_each(|m| set(&mut m.node));
                }
                facts.moving.iter_mut().for_each(|m| m.from.iter_mut().chain(&mut m.to).for_each(set));
                facts.dissenters.iter_mut().for_each(set);
            }
            GroupFacts::Sentinel(facts) => {
                facts.primary.iter_mut().for_each(set);
                facts.replicas.iter_mut().for_each(|r| set(&mut r.node));
                for watcher in &mut facts.sentinels {
                    set(&mut watcher.node);
                    watcher.primary.iter_mut().for_each(set);
                }
            }
        }
        self
    }

    /// False where Sentinels would not list the replicas: then none is listed, however many there are.
    pub fn knows_replicas(&self) -> bool {
        !self.denied.iter().any(|command| command == "SENTINEL|SLAVES")
    }

    /// Takes in what nobody would answer us at this round.
    pub fn deny(&mut self, denied: Vec<String>, now: Stamp) {
        self.denied_since = if denied.is_empty() { None } else { self.denied_since.or(Some(now)) };
        self.denied = denied;
    }

    /// What is found of the group as a whole: what the rules say, and what is not permitted.
    pub fn findings(&self) -> Vec<Finding> {
        let denied = self.denied.iter().map(|command| {
            Finding::new(Severity::Unknown, "not-permitted", format!("not permitted ({command})"))
                .with_remedy("grant the ACL line from the README")
                .since(self.denied_since)
        });
        self.health.iter().cloned().chain(denied).collect()
    }
}

/// What is known of a group beyond its nodes.
#[derive(Clone, PartialEq, Debug)]
pub enum GroupFacts {
    /// Nothing: independent nodes, or nobody told yet.
    Unknown,
    /// A cluster.
    Cluster(ClusterFacts),
    /// A primary that Sentinels watch.
    Sentinel(SentinelFacts),
}

/// A cluster as its nodes tell it. `None` is unknown, never 0.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ClusterFacts {
    /// `cluster_state` is `ok`.
    pub is_ok: Option<bool>,
    /// `cluster_slots_pfail`: slots of primaries that may be failing.
    pub slots_pfail: Option<u64>,
    /// `cluster_slots_fail`: slots of primaries that failed.
    pub slots_fail: Option<u64>,
    /// `cluster_current_epoch`.
    pub epoch: Option<u64>,
    /// Shards, in the order of their slots; those without slots last.
    pub shards: Vec<Shard>,
    /// Slots on their way from one primary to another, in order.
    pub moving: Vec<MovingSlot>,
    /// Nodes that tell another map than the one that counts.
    pub dissenters: Vec<NodeId>,
}

impl ClusterFacts {
    /// Slots that no shard serves.
    pub fn uncovered(&self) -> Vec<SlotRange> {
        let all: Vec<SlotRange> = self.shards.iter().flat_map(|s| &s.slots).copied().collect();
        uncovered(&all)
    }

    /// How many slots some shard serves.
    pub fn assigned(&self) -> u32 {
        SLOTS - self.uncovered().iter().map(|r| r.count()).sum::<u32>()
    }

    /// The slots of shards that have no primary, or one that failed.
    pub fn failed(&self) -> Vec<SlotRange> {
        let is_dead = |s: &&Shard| s.primary.as_ref().is_none_or(|p| p.is_online == Some(false));
        self.shards.iter().filter(is_dead).flat_map(|s| s.slots.iter().copied()).collect()
    }

    /// How many slots have no primary that works, as the nodes count or as the shards tell, whichever is more.
    pub fn slots_failed(&self) -> u64 {
        let counted: u32 = self.failed().iter().map(|r| r.count()).sum();
        self.slots_fail.unwrap_or(0).max(u64::from(counted))
    }

    /// Primaries that serve slots.
    pub fn masters(&self) -> usize {
        self.shards.iter().filter(|s| s.primary.is_some() && !s.slots.is_empty()).count()
    }

    /// The shard that serves this slot.
    pub fn shard_of(&self, slot: u16) -> Option<&Shard> {
        self.shards.iter().find(|s| s.slots.iter().any(|r| (r.first..=r.last).contains(&slot)))
    }
}

/// A primary with its replicas and slots.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shard {
    /// Its primary; `None`: it has none now.
    pub primary: Option<Member>,
    /// Its replicas.
    pub replicas: Vec<Member>,
    /// The slots it serves, in order.
    pub slots: Vec<SlotRange>,
}

/// A node as others tell it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its name in the fleet.
    pub node: NodeId,
    /// `false`: the others say that it failed or is loading; `None`: not told.
    pub is_online: Option<bool>,
}

/// A slot that is being moved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MovingSlot {
    /// The slot.
    pub slot: u16,
    /// Where it leaves; `None`: no node says that it gives it away.
    pub from: Option<NodeId>,
    /// Where it goes; `None`: no node says that it takes it.
    pub to: Option<NodeId>,
}

/// A watched primary as its Sentinels tell it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SentinelFacts {
    /// The name under which it is watched, escaped.
    pub master_name: String,
    /// The primary that most Sentinels name.
    pub primary: Option<NodeId>,
    /// Its replicas.
    pub replicas: Vec<Member>,
    /// The Sentinels, as far as they know of each other.
    pub sentinels: Vec<Watcher>,
    /// Sentinels that must agree that the primary is down.
    pub quorum: Option<u64>,
    /// What `SENTINEL CKQUORUM` said: `Ok` or the reason why a failover can't happen, escaped. `None`: not known.
    pub ckquorum: Option<Result<(), String>>,
    /// Flags of the primary that tell trouble, such as `s_down`, `o_down`, `failover_in_progress`.
    pub flags: Vec<String>,
    /// `config-epoch`: rises with each failover.
    pub epoch: Option<u64>,
}

impl SentinelFacts {
    /// Sentinels that answered at the last round.
    pub fn answering(&self) -> usize {
        self.sentinels.iter().filter(|s| s.answered).count()
    }

    /// Sentinels that name another primary than most do.
    pub fn dissenters(&self) -> impl Iterator<Item = &Watcher> {
        self.sentinels.iter().filter(|s| s.primary.is_some() && s.primary != self.primary)
    }
}

/// A Sentinel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watcher {
    /// Its name in the fleet.
    pub node: NodeId,
    /// It answered at the last round.
    pub answered: bool,
    /// The primary that it names.
    pub primary: Option<NodeId>,
}

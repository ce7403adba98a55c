//! Verdicts over one group: rules beside those of [`super::health`], one file each. Pure.
//!
//! A rule looks at what was told of the group and at its nodes as they were last seen. [`GroupTracker`] steadies
//! what is shown in the same way as for nodes.

mod cluster_state;
mod masters;
mod moving;
mod primary_down;
mod quorum;
mod replicas;
mod slots;
mod untold;
mod views;

use std::sync::Arc;

use super::health::slot::{Slot, Terms};
use super::node::{NodeState, Role};
use super::{Finding, GroupSnapshot, NodeId, NodeSnapshot, Rules, Severity, Stamp};

/// All rules over groups.
pub const GROUP_RULES: [GroupRule; 9] = [
    untold::RULE,
    cluster_state::RULE,
    slots::RULE,
    primary_down::RULE,
    masters::RULE,
    quorum::RULE,
    replicas::RULE,
    views::RULE,
    moving::RULE,
];

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct GroupRule {
    /// Stable word for scripts, kebab-case.
    pub code: &'static str,
    /// The next thing to try.
    pub remedy: &'static str,
    /// It counts what others agreed on, which does not flicker: a single sample is enough to show it.
    pub at_once: bool,
    judge: fn(&GroupSample<'_>) -> Option<(Severity, String)>,
}

/// What a rule looks at.
struct GroupSample<'a> {
    group: &'a GroupSnapshot,
    /// The group's nodes as last seen.
    nodes: &'a [Arc<NodeSnapshot>],
    /// Primaries that the configuration expects.
    expected_masters: Option<u32>,
    /// Shards (by their first slot; 0 for a primary that Sentinels watch) that had replicas before.
    had_replicas: &'a [u16],
}

impl GroupSample<'_> {
    fn node(&self, id: &NodeId) -> Option<&NodeSnapshot> {
        self.nodes.iter().map(|n| &**n).find(|n| n.meta.id == *id)
    }
}

/// True when it answers and says that it takes writes.
fn claims_primary(node: &NodeSnapshot) -> bool {
    node.status.state == NodeState::Up && node.facts.as_ref().and_then(|f| f.role) == Some(Role::Primary)
}

/// Verdicts over one group through time. See [`super::health::Tracker`].
#[derive(Debug, Default)]
pub struct GroupTracker {
    expected_masters: Option<u32>,
    had_replicas: Vec<u16>,
    looked: bool,
    slots: [Slot; GROUP_RULES.len()],
}

impl GroupTracker {
    /// A tracker; `expected_masters` is what the configuration says of the number of primaries, if anything.
    pub fn new(expected_masters: Option<u32>) -> Self {
        Self { expected_masters, ..Self::default() }
    }

    /// Takes in a round and says what is to be shown of it. `nodes` are those of the group.
    pub fn observe(
        &mut self,
        group: &GroupSnapshot,
        nodes: &[Arc<NodeSnapshot>],
        rules: &Rules,
        now: Stamp,
    ) -> Arc<[Finding]> {
        let sample = GroupSample {
            group,
            nodes,
            expected_masters: self.expected_masters,
            had_replicas: &self.had_replicas,
        };
        // Before the first word, and before each node was heard once, there is nothing to be steady against.
        let is_first = !self.looked;
        let heard = nodes.iter().all(|n| n.status.state != NodeState::Suspect);
        for (rule, slot) in GROUP_RULES.iter().zip(&mut self.slots) {
            let terms = Terms { code: rule.code, remedy: rule.remedy, at_once: rule.at_once };
            slot.take(terms, (rule.judge)(&sample), true, is_first, rules, now);
        }
        self.looked |= group.told.is_some() && heard;
        for shard in replicas::with_replicas(group) {
            if !self.had_replicas.contains(&shard) {
                self.had_replicas.push(shard);
            }
        }
        self.slots.iter().filter_map(Slot::shown).collect()
    }
}

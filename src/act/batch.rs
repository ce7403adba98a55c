//! A fleet plan: one action over many locks, a plan for each and a result for each.
//!
//! Each lock is compared and released on its own, in one atomic step on its own node: a lock that changed hands
//! stays, whatever becomes of the others. Nodes are asked side by side, the locks of one node one after another.

mod afterwards;
mod build;
mod kept;
mod run;

use std::collections::BTreeMap;
use std::time::Duration;

use super::plan::Plan;
use super::prepare::release::SHORT_TTL;
use super::{Outcome, Seen};
use crate::domain::{LockId, NodeId};

pub(super) use afterwards::watch_released;
pub(super) use build::{build, build_undo};
pub(super) use kept::KeptBatch;
pub(super) use run::run;

/// Locks in one batch at most: a person can still look through them, and a node is not kept busy for long.
pub const MOST_LOCKS: usize = 500;
/// Connections that a batch keeps open at most, to watch keys from the dialog on or for an undo.
pub const MOST_CONNECTIONS: usize = 64;
/// Nodes that are asked at the same time; of each node one lock at a time.
const NODES_AT_ONCE: usize = 4;

/// A lock of a batch, as it was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Which lock.
    pub lock: LockId,
    /// As seen.
    pub seen: Seen,
}

/// The plan of a batch.
#[derive(Clone, PartialEq, Debug)]
pub struct FleetPlan {
    /// The same in the audit lines of all its locks.
    pub id: uuid::Uuid,
    /// `release` or `undo`.
    pub intent: &'static str,
    /// The locks, in the order asked for.
    pub parts: Vec<Part>,
}

/// What is to be done to one lock.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Which lock.
    pub lock: LockId,
    /// Its plan, or why there is none (an escaped sentence): then nothing is done to it.
    pub plan: Result<Plan, String>,
}

impl FleetPlan {
    /// The locks that have a plan, with their numbers.
    pub fn ready(&self) -> impl Iterator<Item = (usize, &Plan)> {
        self.parts.iter().enumerate().filter_map(|(at, part)| Some((at, part.plan.as_ref().ok()?)))
    }

    /// Locks that free themselves so soon that waiting is better: their numbers and the longest time.
    pub fn soon_free(&self) -> (Vec<usize>, Duration) {
        let soon = |(at, plan): (usize, &Plan)| Some((at, plan.frees_in.filter(|left| *left <= SHORT_TTL)?));
        let soon: Vec<(usize, Duration)> = self.ready().filter_map(soon).collect();
        let longest = soon.iter().map(|(_, left)| *left).max().unwrap_or_default();
        (soon.into_iter().map(|(at, _)| at).collect(), longest)
    }

    /// What speaks against it, each sentence once with how many locks it is about; the most frequent first. That a
    /// lock frees itself soon is told by [`FleetPlan::soon_free`].
    pub fn warnings(&self) -> Vec<(usize, String)> {
        let said = self.ready().flat_map(|(_, plan)| &plan.warnings);
        summed(said.filter(|text| !text.ends_with(": wait instead?")))
    }

    /// What will happen, each sentence once with how many locks it is about; the most frequent first.
    pub fn effects(&self) -> Vec<(usize, String)> {
        summed(self.ready().flat_map(|(_, plan)| &plan.effects))
    }

    /// Locks by node, in the order of the nodes' names.
    pub fn nodes(&self) -> BTreeMap<&NodeId, Vec<usize>> {
        let mut nodes: BTreeMap<&NodeId, Vec<usize>> = BTreeMap::new();
        for (at, part) in self.parts.iter().enumerate() {
            let node = part.plan.as_ref().map_or(&part.lock.node, |plan| &plan.target.node);
            nodes.entry(node).or_default().push(at);
        }
        nodes
    }
}

fn summed<'a>(said: impl Iterator<Item = &'a String>) -> Vec<(usize, String)> {
    let mut sums: Vec<(usize, String)> = Vec::new();
    for text in said {
        match sums.iter_mut().find(|(_, known)| known == text) {
            Some((count, _)) => *count += 1,
            None => sums.push((1, text.clone())),
        }
    }
    sums.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    sums
}

/// News of a batch. Its locks are named by their numbers in [`FleetPlan::parts`].
#[derive(Clone, PartialEq, Debug)]
pub enum BatchEvent {
    /// So many locks were looked at so far.
    Looked(usize),
    /// The plan for the dialog; that of an undo runs at once. `Err`: there is none, and why (escaped).
    Prepared(Box<Result<FleetPlan, String>>),
    /// What became of one lock.
    Outcome(usize, Outcome),
    /// No outcome is to come any more; how many of the released locks can be put back.
    Ended {
        /// Locks that an undo may put back.
        undoable: usize,
    },
    /// What a re-read found of one lock: a sentence, escaped.
    Afterwards(usize, String),
    /// The re-reads of all released locks are over; of locks whose outcome is not known more may come.
    Watched,
    /// The audit file has a gap, or the like: a sentence, escaped.
    Note(String),
}

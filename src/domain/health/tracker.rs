//! What is shown of the rules' verdicts: steady, also when figures dance around a threshold.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::slot::{Slot, Terms};
use super::{Around, Memory, RULES, Sample};
use crate::domain::lock::Renewal;
use crate::domain::node::{NodeFacts, NodeState};
use crate::domain::{Finding, NodeSnapshot, Rules, Stamp};

/// Counters are compared over this time.
const WINDOW: Duration = Duration::from_secs(60);
/// Facts kept in the window are at least this far apart.
const APART: Duration = Duration::from_secs(1);
/// A lost replica is taken for removed on purpose after this time.
const REPLICA_MEMORY: Duration = Duration::from_secs(600);

/// Verdicts over one node through time: a verdict appears and goes after `samples` looks in a row that agree (the
/// first look at a node counts at once), and one that came back within `cool_down` stays until it was good that
/// long. Counters and settings show at once.
#[derive(Debug, Default)]
pub struct Tracker {
    window: VecDeque<(Stamp, Arc<NodeFacts>)>,
    last: Option<(Stamp, Arc<NodeFacts>)>,
    /// Commands logged as slow since the server's start, as read within the window.
    slow: VecDeque<(Stamp, u64)>,
    memory: Memory,
    ttls_read: Option<Stamp>,
    slots: [Slot; RULES.len()],
}

impl Tracker {
    /// Takes in a look and says what is to be shown of it. Looks without new facts change nothing but figures.
    pub fn observe(&mut self, node: &NodeSnapshot, around: &Around, rules: &Rules) -> Arc<[Finding]> {
        if node.status.state != NodeState::Up {
            return self.shown();
        }
        let (Some(facts), Some(at)) = (&node.facts, node.facts_at) else {
            // INFO is not permitted: nothing is known, and nothing is said.
            self.slots = Default::default();
            self.last = None;
            return self.shown();
        };
        let is_first = self.last.is_none();
        let is_new = self.last.as_ref().is_none_or(|(last, _)| *last != at);
        if is_new {
            self.remember(node, facts, at);
        }
        self.read_ttls(node);
        self.count_slow(node);
        let earlier = self.window.front().filter(|(then, _)| *then != at);
        let sample = Sample {
            node,
            facts,
            earlier: earlier.map(|(then, facts)| (&**facts, at.since(*then))),
            memory: &self.memory,
            around,
            rules,
        };
        for (rule, slot) in RULES.iter().zip(&mut self.slots) {
            let terms = Terms { code: rule.code, remedy: rule.remedy, at_once: rule.at_once };
            slot.take(terms, (rule.judge)(&sample), is_new, is_first, rules, at);
        }
        self.shown()
    }

    fn shown(&self) -> Arc<[Finding]> {
        self.slots.iter().filter_map(Slot::shown).collect()
    }

    fn remember(&mut self, node: &NodeSnapshot, facts: &Arc<NodeFacts>, at: Stamp) {
        if let Some((_, last)) = &self.last {
            let other = last.run_id.is_some() && facts.run_id.is_some() && last.run_id != facts.run_id;
            let younger = last.uptime.zip(facts.uptime).is_some_and(|(then, now)| now < then);
            if other || younger {
                self.window.clear();
                self.slow.clear();
                self.memory.restarted = Some(node.taken_at);
                self.memory.most_replicas = None;
            }
        }
        while self.window.front().is_some_and(|(then, _)| at.since(*then) > WINDOW) {
            self.window.pop_front();
        }
        if self.window.back().is_none_or(|(then, _)| at.since(*then) >= APART) {
            self.window.push_back((at, facts.clone()));
        }
        if let Some(now) = facts.connected_replicas {
            let lately = self.memory.most_replicas.filter(|(_, then)| at.since(*then) < REPLICA_MEMORY);
            if lately.is_none_or(|(most, _)| now >= most) {
                self.memory.most_replicas = Some((now, at));
            }
        }
        self.last = Some((at, facts.clone()));
    }

    fn count_slow(&mut self, node: &NodeSnapshot) {
        let told = &node.diagnostics;
        let Some((at, log)) = told.read_at.zip(told.slowlog.known()) else {
            self.slow.clear();
            self.memory.slow = None;
            return;
        };
        // An emptied log does not tell how many there were: what was counted before holds.
        let logged = log.logged().or_else(|| self.slow.back().map(|(_, n)| *n)).unwrap_or(0);
        if self.slow.back().is_none_or(|(then, _)| *then != at) {
            self.slow.push_back((at, logged));
        }
        while self.slow.front().is_some_and(|(then, _)| node.taken_at.since(*then) > WINDOW)
            && self.slow.len() > 1
        {
            self.slow.pop_front();
        }
        self.memory.slow = self
            .slow
            .front()
            .filter(|(then, _)| *then != at)
            .map(|(then, before)| (logged.saturating_sub(*before), at.since(*then)));
    }

    /// Many locks are not walked through at each look.
    fn read_ttls(&mut self, node: &NodeSnapshot) {
        let now = node.taken_at;
        let pause = if node.locks.len() > 5_000 { Duration::from_secs(10) } else { Duration::ZERO };
        if self.ttls_read.is_some_and(|then| now.since(then) < pause) {
            return;
        }
        self.ttls_read = Some(now);
        let left = |l: &&Arc<crate::domain::Lock>| l.ttl_left(now.mono);
        let longest = node.locks.iter().filter_map(|l| left(&l)).max();
        self.memory.longest_ttl = self.memory.longest_ttl.max(longest);
        self.memory.shortest_ttl = node
            .locks
            .iter()
            .filter_map(|l| {
                let watched = match l.renewal {
                    Renewal::Renewed(at) => now.since(at),
                    Renewal::CountingDown | Renewal::Unknown => now.since(l.first_seen),
                };
                Some(left(&l)? + watched)
            })
            .min();
    }
}

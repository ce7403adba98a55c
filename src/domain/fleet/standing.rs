//! What each lock of a fleet comes to at a moment: the header counts it, the verdict sums it up, the list leaves out what
//! has ended. Carried from one fleet to the next, so that only what changed is judged anew.

use std::time::Instant;

use super::FleetView;
use crate::domain::lock::Brief;
use crate::domain::lock_list::Changes;
use crate::domain::{Lock, Rules};

/// What one lock comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Its time is over on our clock.
    Ended,
    /// A list shows it by the row of another one: votes for one token are one row.
    Folded(Brief),
    /// It has a row of its own.
    Listed(Brief),
}

impl Standing {
    /// The verdict, unless it has ended.
    pub fn brief(self) -> Option<Brief> {
        match self {
            Self::Ended => None,
            Self::Folded(brief) | Self::Listed(brief) => Some(brief),
        }
    }
}

/// All of them, in the order of the fleet's locks.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Standings {
    each: Vec<Standing>,
    judged_at: Option<Instant>,
    next_end: Option<Instant>,
}

impl Standings {
    /// Judges every lock at this moment.
    pub fn of(fleet: &FleetView, rules: &Rules, now: Instant) -> Self {
        let mut next_end = None;
        let mut quorums = fleet.quorums.iter().peekable();
        let each = fleet.locks.iter().map(|lock| {
            // Both are sorted by key.
            while quorums.next_if(|q| q.key < lock.id.key).is_some() {}
            let votes = quorums.peek().is_some_and(|q| q.key == lock.id.key);
            judge(lock, (rules, now), votes && fleet.is_folded(lock, now), &mut next_end)
        });
        Self { each: each.collect(), judged_at: Some(now), next_end }
    }

    /// Carries over what did not change to a newer fleet, where `changes` are; judges the others.
    #[must_use]
    pub fn next(&self, changes: &Changes, newer: &FleetView, rules: &Rules, now: Instant) -> Self {
        let mut next_end = self.next_end;
        let fresh = |at: u32| match newer.locks.get(at as usize) {
            Some(lock) => judge(lock, (rules, now), newer.is_folded(lock, now), &mut next_end),
            None => Standing::Ended,
        };
        let each = changes.carry(&self.each, fresh);
        Self { each, judged_at: self.judged_at, next_end }
    }

    /// In the order of the fleet's locks.
    pub fn iter(&self) -> impl Iterator<Item = Standing> + '_ {
        self.each.iter().copied()
    }

    /// That of the lock at this place.
    pub fn get(&self, index: usize) -> Option<Standing> {
        self.each.get(index).copied()
    }

    /// When all were judged at once, last.
    pub fn judged_at(&self) -> Option<Instant> {
        self.judged_at
    }

    /// No lock ends before on our clock.
    pub fn next_end(&self) -> Option<Instant> {
        self.next_end
    }
}

fn judge(
    lock: &Lock,
    (rules, now): (&Rules, Instant),
    folded: bool,
    next_end: &mut Option<Instant>,
) -> Standing {
    if let Some(left) = lock.ttl_left(now) {
        if left.is_zero() {
            return Standing::Ended;
        }
        if let Some(end) = now.checked_add(left).filter(|end| next_end.is_none_or(|next| *end < next)) {
            *next_end = Some(end);
        }
    }
    let brief = lock.brief(rules, now);
    if folded { Standing::Folded(brief) } else { Standing::Listed(brief) }
}

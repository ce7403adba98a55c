//! What each lock of a fleet comes to at a moment: the header counts it, the verdict sums it up, the list leaves out what
//! has ended. Carried from one fleet to the next, so that only what changed is judged anew.

use std::sync::Arc;
use std::time::Instant;

use super::FleetView;
use crate::domain::lock::Brief;
use crate::domain::lock_list::Changes;
use crate::domain::quorum::{Concern, Quorum, Walk};
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
    /// What is worst of each quorum, in the order of the fleet's.
    quorums: Vec<(Arc<Quorum>, Option<Concern>)>,
    judged_at: Option<Instant>,
    next_end: Option<Instant>,
}

impl Standings {
    /// Judges every lock at this moment.
    pub fn of(fleet: &FleetView, rules: &Rules, now: Instant) -> Self {
        let mut next_end = None;
        let mut walk = Walk::new(&fleet.quorums);
        let each = fleet.locks.iter().map(|lock| judge(lock, (rules, now), &mut walk, &mut next_end));
        let each = each.collect();
        let quorums = fleet.quorums.iter().map(|quorum| (quorum.clone(), quorum.worst(now))).collect();
        Self { each, quorums, judged_at: Some(now), next_end }
    }

    /// Carries over what did not change to a newer fleet, where `changes` are; judges the others.
    #[must_use]
    pub fn next(&self, changes: &Changes, newer: &FleetView, rules: &Rules, now: Instant) -> Self {
        let mut next_end = self.next_end;
        let mut walk = Walk::new(&newer.quorums);
        let fresh = |at: u32| match newer.locks.get(at as usize) {
            Some(lock) => judge(lock, (rules, now), &mut walk, &mut next_end),
            None => Standing::Ended,
        };
        let each = changes.carry(&self.each, fresh);
        Self { each, quorums: self.next_quorums(newer, now), judged_at: self.judged_at, next_end }
    }

    fn next_quorums(&self, newer: &FleetView, now: Instant) -> Vec<(Arc<Quorum>, Option<Concern>)> {
        let mut known = self.quorums.iter().peekable();
        let carry = |quorum: &Arc<Quorum>| {
            // Most are the same, which is seen without a look at them.
            let is_earlier = |(q, _): &&(Arc<Quorum>, _)| !Arc::ptr_eq(q, quorum) && q.key < quorum.key;
            while known.next_if(is_earlier).is_some() {}
            match known.next_if(|(q, _)| Arc::ptr_eq(q, quorum)) {
                Some(same) => same.clone(),
                None => (quorum.clone(), quorum.worst(now)),
            }
        };
        newer.quorums.iter().map(carry).collect()
    }

    /// The quorums with which something is wrong, and what is worst of it.
    pub fn quorums(&self) -> impl Iterator<Item = (&Arc<Quorum>, Concern)> {
        self.quorums.iter().filter_map(|(quorum, worst)| Some((quorum, (*worst)?)))
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
    walk: &mut Walk<'_>,
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
    if walk.is_folded(lock, now) { Standing::Folded(brief) } else { Standing::Listed(brief) }
}

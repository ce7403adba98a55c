//! How many of what: counted when the data or the second changes, never while drawing.

use std::time::Instant;

use crate::domain::fleet::standing::{Standing, Standings};
use crate::domain::lock::LockState;
use crate::domain::queue::Drain;
use crate::domain::{FleetView, Rules, Severity};

/// Figures for the header and the panels' titles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Locks that are held, ended ones left out; the votes for one token count once.
    pub locks: usize,
    /// Locks without a TTL: stuck if their holder died.
    pub never_expires: usize,
    /// Locks held for too long.
    pub overdue: usize,
    /// Locks whose TTL could not be read.
    pub unknown_locks: usize,
    /// Queues that grow.
    pub growing: usize,
    /// Queues from which nothing is taken.
    pub stalled: usize,
    /// Queues whose depth could not be read.
    pub unknown_queues: usize,
}

impl Counts {
    /// Counts the whole fleet at this moment, of which the locks were judged.
    pub fn of(fleet: &FleetView, standings: &Standings, rules: &Rules, now: Instant) -> Self {
        let mut out = Self::default();
        for standing in standings.iter() {
            let Standing::Listed(brief) = standing else { continue };
            out.locks += 1;
            match brief.state {
                LockState::NoTtl if brief.severity == Severity::Critical => out.never_expires += 1,
                LockState::Overdue => out.overdue += 1,
                LockState::Unknown => out.unknown_locks += 1,
                LockState::NoTtl | LockState::Held | LockState::Renewed | LockState::Expiring => {}
            }
        }
        for queue in &fleet.queues {
            match queue.drain(rules, now) {
                Drain::Growing(_) => out.growing += 1,
                Drain::Stalled => out.stalled += 1,
                Drain::Unknown if queue.waiting.is_none() => out.unknown_queues += 1,
                _ => {}
            }
        }
        out
    }
}

//! Which locks are read again, and when.

use std::time::{Duration, Instant};

use super::{KeyTable, LockEntry};
use crate::domain::Bytes;
use crate::poll::prefixes::Prefixes;

/// Locks whose changes are pushed are each read again within this time all the same.
const SAFETY_ROUND: Duration = Duration::from_secs(300);

impl KeyTable {
    /// Keys of the locks to read again in this tick, at most `most`: first those whose TTL runs out within
    /// `soon`, then the others in rotation.
    pub(in crate::poll) fn due_locks(&mut self, most: usize, now: Instant, soon: Duration) -> Vec<Bytes> {
        if self.locks.len() <= most {
            return self.locks.keys().cloned().collect();
        }
        let ending = |e: &LockEntry| e.lock.ttl_left(now).is_some_and(|left| left <= soon);
        let mut due: Vec<Bytes> =
            self.locks.iter().filter(|(_, e)| ending(e)).map(|(k, _)| k.clone()).take(most).collect();
        let rest = most - due.len();
        let rotated = self.next_locks(self.rotation.as_ref(), rest + 1, |_, e| !ending(e));
        self.rotation = rotated.get(rest).cloned();
        due.extend(rotated.into_iter().take(rest));
        due
    }

    /// [`KeyTable::due_locks`] while changes under `tracked` are pushed. Of those locks only these are due: whose
    /// time is over, for the server tells that late; which run out within `soon`, once; and a few in rotation, each
    /// within `SAFETY_ROUND`, should a notice ever be lost.
    pub(in crate::poll) fn due_untracked(
        &mut self,
        most: usize,
        now: Instant,
        soon: Duration,
        interval: Duration,
        tracked: &Prefixes,
    ) -> Vec<Bytes> {
        let is_tracked = |key: &Bytes| tracked.of(key.as_slice()).is_some();
        let ending = |e: &LockEntry| {
            e.lock.ttl_left(now).is_some_and(|left| {
                left.is_zero() || (left <= soon && now.saturating_duration_since(e.lock.read_at.mono) > soon)
            })
        };
        let mut due: Vec<Bytes> =
            self.locks.iter().filter(|(_, e)| ending(e)).map(|(k, _)| k.clone()).take(most).collect();
        let rest = most - due.len();
        let rotated = self.next_locks(self.rotation.as_ref(), rest + 1, |k, e| !is_tracked(k) && !ending(e));
        self.rotation = rotated.get(rest).cloned();
        due.extend(rotated.into_iter().take(rest));
        let round = self.locks.len() as f64 * interval.as_secs_f64() / SAFETY_ROUND.as_secs_f64();
        let few = (round.ceil() as usize).min(most - due.len());
        let rotated = self.next_locks(self.safety.as_ref(), few + 1, |k, e| is_tracked(k) && !ending(e));
        self.safety = rotated.get(few).cloned();
        due.extend(rotated.into_iter().take(few));
        due
    }

    /// Keys of up to `most` locks from this key on, once round.
    pub(in crate::poll) fn next_locks(
        &self,
        from: Option<&Bytes>,
        most: usize,
        wanted: impl Fn(&Bytes, &LockEntry) -> bool,
    ) -> Vec<Bytes> {
        let from = from.cloned().unwrap_or_default();
        let all = self.locks.range(from.clone()..).chain(self.locks.range(..from));
        all.filter(|(k, e)| wanted(k, e)).map(|(k, _)| k.clone()).take(most).collect()
    }

    /// Up to `most` keys of locks from this key on, in order.
    pub(in crate::poll) fn locks_from(&self, from: &Bytes, most: usize) -> Vec<Bytes> {
        self.locks.range(from.clone()..).map(|(k, _)| k.clone()).take(most).collect()
    }

    /// True when some lock's key begins so.
    pub(in crate::poll) fn has_lock_under(&self, prefix: &Bytes) -> bool {
        let first = self.locks.range(prefix.clone()..).next();
        first.is_some_and(|(key, _)| key.as_slice().starts_with(prefix.as_slice()))
    }
}

//! Locks come, change hands and go.

use std::sync::Arc;
use std::time::Duration;

use super::KeyTable;
use crate::domain::lock_list::Edit;
use crate::domain::standing::StandingLocks;
use crate::domain::{Bytes, Lock, LockList, Stamp};
use crate::family::portalocker::Portalocker;
use crate::family::recipe::CONNECTION;
use crate::family::witness::Witness;
use crate::family::{Context, KeyFact};
use crate::poll::look::LOCKS_A_TICK;
use crate::poll::sight::Sight;

/// CLIENT LIST, which tells of locks that are connections, is read in rounds of about this.
const CLIENTS_ROUND: Duration = Duration::from_secs(10);

/// A known lock.
pub(in crate::poll) struct LockEntry {
    pub(in crate::poll) fact: KeyFact,
    pub(in crate::poll) lock: Arc<Lock>,
    /// What other keys tell of its holder.
    pub(in crate::poll) witness: Witness,
}

impl KeyTable {
    /// Takes over the locks that stood at the end of an earlier run: those that still stand keep their age.
    pub(in crate::poll) fn resume(&mut self, earlier: Arc<StandingLocks>) {
        if self.earlier.as_ref().is_some_and(|taken| Arc::ptr_eq(taken, &earlier)) {
            return;
        }
        for (key, stood) in &*earlier {
            let Some(entry) = self.locks.get_mut(key) else { continue };
            if let Some(lock) = stood.resumed(&entry.lock) {
                entry.lock = Arc::new(lock);
                self.changed.insert(key.clone(), entry.lock.clone());
            }
        }
        (self.standing, self.earlier) = (earlier.clone(), Some(earlier));
    }

    /// What is known from now on of the times in which changes were told; its round is that of a few locks.
    pub(in crate::poll) fn see(&mut self, sight: Sight) {
        let rounds = u32::try_from(self.locks.len().div_ceil(LOCKS_A_TICK)).unwrap_or(u32::MAX).max(1);
        self.sight = Sight { round: sight.round.saturating_mul(rounds), ..sight };
    }

    /// What is seen of this lock now happened about now, and not at some time when nobody could see it.
    fn is_seen(&self, entry: &LockEntry, at: Stamp) -> bool {
        let read_at = entry.lock.read_at.mono;
        if &*entry.fact.key_type == CONNECTION {
            let sight = Sight { round: self.sight.round.max(CLIENTS_ROUND), ..Sight::default() };
            return sight.is_clear(&entry.fact.key, read_at, at.mono);
        }
        self.sight.is_clear(&entry.fact.key, read_at, at.mono)
    }

    pub(in crate::poll) fn put_lock(&mut self, fact: KeyFact, lock: Lock) {
        let known = self.locks.remove(&fact.key);
        let stood = self.standing.get(&fact.key).filter(|_| known.is_none());
        let mut lock = stood.and_then(|stood| stood.resumed(&lock)).unwrap_or(lock);
        if let Some(before) = known.as_ref().filter(|b| changed_hands(&b.lock, &lock)) {
            if self.is_seen(before, lock.first_seen) {
                let length = length(&before.lock, lock.first_seen);
                self.holds.ended(&fact.key, length, true, seconds(lock.first_seen));
            } else {
                // Others may have held it in between, and this one may hold it for long.
                lock.held_before = None;
            }
        }
        let known = known.filter(|known| known.lock.token == lock.token);
        let (presence, witness) = match known {
            Some(known) => (known.lock.presence.clone(), known.witness),
            None => (self.holders.presence(&lock, &Witness::default()), Witness::default()),
        };
        let usual = self.holds.usual(&fact.key);
        let lock = Arc::new(Lock { presence, usual, ..lock });
        self.changed.insert(fact.key.clone(), lock.clone());
        self.locks.insert(fact.key.clone(), LockEntry { fact, lock, witness });
    }

    /// Looks again who of the holders is there.
    pub(in crate::poll) fn judge_holders(&mut self) {
        self.holders.look_round(
            self.locks.values().map(|e| &*e.lock),
            self.queues.values().filter_map(|e| e.queue.as_deref()),
        );
        for entry in self.locks.values_mut() {
            let presence = self.holders.presence(&entry.lock, &entry.witness);
            if presence != entry.lock.presence {
                entry.lock = Arc::new(Lock { presence, ..Lock::clone(&entry.lock) });
                self.changed.insert(entry.fact.key.clone(), entry.lock.clone());
            }
        }
    }

    /// Takes over the locks that a reply of CLIENT LIST tells of; those of ended connections go.
    pub(in crate::poll) fn put_connections(&mut self, list: &Bytes, ctx: &Context) {
        let known = |key: &Bytes| {
            self.locks.get(key).filter(|e| &*e.fact.key_type == CONNECTION).map(|e| (*e.lock).clone())
        };
        let held = Portalocker::locks(list, &known, ctx);
        let is_gone = |entry: &LockEntry| {
            &*entry.fact.key_type == CONNECTION && !held.iter().any(|(fact, _)| fact.key == entry.fact.key)
        };
        let gone: Vec<Bytes> =
            self.locks.iter().filter(|(_, entry)| is_gone(entry)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.end_lock(&key, ctx.at);
        }
        for (fact, lock) in held {
            // A key of the same name is a lock of its own and stays.
            let taken = self.locks.get(&fact.key).is_some_and(|e| &*e.fact.key_type != CONNECTION);
            if !taken {
                self.put_lock(fact, lock);
            }
        }
        self.connections_seen = true;
    }

    /// It was released or ended: nobody holds it any more.
    pub(in crate::poll) fn end_lock(&mut self, key: &Bytes, at: Stamp) {
        if let Some(entry) = self.locks.get(key).filter(|entry| self.is_seen(entry, at)) {
            let length = length(&entry.lock, at);
            self.holds.ended(key, length, false, seconds(at));
        }
        self.remove_lock(key);
    }

    /// It is not listed here any more, whoever holds it.
    pub(in crate::poll) fn remove_lock(&mut self, key: &Bytes) {
        if let Some(entry) = self.locks.remove(key) {
            self.changed.insert(entry.fact.key, entry.lock);
        }
    }

    /// All locks, sorted by key. What did not change since the last list is shared with it.
    pub(in crate::poll) fn locks_list(&mut self) -> LockList {
        let changed = std::mem::take(&mut self.changed);
        if !changed.is_empty() {
            let edits = changed.into_iter().map(|(key, last)| match self.locks.get(&key) {
                Some(entry) => Edit::Put(entry.lock.clone()),
                None => Edit::Take(last.id.clone()),
            });
            self.published = self.published.edited(edits);
        }
        self.published.clone()
    }
}

/// Another holder has it now, without a moment between that we saw. Where several hold it they come and go.
fn changed_hands(before: &Lock, now: &Lock) -> bool {
    before.first_seen != now.first_seen && before.holders.is_empty() && now.holders.is_empty()
}

/// How long it was held; `None`: its beginning was not seen.
fn length(lock: &Lock, until: Stamp) -> Option<Duration> {
    let seen = lock.held_before.is_some_and(|before| before.is_zero()) && lock.holders.is_empty();
    seen.then(|| until.since(lock.first_seen))
}

/// Since the epoch.
fn seconds(at: Stamp) -> u64 {
    at.wall.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

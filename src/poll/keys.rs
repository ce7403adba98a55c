//! The locks and queues known on one node, and what must be read next.

mod locks;
mod queues;
mod rotation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::holders::Holders;
use super::sight::Sight;
use crate::domain::holds::HoldBook;
use crate::domain::standing::{StandingLocks, standing};
use crate::domain::{Bytes, Lock, LockList, Queue, Reply, Stamp};
use crate::family::consumers::Consumers;

pub(super) use locks::LockEntry;
pub(super) use queues::QueueEntry;

/// See the module.
#[derive(Default)]
pub(super) struct KeyTable {
    pub(super) locks: BTreeMap<Bytes, LockEntry>,
    pub(super) queues: BTreeMap<Bytes, QueueEntry>,
    /// Registries that are looked at again, with their families.
    pub(super) sites: BTreeMap<Bytes, &'static str>,
    /// When they were looked at.
    pub(super) sites_read: Option<Instant>,
    /// What could not be read when they were looked at.
    pub(super) sites_denied: BTreeSet<(&'static str, String)>,
    /// This user may not read all keys: only those whose names promise something are asked for, each once, so that
    /// the server's ACL log stays quiet.
    pub(super) restricted: bool,
    /// Who waits for tasks, from the last CLIENT LIST.
    pub(super) consumers: Option<Consumers>,
    /// How long its locks are usually held.
    pub(super) holds: HoldBook,
    /// Until when it is known what became of a lock.
    pub(super) sight: Sight,
    /// Locks that stood when somebody looked before: an earlier run, or before the server was started again.
    standing: Arc<StandingLocks>,
    /// What came from an earlier run, to be taken over once.
    earlier: Option<Arc<StandingLocks>>,
    /// Who is there that may hold locks.
    pub(super) holders: Holders,
    /// Locks that are connections were looked for before: one that was not there is new.
    pub(super) connections_seen: bool,
    /// Keys were found here whose slot is on its way: until then they are asked for by ASKING.
    pub(super) arriving_until: Option<Instant>,
    /// Clues to a single queue that were followed.
    settled: BTreeSet<Bytes>,
    /// Where the rotation of re-reads goes on.
    rotation: Option<Bytes>,
    /// The same for locks whose changes are pushed.
    safety: Option<Bytes>,
    published: LockList,
    /// Locks that were put in, changed or taken out since the list was made, whichever they were last.
    changed: BTreeMap<Bytes, Arc<Lock>>,
    published_queues: Option<Arc<Vec<Arc<Queue>>>>,
}

impl KeyTable {
    pub(super) fn len(&self) -> usize {
        self.locks.len() + self.queues.len()
    }

    pub(super) fn knows(&self, key: &Bytes) -> bool {
        self.locks.contains_key(key)
            || self.queues.contains_key(key)
            || self.sites.contains_key(key)
            || self.settled.contains(key)
    }

    /// Takes in a reply of CLIENT LIST; one that was refused tells of workers no more.
    pub(super) fn take_clients(&mut self, list: &Reply, db: u32) {
        self.consumers = match list {
            Reply::Bulk(text) => Some(Consumers::parse(text, db)),
            _ => None,
        };
        self.holders.take_clients(list, Stamp::now());
        self.judge_holders();
    }

    pub(super) fn clear(&mut self) {
        // Habits stay, whatever server process this is.
        let holds = std::mem::take(&mut self.holds);
        let locks = self.locks.values().map(|entry| &*entry.lock);
        let stood = standing(locks).into_iter().map(|(key, lock)| (key.clone(), lock)).collect();
        let earlier = self.earlier.take();
        *self = Self { holds, standing: Arc::new(stood), earlier, ..Self::default() };
    }

    /// When this known key was read last, and whether it is a queue.
    pub(super) fn read_at(&self, key: &Bytes) -> Option<(Stamp, bool)> {
        let lock = self.locks.get(key).map(|e| (e.lock.read_at, false));
        lock.or_else(|| self.queues.get(key)?.queue.as_ref().map(|q| (q.read_at, true)))
    }

    /// True when something changed since the lists were made.
    pub(super) fn is_unpublished(&self) -> bool {
        !self.changed.is_empty() || self.published_queues.is_none()
    }
}

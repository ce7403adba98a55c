//! The locks and queues known on one node, and what must be read next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::{Bytes, Lock, Queue, Stamp};
use crate::family::{KeyFact, QueueMemory};

/// A queue that is empty for this long and not configured by name is forgotten.
const FORGET_EMPTY: Duration = Duration::from_secs(600);

/// A known lock.
pub(super) struct LockEntry {
    pub(super) fact: KeyFact,
    pub(super) lock: Arc<Lock>,
}

/// A known queue.
pub(super) struct QueueEntry {
    pub(super) fact: KeyFact,
    pub(super) queue: Option<Arc<Queue>>,
    pub(super) family: &'static str,
    pub(super) memory: QueueMemory,
    pub(super) configured: bool,
    empty_since: Option<Stamp>,
}

/// See the module.
#[derive(Default)]
pub(super) struct KeyTable {
    pub(super) locks: BTreeMap<Bytes, LockEntry>,
    pub(super) queues: BTreeMap<Bytes, QueueEntry>,
    /// Where the rotation of re-reads goes on.
    rotation: Option<Bytes>,
    published: Option<Arc<Vec<Arc<Lock>>>>,
}

impl KeyTable {
    pub(super) fn len(&self) -> usize {
        self.locks.len() + self.queues.len()
    }

    pub(super) fn knows(&self, key: &Bytes) -> bool {
        self.locks.contains_key(key) || self.queues.contains_key(key)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn put_lock(&mut self, fact: KeyFact, lock: Lock) {
        self.published = None;
        self.locks.insert(fact.key.clone(), LockEntry { fact, lock: Arc::new(lock) });
    }

    pub(super) fn remove_lock(&mut self, key: &Bytes) {
        self.published = None;
        self.locks.remove(key);
    }

    pub(super) fn add_queue(&mut self, fact: KeyFact, family: &'static str, configured: bool) {
        self.queues.entry(fact.key.clone()).or_insert(QueueEntry {
            fact,
            queue: None,
            family,
            memory: QueueMemory::default(),
            configured,
            empty_since: None,
        });
    }

    /// Takes over a look at a queue; `None`: it has another type now.
    pub(super) fn put_queue(&mut self, key: &Bytes, queue: Option<Queue>, memory: QueueMemory) {
        let Some(queue) = queue else {
            self.queues.remove(key);
            return;
        };
        let Some(entry) = self.queues.get_mut(key) else { return };
        entry.empty_since = match queue.waiting {
            Some(0) => entry.empty_since.or(Some(queue.read_at)),
            _ => None,
        };
        let forgotten = entry.empty_since.is_some_and(|since| queue.read_at.since(since) > FORGET_EMPTY);
        if forgotten && !entry.configured {
            self.queues.remove(key);
            return;
        }
        entry.queue = Some(Arc::new(queue));
        entry.memory = memory;
    }

    /// Keys of the locks to read again in this tick, at most `most`: first those whose TTL runs out within
    /// `soon`, then the others in rotation.
    pub(super) fn due_locks(&mut self, most: usize, now: Instant, soon: Duration) -> Vec<Bytes> {
        if self.locks.len() <= most {
            return self.locks.keys().cloned().collect();
        }
        let ending = |e: &LockEntry| e.lock.ttl_left(now).is_some_and(|left| left <= soon);
        let mut due: Vec<Bytes> =
            self.locks.iter().filter(|(_, e)| ending(e)).map(|(k, _)| k.clone()).take(most).collect();
        let rest = most - due.len();
        let from = self.rotation.clone().unwrap_or_default();
        let rotated: Vec<Bytes> = self
            .locks
            .range(from.clone()..)
            .chain(self.locks.range(..from))
            .filter(|(_, e)| !ending(e))
            .map(|(k, _)| k.clone())
            .take(rest + 1)
            .collect();
        self.rotation = rotated.get(rest).cloned();
        due.extend(rotated.into_iter().take(rest));
        due
    }

    /// All locks, sorted by key; the same `Arc` while nothing changed.
    pub(super) fn locks_list(&mut self) -> Arc<Vec<Arc<Lock>>> {
        let locks = &self.locks;
        self.published
            .get_or_insert_with(|| Arc::new(locks.values().map(|e| e.lock.clone()).collect()))
            .clone()
    }

    /// All queues that were read, sorted by key.
    pub(super) fn queues_list(&self) -> Arc<Vec<Arc<Queue>>> {
        Arc::new(self.queues.values().filter_map(|e| e.queue.clone()).collect())
    }
}

//! The locks and queues known on one node, and what must be read next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::{Bytes, Lock, Queue, Reply, Stamp};
use crate::family::consumers::Consumers;
use crate::family::site::Part;
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
    /// Named by a registry or by a key of its own: it stays while it is empty.
    kept: bool,
    /// The clue that tells its part.
    clue: Option<Bytes>,
    empty_since: Option<Stamp>,
}

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
    /// Keys were found here whose slot is on its way: until then they are asked for by ASKING.
    pub(super) arriving_until: Option<Instant>,
    /// Clues to a single queue that were followed.
    settled: BTreeSet<Bytes>,
    /// Where the rotation of re-reads goes on.
    rotation: Option<Bytes>,
    published: Option<Arc<Vec<Arc<Lock>>>>,
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

    /// True while tasks wait in some queue.
    pub(super) fn has_backlog(&self) -> bool {
        let waits = |queue: &Queue| queue.waiting.is_some_and(|n| n > 0);
        self.queues.values().any(|e| e.queue.as_deref().is_some_and(waits))
    }

    /// Takes in a reply of CLIENT LIST; one that was refused tells of workers no more.
    pub(super) fn take_clients(&mut self, list: &Reply, db: u32) {
        self.consumers = match list {
            Reply::Bulk(text) => Some(Consumers::parse(text, db)),
            _ => None,
        };
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
            kept: configured,
            clue: None,
            empty_since: None,
        });
    }

    /// Takes over a look at a queue; `None`: it has another type now.
    pub(super) fn put_queue(&mut self, key: &Bytes, queue: Option<Queue>, memory: QueueMemory) {
        let Some(queue) = queue else {
            self.remove_queue(key);
            return;
        };
        let Some(entry) = self.queues.get_mut(key) else { return };
        entry.empty_since = match queue.waiting {
            Some(0) => entry.empty_since.or(Some(queue.read_at)),
            _ => None,
        };
        let forgotten = entry.empty_since.is_some_and(|since| queue.read_at.since(since) > FORGET_EMPTY);
        if forgotten && !entry.kept {
            self.remove_queue(key);
            return;
        }
        entry.queue = Some(Arc::new(queue));
        entry.memory = memory;
    }

    fn remove_queue(&mut self, key: &Bytes) {
        if let Some(clue) = self.queues.remove(key).and_then(|entry| entry.clue) {
            // So that the search may find it again.
            self.settled.remove(&clue);
        }
    }

    /// True when the queue is known as one of this family.
    pub(super) fn holds(&self, key: &Bytes, family: &str) -> bool {
        self.queues.get(key).is_some_and(|entry| entry.family == family)
    }

    /// Queues of each family.
    pub(super) fn siblings(&self) -> BTreeMap<&'static str, usize> {
        let mut siblings = BTreeMap::new();
        for entry in self.queues.values() {
            *siblings.entry(entry.family).or_default() += 1;
        }
        siblings
    }

    /// Enters a queue of a library; what was taken for a plain list before is that library's from now on.
    pub(super) fn adopt(&mut self, key: &Bytes, family: &'static str) {
        let configured = self.queues.remove(key).is_some_and(|entry| entry.configured);
        let fact =
            KeyFact { key: key.clone(), key_type: "list".into(), lock_pattern: false, queue_pattern: false };
        self.add_queue(fact, family, configured);
    }

    /// What a site told of one of its queues.
    pub(super) fn set_part(&mut self, key: &Bytes, clue: &Bytes, part: Part) {
        if let Some(entry) = self.queues.get_mut(key) {
            entry.memory.part = part;
            entry.kept = true;
            entry.clue = Some(clue.clone());
        }
    }

    /// Remembers a registry; queues that it does not name any more may be forgotten once they are empty.
    pub(super) fn put_site(&mut self, clue: &Bytes, family: &'static str, listed: &[Bytes]) {
        let listed: BTreeSet<&Bytes> = listed.iter().collect();
        for (key, entry) in &mut self.queues {
            if entry.clue.as_ref() == Some(clue) && !listed.contains(key) {
                entry.kept = entry.configured;
                entry.memory.part = Part::default();
            }
        }
        self.sites.insert(clue.clone(), family);
    }

    /// The registry is gone, its queues may be forgotten once they are empty.
    pub(super) fn remove_site(&mut self, clue: &Bytes) {
        if let Some(family) = self.sites.get(clue).copied() {
            self.put_site(clue, family, &[]);
            self.sites.remove(clue);
        }
    }

    /// A clue to one queue needs not be followed again.
    pub(super) fn settle_clue(&mut self, clue: &Bytes) {
        self.settled.insert(clue.clone());
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

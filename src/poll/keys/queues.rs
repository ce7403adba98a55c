//! Queues and the registries that name them come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::KeyTable;
use crate::domain::{Bytes, Queue, Stamp};
use crate::family::site::Part;
use crate::family::{KeyFact, QueueFamily, QueueMemory, Registry};
use crate::poll::due::stirred;

/// A queue that is empty for this long and not configured by name is forgotten.
const FORGET_EMPTY: Duration = Duration::from_secs(600);

/// A known queue.
pub(in crate::poll) struct QueueEntry {
    pub(in crate::poll) fact: KeyFact,
    pub(in crate::poll) queue: Option<Arc<Queue>>,
    pub(in crate::poll) family: &'static str,
    pub(in crate::poll) memory: QueueMemory,
    pub(in crate::poll) configured: bool,
    /// Named by a registry or by a key of its own: it stays while it is empty.
    kept: bool,
    /// The clue that tells its part.
    clue: Option<Bytes>,
    empty_since: Option<Stamp>,
    /// When something happened at it last.
    pub(in crate::poll) stirred: Option<Stamp>,
    /// Server time of one look at it, about.
    pub(in crate::poll) cost: Duration,
}

impl QueueEntry {
    /// What tells its application from others, see [`QueueFamily::application`].
    pub(in crate::poll) fn application(&self, key: &Bytes, family: &dyn QueueFamily) -> Bytes {
        family.application(key.as_slice(), self.clue.as_ref().map(Bytes::as_slice)).into()
    }
}

impl KeyTable {
    /// True while tasks wait in some queue.
    pub(in crate::poll) fn has_backlog(&self) -> bool {
        let waits = |queue: &Queue| queue.waiting.is_some_and(|n| n > 0);
        self.queues.values().any(|e| e.queue.as_deref().is_some_and(waits))
    }

    pub(in crate::poll) fn add_queue(&mut self, fact: KeyFact, family: &'static str, configured: bool) {
        self.queues.entry(fact.key.clone()).or_insert(QueueEntry {
            fact,
            queue: None,
            family,
            memory: QueueMemory::default(),
            configured,
            kept: configured,
            clue: None,
            empty_since: None,
            stirred: None,
            cost: Duration::ZERO,
        });
    }

    /// Takes over a look at a queue, which took the server about so long; `None`: it has another type now.
    pub(in crate::poll) fn put_queue(
        &mut self,
        key: &Bytes,
        queue: Option<Queue>,
        memory: QueueMemory,
        cost: Duration,
    ) {
        let Some(mut queue) = queue else {
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
        if stirred(entry.queue.as_deref(), &entry.memory, &queue, &memory) {
            entry.stirred = Some(queue.read_at);
        }
        queue.stirred = entry.stirred;
        let before = entry.queue.as_ref().and_then(|before| before.unattended_since);
        queue.unattended_since = (queue.workers == Some(0)).then(|| before.unwrap_or(queue.read_at));
        entry.queue = Some(Arc::new(queue));
        entry.memory = memory;
        entry.cost = cost;
        self.published_queues = None;
    }

    fn remove_queue(&mut self, key: &Bytes) {
        self.published_queues = None;
        if let Some(clue) = self.queues.remove(key).and_then(|entry| entry.clue) {
            // So that the search may find it again.
            self.settled.remove(&clue);
        }
    }

    /// True when the queue is known as one of this family.
    pub(in crate::poll) fn holds(&self, key: &Bytes, family: &str) -> bool {
        self.queues.get(key).is_some_and(|entry| entry.family == family)
    }

    /// Queues of each family and application.
    pub(in crate::poll) fn siblings(&self, registry: &Registry) -> BTreeMap<(&'static str, Bytes), usize> {
        let mut siblings = BTreeMap::new();
        for (key, entry) in &self.queues {
            let family = registry.queue_family(entry.family);
            let application = family.map(|family| entry.application(key, family)).unwrap_or_default();
            *siblings.entry((entry.family, application)).or_default() += 1;
        }
        siblings
    }

    /// Enters a queue of a library; what was taken for a plain list before is that library's from now on.
    pub(in crate::poll) fn adopt(&mut self, key: &Bytes, family: &'static str) {
        self.published_queues = None;
        let configured = self.queues.remove(key).is_some_and(|entry| entry.configured);
        let fact =
            KeyFact { key: key.clone(), key_type: "list".into(), lock_pattern: false, queue_pattern: false };
        self.add_queue(fact, family, configured);
    }

    /// What a site told of one of its queues.
    pub(in crate::poll) fn set_part(&mut self, key: &Bytes, clue: &Bytes, part: Part) {
        if let Some(entry) = self.queues.get_mut(key) {
            entry.memory.part = part;
            entry.kept = true;
            entry.clue = Some(clue.clone());
        }
    }

    /// Remembers a registry; queues that it does not name any more may be forgotten once they are empty.
    pub(in crate::poll) fn put_site(&mut self, clue: &Bytes, family: &'static str, listed: &[Bytes]) {
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
    pub(in crate::poll) fn remove_site(&mut self, clue: &Bytes) {
        if let Some(family) = self.sites.get(clue).copied() {
            self.put_site(clue, family, &[]);
            self.sites.remove(clue);
        }
    }

    /// A clue to one queue needs not be followed again.
    pub(in crate::poll) fn settle_clue(&mut self, clue: &Bytes) {
        self.settled.insert(clue.clone());
    }

    /// All queues that were read, sorted by key; the same `Arc` while nothing changed.
    pub(in crate::poll) fn queues_list(&mut self) -> Arc<Vec<Arc<Queue>>> {
        let queues = &self.queues;
        self.published_queues
            .get_or_insert_with(|| Arc::new(queues.values().filter_map(|e| e.queue.clone()).collect()))
            .clone()
    }
}

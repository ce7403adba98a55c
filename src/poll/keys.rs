//! The locks and queues known on one node, and what must be read next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::due::stirred;
use super::holders::Holders;
use super::look::LOCKS_A_TICK;
use super::prefixes::Prefixes;
use super::sight::Sight;
use crate::domain::holds::HoldBook;
use crate::domain::lock_list::Edit;
use crate::domain::standing::{StandingLocks, standing};
use crate::domain::{Bytes, Lock, LockList, Queue, Reply, Stamp};
use crate::family::consumers::Consumers;
use crate::family::portalocker::Portalocker;
use crate::family::recipe::CONNECTION;
use crate::family::site::Part;
use crate::family::witness::Witness;
use crate::family::{Context, KeyFact, QueueFamily, QueueMemory, Registry};

/// A queue that is empty for this long and not configured by name is forgotten.
const FORGET_EMPTY: Duration = Duration::from_secs(600);

/// Locks whose changes are pushed are each read again within this time all the same.
const SAFETY_ROUND: Duration = Duration::from_secs(300);

/// CLIENT LIST, which tells of locks that are connections, is read in rounds of about this.
const CLIENTS_ROUND: Duration = Duration::from_secs(10);

/// A known lock.
pub(super) struct LockEntry {
    pub(super) fact: KeyFact,
    pub(super) lock: Arc<Lock>,
    /// What other keys tell of its holder.
    pub(super) witness: Witness,
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
    /// When something happened at it last.
    pub(super) stirred: Option<Stamp>,
    /// Server time of one look at it, about.
    pub(super) cost: Duration,
}

impl QueueEntry {
    /// What tells its application from others, see [`QueueFamily::application`].
    pub(super) fn application(&self, key: &Bytes, family: &dyn QueueFamily) -> Bytes {
        family.application(key.as_slice(), self.clue.as_ref().map(Bytes::as_slice)).into()
    }
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

    /// Takes over the locks that stood at the end of an earlier run: those that still stand keep their age.
    pub(super) fn resume(&mut self, earlier: Arc<StandingLocks>) {
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
    pub(super) fn see(&mut self, sight: Sight) {
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

    pub(super) fn put_lock(&mut self, fact: KeyFact, lock: Lock) {
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
    pub(super) fn judge_holders(&mut self) {
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
    pub(super) fn put_connections(&mut self, list: &Bytes, ctx: &Context) {
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
    pub(super) fn end_lock(&mut self, key: &Bytes, at: Stamp) {
        if let Some(entry) = self.locks.get(key).filter(|entry| self.is_seen(entry, at)) {
            let length = length(&entry.lock, at);
            self.holds.ended(key, length, false, seconds(at));
        }
        self.remove_lock(key);
    }

    /// It is not listed here any more, whoever holds it.
    pub(super) fn remove_lock(&mut self, key: &Bytes) {
        if let Some(entry) = self.locks.remove(key) {
            self.changed.insert(entry.fact.key, entry.lock);
        }
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
            stirred: None,
            cost: Duration::ZERO,
        });
    }

    /// Takes over a look at a queue, which took the server about so long; `None`: it has another type now.
    pub(super) fn put_queue(
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
    pub(super) fn holds(&self, key: &Bytes, family: &str) -> bool {
        self.queues.get(key).is_some_and(|entry| entry.family == family)
    }

    /// Queues of each family and application.
    pub(super) fn siblings(&self, registry: &Registry) -> BTreeMap<(&'static str, Bytes), usize> {
        let mut siblings = BTreeMap::new();
        for (key, entry) in &self.queues {
            let family = registry.queue_family(entry.family);
            let application = family.map(|family| entry.application(key, family)).unwrap_or_default();
            *siblings.entry((entry.family, application)).or_default() += 1;
        }
        siblings
    }

    /// Enters a queue of a library; what was taken for a plain list before is that library's from now on.
    pub(super) fn adopt(&mut self, key: &Bytes, family: &'static str) {
        self.published_queues = None;
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
        let rotated = self.next_locks(self.rotation.as_ref(), rest + 1, |_, e| !ending(e));
        self.rotation = rotated.get(rest).cloned();
        due.extend(rotated.into_iter().take(rest));
        due
    }

    /// [`KeyTable::due_locks`] while changes under `tracked` are pushed. Of those locks only these are due: whose
    /// time is over, for the server tells that late; which run out within `soon`, once; and a few in rotation, each
    /// within `SAFETY_ROUND`, should a notice ever be lost.
    pub(super) fn due_untracked(
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
    pub(super) fn next_locks(
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
    pub(super) fn locks_from(&self, from: &Bytes, most: usize) -> Vec<Bytes> {
        self.locks.range(from.clone()..).map(|(k, _)| k.clone()).take(most).collect()
    }

    /// True when some lock's key begins so.
    pub(super) fn has_lock_under(&self, prefix: &Bytes) -> bool {
        let first = self.locks.range(prefix.clone()..).next();
        first.is_some_and(|(key, _)| key.as_slice().starts_with(prefix.as_slice()))
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

    /// All locks, sorted by key. What did not change since the last list is shared with it.
    pub(super) fn locks_list(&mut self) -> LockList {
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

    /// All queues that were read, sorted by key; the same `Arc` while nothing changed.
    pub(super) fn queues_list(&mut self) -> Arc<Vec<Arc<Queue>>> {
        let queues = &self.queues;
        self.published_queues
            .get_or_insert_with(|| Arc::new(queues.values().filter_map(|e| e.queue.clone()).collect()))
            .clone()
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

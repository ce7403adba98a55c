//! Keys of which the server said that they changed: read at once, but none of them all the time.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use super::look::Look;
use crate::domain::{Bytes, Stamp};
use crate::family::KeyFact;
use crate::redis_io::CallError;

/// A lock is read again after this time at the earliest, however often it changes, while only a few do so.
const LOCK_GAP: Duration = Duration::from_millis(25);
const FEW: usize = 16;
/// The same when many locks change all the time.
const MANY_LOCKS_GAP: Duration = Duration::from_millis(100);
/// The same for a queue: it changes more often and is dearer to read.
const QUEUE_GAP: Duration = Duration::from_millis(250);

/// Changed keys that were read only just now and must wait a little.
#[derive(Default)]
pub(super) struct Late {
    by_time: BTreeSet<(Instant, Bytes)>,
    known: HashSet<Bytes>,
}

impl Late {
    fn put(&mut self, at: Instant, key: Bytes) {
        if self.known.insert(key.clone()) {
            self.by_time.insert((at, key));
        }
    }

    /// Up to `most` keys that have waited long enough.
    pub(super) fn take_due(&mut self, now: Instant, most: usize) -> Vec<Bytes> {
        let mut due = Vec::new();
        while due.len() < most && self.by_time.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.by_time.pop_first() {
                self.known.remove(&key);
                due.push(key);
            }
        }
        due
    }

    /// When the first of them has waited long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Look<'_> {
    /// Reads changed keys again, those read just now later. Returns those that are neither locks nor queues.
    pub(super) async fn take_changes(
        &mut self,
        keys: Vec<Bytes>,
        late: &mut Late,
    ) -> Result<Vec<Bytes>, CallError> {
        let now = Instant::now();
        let (mut locks, mut queues, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            let Some((read_at, is_queue)) = self.table.read_at(&key) else {
                unknown.push(key);
                continue;
            };
            if is_queue {
                self.table.stir(&key, Stamp::now());
                if self.table.has_many_queues() {
                    // Each look reads those that changed, within what all queues together may cost.
                    continue;
                }
            }
            let gap = match late.known.len() {
                _ if is_queue => QUEUE_GAP,
                few if few < FEW => LOCK_GAP,
                _ => MANY_LOCKS_GAP,
            };
            let again = read_at.mono + gap;
            if again > now {
                late.put(again, key);
            } else if is_queue {
                queues.push(key);
            } else {
                locks.push(key);
            }
        }
        self.reread_locks(&locks).await?;
        self.read_queues(&queues).await?;
        self.take_in(unknown, self.search.searched()).await
    }

    /// Reads these known locks again.
    pub(super) async fn reread_locks(&mut self, keys: &[Bytes]) -> Result<(), CallError> {
        let facts: Vec<KeyFact> =
            keys.iter().filter_map(|k| self.table.locks.get(k).map(|e| e.fact.clone())).collect();
        self.read_locks(&facts, None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_keys_come_once_and_in_time() {
        let mut late = Late::default();
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        late.put(at(20), "b".into());
        late.put(at(10), "a".into());
        late.put(at(90), "a".into());
        assert_eq!(late.next(), Some(at(10)));
        assert_eq!(late.take_due(at(5), 9), []);
        assert_eq!(late.take_due(at(50), 1), [Bytes::from("a")]);
        assert_eq!(late.take_due(at(50), 9), [Bytes::from("b")]);
        assert_eq!(late.next(), None);
    }
}

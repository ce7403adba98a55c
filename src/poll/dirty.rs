//! The keys that changed and were not read again yet: without doubles, in order, and bounded.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::prefixes::Prefixes;
use crate::domain::Bytes;
use crate::redis_io::Pushed;

/// Keys kept at most; with more at once reading everything again is no dearer.
const MOST_KEYS: usize = 20_000;
/// Bytes of those keys at most: about 8 MiB with what is around them.
const MOST_BYTES: usize = 4 << 20;
/// Notices are counted for so long before the count begins anew.
const WINDOW: Duration = Duration::from_secs(5);
/// So many notices of other keys within the window, and more than of ours, and the prefix is not worth it.
const NOISE: u32 = 250;

/// Filled by the task that reads the connection, emptied by the poller.
pub(super) struct Dirty {
    inner: Mutex<Inner>,
    wake: Notify,
}

/// What the poller must know beside the keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Signs {
    /// Anything may have changed, or more than is kept.
    pub(super) everything: bool,
    /// The connection is gone.
    pub(super) closed: bool,
    /// Some prefix brings mostly keys that are not ours.
    pub(super) noisy: bool,
}

struct Inner {
    /// With the time when the notice came.
    order: VecDeque<(Bytes, Instant)>,
    /// More came than is kept: when the oldest of what is lost came.
    lost_since: Option<Instant>,
    known: HashSet<Bytes>,
    bytes: usize,
    signs: Signs,
    pushes: u64,
    began: Instant,
    tallies: Vec<Tally>,
}

/// Notices under one prefix within the window.
#[derive(Clone, Copy, Default)]
struct Tally {
    ours: u32,
    others: u32,
}

impl Tally {
    fn is_noise(self) -> bool {
        self.others >= NOISE && self.others > self.ours
    }
}

impl Dirty {
    pub(super) fn new(prefixes: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                order: VecDeque::new(),
                lost_since: None,
                known: HashSet::new(),
                bytes: 0,
                signs: Signs::default(),
                pushes: 0,
                began: Instant::now(),
                tallies: vec![Tally::default(); prefixes],
            }),
            wake: Notify::new(),
        }
    }

    /// Takes in a notice; `is_ours` tells by the name alone whether a key may be a lock or queue.
    pub(super) fn take_in(&self, pushed: Pushed, prefixes: &Prefixes, is_ours: impl Fn(&[u8]) -> bool) {
        let mut inner = self.lock();
        inner.pushes += 1;
        match pushed {
            Pushed::Everything => inner.overflow(),
            Pushed::Closed => inner.signs.closed = true,
            Pushed::Message { .. } => {}
            Pushed::Changed(keys) => {
                inner.turn_window(Instant::now());
                for key in keys {
                    let ours = is_ours(key.as_slice());
                    inner.count(prefixes.of(key.as_slice()), ours);
                    if ours {
                        inner.add(key, Instant::now());
                    }
                }
            }
        }
        let nothing = inner.order.is_empty() && inner.signs == Signs::default();
        drop(inner);
        if !nothing {
            self.wake.notify_one();
        }
    }

    /// Keys that were read again and proved to be neither locks nor queues.
    pub(super) fn were_others(&self, prefixes: &Prefixes, keys: &[Bytes]) {
        let mut inner = self.lock();
        for key in keys {
            inner.count(prefixes.of(key.as_slice()), false);
        }
        if inner.signs.noisy {
            self.wake.notify_one();
        }
    }

    /// Takes over what another set still holds.
    pub(super) fn absorb(&self, other: &Self) {
        let keys: Vec<(Bytes, Instant)> = other.lock().order.drain(..).collect();
        let mut inner = self.lock();
        for (key, at) in keys {
            inner.add(key, at);
        }
    }

    /// The oldest `most` keys.
    pub(super) fn take(&self, most: usize) -> Vec<Bytes> {
        let mut inner = self.lock();
        let count = inner.order.len().min(most);
        let taken: Vec<Bytes> = inner.order.drain(..count).map(|(key, _)| key).collect();
        for key in &taken {
            inner.known.remove(key);
            inner.bytes -= key.len();
        }
        taken
    }

    /// When the oldest notice came that was not followed yet.
    pub(super) fn waiting(&self) -> Option<Instant> {
        self.lock().oldest()
    }

    /// When the oldest notice came that was thrown away since this was asked last.
    pub(super) fn take_lost_since(&self) -> Option<Instant> {
        self.lock().lost_since.take()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().order.is_empty()
    }

    /// The signs since the last call.
    pub(super) fn take_signs(&self) -> Signs {
        std::mem::take(&mut self.lock().signs)
    }

    /// Notices since the last call.
    pub(super) fn take_pushes(&self) -> u64 {
        std::mem::take(&mut self.lock().pushes)
    }

    /// The prefixes that bring mostly other keys, by their position.
    pub(super) fn noisy(&self) -> Vec<usize> {
        let inner = self.lock();
        (0..).zip(&inner.tallies).filter(|(_, tally)| tally.is_noise()).map(|(at, _)| at).collect()
    }

    /// Resolves when there is something to take.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn oldest(&self) -> Option<Instant> {
        self.order.iter().map(|(_, at)| *at).next()
    }

    fn add(&mut self, key: Bytes, at: Instant) {
        if self.known.contains(&key) {
            return;
        }
        if self.order.len() >= MOST_KEYS || self.bytes + key.len() > MOST_BYTES {
            return self.overflow();
        }
        self.bytes += key.len();
        self.known.insert(key.clone());
        self.order.push_back((key, at));
    }

    fn overflow(&mut self) {
        self.signs.everything = true;
        self.lost_since = self.lost_since.or(self.oldest());
        self.order = VecDeque::new();
        self.known = HashSet::new();
        self.bytes = 0;
    }

    fn turn_window(&mut self, now: Instant) {
        if now.saturating_duration_since(self.began) >= WINDOW {
            self.began = now;
            self.tallies.fill(Tally::default());
        }
    }

    fn count(&mut self, prefix: Option<usize>, ours: bool) {
        let Some(tally) = prefix.and_then(|at| self.tallies.get_mut(at)) else { return };
        if ours {
            tally.ours += 1;
        } else {
            tally.others += 1;
        }
        self.signs.noisy |= tally.is_noise();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(dirty: &Dirty, keys: impl IntoIterator<Item = String>) {
        let prefixes = Prefixes::covering(["lock:".into()]);
        let keys = keys.into_iter().map(Bytes::from).collect();
        dirty.take_in(Pushed::Changed(keys), &prefixes, |key| !key.ends_with(b"!"));
    }

    #[test]
    fn each_key_once_and_in_order() {
        let dirty = Dirty::new(1);
        changed(&dirty, ["lock:b", "lock:a", "lock:b", "lock:c!"].map(String::from));
        assert_eq!(dirty.take(1), [Bytes::from("lock:b")]);
        changed(&dirty, ["lock:b".into()]);
        assert_eq!(dirty.take(9), ["lock:a", "lock:b"].map(Bytes::from));
        assert!(dirty.is_empty());
        assert_eq!(dirty.take_signs(), Signs::default());
        assert_eq!(dirty.take_pushes(), 2);
    }

    #[test]
    fn more_than_is_kept_means_everything() {
        let dirty = Dirty::new(1);
        changed(&dirty, (0..=MOST_KEYS).map(|i| format!("lock:{i}")));
        assert!(dirty.take_signs().everything && dirty.is_empty());
        changed(&dirty, ["lock:a".into()]);
        assert_eq!(dirty.take(9).len(), 1, "it goes on afterwards");
        changed(&dirty, (0..8).map(|i| format!("lock:{i}{}", "x".repeat(MOST_BYTES / 8))));
        assert!(dirty.take_signs().everything && dirty.is_empty(), "long keys count by their length");
    }

    #[test]
    fn a_prefix_of_other_keys_is_told() {
        let dirty = Dirty::new(1);
        changed(&dirty, (0..300).map(|i| format!("lock:{i}")));
        changed(&dirty, (0..300).map(|i| format!("lock:{i}!")));
        assert!(!dirty.take_signs().noisy, "as many are ours");
        changed(&dirty, ["lock:x!".into()]);
        assert!(dirty.take_signs().noisy);
        assert_eq!(dirty.noisy(), [0]);
    }
}

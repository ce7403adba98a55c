//! How long locks are usually held, and how often they changed hands: a bounded memory of the holds that were seen to
//! begin and to end.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::Bytes;

/// Locks that are remembered of one database; twice as many for a while.
pub const MOST_LOCKS: usize = 2_000;
/// Lengths kept of one lock, the newest.
pub const MOST_HOLDS: usize = 20;
/// Fewer holds than this are no habit.
pub const LEAST_HOLDS: usize = 3;
/// Bytes of a key that is remembered.
pub const LONGEST_KEY: usize = 512;

/// What is usual for a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usual {
    /// Half of its holds were shorter. `None`: fewer than [`LEAST_HOLDS`] were seen whole.
    pub p50: Option<Duration>,
    /// Of twenty holds about one was longer.
    pub p95: Option<Duration>,
    /// How many holds that rests on.
    pub holds: usize,
    /// How often it was seen to pass from one holder to another without having been free.
    pub handovers: u64,
}

impl Usual {
    /// How many times its usual hold this is; `None` while nothing is usual.
    pub fn times(&self, held: Duration) -> Option<f64> {
        let usual = self.p50?.max(Duration::from_millis(1));
        Some(held.as_secs_f64() / usual.as_secs_f64())
    }
}

/// The holds of one lock.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Holds {
    /// Lengths, milliseconds, oldest first.
    pub lengths_ms: VecDeque<u64>,
    /// Hand-overs.
    pub handovers: u64,
    /// When the last one ended, seconds since the epoch by our clock.
    pub ended: u64,
}

impl Holds {
    /// What is usual for this lock.
    pub fn usual(&self) -> Usual {
        let mut sorted: Vec<u64> = self.lengths_ms.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            let known = sorted.get(rank).filter(|_| sorted.len() >= LEAST_HOLDS);
            known.map(|ms| Duration::from_millis(*ms))
        };
        Usual { p50: at(50), p95: at(95), holds: sorted.len(), handovers: self.handovers }
    }
}

/// The holds of one database's locks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HoldBook {
    locks: HashMap<Bytes, Holds>,
    /// Rises with each change.
    pub changes: u64,
}

impl HoldBook {
    /// What is usual for this lock; `None`: nothing was seen of it.
    pub fn usual(&self, key: &Bytes) -> Option<Usual> {
        self.locks.get(key).map(Holds::usual)
    }

    /// A hold ended. `length`: only where it was seen to begin, else it would make the usual too short.
    pub fn ended(&mut self, key: &Bytes, length: Option<Duration>, handed_over: bool, now_s: u64) {
        if key.len() > LONGEST_KEY || (length.is_none() && !handed_over) {
            return;
        }
        self.changes += 1;
        let holds = self.locks.entry(key.clone()).or_default();
        holds.ended = now_s;
        holds.handovers += u64::from(handed_over);
        if let Some(length) = length {
            holds.lengths_ms.push_back(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
            while holds.lengths_ms.len() > MOST_HOLDS {
                holds.lengths_ms.pop_front();
            }
        }
        if self.locks.len() > 2 * MOST_LOCKS {
            self.forget();
        }
    }

    /// Puts back what was written down.
    pub fn insert(&mut self, key: Bytes, mut holds: Holds) {
        if key.len() <= LONGEST_KEY && self.locks.len() < MOST_LOCKS {
            holds.lengths_ms.truncate(MOST_HOLDS);
            self.locks.insert(key, holds);
        }
    }

    /// Takes over what was remembered of an earlier time: older than what was seen since.
    pub fn take_over(&mut self, earlier: Self) {
        for (key, mut holds) in earlier.locks {
            if let Some(own) = self.locks.remove(&key) {
                holds.lengths_ms.extend(own.lengths_ms);
                holds.handovers += own.handovers;
                holds.ended = own.ended;
                while holds.lengths_ms.len() > MOST_HOLDS {
                    holds.lengths_ms.pop_front();
                }
            }
            self.locks.insert(key, holds);
        }
        self.changes += 1;
    }

    /// All that is worth keeping: of locks that were seen more than once first, then the newest.
    pub fn best(&self) -> Vec<(&Bytes, &Holds)> {
        let mut all: Vec<(&Bytes, &Holds)> = self.locks.iter().collect();
        let worth = |holds: &Holds| (holds.lengths_ms.len() >= LEAST_HOLDS, holds.ended);
        all.sort_by(|(a_key, a), (b_key, b)| worth(b).cmp(&worth(a)).then_with(|| a_key.cmp(b_key)));
        all.truncate(MOST_LOCKS);
        all
    }

    fn forget(&mut self) {
        let kept = self.best().into_iter().map(|(key, holds)| (key.clone(), holds.clone())).collect();
        self.locks = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_needs_some_holds_and_forgets_the_oldest() {
        let mut book = HoldBook::default();
        let key = Bytes::from("lock:a");
        let seconds = |n| Some(Duration::from_secs(n));
        book.ended(&key, None, false, 1);
        assert_eq!(book.usual(&key), None);
        for n in [10, 30] {
            book.ended(&key, seconds(n), false, n);
        }
        assert_eq!(book.usual(&key), Some(Usual { p50: None, p95: None, holds: 2, handovers: 0 }));
        book.ended(&key, seconds(20), true, 31);
        let usual = book.usual(&key).unwrap_or(Usual { p50: None, p95: None, holds: 0, handovers: 0 });
        assert_eq!((usual.p50, usual.p95, usual.handovers), (seconds(20), seconds(30), 1));
        assert_eq!(usual.times(Duration::from_secs(64)), Some(3.2));
        for _ in 0..MOST_HOLDS {
            book.ended(&key, seconds(1), false, 40);
        }
        assert_eq!(book.usual(&key).map(|u| (u.holds, u.p95)), Some((MOST_HOLDS, seconds(1))));
    }

    #[test]
    fn it_is_bounded_and_keeps_habits_before_single_holds() {
        let mut book = HoldBook::default();
        let habit = Bytes::from("lock:habit");
        for _ in 0..LEAST_HOLDS {
            book.ended(&habit, Some(Duration::from_secs(1)), false, 0);
        }
        for n in 0..3 * MOST_LOCKS {
            let key = Bytes::from(format!("lock:{n}"));
            book.ended(&key, Some(Duration::from_secs(1)), false, n as u64);
            assert!(book.locks.len() <= 2 * MOST_LOCKS);
        }
        assert!(book.usual(&habit).is_some());
        assert_eq!(book.best().len(), MOST_LOCKS);
        book.ended(&vec![b'x'; LONGEST_KEY + 1].into(), Some(Duration::ZERO), true, 0);
        assert!(book.locks.keys().all(|k| k.len() <= LONGEST_KEY));
    }
}

//! Locks that stood at the last look of an earlier run: a lock that still stands keeps its age when redwarden starts
//! again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::holds::LONGEST_KEY;
use super::lock::Token;
use super::{Bytes, Lock, Stamp};

/// Locks that are remembered of one database, those held longest.
pub const MOST_STANDING: usize = 2_000;
/// Hex digits of the token's SHA-1 that are kept: tokens themselves are written nowhere.
const DIGITS: usize = 16;
/// `OBJECT IDLETIME` counts whole seconds of a clock that ticks once a second.
const IDLE_EXACT: Duration = Duration::from_secs(2);
/// Two figures for the same end differ by no more: clocks and the network are not exact.
const END_EXACT: Duration = Duration::from_millis(1_500);

/// The locks of one database, by their keys.
pub type StandingLocks = HashMap<Bytes, Standing>;

/// One lock as it stood. All times are of our clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Tells its token from another one.
    pub token: String,
    /// When this holder was first seen.
    pub first_seen: SystemTime,
    /// [`Lock::held_before`].
    pub held_before: Option<Duration>,
    /// When it was last read.
    pub read_at: SystemTime,
    /// When its TTL was to end; `None`: never, or not known.
    pub ends: Option<SystemTime>,
}

impl Standing {
    /// This lock as it stands; `None`: its token is not known, or its key is too long.
    pub fn of(lock: &Lock) -> Option<Self> {
        if lock.id.key.len() > LONGEST_KEY {
            return None;
        }
        Some(Self {
            token: digest(&lock.token)?,
            first_seen: lock.first_seen.wall,
            held_before: lock.held_before,
            read_at: lock.read_at.wall,
            ends: ends(lock),
        })
    }

    /// The lock with the age it had, when it is the same hold; `lock` was first seen in this run just now.
    pub fn resumed(&self, lock: &Lock) -> Option<Lock> {
        let seen = lock.first_seen;
        // It was not there for a while, as we saw ourselves.
        let was_away = lock.held_before == Some(Duration::ZERO);
        let elapsed = seen.wall.duration_since(self.first_seen).ok()?;
        let unseen = seen.wall.duration_since(self.read_at).ok()?;
        if was_away || digest(&lock.token)? != self.token || !self.is_same_hold(lock, unseen) {
            return None;
        }
        let idle = lock.held_before.unwrap_or_default();
        let (first_seen, held_before) = match seen.mono.checked_sub(elapsed) {
            Some(mono) => {
                let unknown = Some(idle.saturating_sub(elapsed)).filter(|before| !before.is_zero());
                (Stamp { mono, wall: self.first_seen }, self.held_before.or(unknown))
            }
            None => (seen, Some(idle.max(elapsed + self.held_before.unwrap_or_default()))),
        };
        Some(Lock { first_seen, held_before, ..lock.clone() })
    }

    /// A token that is drawn for each acquisition says so alone. Any other may have been released and taken again
    /// since, unless nobody touched the key or its end is still the same.
    fn is_same_hold(&self, lock: &Lock, unseen: Duration) -> bool {
        let drawn = lock.token.proves_identity() && !is_of_a_client(lock.family);
        let untouched = lock.held_before.is_some_and(|idle| idle + IDLE_EXACT >= unseen);
        let apart = |a: SystemTime, b: SystemTime| {
            a.duration_since(b).or_else(|_| b.duration_since(a)).unwrap_or_default()
        };
        let same_end = self.ends.zip(ends(lock)).is_some_and(|(then, now)| apart(then, now) <= END_EXACT);
        drawn || untouched || same_end
    }
}

/// The locks of a database that are worth remembering: those held longest.
pub fn standing<'a>(locks: impl Iterator<Item = &'a Lock>) -> Vec<(&'a Bytes, Standing)> {
    let mut locks: Vec<&Lock> = locks.filter(|lock| lock.id.key.len() <= LONGEST_KEY).collect();
    let began = |lock: &Lock| {
        let before = lock.held_before.unwrap_or_default();
        (lock.first_seen.wall.checked_sub(before).unwrap_or(lock.first_seen.wall), Reverse(before))
    };
    if locks.len() > MOST_STANDING {
        locks.select_nth_unstable_by_key(MOST_STANDING, |lock| began(lock));
        locks.truncate(MOST_STANDING);
    }
    locks.into_iter().filter_map(|lock| Some((&lock.id.key, Standing::of(lock)?))).collect()
}

/// Its client takes every lock with the same token: a thread of Redisson, a registry of Spring.
fn is_of_a_client(family: &str) -> bool {
    matches!(family, "redisson" | "spring-integration")
}

fn digest(token: &Token) -> Option<String> {
    let mut hex = match token {
        Token::Known(value) => value.sha1(),
        Token::Long { head, .. } => head.sha1(),
        Token::Unknown(_) => return None,
    };
    hex.truncate(DIGITS);
    Some(hex)
}

fn ends(lock: &Lock) -> Option<SystemTime> {
    lock.read_at.wall.checked_add(lock.ttl_left(lock.read_at.mono)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::domain::lock::Ttl;
    use crate::domain::lock::sample::{RANDOM, sample};

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn lock(token: &str, ttl: Ttl, at: Stamp, held_before: Option<Duration>) -> Lock {
        Lock { token: Token::Known(token.into()), ttl, held_before, ..sample(at) }
    }

    /// Seen first at the start of a run that looked for the last time after 100 s, and again at 160 s.
    fn age(then: &Lock, now: &Lock) -> Option<Duration> {
        let stood = Standing::of(then).unwrap();
        stood.resumed(now).map(|lock| lock.age(now.first_seen.mono).unwrap())
    }

    fn run(token: &str, ttl: Ttl) -> (Lock, Stamp) {
        let start = Stamp::now();
        let read = start.plus(secs(100));
        (Lock { read_at: read, ..lock(token, ttl, start, None) }, start.plus(secs(160)))
    }

    #[test]
    fn a_token_of_its_own_keeps_its_age_and_another_has_none() {
        let (then, at) = run(RANDOM, Ttl::Never);
        assert_eq!(age(&then, &lock(RANDOM, Ttl::Never, at, None)), Some(secs(160)));
        assert_eq!(age(&then, &lock("99999999-9b52-4d8e-8c0c", Ttl::Never, at, None)), None);
        // The server knows of more; and what was known before stays so.
        assert_eq!(age(&then, &lock(RANDOM, Ttl::Never, at, Some(secs(900)))), Some(secs(900)));
        let begun = Lock { held_before: Some(Duration::ZERO), ..then.clone() };
        let resumed = Standing::of(&begun).unwrap().resumed(&lock(RANDOM, Ttl::Never, at, Some(secs(60))));
        assert_eq!(resumed.unwrap().held_before, Some(Duration::ZERO));
        // It was away meanwhile; our clock went back; nobody can read it any more.
        assert_eq!(age(&then, &lock(RANDOM, Ttl::Never, at, Some(Duration::ZERO))), None);
        let mut back = lock(RANDOM, Ttl::Never, at, None);
        back.first_seen.wall -= secs(7200);
        assert_eq!(age(&then, &back), None);
        let unknown = Token::Unknown(crate::domain::lock::Unknown::NotRead);
        assert_eq!(age(&then, &Lock { token: unknown, ..lock(RANDOM, Ttl::Never, at, None) }), None);
    }

    #[test]
    fn a_token_that_is_used_again_needs_a_key_that_nobody_touched_or_the_same_end() {
        let left = |n| Ttl::Left(secs(n));
        let (then, at) = run("1", Ttl::Never);
        assert_eq!(age(&then, &lock("1", Ttl::Never, at, Some(secs(59)))), Some(secs(160)));
        assert_eq!(age(&then, &lock("1", Ttl::Never, at, Some(secs(40)))), None);
        assert_eq!(age(&then, &lock("1", Ttl::Never, at, None)), None);
        let (then, at) = run("1", left(600));
        assert_eq!(age(&then, &lock("1", left(540), at, None)), Some(secs(160)));
        assert_eq!(age(&then, &lock("1", left(600), at, None)), None);
        // A thread of Redisson takes each lock with the same token.
        let of_thread = |l: Lock| Lock { family: "redisson", ..l };
        let (then, at) = run("3dcb04b8-2e15-4208-8244-348d3fb4fa6c:31", left(30));
        let now = lock("3dcb04b8-2e15-4208-8244-348d3fb4fa6c:31", left(29), at, Some(secs(3)));
        assert_eq!(age(&then, &of_thread(now.clone())), None);
        assert_eq!(age(&then, &now), Some(secs(160)));
    }

    #[test]
    fn the_locks_held_longest_are_remembered() {
        let now = Stamp::now();
        let many: Vec<Lock> = (0..MOST_STANDING as u64 + 50)
            .map(|n| {
                let mut lock = lock(RANDOM, Ttl::Never, now, Some(secs(n)));
                lock.id.key = format!("lock:{n}").as_str().into();
                lock
            })
            .collect();
        let kept = standing(many.iter());
        assert_eq!(kept.len(), MOST_STANDING);
        assert!(kept.iter().all(|(_, lock)| lock.held_before >= Some(secs(50))));
    }
}

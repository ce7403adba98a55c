//! How stale a lock looks, 0 to 100, with what speaks for it: a number to sort by, never a reason to act alone.

use std::time::Instant;

use super::lock::{Lock, LockState, Ttl};
use super::presence::HolderState;
use super::stamp::short;
use super::{Rules, Severity};

/// From this score on a lock is worth a look.
pub const WORTH_A_LOOK: u8 = 50;

/// A score and what it is made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stale {
    /// 0 to 100.
    pub score: u8,
    /// What speaks for it (and, below zero, against it), heaviest first; sentences, escaped.
    pub reasons: Vec<(i32, String)>,
}

/// The score without its reasons, cheap enough for a row.
pub fn score(lock: &Lock, rules: &Rules, now: Instant) -> u8 {
    total(&weights(lock, rules, now))
}

/// The score with its reasons.
pub fn stale(lock: &Lock, rules: &Rules, now: Instant) -> Stale {
    let mut found = weights(lock, rules, now);
    found.sort_by_key(|(_, weight)| std::cmp::Reverse(weight.abs()));
    let reasons = found.iter().map(|(why, weight)| (*weight, why.words(lock, rules))).collect();
    Stale { score: total(&found), reasons }
}

fn total(found: &[(Why, i32)]) -> u8 {
    let sum: i32 = found.iter().map(|(_, weight)| weight).sum();
    u8::try_from(sum.clamp(0, 100)).unwrap_or(0)
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Why {
    HolderGone,
    HolderAlive,
    NoTtl,
    NoTtlAsUsual,
    Overdue,
    LongerThanUsual(f64),
    Ending,
    SomebodyWaits,
}

/// Weights are ours: what proves (a holder that is gone) outweighs what only hints (an age), and a sign of life
/// outweighs all hints together.
fn weights(lock: &Lock, rules: &Rules, now: Instant) -> Vec<(Why, i32)> {
    let mut found = Vec::new();
    match lock.holder_state(now) {
        HolderState::Gone => found.push((Why::HolderGone, 50)),
        HolderState::Alive => found.push((Why::HolderAlive, -60)),
        HolderState::Unknown => {}
    }
    match lock.ttl {
        Ttl::Never if lock.no_ttl_is_normal => found.push((Why::NoTtlAsUsual, 10)),
        Ttl::Never => found.push((Why::NoTtl, 40)),
        Ttl::Left(_) if lock.state(rules, now) == LockState::Expiring => found.push((Why::Ending, -20)),
        Ttl::Left(_) | Ttl::Unknown(_) => {}
    }
    let age = lock.age(now);
    if age.is_some_and(|age| age > rules.overdue_after) {
        found.push((Why::Overdue, 20));
    }
    if let Some(times) = longer_than_usual(lock, now) {
        found.push((Why::LongerThanUsual(times), if times >= 10.0 { 30 } else { 15 }));
    }
    let suspected = found.iter().map(|(_, weight)| weight).sum::<i32>() > 0;
    if suspected && lock.waiters.is_some_and(|n| n > 0) {
        found.push((Why::SomebodyWaits, 10));
    }
    found
}

/// How many times its usual hold it is held, where that is at least twice and longer than nearly all of its holds.
pub fn longer_than_usual(lock: &Lock, now: Instant) -> Option<f64> {
    let usual = lock.usual?;
    let age = lock.age(now).filter(|age| usual.p95.is_some_and(|p95| *age > p95))?;
    usual.times(age).filter(|times| *times >= 2.0)
}

impl Why {
    fn words(self, lock: &Lock, rules: &Rules) -> String {
        match self {
            Self::HolderGone => "its holder is gone".into(),
            Self::HolderAlive => "its holder is alive".into(),
            Self::NoTtl => "it has no TTL".into(),
            Self::NoTtlAsUsual => format!("it has no TTL, as usual for {}", lock.family),
            Self::Overdue => format!("held longer than {}", short(rules.overdue_after)),
            Self::LongerThanUsual(times) => {
                let usual = lock.usual.and_then(|u| u.p50).map_or_else(|| "?".into(), short);
                format!("held {times:.1}x its usual {usual}")
            }
            Self::Ending => "it frees itself in a moment".into(),
            Self::SomebodyWaits => {
                let n = lock.waiters.unwrap_or(0);
                format!("{n} {} for it", if n == 1 { "waits" } else { "wait" })
            }
        }
    }
}

/// What a score weighs on the screen.
pub fn severity(score: u8) -> Severity {
    if score >= WORTH_A_LOOK { Severity::Warning } else { Severity::Info }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Stamp;
    use crate::domain::holds::Usual;
    use crate::domain::lock::Renewal;
    use crate::domain::lock::sample::sample;
    use crate::domain::presence::Presence;

    fn lock(now: Stamp) -> Lock {
        let ttl = Ttl::Left(Duration::from_secs(3600));
        Lock { ttl, held_before: Some(Duration::from_secs(64)), ..sample(now) }
    }

    fn with(change: impl FnOnce(&mut Lock, Stamp)) -> Stale {
        let now = Stamp::now();
        let mut lock = lock(now);
        change(&mut lock, now);
        let stale = stale(&lock, &Rules::default(), now.mono);
        assert_eq!(score(&lock, &Rules::default(), now.mono), stale.score);
        stale
    }

    fn usual(p50: u64, p95: u64) -> Usual {
        let of = |s| Some(Duration::from_secs(s));
        Usual { p50: of(p50), p95: of(p95), holds: 12, handovers: 0 }
    }

    fn told(state: HolderState, at: Stamp) -> Presence {
        Presence::new(state, "somebody", at)
    }

    #[test]
    fn reasons_add_up_and_a_sign_of_life_outweighs_hints() {
        assert_eq!(with(|_, _| {}), Stale::default());
        let slow = with(|l, _| l.usual = Some(usual(20, 31)));
        assert_eq!((slow.score, slow.reasons), (15, vec![(15, "held 3.2x its usual 20s".into())]));
        assert_eq!(with(|l, _| l.usual = Some(usual(20, 90))).score, 0);
        assert_eq!(with(|l, _| l.usual = Some(usual(1, 2))).score, 30);
        assert_eq!(with(|l, _| l.ttl = Ttl::Never).score, 40);
        assert_eq!(
            with(|l, now| {
                (l.ttl, l.presence) = (Ttl::Never, Some(told(HolderState::Gone, now)));
                (l.held_before, l.waiters) = (Some(Duration::from_secs(9_000)), Some(2));
            })
            .score,
            100
        );
        let alive = with(|l, now| {
            (l.ttl, l.presence) = (Ttl::Never, Some(told(HolderState::Alive, now)));
            l.waiters = Some(1);
        });
        assert_eq!((alive.score, alive.reasons.len()), (0, 2));
        // The holder renews it: it lives, whatever was missed before.
        let renewed = with(|l, now| {
            l.presence = Some(told(HolderState::Gone, now));
            l.renewal = Renewal::Renewed(now.plus(Duration::from_secs(1)));
        });
        assert_eq!(renewed.score, 0);
    }
}

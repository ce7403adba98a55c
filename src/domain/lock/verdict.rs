//! The verdict over a lock: a pure rule of what was read, the rules and the time.

use std::time::{Duration, Instant};

use super::{Lock, LockState, Renewal, Token, Ttl};
use crate::domain::presence::HolderState;
use crate::domain::stale::longer_than_usual;
use crate::domain::stamp::short;
use crate::domain::{Finding, Rules, Severity, Stamp};

/// A renewal may come this much later than the one before, or a quarter of what was left then: a busy holder, the
/// network, our own looks.
const RENEWAL_SLACK: Duration = Duration::from_secs(1);

/// Code of the finding that a holder is gone.
const HOLDER_GONE: &str = "holder-gone";

/// What a lock comes to at a moment, without a sentence: cheap enough for each lock of a fleet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Brief {
    /// The state.
    pub state: LockState,
    /// How much it weighs, see [`Lock::severity`].
    pub severity: Severity,
    /// Its holder is gone.
    pub gone: bool,
}

impl Brief {
    /// Codes of its findings, all of its severity.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        let of_state = match self.state {
            LockState::NoTtl if self.severity == Severity::Critical => Some("never-expires"),
            LockState::NoTtl if self.severity == Severity::Info => None,
            LockState::NoTtl | LockState::Overdue => Some("overdue"),
            LockState::Unknown => Some("ttl-unknown"),
            LockState::Held | LockState::Renewed | LockState::Expiring => None,
        };
        of_state.into_iter().chain(self.gone.then_some(HOLDER_GONE))
    }
}

/// Verdict over one lock with its reasons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockVerdict {
    /// The state.
    pub state: LockState,
    /// How much it weighs, see [`Lock::severity`].
    pub severity: Severity,
    /// Sentences that explain it, escaped.
    pub reasons: Vec<String>,
}

impl Lock {
    /// The state alone, cheap enough for a row.
    pub fn state(&self, rules: &Rules, now: Instant) -> LockState {
        let overdue = self.is_overdue(rules, now);
        match &self.ttl {
            Ttl::Unknown(_) => LockState::Unknown,
            Ttl::Never => LockState::NoTtl,
            Ttl::Left(_) if overdue => LockState::Overdue,
            Ttl::Left(_) if self.ttl_left(now).is_some_and(|l| l < rules.expiring_below) => {
                // A short lock whose holder keeps its rhythm is not about to go.
                if self.is_kept_up(now) { LockState::Renewed } else { LockState::Expiring }
            }
            Ttl::Left(_) if self.is_kept_up(now) => LockState::Renewed,
            Ttl::Left(_) => LockState::Held,
        }
    }

    /// True while it is renewed and no renewal is late: as judged by how much was left at the last one. The TTL alone
    /// says nothing: 2 s left are the rule where 10 s are renewed each 8 s, and a bad sign where 30 s are each 10 s.
    pub fn is_kept_up(&self, now: Instant) -> bool {
        let late = |with: Duration| {
            let slack = (with / 4).max(RENEWAL_SLACK);
            self.ttl_left(now).is_some_and(|left| left + slack < with)
        };
        matches!(self.renewal, Renewal::Renewed(_)) && !self.renewed_with.is_some_and(late)
    }

    /// How much its state weighs. No TTL is a fault unless the library takes its locks without one; then only a
    /// long hold is worth a look.
    pub fn severity(&self, rules: &Rules, now: Instant) -> Severity {
        let gone = self.holder_state(now) == HolderState::Gone;
        match self.state(rules, now) {
            // Nobody will ever release it.
            LockState::NoTtl if gone => Severity::Critical,
            state if gone => state.severity().max(Severity::Warning),
            LockState::NoTtl if self.no_ttl_is_normal && self.is_overdue(rules, now) => Severity::Warning,
            LockState::NoTtl if self.no_ttl_is_normal => Severity::Info,
            state => state.severity(),
        }
    }

    /// Is its holder alive? A renewal says so as long as the next one is not late, as do clients, heartbeats and other
    /// keys of its library; the newest word counts.
    pub fn holder_state(&self, now: Instant) -> HolderState {
        match (self.renewal, &self.presence) {
            (Renewal::Renewed(at), Some(told))
                if told.state == HolderState::Gone && told.at.mono > at.mono =>
            {
                HolderState::Gone
            }
            (Renewal::Renewed(_), _) if self.is_kept_up(now) => HolderState::Alive,
            (_, Some(told)) => told.state,
            (_, None) => HolderState::Unknown,
        }
    }

    /// What speaks for [`Lock::holder_state`], a sentence, escaped. `None`: nothing speaks for either.
    pub fn evidence(&self, now: Instant) -> Option<String> {
        if let Some(at) = self.lives_by_renewal(now) {
            let ago = short(now.saturating_duration_since(at.mono));
            return Some(format!("its TTL was renewed {ago} ago"));
        }
        let told = self.presence.as_ref()?;
        let ago = short(now.saturating_duration_since(told.at.mono));
        let since = match told.state {
            HolderState::Gone => "missed for",
            HolderState::Alive | HolderState::Unknown => "as of",
        };
        let ago = if told.state == HolderState::Gone { ago } else { format!("{ago} ago") };
        Some(format!("{} ({since} {ago})", told.evidence))
    }

    /// The renewal that alone says that its holder is alive.
    fn lives_by_renewal(&self, now: Instant) -> Option<Stamp> {
        let told = self.presence.as_ref().map(|p| p.state);
        match self.renewal {
            Renewal::Renewed(at)
                if self.holder_state(now) == HolderState::Alive && told != Some(HolderState::Alive) =>
            {
                Some(at)
            }
            _ => None,
        }
    }

    /// How long it is held against its usual hold, once that is at least twice as long; a sentence.
    fn usually(&self, now: Instant) -> Option<String> {
        let times = longer_than_usual(self, now)?;
        let usual = self.usual?;
        let [p50, p95] = [usual.p50?, usual.p95?].map(short);
        Some(format!("{times:.1}x its usual {p50} (95 % end within {p95}, {} holds seen)", usual.holds))
    }

    fn is_overdue(&self, rules: &Rules, now: Instant) -> bool {
        self.age(now).is_some_and(|age| age > rules.overdue_after)
    }

    /// State and reasons.
    pub fn verdict(&self, rules: &Rules, now: Instant) -> LockVerdict {
        let state = self.state(rules, now);
        let age = self.age(now).map(|a| format!("held for at least {}", short(a)));
        let mut reasons = Vec::new();
        if let Some(evidence) = self.evidence(now).filter(|_| self.lives_by_renewal(now).is_none()) {
            reasons.push(match self.holder_state(now) {
                HolderState::Gone => format!("its holder is gone: {evidence}"),
                HolderState::Alive => format!("its holder is alive: {evidence}"),
                HolderState::Unknown => evidence,
            });
        }
        match (&self.ttl, state) {
            (Ttl::Unknown(why), _) => reasons.push(format!("its TTL could not be read: {why}")),
            (Ttl::Never, _) if self.no_ttl_is_normal => {
                if self.is_overdue(rules, now) {
                    reasons.push(format!("held longer than {}", short(rules.overdue_after)));
                }
                reasons.push(format!(
                    "it has no TTL, as usual for {}: if its holder died it stays for ever",
                    self.family
                ));
            }
            (Ttl::Never, _) => {
                reasons.push(
                    "it has no TTL: if its holder died it stays for ever (SETNX without EXPIRE)".into(),
                );
            }
            (Ttl::Left(_), LockState::Overdue) => {
                reasons.push(format!("held longer than {}", short(rules.overdue_after)));
            }
            (Ttl::Left(_), LockState::Expiring) => reasons.push("it frees itself in a moment".into()),
            (Ttl::Left(_), _) => {}
        }
        match self.renewal {
            Renewal::Renewed(at) => {
                let ago = short(now.saturating_duration_since(at.mono));
                reasons.push(match self.renewed_with.filter(|_| !self.is_kept_up(now)) {
                    Some(with) => {
                        format!("its renewal is late: it was renewed {ago} ago with {} left", short(with))
                    }
                    None => format!("renewed {ago} ago: its holder is alive"),
                });
            }
            Renewal::CountingDown => reasons.push("not renewed since it was first seen".into()),
            Renewal::Unknown => {}
        }
        reasons.extend(age);
        reasons.extend(self.usually(now));
        if let [(first, sure), others @ ..] = &*self.candidates
            && *sure < 90
            && !others.is_empty()
        {
            let others: Vec<String> =
                others.iter().take(3).map(|(id, sure)| format!("{id} ({sure} %)")).collect();
            reasons.push(format!("looks like {first} ({sure} %), or {}", others.join(", ")));
        }
        if let Token::Unknown(why) = &self.token {
            reasons.push(format!("its value could not be read: {why}"));
        } else if !self.token.proves_identity() {
            reasons.push("its value is short or constant: it proves no identity".into());
        }
        LockVerdict { state, severity: self.severity(rules, now), reasons }
    }

    /// The verdict without its sentences.
    pub fn brief(&self, rules: &Rules, now: Instant) -> Brief {
        let gone = self.holder_state(now) == HolderState::Gone;
        Brief { state: self.state(rules, now), severity: self.severity(rules, now), gone }
    }

    /// Findings for JSON and `check`.
    pub fn findings(&self, rules: &Rules, now: Instant) -> Vec<Finding> {
        let brief = self.brief(rules, now);
        let finding = |code| {
            let message = match self.evidence(now) {
                Some(evidence) if code == HOLDER_GONE => format!("its holder is gone: {evidence}"),
                _ => self.verdict(rules, now).reasons.join("; "),
            };
            Finding::new(brief.severity, code, message)
        };
        brief.codes().map(finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lock::sample::sample;

    fn without_ttl(normal: bool, held: Duration) -> (Lock, Instant) {
        let now = Stamp::now();
        let lock = Lock { no_ttl_is_normal: normal, held_before: Some(held), ..sample(now) };
        (lock, now.mono)
    }

    /// A lease of 10 s that is renewed each 8 s, as redis-semaphore does it; one of 30 s that is each 10 s, as Redisson.
    #[test]
    fn a_lock_is_renewed_as_long_as_its_holder_keeps_the_rhythm() {
        let rules = Rules::default();
        for (lease, with, late) in [(10, 2, 1), (30, 20, 15), (4, 3, 2)] {
            let [lease, with, late] = [lease, with, late].map(Duration::from_secs);
            let (mut lock, now) = without_ttl(false, Duration::ZERO);
            lock.ttl = Ttl::Left(lease);
            lock.renewal = Renewal::Renewed(lock.read_at);
            lock.renewed_with = Some(with);
            let when_left = |left: Duration| now + lease.saturating_sub(left);
            for left in [lease, with, late + Duration::from_millis(10)] {
                let at = when_left(left);
                assert_eq!(lock.state(&rules, at), LockState::Renewed, "{lease:?}, {left:?} left");
                assert_eq!(lock.holder_state(at), HolderState::Alive);
            }
            let at = when_left(late.saturating_sub(Duration::from_millis(10)));
            let state = if late > rules.expiring_below { LockState::Held } else { LockState::Expiring };
            assert_eq!(lock.state(&rules, at), state, "{lease:?}");
            assert_eq!((lock.holder_state(at), lock.evidence(at)), (HolderState::Unknown, None));
            let reasons = lock.verdict(&rules, at).reasons;
            assert!(reasons.iter().any(|r| r.starts_with("its renewal is late")), "{reasons:?}");
        }
    }

    #[test]
    fn no_ttl_is_no_ttl_and_the_family_decides_what_it_weighs() {
        let rules = Rules::default();
        let (minute, day) = (Duration::from_secs(60), Duration::from_secs(86_400));
        for (normal, held, severity, codes) in [
            (false, minute, Severity::Critical, &["never-expires"][..]),
            (true, minute, Severity::Info, &[]),
            (true, day, Severity::Warning, &["overdue"]),
        ] {
            let (lock, now) = without_ttl(normal, held);
            assert_eq!(lock.state(&rules, now), LockState::NoTtl);
            assert_eq!(lock.verdict(&rules, now).severity, severity);
            let found: Vec<&str> = lock.findings(&rules, now).iter().map(|f| f.code).collect();
            assert_eq!(found, codes);
        }
    }
}

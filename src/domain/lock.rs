//! Locks: identity, what was read, and the verdict as a pure rule of time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::holds::Usual;
use super::presence::{HolderState, Presence};
use super::stale::longer_than_usual;
use super::stamp::short;
use super::{Bytes, Finding, NodeId, Rules, Severity, Stamp};

/// Identity of a lock: what an action names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LockId {
    /// Node that holds it.
    pub node: NodeId,
    /// Logical database.
    pub db: u32,
    /// Exact key.
    pub key: Bytes,
}

/// Why a figure is not known. Never shown as 0.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Unknown {
    /// The ACL denies this command.
    NotPermitted(&'static str),
    /// Not read yet.
    NotRead,
    /// The server cannot tell.
    Unsupported,
    /// An error, escaped.
    Failed(String),
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotPermitted(cmd) => write!(f, "not permitted ({cmd})"),
            Self::NotRead => f.write_str("not read yet"),
            Self::Unsupported => f.write_str("not supported there"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// The value of a lock, which names its holder.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Token {
    /// Whole value, at most [`MAX_TOKEN`] bytes.
    Known(Bytes),
    /// Longer than [`MAX_TOKEN`]: only its head was fetched. A head is never a guard.
    Long {
        /// The first [`MAX_TOKEN`] bytes.
        head: Bytes,
        /// STRLEN of the whole, bytes.
        len: u64,
    },
    /// Could not be read.
    Unknown(Unknown),
}

/// A token of at most this many bytes is fetched whole.
pub const MAX_TOKEN: usize = 1024;

impl Token {
    /// The whole value, when it is known.
    pub fn known(&self) -> Option<&Bytes> {
        match self {
            Self::Known(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// True when the value alone says that this is the same acquisition: long and varied enough to be random.
    /// Constants and counters such as `1`, `locked` or a bare number (a timestamp, a pid) are not.
    pub fn proves_identity(&self) -> bool {
        match self {
            Self::Known(bytes) => {
                let b = bytes.as_slice();
                let number = b.iter().all(|c| c.is_ascii_digit() || *c == b'.' || *c == b'-');
                let mut seen = [false; 256];
                for byte in b {
                    seen[usize::from(*byte)] = true;
                }
                let distinct = seen.iter().filter(|s| **s).count();
                b.len() >= 12 && !number && distinct >= 5
            }
            Self::Long { .. } => true,
            Self::Unknown(_) => false,
        }
    }
}

/// Time to live, as read at the lock's `read_at`.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Ttl {
    /// PTTL.
    Left(Duration),
    /// The key has no TTL (PTTL -1).
    Never,
    /// Could not be read; never taken for "never expires".
    Unknown(Unknown),
}

/// What the PTTL did between looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Renewal {
    /// Fewer than two looks.
    Unknown,
    /// It only counted down.
    CountingDown,
    /// It jumped up at this moment: a live holder renews it.
    Renewed(Stamp),
}

/// A lock as read.
#[derive(Clone, PartialEq, Debug)]
pub struct Lock {
    /// Identity.
    pub id: LockId,
    /// Family id, the library's name in kebab-case.
    pub family: &'static str,
    /// Families it may belong to and how sure that is, 0 to 100, surest first; `family` is the first of them.
    pub candidates: Arc<[(&'static str, u8)]>,
    /// The family sets no TTL unless asked to: a lock without one is no fault.
    pub no_ttl_is_normal: bool,
    /// `TYPE` of the key.
    pub key_type: Arc<str>,
    /// What names the holder: the value of a string, the holder's field of a hash.
    pub token: Token,
    /// The holder as a person would say it, escaped; `None` when the token tells nothing more.
    pub holder: Option<String>,
    /// Time to live at `read_at`.
    pub ttl: Ttl,
    /// What the TTL did so far.
    pub renewal: Renewal,
    /// How much of the TTL was left when it was renewed last, or a little less: the rhythm of its holder. `None`: no
    /// renewal was seen.
    pub renewed_with: Option<Duration>,
    /// When value and TTL were read.
    pub read_at: Stamp,
    /// When this holder (token) was first seen.
    pub first_seen: Stamp,
    /// Held at least this long before `first_seen` (OBJECT IDLETIME, or an earlier absence bounds it to zero).
    /// `None`: nothing is known of the time before.
    pub held_before: Option<Duration>,
    /// Who waits for it; `None` where waiters poll and cannot be counted.
    pub waiters: Option<u64>,
    /// What is known of its holder beside the lock itself.
    pub presence: Option<Presence>,
    /// How long it is usually held; `None`: no hold of it was seen to end.
    pub usual: Option<Usual>,
    /// Who holds it beside others: all of them, or the first [`MAX_HOLDERS`]. Empty where one holder has it alone.
    /// `token` and `holder` are those of one of them.
    pub holders: Arc<[Holder]>,
    /// How many hold it, where several can and it is known.
    pub holders_total: Option<u64>,
}

/// A renewal may come this much later than the one before, or a quarter of what was left then: a busy holder, the
/// network, our own looks.
const RENEWAL_SLACK: Duration = Duration::from_secs(1);

/// Holders of one lock that are listed.
pub const MAX_HOLDERS: usize = 64;

/// One of several holders of a lock.
#[derive(Clone, PartialEq, Debug)]
pub struct Holder {
    /// What names it; a release acts on this one alone.
    pub token: Bytes,
    /// The holder as a person would say it, escaped.
    pub words: String,
    /// When its time is over, where each has its own: left at the lock's `read_at`.
    pub left: Option<Duration>,
}

/// State of a lock. A closed list, documented in the README.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Hash)]
#[serde(rename_all = "snake_case")]
pub enum LockState {
    /// Has a TTL and is within its bounds.
    Held,
    /// Its TTL was seen to jump up, and it is not late with the next time: a live holder renews it.
    Renewed,
    /// Less than `expiring_below` left and not being renewed, or late with that.
    Expiring,
    /// Held longer than `overdue_after`.
    Overdue,
    /// Never expires: SETNX without EXPIRE.
    NoTtl,
    /// The TTL could not be read.
    Unknown,
}

impl LockState {
    /// The word JSON uses.
    pub fn code(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Renewed => "renewed",
            Self::Expiring => "expiring",
            Self::Overdue => "overdue",
            Self::NoTtl => "no_ttl",
            Self::Unknown => "unknown",
        }
    }

    /// The state as the screen says it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Renewed => "renewed",
            Self::Expiring => "expiring soon",
            Self::Overdue => "overdue",
            Self::NoTtl => "never expires",
            Self::Unknown => "unknown",
        }
    }

    /// How much it weighs.
    pub fn severity(self) -> Severity {
        match self {
            Self::Held | Self::Renewed | Self::Expiring => Severity::Info,
            Self::Overdue => Severity::Warning,
            Self::NoTtl => Severity::Critical,
            Self::Unknown => Severity::Unknown,
        }
    }
}

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
    /// TTL left now, counted down from the last read. `None`: it never expires or is not known.
    pub fn ttl_left(&self, now: Instant) -> Option<Duration> {
        match self.ttl {
            Ttl::Left(at_read) => {
                Some(at_read.saturating_sub(now.saturating_duration_since(self.read_at.mono)))
            }
            Ttl::Never | Ttl::Unknown(_) => None,
        }
    }

    /// True when its TTL ran out on our clock: the server removes the key later than that.
    pub fn has_ended(&self, now: Instant) -> bool {
        self.ttl_left(now).is_some_and(|left| left.is_zero())
    }

    /// How long it is held, at least. `None` until something is known.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        let watched = now.saturating_duration_since(self.first_seen.mono);
        match self.held_before {
            Some(before) => Some(before + watched),
            None if watched.is_zero() => None,
            None => Some(watched),
        }
    }

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

    /// The same lock with another of its holders shown; `None` when it is not among them.
    pub fn of_holder(&self, token: &Bytes) -> Option<Self> {
        let holder = self.holders.iter().find(|holder| holder.token == *token)?;
        let mut lock = self.clone();
        lock.token = Token::Known(holder.token.clone());
        lock.holder = Some(holder.words.clone());
        if let Some(left) = holder.left {
            lock.ttl = Ttl::Left(left);
        }
        Some(lock)
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

    fn without_ttl(normal: bool, held: Duration) -> (Lock, Instant) {
        let now = Stamp::now();
        let lock = Lock {
            id: LockId { node: NodeId::new("a"), db: 0, key: "lock:a".into() },
            family: "setnx",
            candidates: [].into(),
            no_ttl_is_normal: normal,
            key_type: "string".into(),
            token: Token::Known("4f9c0c5e-9b52-4d8e-8c0c".into()),
            holder: None,
            ttl: Ttl::Never,
            renewal: Renewal::Unknown,
            renewed_with: None,
            read_at: now,
            first_seen: now,
            held_before: Some(held),
            waiters: None,
            presence: None,
            usual: None,
            holders: [].into(),
            holders_total: None,
        };
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

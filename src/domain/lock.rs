//! Locks: identity and what was read. [`verdict`] judges it.

#[cfg(test)]
pub(crate) mod sample;
pub mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::holds::Usual;
use super::presence::Presence;
use super::{Bytes, NodeId, Severity, Stamp};

pub use verdict::{Brief, LockVerdict};

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
}

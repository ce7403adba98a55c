//! What every lock family does with its first replies: the TTL, since when it is held, and what is remembered of the
//! holder.

use std::time::Duration;

use super::string::unknown;
use super::{Context, KeyFact, Read};
use crate::domain::lock::{Renewal, Token, Ttl};
use crate::domain::{Bytes, Lock, LockId, Reply};

/// PTTL may seem to grow by this much without a renewal: our clock and the network are not exact.
const RENEWAL_TOLERANCE: Duration = Duration::from_millis(250);

/// What the replies to [`first_reads`] told.
pub(super) struct Opening {
    /// The key's TTL.
    pub(super) ttl: Ttl,
    /// `OBJECT IDLETIME`, seconds; read at the first look only.
    pub(super) idle: Option<i64>,
}

/// The reads with which each look at a lock begins that tells its age by when its key was touched.
pub(super) fn first_reads(key: &Bytes, previous: Option<&Lock>) -> Vec<Read> {
    let mut reads = Vec::with_capacity(5);
    // First, for reading the value resets it where CLIENT NO-TOUCH is not to be had.
    if previous.is_none() {
        reads.push(Read::IdleTime(key.clone()));
    }
    reads.push(Read::Pttl(key.clone()));
    reads
}

impl Opening {
    /// Takes the replies to [`first_reads`] off; `None`: there is no such key.
    pub(super) fn take<'r>(
        replies: &mut impl Iterator<Item = &'r Reply>,
        previous: Option<&Lock>,
    ) -> Option<Self> {
        let idle = if previous.is_none() { replies.next().and_then(Reply::as_int) } else { None };
        Some(Self { ttl: ttl(replies.next())?, idle })
    }

    /// A TTL alone, where nothing is known of the key's age; `None`: there is no such key.
    pub(super) fn of_ttl(reply: Option<&Reply>) -> Option<Self> {
        Some(Self { ttl: ttl(reply)?, idle: None })
    }

    /// A lock of no family yet, with what is remembered of its holder.
    pub(super) fn lock(self, fact: &KeyFact, previous: Option<&Lock>, ctx: &Context, token: Token) -> Lock {
        let Self { ttl, idle } = self;
        let same = previous.filter(|p| same_holder(&p.token, &token));
        let (first_seen, held_before) = match (same, previous) {
            (Some(p), _) => (p.first_seen, p.held_before),
            // It changed hands while we watched.
            (None, Some(_)) => (ctx.at, Some(Duration::ZERO)),
            (None, None) => {
                let idle =
                    idle.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0).map(Duration::from_secs);
                (ctx.at, idle.or(ctx.is_new.then_some(Duration::ZERO)))
            }
        };
        let (renewal, renewed_with) =
            same.map_or((Renewal::Unknown, None), |previous| renewal(previous, &ttl, ctx));
        Lock {
            id: LockId { node: ctx.node.clone(), db: ctx.db, key: fact.key.clone() },
            family: "unknown",
            candidates: std::sync::Arc::from([]),
            no_ttl_is_normal: false,
            key_type: fact.key_type.clone(),
            renewal,
            renewed_with,
            token,
            holder: None,
            ttl,
            read_at: ctx.at,
            first_seen,
            held_before,
            waiters: None,
            presence: None,
            usual: None,
            holders: std::sync::Arc::from([]),
            holders_total: None,
        }
    }
}

/// What PTTL said; `None`: there is no such key.
fn ttl(reply: Option<&Reply>) -> Option<Ttl> {
    Some(match reply {
        Some(Reply::Int(-2)) => return None,
        Some(Reply::Int(-1)) => Ttl::Never,
        Some(Reply::Int(ms)) => Ttl::Left(Duration::from_millis(u64::try_from(*ms).unwrap_or(0))),
        other => Ttl::Unknown(unknown(other, "PTTL")),
    })
}

/// The same acquisition as far as the value tells. A value that became unreadable says nothing new.
fn same_holder(before: &Token, after: &Token) -> bool {
    match (before, after) {
        (Token::Unknown(_), _) | (_, Token::Unknown(_)) => true,
        (Token::Long { head: a, .. }, Token::Long { head: b, .. }) => a == b,
        (a, b) => a == b,
    }
}

/// What the TTL did, and how much was left when it was renewed: no more than what would be left now without that.
fn renewal(previous: &Lock, ttl: &Ttl, ctx: &Context) -> (Renewal, Option<Duration>) {
    let with = previous.renewed_with;
    match (previous.ttl_left(ctx.at.mono), ttl) {
        (Some(expected), Ttl::Left(left)) if *left > expected + RENEWAL_TOLERANCE => {
            (Renewal::Renewed(ctx.at), Some(expected))
        }
        (Some(_), Ttl::Left(_)) => match previous.renewal {
            Renewal::Renewed(at) => (Renewal::Renewed(at), with),
            _ => (Renewal::CountingDown, None),
        },
        _ => (previous.renewal, with),
    }
}

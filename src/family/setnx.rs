//! The plain lock: one string key, its value names the holder (`SETNX key uuid` + `EXPIRE`, or `SET NX PX`).

use std::time::Duration;

use super::{Context, KeyFact, LockFamily, Read};
use crate::domain::lock::{MAX_TOKEN, Renewal, Token, Ttl, Unknown};
use crate::domain::{Bytes, Lock, LockId, Reply};

/// See the module.
pub struct SetnxFamily;

/// PTTL may seem to grow by this much without a renewal: our clock and the network are not exact.
const RENEWAL_TOLERANCE: Duration = Duration::from_millis(250);

impl LockFamily for SetnxFamily {
    fn id(&self) -> &'static str {
        "setnx"
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if fact.lock_pattern && &*fact.key_type == "string" { 50 } else { 0 }
    }

    fn reads(&self, key: &Bytes, previous: Option<&Lock>) -> Vec<Read> {
        // IDLETIME first: reading the value resets it where CLIENT NO-TOUCH is not to be had.
        let mut reads = Vec::with_capacity(4);
        if previous.is_none() {
            reads.push(Read::IdleTime(key.clone()));
        }
        reads.push(Read::Pttl(key.clone()));
        // One byte more than is kept tells a whole value from a head without a race.
        reads.push(Read::Head(key.clone(), MAX_TOKEN as u32 + 1));
        if previous.is_none_or(|p| matches!(p.token, Token::Long { .. })) {
            reads.push(Read::StrLen(key.clone()));
        }
        reads
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Lock>,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Lock> {
        let mut replies = replies.iter();
        let idle = if previous.is_none() { replies.next().and_then(Reply::as_int) } else { None };
        let pttl = replies.next();
        let head = replies.next();
        let strlen = replies.next();
        if [head, strlen].iter().flatten().any(|r| r.as_error().is_some_and(|e| e.code == "WRONGTYPE")) {
            return None;
        }
        let ttl = match pttl {
            Some(Reply::Int(-2)) => return None,
            Some(Reply::Int(-1)) => Ttl::Never,
            Some(Reply::Int(ms)) => Ttl::Left(Duration::from_millis(u64::try_from(*ms).unwrap_or(0))),
            other => Ttl::Unknown(unknown(other, "PTTL")),
        };
        let token = token(head, strlen);
        // Without a readable TTL an empty string may also be a missing key; STRLEN and GETRANGE can't tell.
        if matches!(ttl, Ttl::Unknown(_)) && matches!(&token, Token::Known(b) if b.is_empty()) {
            return None;
        }
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
        Some(Lock {
            id: LockId { node: ctx.node.clone(), db: ctx.db, key: fact.key.clone() },
            family: self.id(),
            key_type: fact.key_type.clone(),
            renewal: same.map_or(Renewal::Unknown, |p| renewal(p, &ttl, ctx)),
            token,
            holder: None,
            ttl,
            read_at: ctx.at,
            first_seen,
            held_before,
            waiters: None,
        })
    }
}

fn token(head: Option<&Reply>, strlen: Option<&Reply>) -> Token {
    match head {
        Some(Reply::Bulk(bytes)) if bytes.len() <= MAX_TOKEN => Token::Known(bytes.clone()),
        Some(Reply::Bulk(bytes)) => Token::Long {
            head: bytes.as_slice().get(..MAX_TOKEN).unwrap_or_default().into(),
            len: strlen
                .and_then(Reply::as_int)
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(bytes.len() as u64)
                .max(bytes.len() as u64),
        },
        other => Token::Unknown(unknown(other, "GETRANGE")),
    }
}

/// The same acquisition as far as the value tells. A value that became unreadable says nothing new.
fn same_holder(before: &Token, after: &Token) -> bool {
    match (before, after) {
        (Token::Unknown(_), _) | (_, Token::Unknown(_)) => true,
        (Token::Long { head: a, .. }, Token::Long { head: b, .. }) => a == b,
        (a, b) => a == b,
    }
}

fn renewal(previous: &Lock, ttl: &Ttl, ctx: &Context) -> Renewal {
    match (previous.ttl_left(ctx.at.mono), ttl) {
        (Some(expected), Ttl::Left(left)) if *left > expected + RENEWAL_TOLERANCE => Renewal::Renewed(ctx.at),
        (Some(_), Ttl::Left(_)) => match previous.renewal {
            Renewal::Renewed(at) => Renewal::Renewed(at),
            _ => Renewal::CountingDown,
        },
        _ => previous.renewal,
    }
}

/// Why a reply tells nothing.
pub(super) fn unknown(reply: Option<&Reply>, command: &'static str) -> Unknown {
    match reply {
        Some(Reply::Error(e)) if e.is_denied() => Unknown::NotPermitted(command),
        Some(Reply::Error(e)) if e.is_unknown_command() => Unknown::Unsupported,
        Some(Reply::Error(e)) => Unknown::Failed(e.to_string()),
        _ => Unknown::NotRead,
    }
}

//! Locks that are one string key: read alike for all libraries; key and value tell which one it is (`rows`).

use std::time::Duration;

use super::recipe::Recipe;
use super::rows::{self, Row};
use super::{Context, KeyFact, LockFamily, Read};
use crate::domain::glob::Glob;
use crate::domain::lock::{MAX_TOKEN, Renewal, Token, Ttl, Unknown};
use crate::domain::{Bytes, Lock, LockId, Reply};

/// See the module.
#[derive(Default)]
pub struct StringLocks {
    disabled: Vec<String>,
}

/// PTTL may seem to grow by this much without a renewal: our clock and the network are not exact.
const RENEWAL_TOLERANCE: Duration = Duration::from_millis(250);

impl StringLocks {
    /// All string families but these.
    pub fn without(disabled: &[String]) -> Self {
        Self { disabled: disabled.to_vec() }
    }

    fn wants(&self, id: &str) -> bool {
        !self.disabled.iter().any(|d| d == id)
    }
}

impl LockFamily for StringLocks {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        key_type == "string"
            && (matches!(id, "setnx" | "unknown") || rows::rows().iter().any(|row| row.id == id))
    }

    fn patterns(&self) -> Vec<Glob> {
        let rows = rows::rows().iter().filter(|row| self.wants(row.id));
        rows.flat_map(|row| row.patterns().iter().cloned()).collect()
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        let own = || {
            let mut rows = rows::rows().iter().filter(|row| self.wants(row.id));
            rows.any(|row| row.patterns().iter().any(|g| g.matches(fact.key.as_slice())))
        };
        if &*fact.key_type == "string" && (fact.lock_pattern || own()) { 50 } else { 0 }
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
        let ttl = ttl(pttl)?;
        let token = token(head, strlen);
        // Without a readable TTL an empty string may also be a missing key; STRLEN and GETRANGE can't tell.
        if matches!(ttl, Ttl::Unknown(_)) && matches!(&token, Token::Known(b) if b.is_empty()) {
            return None;
        }
        let lock = lock(fact, previous, ctx, ttl, token, idle);
        // Nothing new to be recognised: a look at thousands of locks stays cheap.
        if let Some(known) = previous.filter(|p| p.token == lock.token) {
            return Some(Lock {
                family: known.family,
                candidates: known.candidates.clone(),
                holder: known.holder.clone(),
                no_ttl_is_normal: known.no_ttl_is_normal,
                ..lock
            });
        }
        let found =
            rows::classify(fact.key.as_slice(), &lock.token, fact.lock_pattern, &|id| self.wants(id))?;
        Some(Lock {
            family: found.candidates.first()?.0,
            no_ttl_is_normal: found.row.is_some_and(|row| row.no_ttl_ok),
            holder: found.holder,
            candidates: found.candidates.into(),
            ..lock
        })
    }

    fn is_constant(&self, id: &str, key: &Bytes, token: &Token) -> bool {
        Row::of(id, key.as_slice(), token).is_some_and(|row| row.constant)
    }

    fn release_reads(&self, _: &Bytes, _: &Token) -> Vec<crate::domain::Command> {
        Vec::new()
    }

    fn release(&self, id: &str, key: &Bytes, token: &Token, _: &[Reply]) -> Result<Recipe, String> {
        Row::of(id, key.as_slice(), token).map_or_else(|| Ok(Recipe::plain(key)), |row| row.recipe(key))
    }
}

/// What PTTL said; `None`: there is no such key.
pub(super) fn ttl(reply: Option<&Reply>) -> Option<Ttl> {
    Some(match reply {
        Some(Reply::Int(-2)) => return None,
        Some(Reply::Int(-1)) => Ttl::Never,
        Some(Reply::Int(ms)) => Ttl::Left(Duration::from_millis(u64::try_from(*ms).unwrap_or(0))),
        other => Ttl::Unknown(unknown(other, "PTTL")),
    })
}

/// A lock of no family yet, with what is remembered of its holder. `idle`: OBJECT IDLETIME, seconds.
pub(super) fn lock(
    fact: &KeyFact,
    previous: Option<&Lock>,
    ctx: &Context,
    ttl: Ttl,
    token: Token,
    idle: Option<i64>,
) -> Lock {
    let same = previous.filter(|p| same_holder(&p.token, &token));
    let (first_seen, held_before) = match (same, previous) {
        (Some(p), _) => (p.first_seen, p.held_before),
        // It changed hands while we watched.
        (None, Some(_)) => (ctx.at, Some(Duration::ZERO)),
        (None, None) => {
            let idle = idle.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0).map(Duration::from_secs);
            (ctx.at, idle.or(ctx.is_new.then_some(Duration::ZERO)))
        }
    };
    Lock {
        id: LockId { node: ctx.node.clone(), db: ctx.db, key: fact.key.clone() },
        family: "unknown",
        candidates: std::sync::Arc::from([]),
        no_ttl_is_normal: false,
        key_type: fact.key_type.clone(),
        renewal: same.map_or(Renewal::Unknown, |p| renewal(p, &ttl, ctx)),
        token,
        holder: None,
        ttl,
        read_at: ctx.at,
        first_seen,
        held_before,
        waiters: None,
        presence: None,
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

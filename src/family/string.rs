//! Locks that are one string key: read alike for all libraries; key and value tell which one it is (`rows`).

use std::sync::Arc;

use super::hold::{Opening, first_reads};
use super::recipe::Recipe;
use super::rows::{self, Row};
use super::shape::Shape;
use super::{Context, KeyFact, LockFamily, Read};
use crate::domain::glob::Glob;
use crate::domain::lock::{MAX_TOKEN, Token, Ttl, Unknown};
use crate::domain::{Bytes, Lock, Reply};

/// See the module.
#[derive(Default)]
pub struct StringLocks {
    /// The user's own rows, before the program's.
    own: Arc<[Row]>,
    disabled: Vec<String>,
}

/// Bytes of a field that tells of the holder.
const HOLDER_FIELD: u32 = 256;
/// One who is heard of is surer than this anyhow.
const SURE: u8 = 90;

impl StringLocks {
    /// All string families but these, and the user's own.
    pub fn new(own: Arc<[Row]>, disabled: &[String]) -> Self {
        Self { own, disabled: disabled.to_vec() }
    }

    fn all(&self) -> impl Iterator<Item = &Row> {
        self.own.iter().chain(rows::built_in())
    }

    fn wanted(&self) -> impl Iterator<Item = &Row> {
        self.all().filter(|row| !self.disabled.iter().any(|id| id == row.id))
    }

    /// What a later look reads besides, to tell more of the lock or of its family.
    fn more(&self, key: &Bytes, lock: &Lock) -> Vec<More> {
        let (key_bytes, token) = (key.as_slice(), &lock.token);
        let mut more = Vec::new();
        let row = Row::of(self.wanted(), lock.family, key_bytes, token);
        if let Some((hash, fields)) = row.and_then(|row| row.holder_hash(key_bytes, token)) {
            more.extend(fields.iter().map(|field| More::Holder(hash.clone(), field.as_bytes().into())));
        }
        if let Some(queue) = row.and_then(|row| row.queue(key_bytes, token)) {
            more.push(More::Queue(queue));
        }
        // Only a bare number without an end: others are told apart by their value.
        let number = |value: &Bytes| Shape::Count.captures(value.as_slice()).is_some();
        if matches!(lock.ttl, Ttl::Never) && token.known().is_some_and(number) {
            let heard = self
                .wanted()
                .filter_map(|row| Some((row.id, row.heard(key_bytes, token)?, row.source().heard_sure)));
            more.extend(heard.map(|(id, channel, sure)| More::Heard(id, channel, sure)));
        }
        more
    }
}

/// A read of a later look.
enum More {
    /// A field of the hash that tells of the holder.
    Holder(Bytes, Bytes),
    /// A sorted set of waiters.
    Queue(Bytes),
    /// Who listens to a channel makes the family as sure as this.
    Heard(&'static str, Bytes, u8),
}

impl More {
    fn read(self) -> Read {
        match self {
            Self::Holder(key, field) => Read::HashHead { key, field, max: HOLDER_FIELD },
            Self::Queue(key) => Read::SortedLen(key),
            Self::Heard(_, channel, _) => Read::NumSub(vec![channel]),
        }
    }
}

impl LockFamily for StringLocks {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        key_type == "string" && (matches!(id, "setnx" | "unknown") || self.all().any(|row| row.id == id))
    }

    fn patterns(&self) -> Vec<Glob> {
        self.wanted().flat_map(|row| row.patterns().iter().cloned()).collect()
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        let own = || self.wanted().any(|row| row.patterns().iter().any(|g| g.matches(fact.key.as_slice())));
        if &*fact.key_type == "string" && (fact.lock_pattern || own()) { 50 } else { 0 }
    }

    fn reads(&self, key: &Bytes, previous: Option<&Lock>) -> Vec<Read> {
        let mut reads = first_reads(key, previous);
        // One byte more than is kept tells a whole value from a head without a race.
        reads.push(Read::Head(key.clone(), MAX_TOKEN as u32 + 1));
        if previous.is_none_or(|p| matches!(p.token, Token::Long { .. })) {
            reads.push(Read::StrLen(key.clone()));
        }
        if let Some(previous) = previous {
            reads.extend(self.more(key, previous).into_iter().map(More::read));
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
        let opening = Opening::take(&mut replies, previous)?;
        let head = replies.next();
        let long = previous.is_none_or(|p| matches!(p.token, Token::Long { .. }));
        let strlen = if long { replies.next() } else { None };
        if [head, strlen].iter().flatten().any(|r| r.as_error().is_some_and(|e| e.code == "WRONGTYPE")) {
            return None;
        }
        let token = token(head, strlen);
        // Without a readable TTL an empty string may also be a missing key; STRLEN and GETRANGE can't tell.
        if matches!(opening.ttl, Ttl::Unknown(_)) && matches!(&token, Token::Known(b) if b.is_empty()) {
            return None;
        }
        let lock = opening.lock(fact, previous, ctx, token);
        // Nothing new to be recognised: a look at thousands of locks stays cheap.
        if let Some(known) = previous.filter(|p| p.token == lock.token) {
            let lock = Lock {
                family: known.family,
                candidates: known.candidates.clone(),
                holder: known.holder.clone(),
                no_ttl_is_normal: known.no_ttl_is_normal,
                ..lock
            };
            return Some(self.told(fact, known, lock, replies));
        }
        let key = fact.key.as_slice();
        let found = rows::classify(self.wanted(), key, &lock.token, fact.lock_pattern)?;
        Some(Lock {
            family: found.candidates.first()?.0,
            no_ttl_is_normal: found.row.is_some_and(|row| row.source().no_ttl_ok),
            holder: found.holder,
            candidates: found.candidates.into(),
            ..lock
        })
    }

    fn is_constant(&self, id: &str, key: &Bytes, token: &Token) -> bool {
        Row::of(self.all(), id, key.as_slice(), token).is_some_and(|row| row.source().constant)
    }

    fn release_reads(&self, _: &Bytes, _: &Token) -> Vec<crate::domain::Command> {
        Vec::new()
    }

    fn release(&self, id: &str, key: &Bytes, token: &Token, _: &[Reply]) -> Result<Recipe, String> {
        let row = Row::of(self.all(), id, key.as_slice(), token);
        let plain = matches!(id, "setnx" | "unknown");
        let Some(row) = row.filter(|_| !plain) else {
            let mut recipe = Recipe::plain(key);
            if token.known().is_some_and(|value| Shape::Count.captures(value.as_slice()).is_some()) {
                recipe.warnings.push(
                    "a bare number may be a count of permits (dramatiq, Redisson): deleting it takes all of them away; to give one back release it as that family (--family), or name it in [[lock_family]]"
                        .into(),
                );
            }
            return Ok(recipe);
        };
        row.recipe(key, token)
    }
}

impl StringLocks {
    /// The lock with what the replies to [`Self::more`] tell of it.
    fn told<'a>(
        &self,
        fact: &KeyFact,
        known: &Lock,
        mut lock: Lock,
        mut replies: impl Iterator<Item = &'a Reply>,
    ) -> Lock {
        let (mut fields, mut waiters) = (Vec::new(), None);
        for more in self.more(&fact.key, known) {
            let Some(reply) = replies.next() else { break };
            match (more, reply) {
                // Without scripts only its length was read.
                (More::Holder(..), Reply::Bulk(value)) => fields.push(value.escaped()),
                (More::Queue(_), Reply::Int(waiting)) => waiters = u64::try_from(*waiting).ok(),
                (More::Heard(id, _, sure), reply) => {
                    let clients = super::redisson::subscribers(reply).filter(|n| *n > 0);
                    if let Some(clients) = clients {
                        waiters = Some(clients);
                        lock.candidates = surer(&lock.candidates, id, sure.max(SURE));
                        lock.family = id;
                        lock.no_ttl_is_normal = true;
                    }
                }
                _ => {}
            }
        }
        lock.waiters = waiters;
        let row = Row::of(self.wanted(), lock.family, fact.key.as_slice(), &lock.token);
        if let Some(row) =
            row.filter(|row| row.source().holder_fields.len() == fields.len() && !fields.is_empty())
        {
            lock.holder = row.holder_found(fact.key.as_slice(), &fields).or(lock.holder);
        }
        lock
    }
}

/// The candidates with this one first and as sure as that.
fn surer(known: &[rows::Candidate], id: &'static str, sure: u8) -> Arc<[rows::Candidate]> {
    let others = known.iter().filter(|(other, _)| *other != id);
    let rest = others
        .map(|(other, is)| (*other, u8::try_from(u16::from(*is) * u16::from(100 - sure) / 100).unwrap_or(0)));
    std::iter::once((id, sure)).chain(rest).collect()
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

/// Why a reply tells nothing.
pub(super) fn unknown(reply: Option<&Reply>, command: &'static str) -> Unknown {
    match reply {
        Some(Reply::Error(e)) if e.is_denied_somewhere() => Unknown::NotPermitted(command),
        Some(Reply::Error(e)) if e.is_unknown_command() => Unknown::Unsupported,
        Some(Reply::Error(e)) => Unknown::Failed(e.to_string()),
        _ => Unknown::NotRead,
    }
}

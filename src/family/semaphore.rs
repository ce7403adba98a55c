//! Locks that are one member of a sorted set for each holder: semaphores of redis-semaphore and madelson's
//! DistributedLock, and Symfony's locks. A key with several holders lists them, the one whose time is over first before the others.

use std::time::Duration;

use super::hold::{Opening, first_reads};
use super::holders::{held_by, pick, plain_words};
use super::recipe::Recipe;
use super::scored::Scored;
use super::shape::{Shape, is_uuid};
use super::{Context, KeyFact, LockFamily, Read};
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::glob::Glob;
use crate::domain::lock::{Holder, MAX_HOLDERS, Token, Ttl};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module.
#[derive(Default)]
pub struct Semaphores {
    disabled: Vec<String>,
}

const IDS: [&str; 3] = ["redis-semaphore", "symfony", "madelson"];
/// Members come cut to this length: a longer one is not known exactly.
const MAX_MEMBER: usize = 255;
/// Symfony's mark beside a writer's token.
const WRITER: &[u8] = b"__write__";

impl Semaphores {
    /// All but these.
    pub fn without(disabled: &[String]) -> Self {
        Self { disabled: disabled.to_vec() }
    }

    fn wants(&self, id: &str) -> bool {
        !self.disabled.iter().any(|d| d == id)
    }
}

impl LockFamily for Semaphores {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        key_type == "zset" && IDS.contains(&id)
    }

    fn patterns(&self) -> Vec<Glob> {
        if self.wants("redis-semaphore") { vec![Glob::new("semaphore:*")] } else { Vec::new() }
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        let own = self.wants("redis-semaphore") && fact.key.as_slice().starts_with(b"semaphore:");
        if &*fact.key_type == "zset" && (fact.lock_pattern || own) { 60 } else { 0 }
    }

    fn reads(&self, key: &Bytes, previous: Option<&Lock>) -> Vec<Read> {
        let mut reads = first_reads(key, previous);
        reads.push(Read::ZsetLook { key: key.clone(), count: MAX_HOLDERS as u32 });
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
        let mut opening = Opening::take(&mut replies, previous)?;
        let Scored { len, first: members } = Scored::parse(replies.next())?;
        let len = len.unwrap_or(members.len() as u64);
        let kind = Kind::of(fact.key.as_slice(), &members).filter(|kind| self.wants(kind.id()))?;
        let writes = members.iter().any(|(m, _)| m.as_slice() == WRITER);
        let holders: Option<Vec<Holder>> = members
            .iter()
            .filter(|(m, _)| m.as_slice() != WRITER)
            .map(|(member, score)| {
                // Of a semaphore of redis-semaphore the score is the last refresh, by the client's clock.
                let left = (kind != Kind::RedisSemaphore).then(|| {
                    let own = (*score as i64).saturating_sub(ctx.server_ms);
                    Duration::from_millis(u64::try_from(own).unwrap_or(0))
                });
                Some(Holder { token: member.clone(), words: kind.words(member, writes)?, left })
            })
            .collect();
        let holders = holders?;
        if let (Ttl::Left(left), Some(own)) = (&mut opening.ttl, pick(previous, &holders)?.left) {
            // The score is the end of this holder's time; the key lives until the last holder's.
            *left = own.min(*left);
        }
        let total = len.saturating_sub(u64::from(writes));
        let lock = held_by(opening, fact, previous, ctx, holders, Some(total))?;
        Some(Lock { family: kind.id(), candidates: [(kind.id(), kind.sure())].into(), ..lock })
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        false
    }

    fn release_reads(&self, key: &Bytes, token: &Token) -> Vec<Command> {
        let score = |member: Bytes| Command::new("ZSCORE").arg(key.clone()).arg(member);
        let len = Command::new("ZCARD").arg(key.clone());
        vec![score(token.known().cloned().unwrap_or_default()), score(WRITER.into()), len]
    }

    fn release(&self, id: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let (Token::Known(member), [own, writer, len]) = (token, replies) else {
            return Err("the answers were not understood".into());
        };
        let Some(score) = score_text(own) else {
            return Err("this holder is gone: nothing was done".into());
        };
        let mut guards = vec![Guard::ZsetMember { key: key.clone(), member: member.clone() }];
        let mut step = Command::new("ZREM").arg(key.clone()).arg(member.clone());
        let writes = id == "symfony" && !matches!(writer, Reply::Nil);
        if writes {
            guards.push(Guard::ZsetMember { key: key.clone(), member: WRITER.into() });
            step = step.arg(WRITER);
        }
        let len = len.as_int().and_then(|n| u64::try_from(n).ok()).unwrap_or(1);
        // The key's own TTL stays, though it may have been this holder's: whose score is past is dead anyhow, and a
        // shorter one could end a holder that renewed in the meantime.
        let undo = undo(id, key, member, &score, writes, len);
        let warning = match id {
            "redis-semaphore" => {
                "if its holder is alive its Node process dies at the next refresh, unless it handles onLockLost"
            }
            "symfony" => "if its holder is alive its next refresh throws LockConflictedException",
            _ => "if its holder is alive it learns of it at its next renewal (HandleLostToken)",
        };
        Ok(Recipe {
            guards,
            steps: vec![step],
            effects: vec![
                "removes this holder only: others of the same key stay".into(),
                "waiters poll: the next one takes its place at once".into(),
            ],
            warnings: vec![warning.into()],
            undo,
            ..Recipe::default()
        })
    }
}

/// Puts a holder back with its score, if nobody took its place.
fn undo(id: &str, key: &Bytes, member: &Bytes, score: &Bytes, writes: bool, len: u64) -> Undo {
    let mut step = Command::new("ZADD").arg(key.clone()).arg(score.clone()).arg(member.clone());
    if writes {
        step = step.arg(score.clone()).arg(WRITER);
    }
    let mut guards = Vec::new();
    if !writes {
        guards.push(Guard::ZsetMemberAbsent { key: key.clone(), member: member.clone() });
        guards.push(match id {
            // Readers bar only a writer; of a semaphore's places the freed one must still be free.
            "symfony" => Guard::ZsetMemberAbsent { key: key.clone(), member: WRITER.into() },
            _ => Guard::ZsetLenAtMost { key: key.clone(), len: len.saturating_sub(1) },
        });
    }
    let until_ms = score.as_utf8().and_then(|text| text.parse::<f64>().ok()).map(|ms| ms as u64);
    Undo::Parts(Box::new(Parts {
        guards,
        steps: vec![step],
        alone: writes,
        until_ms: until_ms.filter(|_| id != "redis-semaphore"),
        words: "puts this holder back with its score".into(),
    }))
}

/// A score as it was sent, or as it can be sent again; `None`: there is no such member.
pub(super) fn score_text(reply: &Reply) -> Option<Bytes> {
    match reply {
        Reply::Double(score) if score.is_finite() => Some(score.to_string().into()),
        Reply::Bulk(score) => Some(score.clone()),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    RedisSemaphore,
    Symfony,
    Madelson,
}

impl Kind {
    /// `None`: the set is no lock.
    fn of(key: &[u8], members: &[(Bytes, f64)]) -> Option<Self> {
        let all = |fits: &dyn Fn(&[u8]) -> bool| {
            !members.is_empty()
                && members
                    .iter()
                    .all(|(m, score)| m.len() <= MAX_MEMBER && *score > 1e12 && fits(m.as_slice()))
        };
        if key.starts_with(b"semaphore:") && all(&|m| starts_with_uuid(m)) {
            Some(Self::RedisSemaphore)
        } else if all(&|m| m == WRITER || is_symfony_token(m)) {
            Some(Self::Symfony)
        } else if all(&|m| Shape::HostPidHex.captures(m).is_some()) {
            Some(Self::Madelson)
        } else {
            None
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::RedisSemaphore => "redis-semaphore",
            Self::Symfony => "symfony",
            Self::Madelson => "madelson",
        }
    }

    fn sure(self) -> u8 {
        match self {
            Self::RedisSemaphore => 97,
            Self::Symfony => 85,
            Self::Madelson => 95,
        }
    }

    fn words(self, member: &Bytes, writes: bool) -> Option<String> {
        Some(match self {
            Self::Madelson => {
                let captures = Shape::HostPidHex.captures(member.as_slice())?;
                let texts: Vec<&str> = captures.iter().map(|(_, text)| text.as_str()).collect();
                texts.join(", pid ")
            }
            Self::Symfony if writes => format!("writer {member}"),
            Self::Symfony => format!("reader {member}"),
            Self::RedisSemaphore => plain_words(member.as_slice()),
        })
    }
}

fn starts_with_uuid(member: &[u8]) -> bool {
    std::str::from_utf8(member).ok().and_then(|m| m.get(..36)).is_some_and(is_uuid)
}

/// Base64 of 32 bytes.
fn is_symfony_token(member: &[u8]) -> bool {
    let body = member.strip_suffix(b"=").unwrap_or_default();
    body.len() == 43 && body.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

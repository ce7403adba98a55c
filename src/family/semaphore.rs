//! Locks that are one member of a sorted set for each holder: semaphores of redis-semaphore and madelson's
//! DistributedLock, and Symfony's locks. A key with several holders shows the one whose time is over first.

use std::time::Duration;

use super::recipe::Recipe;
use super::shape::{Shape, is_uuid};
use super::string::{lock, ttl};
use super::{Context, KeyFact, LockFamily, Read};
use crate::act::plan::Guard;
use crate::domain::glob::Glob;
use crate::domain::lock::{Token, Ttl};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module.
#[derive(Default)]
pub struct Semaphores {
    disabled: Vec<String>,
}

const IDS: [&str; 3] = ["redis-semaphore", "symfony", "madelson"];
/// Members looked at, lowest score first.
const MEMBERS: u32 = 64;
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
        let mut reads = Vec::with_capacity(3);
        if previous.is_none() {
            reads.push(Read::IdleTime(key.clone()));
        }
        reads.push(Read::Pttl(key.clone()));
        reads.push(Read::ZsetLook { key: key.clone(), count: MEMBERS });
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
        let key_ttl = ttl(replies.next())?;
        let (members, len) = members(replies.next()?)?;
        let kind = Kind::of(fact.key.as_slice(), &members).filter(|kind| self.wants(kind.id()))?;
        let (member, score) = members.iter().find(|(m, _)| m.as_slice() != WRITER)?;
        let writes = members.iter().any(|(m, _)| m.as_slice() == WRITER);
        let others = len.saturating_sub(1 + u64::from(writes));
        let ttl = match key_ttl {
            // The score is the end of this holder's time; the key lives until the last holder's.
            Ttl::Left(left) if kind != Kind::RedisSemaphore => {
                let own = (*score as i64).saturating_sub(ctx.server_ms);
                Ttl::Left(left.min(Duration::from_millis(u64::try_from(own).unwrap_or(0))))
            }
            other => other,
        };
        let lock = lock(fact, previous, ctx, ttl, Token::Known(member.clone()), idle);
        Some(Lock {
            family: kind.id(),
            candidates: [(kind.id(), kind.sure())].into(),
            holder: kind.words(member, writes, others),
            ..lock
        })
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        false
    }

    fn release_reads(&self, key: &Bytes, token: &Token) -> Vec<Command> {
        let score = |member: Bytes| Command::new("ZSCORE").arg(key.clone()).arg(member);
        vec![score(token.known().cloned().unwrap_or_default()), score(WRITER.into())]
    }

    fn release(&self, id: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let (Token::Known(member), [own, writer]) = (token, replies) else {
            return Err("the answers were not understood".into());
        };
        if matches!(own, Reply::Nil) {
            return Err("this holder is gone: nothing was done".into());
        }
        let mut guards = vec![Guard::ZsetMember { key: key.clone(), member: member.clone() }];
        let mut step = Command::new("ZREM").arg(key.clone()).arg(member.clone());
        if id == "symfony" && !matches!(writer, Reply::Nil) {
            guards.push(Guard::ZsetMember { key: key.clone(), member: WRITER.into() });
            step = step.arg(WRITER);
        }
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
            ..Recipe::default()
        })
    }
}

/// Members with their scores, lowest first, and ZCARD.
fn members(reply: &Reply) -> Option<(Vec<(Bytes, f64)>, u64)> {
    let items = reply.as_array()?;
    let (flat, len) = match items {
        [Reply::Int(len), flat @ ..] => (flat, u64::try_from(*len).ok()?),
        // ZRANGE, where scripts are not permitted.
        flat => (flat, flat.len() as u64 / 2),
    };
    let number = |reply: &Reply| match reply {
        Reply::Double(score) => Some(*score),
        other => other.as_bytes()?.as_utf8()?.parse::<f64>().ok(),
    };
    let pair = |pair: &[Reply]| match pair {
        [member, score] => Some((member.as_bytes()?, number(score)?)),
        _ => None,
    };
    if flat.iter().all(|item| item.as_array().is_some()) {
        let pairs: Vec<_> = flat.iter().filter_map(Reply::as_array).filter_map(pair).collect();
        let len = if matches!(items, [Reply::Int(_), ..]) { len } else { pairs.len() as u64 };
        return Some((pairs, len));
    }
    Some((flat.chunks(2).filter_map(pair).collect(), len))
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

    fn words(self, member: &Bytes, writes: bool, others: u64) -> Option<String> {
        let who = match self {
            Self::Madelson => {
                let captures = Shape::HostPidHex.captures(member.as_slice())?;
                let texts: Vec<&str> = captures.iter().map(|(_, text)| text.as_str()).collect();
                texts.join(", pid ")
            }
            Self::Symfony if writes => format!("writer {member}"),
            Self::Symfony => format!("reader {member}"),
            Self::RedisSemaphore => member.escaped(),
        };
        Some(if others == 0 { who } else { format!("{who} (and {others} more)") })
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

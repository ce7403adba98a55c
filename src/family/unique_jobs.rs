//! sidekiq-unique-jobs: a lock is a family of keys around a digest. `DIGEST:LOCKED` says who holds it and is the lock
//! shown; the digest's own string, its lists and two registries stand beside it. Without `:LOCKED` gone nothing is
//! free, and waiters of 7 and 8 sleep on `DIGEST:QUEUED`.

use super::hold::Opening;
use super::holders::held_by;
use super::recipe::{NOBODY, Recipe};
use super::{Context, Dialect, KeyFact, LockFamily, Read, hash_pairs};
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::bytes::escape;
use crate::domain::glob::Glob;
use crate::domain::lock::{Holder, MAX_HOLDERS, Token};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module.
pub struct UniqueJobs;

const ID: &str = "sidekiq-unique-jobs";
const LOCKED: &[u8] = b":LOCKED";
const RUN: &[u8] = b":RUN";
const DIGESTS: &str = "uniquejobs:digests";
const EXPIRING: &str = "uniquejobs:expiring_digests";
/// What an unlock of version 8 gives the list on which waiters sleep.
const WAKE_MS: i64 = 5000;
/// Jids come cut to this length: a longer one is not known exactly.
const MAX_FIELD: usize = 255;
/// Values longer than this are not kept for an undo.
const MAX_VALUE: u32 = 2048;

impl LockFamily for UniqueJobs {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        id == ID && key_type == "hash"
    }

    fn patterns(&self) -> Vec<Glob> {
        vec![Glob::new("uniquejobs:*:LOCKED")]
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if &*fact.key_type == "hash" && digest(&fact.key).is_some() { 95 } else { 0 }
    }

    fn reads(&self, key: &Bytes, _: Option<&Lock>) -> Vec<Read> {
        vec![
            Read::Pttl(key.clone()),
            Read::HashLook { key: key.clone(), pattern: "*", count: MAX_HOLDERS as u32 },
        ]
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Lock>,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Lock> {
        let [pttl, look] = replies else { return None };
        digest(&fact.key)?;
        let opening = Opening::of_ttl(Some(pttl))?;
        let (mut fields, total) = hash_pairs(look)?;
        fields.retain(|(jid, _)| jid.len() <= MAX_FIELD);
        fields.sort();
        let holders: Vec<Holder> = fields
            .iter()
            .take(MAX_HOLDERS)
            .map(|(jid, since)| Holder { token: jid.clone(), words: words(jid, since), left: None })
            .collect();
        let lock = held_by(opening, fact, previous, ctx, holders, Some(total))?;
        Some(Lock { family: ID, candidates: [(ID, 98)].into(), no_ttl_is_normal: true, ..lock })
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        false
    }

    fn release_reads(&self, key: &Bytes, token: &Token) -> Vec<Command> {
        let field = token.known().cloned().unwrap_or_default();
        let digest = digest(key).unwrap_or_default();
        let value = Read::HashHead { key: key.clone(), field: field.clone(), max: MAX_VALUE + 1 };
        vec![
            Command::new("HEXISTS").arg(key.clone()).arg(field),
            Command::new("HLEN").arg(key.clone()),
            value.command(Dialect::Eval),
            Command::new("GETRANGE").arg(digest.clone()).arg(0_i64).arg(i64::from(MAX_VALUE)),
            Command::new("PTTL").arg(digest.clone()),
            Command::new("ZSCORE").arg(DIGESTS).arg(digest.clone()),
            Command::new("ZSCORE").arg(EXPIRING).arg(digest.clone()),
            Command::new("HLEN").arg(with(&digest, ":RUN:LOCKED")),
        ]
    }

    fn release(&self, _: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let (Some(digest), Token::Known(jid)) = (digest(key), token) else {
            return Err("its holder is not known".into());
        };
        let [held, len, value, last, last_ttl, score, expiring, runs] = replies else {
            return Err("the answers were not understood".into());
        };
        if held.as_int() != Some(1) {
            return Err("this job holds it no longer: nothing was done".into());
        }
        let len = len.as_int().and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let value = value.as_bytes().filter(|v| v.len() <= MAX_VALUE as usize);
        let modern = value.as_ref().is_some_and(|v| v.as_slice().starts_with(b"{"));
        let mut recipe = Recipe {
            guards: vec![match &value {
                Some(value) => {
                    Guard::HashFieldEquals { key: key.clone(), field: jid.clone(), value: value.clone() }
                }
                None => Guard::HashFieldExists { key: key.clone(), field: jid.clone() },
            }],
            warnings: vec!["if its job still waits or runs, the same job can be queued a second time".into()],
            ..Recipe::default()
        };
        if !modern {
            wake(&mut recipe, &digest);
        }
        if len > 1 {
            recipe.guards.push(Guard::HashLen { key: key.clone(), len });
            recipe.steps.push(Command::new("HDEL").arg(key.clone()).arg(jid.clone()));
            recipe.effects.insert(0, format!("ends the hold of this job only: {} others stay", len - 1));
            if let Some(value) = value {
                recipe.undo = one_back(key, jid, value, len);
            }
            return Ok(recipe);
        }
        recipe.guards.push(Guard::HashLen { key: key.clone(), len: 1 });
        recipe.effects.insert(
            0,
            "removes the lock with its whole family of keys, as the library's own reset does".into(),
        );
        forget(&mut recipe, key, &digest, modern);
        if runs.as_int().is_some_and(|n| n > 0) && !digest.as_slice().ends_with(RUN) && !modern {
            recipe.warnings.push("the lock of the run itself is held too and ends with it".into());
        }
        if let Some(value) = value {
            let last = last.as_bytes().filter(|v| !v.is_empty() && v.len() <= MAX_VALUE as usize);
            recipe.undo = all_back(key, jid, value, &digest, last, last_ttl, [score, expiring]);
        }
        Ok(recipe)
    }
}

/// Wakes one waiter: exactly one element, as an unlock leaves it.
fn wake(recipe: &mut Recipe, digest: &Bytes) {
    let queued = with(digest, ":QUEUED");
    recipe.guards.push(Guard::TypeIs { key: queued.clone(), key_type: "list", absent_ok: true });
    recipe.steps.push(Command::new("LPUSH").arg(queued.clone()).arg("1"));
    recipe.steps.push(Command::new("LTRIM").arg(queued.clone()).arg(0_i64).arg(0_i64));
    recipe.steps.push(Command::new("PEXPIRE").arg(queued).arg(WAKE_MS));
    recipe.effects.push("one waiter that sleeps on the queue of the digest wakes and takes it".into());
}

/// Deletes the family and takes the digest out of the registries.
fn forget(recipe: &mut Recipe, key: &Bytes, digest: &Bytes, modern: bool) {
    let mut unlink = Command::new("UNLINK");
    let registries: &[&str] = if modern { &[DIGESTS] } else { &[DIGESTS, EXPIRING] };
    if !modern {
        let mut family = vec![(digest.clone(), "string"), (with(digest, ":PRIMED"), "list")];
        family.push((with(digest, ":INFO"), "string"));
        if !digest.as_slice().ends_with(RUN) {
            family.push((with(digest, ":RUN"), "string"));
            family.push((with(digest, ":RUN:QUEUED"), "list"));
            family.push((with(digest, ":RUN:PRIMED"), "list"));
            family.push((with(digest, ":RUN:LOCKED"), "hash"));
            family.push((with(digest, ":RUN:INFO"), "string"));
        }
        for (key, key_type) in family {
            recipe.guards.push(Guard::TypeIs { key: key.clone(), key_type, absent_ok: true });
            unlink = unlink.arg(key);
        }
    }
    for registry in registries {
        recipe.guards.push(Guard::TypeIs { key: (*registry).into(), key_type: "zset", absent_ok: true });
        recipe.steps.push(Command::new("ZREM").arg(*registry).arg(NOBODY));
    }
    recipe.steps.push(unlink.arg(key.clone()));
    for registry in registries {
        recipe.steps.push(Command::new("ZREM").arg(*registry).arg(digest.clone()));
    }
}

fn one_back(key: &Bytes, jid: &Bytes, value: Bytes, len: u64) -> Undo {
    Undo::Parts(Box::new(Parts {
        guards: vec![
            Guard::HashFieldAbsent { key: key.clone(), field: jid.clone() },
            Guard::HashLen { key: key.clone(), len: len - 1 },
        ],
        steps: vec![Command::new("HSET").arg(key.clone()).arg(jid.clone()).arg(value)],
        alone: false,
        until_ms: None,
        words: "puts the hold of this job back, if nobody took its place since".into(),
    }))
}

fn all_back(
    key: &Bytes,
    jid: &Bytes,
    value: Bytes,
    digest: &Bytes,
    last: Option<Bytes>,
    last_ttl: &Reply,
    scores: [&Reply; 2],
) -> Undo {
    let mut guards = Vec::new();
    let mut steps = vec![Command::new("HSET").arg(key.clone()).arg(jid.clone()).arg(value)];
    if let Some(last) = last {
        guards.push(Guard::Absent { key: digest.clone() });
        steps.push(Command::new("SETNX").arg(digest.clone()).arg(last));
        if let Some(ms) = last_ttl.as_int().filter(|ms| *ms > 0) {
            steps.push(Command::new("PEXPIRE").arg(digest.clone()).arg(ms));
        }
    }
    for (registry, score) in [DIGESTS, EXPIRING].into_iter().zip(scores) {
        if let Some(score) = super::semaphore::score_text(score) {
            guards.push(Guard::TypeIs { key: registry.into(), key_type: "zset", absent_ok: true });
            steps.push(Command::new("ZADD").arg(registry).arg(score).arg(digest.clone()));
        }
    }
    Undo::Parts(Box::new(Parts {
        guards,
        steps,
        alone: true,
        until_ms: None,
        words: "puts lock, digest and their places in the registries back; :INFO, :PRIMED and the lock of a run do not come back"
            .into(),
    }))
}

/// What stands before `:LOCKED`.
fn digest(key: &Bytes) -> Option<Bytes> {
    let digest = key.as_slice().strip_suffix(LOCKED)?;
    let rest = digest.strip_prefix(b"uniquejobs:")?;
    (!rest.is_empty()).then(|| digest.into())
}

fn with(digest: &Bytes, suffix: &str) -> Bytes {
    [digest.as_slice(), suffix.as_bytes()].concat().into()
}

fn words(jid: &Bytes, since: &Bytes) -> String {
    let time = super::shape::Shape::UnixTime.captures(since.as_slice());
    match time.and_then(|captures| captures.into_iter().next()) {
        Some((_, time)) => format!("Sidekiq job {}, since {time}", escape(jid.as_slice())),
        None => format!("Sidekiq job {}", escape(jid.as_slice())),
    }
}

//! Redisson's RPermitExpirableSemaphore: a string with the number of free permits, and beside it the sorted set
//! `{NAME}:timeout` of the permits that are out, each with the end of its lease. The sorted set is the lock shown.

use std::time::Duration;

use super::hold::Opening;
use super::holders::{held_by, pick};
use super::recipe::Recipe;
use super::redisson::{ID, braced};
use super::scored::Scored;
use super::semaphore::score_text;
use super::{Context, KeyFact, LockFamily, Read};
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::glob::Glob;
use crate::domain::lock::{Holder, MAX_HOLDERS, Token, Ttl};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module.
pub struct ExpirablePermits;

const SUFFIX: &[u8] = b":timeout";
/// Bytes of a permit's id.
const ID_LEN: usize = 16;
/// The score of a permit without a lease.
const NO_LEASE: f64 = 922_337_203_685_477.0;
/// Digits of a count.
const COUNT_LEN: i64 = 20;

impl LockFamily for ExpirablePermits {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        id == ID && key_type == "zset"
    }

    fn patterns(&self) -> Vec<Glob> {
        vec![Glob::new("{*}:timeout")]
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if &*fact.key_type == "zset" && semaphore(&fact.key).is_some() { 70 } else { 0 }
    }

    fn reads(&self, key: &Bytes, previous: Option<&Lock>) -> Vec<Read> {
        let mut reads =
            vec![Read::Pttl(key.clone()), Read::ZsetLook { key: key.clone(), count: MAX_HOLDERS as u32 }];
        if previous.is_some() {
            reads.extend(semaphore(key).map(|name| Read::NumSub(vec![braced("redisson_sc", &name)])));
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
        let name = semaphore(&fact.key)?;
        let mut replies = replies.iter();
        let mut opening = Opening::of_ttl(replies.next())?;
        let Scored { len, first: members } = Scored::parse(replies.next())?;
        let len = len.unwrap_or(members.len() as u64);
        if !members.iter().all(|(id, score)| id.len() == ID_LEN && *score > 1e12) {
            return None;
        }
        let waiters = replies.next().and_then(super::redisson::subscribers);
        let holders: Vec<Holder> = members
            .iter()
            .map(|(id, score)| Holder {
                token: id.clone(),
                words: format!("permit {id} of {name}"),
                left: lease(*score, ctx.server_ms),
            })
            .collect();
        if !matches!(opening.ttl, Ttl::Unknown(_)) {
            opening.ttl = pick(previous, &holders)?.left.map_or(Ttl::Never, Ttl::Left);
        }
        let lock = held_by(opening, fact, previous, ctx, holders, Some(len))?;
        Some(Lock { family: ID, candidates: [(ID, 95)].into(), no_ttl_is_normal: true, waiters, ..lock })
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        false
    }

    fn release_reads(&self, key: &Bytes, token: &Token) -> Vec<Command> {
        let permit = token.known().cloned().unwrap_or_default();
        let name = semaphore(key).unwrap_or_default();
        vec![
            Command::new("ZSCORE").arg(key.clone()).arg(permit),
            Command::new("GETRANGE").arg(name).arg(0_i64).arg(COUNT_LEN),
        ]
    }

    fn release(&self, _: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let (Some(name), Token::Known(permit), [score, count]) = (semaphore(key), token, replies) else {
            return Err("the answers were not understood".into());
        };
        let Some(score) = score_text(score) else {
            return Err("this permit was given back already: nothing was done".into());
        };
        let count = match count {
            Reply::Bulk(count) => count.clone(),
            Reply::Error(e) => return Err(format!("the number of free permits could not be read: {e}")),
            _ => return Err("the answers were not understood".into()),
        };
        let free: i64 = count.as_utf8().and_then(|text| text.parse().ok()).ok_or_else(|| {
            format!("{name} is no number of free permits: its permits must be set again, by trySetPermits")
        })?;
        let after = free.checked_add(1).ok_or("its number of free permits is not plausible")?;
        let until_ms = score.as_utf8().and_then(|text| text.parse::<f64>().ok());
        let give = |by: i64| Command::new("INCRBY").arg(name.clone()).arg(by);
        Ok(Recipe {
            guards: vec![
                Guard::ZsetMember { key: key.clone(), member: permit.clone() },
                Guard::StringEquals { key: name.clone(), value: count },
            ],
            steps: vec![
                // Adds nothing: where it is not permitted the permit stays out, instead of getting lost after ZREM.
                give(0),
                Command::new("PUBLISH").arg(braced("redisson_sc", &name)).arg(after),
                Command::new("ZREM").arg(key.clone()).arg(permit.clone()),
                give(1),
            ],
            sharded: true,
            effects: vec![
                format!("gives this permit back: {after} are free then; other permits stay out"),
                "tells the semaphore's channel: clients that wait try again at once".into(),
            ],
            warnings: vec![
                "if its holder is alive it goes on, and its own release finds the permit gone".into(),
            ],
            undo: Undo::Parts(Box::new(Parts {
                guards: vec![
                    Guard::ZsetMemberAbsent { key: key.clone(), member: permit.clone() },
                    Guard::StringEquals { key: name.clone(), value: after.into() },
                ],
                steps: vec![
                    Command::new("ZADD").arg(key.clone()).arg(score).arg(permit.clone()),
                    Command::new("DECRBY").arg(name.clone()).arg(1_i64),
                ],
                alone: false,
                until_ms: until_ms.filter(|ms| *ms < NO_LEASE).map(|ms| ms as u64),
                words: "takes the permit out again with its lease, if the number of free permits is the same"
                    .into(),
            })),
            ..Recipe::default()
        })
    }
}

fn lease(score: f64, server_ms: i64) -> Option<Duration> {
    (score < NO_LEASE).then(|| {
        let left = (score as i64).saturating_sub(server_ms);
        Duration::from_millis(u64::try_from(left).unwrap_or(0))
    })
}

/// The semaphore's name: `{NAME}:timeout`, or `NAME:timeout` where the name has a brace of its own.
fn semaphore(key: &Bytes) -> Option<Bytes> {
    let name = key.as_slice().strip_suffix(SUFFIX)?;
    let inner = name.strip_prefix(b"{").and_then(|n| n.strip_suffix(b"}"));
    match inner.filter(|inner| !inner.contains(&b'{')) {
        Some([]) => None,
        Some(inner) => Some(inner.into()),
        None => name.contains(&b'{').then(|| name.into()),
    }
}

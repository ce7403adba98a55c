//! Readers of madelson's DistributedLock.Redis reader-writer lock: the set `NAME.readers`, one member for each. Its
//! writer is the string `NAME.writer`.

use super::hold::Opening;
use super::holders::held_by;
use super::recipe::Recipe;
use super::shape::Shape;
use super::{Context, KeyFact, LockFamily, Read};
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::glob::Glob;
use crate::domain::lock::{Holder, MAX_HOLDERS, Token};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module.
pub struct Readers;

const ID: &str = "madelson";
const SUFFIX: &[u8] = b".readers";
/// Members come cut to this length: a longer one is not known exactly.
const MAX_MEMBER: usize = 255;

impl LockFamily for Readers {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        id == ID && key_type == "set"
    }

    fn patterns(&self) -> Vec<Glob> {
        vec![Glob::new("*.readers")]
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if &*fact.key_type == "set" && fact.key.as_slice().ends_with(SUFFIX) { 70 } else { 0 }
    }

    fn reads(&self, key: &Bytes, _: Option<&Lock>) -> Vec<Read> {
        vec![Read::Pttl(key.clone()), Read::SetLook { key: key.clone(), count: MAX_HOLDERS as u32 }]
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Lock>,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Lock> {
        let [pttl, look] = replies else { return None };
        let opening = Opening::of_ttl(Some(pttl))?;
        let (mut members, total) = members(look)?;
        members.sort();
        let holders: Option<Vec<Holder>> = members
            .into_iter()
            .map(|member| Some(Holder { words: words(&member)?, token: member, left: None }))
            .collect();
        let holders = holders?;
        let lock = held_by(opening, fact, previous, ctx, holders, total)?;
        Some(Lock { family: ID, candidates: [(ID, 97)].into(), ..lock })
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        false
    }

    fn release_reads(&self, key: &Bytes, token: &Token) -> Vec<Command> {
        let member = token.known().cloned().unwrap_or_default();
        vec![Command::new("SISMEMBER").arg(key.clone()).arg(member)]
    }

    fn release(&self, _: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let (Token::Known(member), [Reply::Int(there)]) = (token, replies) else {
            return Err("the answers were not understood".into());
        };
        if *there != 1 {
            return Err("this reader is gone: nothing was done".into());
        }
        let name = key.as_slice().strip_suffix(SUFFIX).unwrap_or(key.as_slice());
        let writer = Bytes::from([name, b".writer".as_slice()].concat());
        Ok(Recipe {
            guards: vec![Guard::SetMember { key: key.clone(), member: member.clone() }],
            steps: vec![Command::new("SREM").arg(key.clone()).arg(member.clone())],
            effects: vec![
                "removes this reader only: others of the same lock stay".into(),
                "a writer that waits polls: it takes the lock when the last reader is gone".into(),
            ],
            warnings: vec!["if it is alive it learns of it at its next renewal (HandleLostToken)".into()],
            undo: Undo::Parts(Box::new(Parts {
                guards: vec![
                    Guard::SetMemberAbsent { key: key.clone(), member: member.clone() },
                    Guard::Absent { key: writer },
                ],
                steps: vec![Command::new("SADD").arg(key.clone()).arg(member.clone())],
                alone: false,
                until_ms: None,
                words: "puts the reader back, if no writer came since".into(),
            })),
            ..Recipe::default()
        })
    }
}

/// `None`: no member of such a lock.
fn words(member: &Bytes) -> Option<String> {
    let captures = Shape::HostPidHex.captures(member.as_slice()).filter(|_| member.len() <= MAX_MEMBER)?;
    let texts: Vec<&str> = captures.iter().map(|(_, text)| text.as_str()).collect();
    Some(format!("{} reads", texts.join(", pid ")))
}

/// Members, and SCARD where it was read.
fn members(reply: &Reply) -> Option<(Vec<Bytes>, Option<u64>)> {
    let bytes = |items: &[Reply]| items.iter().filter_map(Reply::as_bytes).take(MAX_HOLDERS).collect();
    match reply.as_array()? {
        // SSCAN, where scripts are not permitted: cursor and members.
        [Reply::Bulk(cursor), Reply::Array(items)] => {
            let total = (cursor.as_slice() == b"0").then_some(items.len() as u64);
            Some((bytes(items), total))
        }
        [Reply::Int(total), items @ ..] => Some((bytes(items), u64::try_from(*total).ok())),
        _ => None,
    }
}

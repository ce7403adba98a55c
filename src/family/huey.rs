//! huey's task locks: one field each in the hash that also keeps every task result. DEL would wipe them all.

use super::hold::Opening;
use super::holders::held_by;
use super::recipe::Recipe;
use super::{Context, Dialect, KeyFact, LockFamily, Read, hash_pairs};
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::glob::Glob;
use crate::domain::lock::{Holder, Token};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module. A hash with several locks lists them and shows one.
pub struct HueyHash;

const ID: &str = "huey";
const PREFIX: &[u8] = b"huey.results.";
/// Fields the server looks at for one look.
const FIELDS: u32 = 1000;
/// Fields come cut to this length: a longer one is not known exactly.
const MAX_FIELD: usize = 255;
/// Longer values are no locks of huey's and not kept for an undo.
const MAX_VALUE: u32 = 64;

impl LockFamily for HueyHash {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        id == ID && key_type == "hash"
    }

    fn patterns(&self) -> Vec<Glob> {
        vec![Glob::new("huey.results.*")]
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if fact.key.as_slice().starts_with(PREFIX) && &*fact.key_type == "hash" { 90 } else { 0 }
    }

    fn reads(&self, key: &Bytes, _: Option<&Lock>) -> Vec<Read> {
        vec![Read::Pttl(key.clone()), Read::HashLook { key: key.clone(), pattern: "*.lock.*", count: FIELDS }]
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
        let (fields, _) = hash_pairs(look)?;
        let mut locks: Vec<Bytes> =
            fields.into_iter().map(|(field, _)| field).filter(|f| f.len() <= MAX_FIELD).collect();
        locks.sort();
        let holders: Vec<Holder> = locks
            .into_iter()
            .map(|field| Holder {
                words: format!("task lock {}", Bytes::from(name(&field))),
                token: field,
                left: None,
            })
            .collect();
        // HLEN counts the task results too: how many locks there are is not known.
        let lock = held_by(opening, fact, previous, ctx, holders, None)?;
        Some(Lock { family: ID, candidates: [(ID, 95)].into(), no_ttl_is_normal: true, ..lock })
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        true
    }

    fn release_reads(&self, key: &Bytes, token: &Token) -> Vec<Command> {
        let field = token.known().cloned().unwrap_or_default();
        let value = Read::HashHead { key: key.clone(), field: field.clone(), max: MAX_VALUE + 1 };
        vec![Command::new("HEXISTS").arg(key.clone()).arg(field), value.command(Dialect::Eval)]
    }

    fn release(&self, _: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let Token::Known(field) = token else { return Err("its field is not known".into()) };
        if replies.first().and_then(Reply::as_int) != Some(1) {
            return Err("it is gone: nothing was done".into());
        }
        let value = replies.get(1).and_then(Reply::as_bytes).filter(|v| v.len() <= MAX_VALUE as usize);
        let guard = match &value {
            Some(value) => {
                Guard::HashFieldEquals { key: key.clone(), field: field.clone(), value: value.clone() }
            }
            None => Guard::HashFieldExists { key: key.clone(), field: field.clone() },
        };
        let undo = value.map(|value| {
            Undo::Parts(Box::new(Parts {
                guards: vec![Guard::HashFieldAbsent { key: key.clone(), field: field.clone() }],
                steps: vec![Command::new("HSETNX").arg(key.clone()).arg(field.clone()).arg(value)],
                alone: false,
                until_ms: None,
                words: "puts the field back, if no task took the lock since".into(),
            }))
        });
        Ok(Recipe {
            guards: vec![guard],
            undo: undo.unwrap_or(Undo::No("its value could not be kept: this release cannot be undone")),
            // WATCH would be in vain: each task result is written to the same hash.
            unchanged: false,
            steps: vec![Command::new("HDEL").arg(key.clone()).arg(field.clone())],
            effects: vec![
                "removes this field only: task results and other locks in the hash stay".into(),
                "nobody waits: the next run of the task takes it".into(),
            ],
            warnings: vec![
                "every holder's value is the same: if it was let go of and taken again since it was shown, the new hold ends"
                    .into(),
                "if its task still runs it may run twice, and its end deletes the next holder's lock".into(),
            ],
            ..Recipe::default()
        })
    }
}

fn name(field: &Bytes) -> &[u8] {
    let bytes = field.as_slice();
    let at = bytes.windows(6).position(|w| w == b".lock.");
    at.and_then(|at| bytes.get(at + 6..)).unwrap_or(bytes)
}

//! Redisson's locks on the JVM: a hash whose fields name the holders. RLock, read-write, fair and fenced locks.
//!
//! Waiters sleep on a channel: a deletion without its PUBLISH leaves them there until the TTL they last read.

mod wake;

use super::hold::{Opening, first_reads};
use super::holders::{pick, with_holders};
use super::recipe::{NOBODY, Recipe};
use super::shape::{is_number, is_uuid};
use super::{Context, KeyFact, LockFamily, Read, hash_pairs};
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::bytes::escape;
use crate::domain::glob::Glob;
use crate::domain::lock::{Holder, Token};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module.
pub struct Redisson;

pub(super) const ID: &str = "redisson";
/// Fields looked at; more readers than this are counted, not named.
const FIELDS: u32 = 64;
/// Waiters of a fair lock looked at by a release.
const WAITERS: i64 = 10;

impl LockFamily for Redisson {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        id == ID && key_type == "hash"
    }

    fn patterns(&self) -> Vec<Glob> {
        Vec::new()
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if fact.lock_pattern && &*fact.key_type == "hash" { 60 } else { 0 }
    }

    fn reads(&self, key: &Bytes, previous: Option<&Lock>) -> Vec<Read> {
        let mut reads = first_reads(key, previous);
        reads.push(Read::HashLook { key: key.clone(), pattern: "*", count: FIELDS });
        // Other hashes are dropped after the first look; waiters are asked for when it is known to be a lock.
        if previous.is_some() {
            reads.push(Read::NumSub(vec![
                braced("redisson_lock__channel", key),
                braced("redisson_rwlock", key),
            ]));
            reads.push(Read::ListLen(braced("redisson_lock_queue", key)));
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
        let (fields, len) = hash_pairs(replies.next()?)?;
        let held = Held::of(&fields, len)?;
        let holders = held.readers();
        let field = match pick(previous, &holders) {
            Some(reader) => reader.token.clone(),
            None => held.field.clone(),
        };
        let clients = replies.next().and_then(subscribers);
        let queued = replies.next().and_then(Reply::as_int).and_then(|n| u64::try_from(n).ok());
        let waiters = match (clients, queued) {
            (Some(clients), Some(queued)) => Some(clients.max(queued)),
            // Who stands in the line of a fair lock listens elsewhere: nobody at one of the two tells nothing.
            (one, other) => one.or(other).filter(|n| *n > 0),
        };
        let lock = opening.lock(fact, previous, ctx, Token::Known(field));
        let lock =
            Lock { family: ID, candidates: [(ID, 97)].into(), holder: Some(held.words()), waiters, ..lock };
        if holders.is_empty() {
            Some(lock)
        } else {
            with_holders(lock, previous, holders, Some(held.holders))
        }
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        false
    }

    fn release_reads(&self, key: &Bytes, _: &Token) -> Vec<Command> {
        vec![
            Command::new("HLEN").arg(key.clone()),
            Command::new("HSCAN").arg(key.clone()).arg(0_i64).arg("COUNT").arg(u64::from(FIELDS)),
            Command::new("LRANGE").arg(braced("redisson_lock_queue", key)).arg(0_i64).arg(WAITERS - 1),
            Command::new("ZRANGE")
                .arg(braced("redisson_lock_timeout", key))
                .arg(0_i64)
                .arg(WAITERS - 1)
                .arg("WITHSCORES"),
            Command::new("TIME"),
        ]
    }

    fn release(&self, _: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let [hlen, scan, queue, timeouts, time] = replies else {
            return Err("the answers were not understood".into());
        };
        let len = hlen.as_int().and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let fields = hash_pairs(scan).map(|(fields, _)| fields).unwrap_or_default();
        let (Some(held), Token::Known(field)) = (Held::of(&fields, len), token) else {
            return Err(CHANGED.into());
        };
        if held.mode.as_ref().is_some_and(|m| m.as_slice() == b"read") && held.holders > 1 {
            return one_reader(key, field, &fields, len);
        }
        if held.field != *field {
            return Err(CHANGED.into());
        }
        let mut recipe = Recipe {
            guards: vec![
                Guard::HashFieldExists { key: key.clone(), field: field.clone() },
                Guard::HashLen { key: key.clone(), len },
            ],
            warnings: vec![
                "if its holder is alive it goes on without the lock; its unlock throws IllegalMonitorStateException and its renewal stops"
                    .into(),
            ],
            sharded: true,
            undo: whole_back(key, &fields, len),
            ..Recipe::default()
        };
        if let Some(mode) = &held.mode {
            let value = mode.clone();
            recipe.guards.push(Guard::HashFieldEquals { key: key.clone(), field: "mode".into(), value });
        }
        let mut given_up = Vec::new();
        match (waiting(queue), &held.mode) {
            (Some(waiters), _) if !waiters.is_empty() => {
                given_up = fair(&mut recipe, key, &waiters, timeouts, time);
            }
            (_, mode) => {
                let write = mode.as_ref().is_some_and(|m| m.as_slice() == b"write");
                let name = if mode.is_some() { "redisson_rwlock" } else { "redisson_lock__channel" };
                let publish = Command::new("PUBLISH").arg(braced(name, key));
                recipe.steps.push(publish.arg(if write { "1" } else { "0" }));
                recipe.effects.push("tells the lock's channel: clients that wait try again at once".into());
            }
        }
        if queue.as_error().is_some() {
            recipe.warnings.push(
                "whether it is a fair lock with waiters in line could not be read: they may go on sleeping"
                    .into(),
            );
        }
        if held.holders > 1 {
            recipe.effects.push(format!("ends all {} holds of this lock at once", held.holders));
        }
        recipe.steps.push(Command::new("DEL").arg(key.clone()));
        recipe.steps.extend(given_up);
        Ok(recipe)
    }

    fn wake_reads(&self, key: &Bytes) -> Vec<Command> {
        wake::reads(key)
    }

    fn wake(&self, key: &Bytes, replies: &[Reply]) -> Option<Recipe> {
        wake::recipe(key, replies)
    }
}

/// Takes one of several readers out: the lock stays with the others, so nobody is woken. Its timeout strings stay
/// and end by themselves: they count for readers in the hash only.
fn one_reader(key: &Bytes, field: &Bytes, fields: &[(Bytes, Bytes)], len: u64) -> Result<Recipe, String> {
    let (_, count) = fields.iter().find(|(known, _)| known == field).ok_or(CHANGED)?;
    let mode = Guard::HashFieldEquals { key: key.clone(), field: "mode".into(), value: "read".into() };
    Ok(Recipe {
        guards: vec![
            Guard::HashFieldEquals { key: key.clone(), field: field.clone(), value: count.clone() },
            mode.clone(),
            // Without it the last reader might have gone meanwhile, and a hash with no reader bars every writer.
            Guard::HashLen { key: key.clone(), len },
        ],
        steps: vec![Command::new("HDEL").arg(key.clone()).arg(field.clone())],
        effects: vec![format!("ends the hold of this reader only: {} others stay", len.saturating_sub(2))],
        warnings: vec![
            "if it is alive it goes on without the lock; its unlock throws IllegalMonitorStateException and its renewal stops"
                .into(),
        ],
        undo: Undo::Parts(Box::new(Parts {
            guards: vec![Guard::HashFieldAbsent { key: key.clone(), field: field.clone() }, mode],
            steps: vec![Command::new("HSET").arg(key.clone()).arg(field.clone()).arg(count.clone())],
            alone: false,
            until_ms: None,
            words: "puts the reader back, if the lock is still read and not written".into(),
        })),
        ..Recipe::default()
    })
}

/// Puts the whole hash back, where all of it was read.
fn whole_back(key: &Bytes, fields: &[(Bytes, Bytes)], len: u64) -> Undo {
    if fields.len() as u64 != len {
        return Undo::No("it has too many holders to be kept: this release cannot be undone");
    }
    let set = fields.iter().fold(Command::new("HSET").arg(key.clone()), |set, (field, count)| {
        set.arg(field.clone()).arg(count.clone())
    });
    Undo::Parts(Box::new(Parts {
        guards: Vec::new(),
        steps: vec![set],
        alone: true,
        until_ms: None,
        words: "puts its holders and their counts back with what is left of the TTL; waiters that gave up stay away".into(),
    }))
}

const CHANGED: &str = "it changed hands since it was shown: nothing was done";

/// Wakes the first waiter of a fair lock whose time is not over; those before it are given up, as Redisson does.
/// Gives the commands that take them out of the line: after the lock is gone, for a release that is refused must not
/// have touched the line.
fn fair(recipe: &mut Recipe, key: &Bytes, waiters: &[Bytes], timeouts: &Reply, time: &Reply) -> Vec<Command> {
    let queue = braced("redisson_lock_queue", key);
    let scores = braced("redisson_lock_timeout", key);
    let now = time.as_array().and_then(|t| t.first()?.as_int()).map(|s| s as f64 * 1000.0);
    let ended = |waiter: &Bytes| now.zip(score(timeouts, waiter)).is_some_and(|(now, until)| until <= now);
    let dead: Vec<&Bytes> = waiters.iter().take_while(|w| ended(w)).collect();
    recipe.guards.push(Guard::TypeIs { key: queue.clone(), key_type: "list", absent_ok: true });
    recipe.guards.push(Guard::TypeIs { key: scores.clone(), key_type: "zset", absent_ok: true });
    if let Some(head) = waiters.get(dead.len()) {
        let mut channel = braced("redisson_lock__channel", key).as_slice().to_vec();
        channel.push(b':');
        channel.extend_from_slice(head.as_slice());
        recipe.steps.push(Command::new("PUBLISH").arg(channel).arg("0"));
        recipe.effects.push(format!("wakes the first in line: {head}"));
    } else {
        recipe.warnings.push(format!(
            "the first {} waiters in line have given up: who stands behind them may sleep on until its own time is over",
            dead.len()
        ));
    }
    if !dead.is_empty() {
        recipe.effects.push(format!("takes {} waiters out of the line whose time is over", dead.len()));
        // They find nobody: where they are not permitted the lock stays.
        recipe.steps.extend(out_of_line(&queue, &scores, &NOBODY.into()));
    }
    dead.into_iter().flat_map(|waiter| out_of_line(&queue, &scores, waiter)).collect()
}

fn out_of_line(queue: &Bytes, scores: &Bytes, waiter: &Bytes) -> [Command; 2] {
    [
        Command::new("ZREM").arg(scores.clone()).arg(waiter.clone()),
        Command::new("LREM").arg(queue.clone()).arg(1_i64).arg(waiter.clone()),
    ]
}

fn score(timeouts: &Reply, waiter: &Bytes) -> Option<f64> {
    let number = |reply: &Reply| match reply {
        Reply::Double(score) => Some(*score),
        other => other.as_bytes()?.as_utf8()?.parse().ok(),
    };
    let items = timeouts.as_array()?;
    if let Some(pair) = items.iter().filter_map(Reply::as_array).find(|p| names(p.first(), waiter)) {
        return number(pair.get(1)?);
    }
    let at = items.iter().step_by(2).position(|item| names(Some(item), waiter))?;
    number(items.get(at * 2 + 1)?)
}

fn names(item: Option<&Reply>, waiter: &Bytes) -> bool {
    item.and_then(Reply::as_bytes).is_some_and(|b| b == *waiter)
}

fn waiting(queue: &Reply) -> Option<Vec<Bytes>> {
    Some(queue.as_array()?.iter().filter_map(Reply::as_bytes).collect())
}

/// Sum over the channels of PUBSUB NUMSUB.
pub(super) fn subscribers(reply: &Reply) -> Option<u64> {
    let counts = reply.as_array()?.iter().skip(1).step_by(2).filter_map(Reply::as_int);
    Some(counts.filter_map(|n| u64::try_from(n).ok()).sum())
}

/// `prefix:{NAME}`, or `prefix:NAME` where the name has a brace of its own, as Redisson does it.
pub(super) fn braced(prefix: &str, name: &Bytes) -> Bytes {
    let mut out = prefix.as_bytes().to_vec();
    out.push(b':');
    if name.as_slice().contains(&b'{') {
        out.extend_from_slice(name.as_slice());
    } else {
        out.push(b'{');
        out.extend_from_slice(name.as_slice());
        out.push(b'}');
    }
    out.into()
}

/// What the fields of a lock's hash say.
struct Held {
    mode: Option<Bytes>,
    /// Field that stands for the lock: the writer, else the first in byte order.
    field: Bytes,
    /// Its count.
    count: String,
    holders: u64,
    /// All holds that were read, in the order of their fields.
    all: Vec<(Bytes, Bytes)>,
}

impl Held {
    /// `None`: the hash is no Redisson lock.
    fn of(fields: &[(Bytes, Bytes)], len: u64) -> Option<Self> {
        let mode = fields.iter().find(|(f, _)| f.as_slice() == b"mode").map(|(_, v)| v.clone());
        if mode.as_ref().is_some_and(|m| !matches!(m.as_slice(), b"read" | b"write")) {
            return None;
        }
        let mut holds: Vec<&(Bytes, Bytes)> =
            fields.iter().filter(|(f, _)| f.as_slice() != b"mode").collect();
        let fits = |(field, count): &(Bytes, Bytes)| {
            client(field).is_some() && count.as_utf8().is_some_and(is_number)
        };
        if holds.is_empty() || !holds.iter().all(|hold| fits(hold)) || (mode.is_none() && len != 1) {
            return None;
        }
        holds.sort_by_key(|(field, _)| (!field.as_slice().ends_with(b":write"), field.clone()));
        let (field, count) = *holds.first()?;
        Some(Self {
            field: field.clone(),
            count: escape(count.as_slice()),
            holders: len.saturating_sub(u64::from(mode.is_some())),
            all: holds.iter().map(|hold| (*hold).clone()).collect(),
            mode,
        })
    }

    /// The readers, when several read.
    fn readers(&self) -> Vec<Holder> {
        let read = self.mode.as_ref().is_some_and(|m| m.as_slice() == b"read");
        if !read || self.holders < 2 {
            return Vec::new();
        }
        let reader = |(field, count): &(Bytes, Bytes)| Holder {
            token: field.clone(),
            words: words(field, Some(b"read"), &escape(count.as_slice())),
            left: None,
        };
        self.all.iter().map(reader).collect()
    }

    fn words(&self) -> String {
        let mode = self.mode.as_ref().map(Bytes::as_slice);
        let words = words(&self.field, mode, &self.count);
        if self.holders > 1 { format!("{words} (and {} more)", self.holders - 1) } else { words }
    }
}

/// A holder as a person would say it.
fn words(field: &Bytes, mode: Option<&[u8]>, count: &str) -> String {
    let (uuid, thread) = client(field).unwrap_or_default();
    let mut words = format!("client {uuid}, thread {thread}");
    match mode {
        Some(b"read") => words.push_str(" reads"),
        Some(_) => words.push_str(" writes"),
        None => {}
    }
    if count == "1" { words } else { format!("{words}, {count} holds") }
}

/// Client UUID and thread of a field `UUID:THREAD` or `UUID:THREAD:write`.
fn client(field: &Bytes) -> Option<(&str, &str)> {
    let (uuid, thread) = field.as_utf8()?.split_at_checked(36)?;
    let thread = thread.strip_prefix(':')?;
    let thread = thread.strip_suffix(":write").unwrap_or(thread);
    (is_uuid(uuid) && is_number(thread)).then_some((uuid, thread))
}

//! A canary: one harmless, uniquely named test task in a library's own format, and how it is followed.
//!
//! Pure, as all of a family: what is sent, what tells where the task is, and what is taken away afterwards are data.

pub(super) mod arq;
pub(super) mod bee_queue;
pub(super) mod bull;
pub(super) mod celery;
pub(super) mod dramatiq;
pub(super) mod huey;
mod pickle;
pub(super) mod rq;
pub(super) mod ruby;
pub(super) mod saq;
pub(super) mod stream;
pub(super) mod taskiq;

use serde_json::Value;

use crate::act::plan::{Guard, Parts};
use crate::config::CanaryTask;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};

use super::Read;
use super::read::PART;
use crate::decode::{Redactor, decode};

/// What every name of a canary begins with where the library allows it.
pub const TAG: &str = "redwarden-canary-";
/// Elements searched for a canary that is to be taken away again.
const SEARCHED: u64 = 10_000;
/// What a removal does.
const AWAY: &str = "takes the test task away, if nobody took it yet";

/// What a canary is made of.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The key that stands for the queue.
    pub key: &'a Bytes,
    /// Which end producers push to, where that is not fixed by the library.
    pub push: PushEnd,
    /// A UUID of its own.
    pub id: &'a str,
    /// The task that the user calls safe for this queue.
    pub task: Option<&'a CanaryTask>,
    /// What stands before all keys of the application, as configured.
    pub prefix: &'a [u8],
    /// The server's clock, milliseconds since the epoch.
    pub now_ms: u64,
    /// Replies of `canary_reads` and `canary_more`.
    pub replies: &'a [Reply],
}

/// Where a canary waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a list, as this element.
    List {
        /// The list.
        key: Bytes,
        /// The whole element.
        element: Bytes,
        /// Which end it was pushed to.
        push: PushEnd,
    },
    /// In a sorted set, as this member.
    Sorted {
        /// The sorted set.
        key: Bytes,
        /// The whole member.
        member: Bytes,
    },
    /// In a stream, where it stays: the groups tell whether it was delivered.
    Stream,
}

/// One test task.
#[derive(Clone, PartialEq, Debug)]
pub struct Canary {
    /// Its name: in the task itself, in the audit file, on the screen.
    pub id: String,
    /// What must hold.
    pub guards: Vec<Guard>,
    /// What is sent.
    pub steps: Vec<Command>,
    /// What will happen, in sentences, escaped.
    pub effects: Vec<String>,
    /// What speaks against it, in sentences, escaped.
    pub warnings: Vec<String>,
    /// Where it waits.
    pub place: Place,
    /// What tells more than its place.
    pub told: Vec<Read>,
    /// How much those reads tell.
    pub tells: Tells,
    /// How it is taken away while it still waits; or why it is not.
    pub removal: Result<Box<Parts>, &'static str>,
    /// What is taken away once it ended.
    pub sweep: Vec<Command>,
}

/// How much a library tells of a task that left its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tells {
    /// Nothing: taken is all that can be seen.
    Taken,
    /// Its end where results are kept on this database; else only that it was acknowledged.
    Perhaps,
    /// Its end.
    End,
}

/// What those reads told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// Nothing that its place does not tell.
    Nothing,
    /// A worker has it; its name, escaped, where it is known.
    Picked(Option<String>),
    /// Done, by this worker.
    Done(Option<String>),
    /// Failed in this worker, and why, both escaped.
    Failed(Option<String>, String),
    /// The library's books say that it does not exist any more.
    Gone,
}

/// Why no canary is made for a queue of this library, and what to do.
pub fn why_not(family: &str) -> String {
    let why = match family {
        "machinery" => "a task that no worker knows is pushed back and goes round for ever",
        "laravel" => "its jobs name a PHP class and carry serialized data, perhaps signed",
        "kue" => "several of its keys must agree, which only Kue itself keeps so",
        "gocraft-work" => {
            "its queue is the name of a job, which would run for real, and one that no worker knows waits for ever"
        }
        "streaq" => {
            "its tasks are pickles that may be signed, and one taken out of the stream again makes its lag unknown"
        }
        "asynq" => {
            "its messages are written by a Go worker's own rules, and how one ends was not tried with a real worker"
        }
        "rmq" => {
            "what a delivery does is up to the app's own consumer, and how it ends was not tried with a real one"
        }
        "apalis" => {
            "a job must be just what the app's own type expects, and what becomes of any other was not tried"
        }
        _ => "how to make a harmless task of it is not known",
    };
    format!("no test task is made for a queue of {family}: {why}")
}

/// The sentence for a family that needs a safe task of the user's.
pub(super) fn needs(family: &str, what: &str) -> String {
    format!(
        "{family} has no task that is harmless in every app: name one of yours with [[canary]] family = \"{family}\", {what} in the configuration file"
    )
}

/// A canary that is one element of a list.
pub(super) fn element(wish: &Wish<'_>, id: String, element: Bytes, push: PushEnd) -> Canary {
    let name = if push == PushEnd::Left { "LPUSH" } else { "RPUSH" };
    Canary {
        guards: vec![Guard::TypeIs { key: wish.key.clone(), key_type: "list", absent_ok: true }],
        steps: vec![Command::new(name).arg(wish.key.clone()).arg(element.clone())],
        effects: Vec::new(),
        warnings: Vec::new(),
        told: Vec::new(),
        tells: Tells::Taken,
        removal: Ok(Box::new(from_list(wish.key, &element, &[]))),
        sweep: Vec::new(),
        place: Place::List { key: wish.key.clone(), element, push },
        id,
    }
}

/// Takes an element out of its list, and deletes the keys that belong to it.
pub(super) fn from_list(list: &Bytes, element: &Bytes, keys: &[Bytes]) -> Parts {
    let mut steps = vec![Command::new("LREM").arg(list.clone()).arg(1_i64).arg(element.clone())];
    steps.extend(keys.iter().map(|key| Command::new("DEL").arg(key.clone())));
    Parts {
        guards: vec![Guard::ListHolds { key: list.clone(), value: element.clone(), searched: SEARCHED }],
        steps,
        alone: false,
        until_ms: None,
        words: AWAY.into(),
    }
}

/// A canary that is one member of a sorted set.
pub(super) fn member(wish: &Wish<'_>, id: String, member: Bytes, score: Bytes) -> Canary {
    let removal = Parts {
        guards: vec![Guard::ZsetMember { key: wish.key.clone(), member: member.clone() }],
        steps: vec![Command::new("ZREM").arg(wish.key.clone()).arg(member.clone())],
        alone: false,
        until_ms: None,
        words: AWAY.into(),
    };
    Canary {
        guards: vec![Guard::TypeIs { key: wish.key.clone(), key_type: "zset", absent_ok: true }],
        steps: vec![Command::new("ZADD").arg(wish.key.clone()).arg(score).arg(member.clone())],
        effects: Vec::new(),
        warnings: Vec::new(),
        told: Vec::new(),
        tells: Tells::Taken,
        removal: Ok(Box::new(removal)),
        sweep: Vec::new(),
        place: Place::Sorted { key: wish.key.clone(), member },
        id,
    }
}

/// Adds to what a removal does.
pub(super) fn also(canary: &mut Canary, guards: Vec<Guard>, steps: Vec<Command>) {
    if let Ok(parts) = &mut canary.removal {
        parts.guards.extend(guards);
        parts.steps.extend(steps);
    }
}

/// A payload of the user's own, for plain lists.
pub(super) fn payload(family: &str, wish: &Wish<'_>, push: PushEnd) -> Result<Canary, String> {
    let template = wish
        .task
        .and_then(|task| task.payload.as_ref())
        .ok_or_else(|| needs(family, "payload = '...{id}...'"))?;
    let id = tagged(wish.id);
    let bytes = template.fill(id.as_bytes());
    let mut canary = element(wish, id, bytes, push);
    canary.effects.push("of a plain list only this can be seen: that somebody took it".into());
    Ok(canary)
}

/// A name for a canary.
pub(super) fn tagged(id: &str) -> String {
    format!("{TAG}{id}")
}

/// The arguments that the user gave, or these.
pub(super) fn args(wish: &Wish<'_>, default: Value) -> Value {
    wish.task.and_then(|task| task.args.clone()).unwrap_or(default)
}

/// The user's task, or this one.
pub(super) fn task<'a>(wish: &Wish<'a>, default: Option<&'a str>) -> Option<&'a str> {
    wish.task.and_then(|task| task.task.as_deref()).or(default)
}

/// The name of the user's task, without which there is none.
pub(super) fn named<'a>(family: &str, wish: &Wish<'a>) -> Result<&'a str, String> {
    task(wish, None).ok_or_else(|| needs(family, "task = \"TASK NAME\""))
}

/// The last line of a traceback, which names the error.
pub(super) fn last_line(traceback: &str) -> String {
    let mut lines = traceback.lines().map(str::trim).filter(|line| !line.is_empty());
    let last: String = lines.next_back().unwrap_or("it does not say why").chars().take(300).collect();
    crate::domain::bytes::escape_text(&last)
}

/// How another task of the queue is written, where one was seen: the formats, outermost first.
pub(super) fn form_of(seen: Option<&Bytes>) -> Option<String> {
    let seen = seen.filter(|bytes| !bytes.is_empty())?;
    let nothing_secret = Redactor::new(std::iter::empty());
    Some(decode(seen.as_slice(), seen.len() < PART as usize, &nothing_secret).how)
}

/// Refuses where the queue's own tasks are no plain pickles; warns where none is there to compare with.
pub(super) fn pickled(canary: &mut Canary, seen: Option<&Bytes>) -> Result<(), String> {
    match form_of(seen) {
        Some(how) if how.starts_with("pickle") => Ok(()),
        Some(how) => Err(format!("its tasks are written as {how}, not as plain pickles: nothing was sent")),
        None => {
            let why = "no task of this queue tells its serializer: pickle, the default, is assumed, and a worker with another one fails on it";
            canary.warnings.push(why.into());
            Ok(())
        }
    }
}

/// Says that a queue is paused.
pub(super) fn paused(canary: &mut Canary) {
    canary.warnings.push("the queue is paused: the test task waits until it goes on".into());
}

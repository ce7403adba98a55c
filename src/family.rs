//! Lock and queue libraries as sans-I/O values: pure recognition, reads as data, interpretation of replies.
//!
//! A family never touches a connection. A new library is one file and one line in [`registry`]; a lock that is one
//! string key needs only a row in `assets/families/strings.toml` (see [`rows`]).

pub mod apalis;
pub mod arq;
pub mod asynq;
pub mod attendance;
mod backlog;
pub mod bee_queue;
pub mod bull;
pub mod canary;
pub mod celery;
pub mod consumers;
mod crew;
pub mod dramatiq;
pub mod errand;
pub mod gocraft_work;
mod hold;
mod holders;
pub mod huey;
pub mod huey_queue;
pub mod kue;
pub mod laravel;
pub mod list;
pub mod machinery;
pub mod own;
pub mod permits;
pub mod portalocker;
pub mod proto;
pub mod read;
pub mod readers;
pub mod recipe;
pub mod redisson;
pub mod registry;
pub mod repeats;
pub mod resque;
pub mod rmq;
pub mod rows;
pub mod rq;
pub mod saq;
mod scored;
pub mod semaphore;
pub mod sets;
pub mod shape;
pub mod sidekiq;
pub mod site;
pub mod stream;
pub mod streaq;
pub mod string;
pub mod taskiq;
pub mod template;
pub mod unique_jobs;
pub mod witness;

use std::sync::Arc;

use crate::domain::glob::Glob;
use crate::domain::lock::Token;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Lock, Queue, Reply, Stamp};

pub use canary::{Canary, Told, Wish};
pub use read::{Dialect, Named, Read};
pub use recipe::Recipe;
pub use registry::Registry;
pub use sets::{SetPlace, Since, TaskSet};
pub use site::{Site, SiteQueue};

/// What is known of a key before a family reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyFact {
    /// The key.
    pub key: Bytes,
    /// `TYPE`.
    pub key_type: Arc<str>,
    /// True when the user's (or the default) lock patterns match; a family's own patterns don't count.
    pub lock_pattern: bool,
    /// True when the user's (or the default) queue patterns match.
    pub queue_pattern: bool,
}

/// When and where the replies were read.
#[derive(Clone, Debug)]
pub struct Context {
    /// Node and database.
    pub node: crate::domain::NodeId,
    /// Logical database.
    pub db: u32,
    /// When the replies came.
    pub at: Stamp,
    /// Wall clock of the server when it could be estimated, milliseconds since the epoch; else ours.
    pub server_ms: i64,
    /// Which end producers push to, as configured for this key.
    pub push: PushEnd,
    /// True when the key was absent in an earlier complete pass, so that its age starts now.
    pub is_new: bool,
    /// Window of the smoothed rates.
    pub rate_window: std::time::Duration,
}

/// A lock library, or several that keep their locks in keys of the same type.
pub trait LockFamily: Send + Sync {
    /// True when it makes and releases locks of this family id in keys of this type.
    fn owns(&self, id: &str, key_type: &str) -> bool;
    /// Keys it wants to be searched for beside those of the lock patterns.
    fn patterns(&self) -> Vec<Glob>;
    /// How sure it is that this key is one of its locks, 0 to 100.
    fn recognise(&self, fact: &KeyFact) -> u8;
    /// Reads for the first look and for later ones. `previous` is what is known.
    fn reads(&self, key: &Bytes, previous: Option<&Lock>) -> Vec<Read>;
    /// Makes the lock out of the replies, in the order of `reads`. `None`: the key is gone or no longer a lock.
    /// Missing or denied replies give unknown, never a panic and never 0.
    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Lock>,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Lock>;
    /// True when the value of such a lock never proves who holds it.
    fn is_constant(&self, id: &str, key: &Bytes, token: &Token) -> bool;
    /// Reads that the dialog of a release needs; few and bounded. Types other than string only.
    fn release_reads(&self, key: &Bytes, token: &Token) -> Vec<Command>;
    /// How a lock with this token is released. `Err`: a sentence that says why not and what to do instead.
    /// For types other than string its guards prove the identity; `replies` answer `release_reads`.
    fn release(&self, id: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String>;
    /// Reads that tell who still waits for a lock that is gone; none where its waiters poll.
    fn wake_reads(&self, _key: &Bytes) -> Vec<Command> {
        Vec::new()
    }
    /// How who still waits for a lock that is gone is told so; `replies` answer `wake_reads`. `None`: nobody is known
    /// to wait.
    fn wake(&self, _key: &Bytes, _replies: &[Reply]) -> Option<Recipe> {
        None
    }
}

/// Fields and values of [`Read::HashLook`] or HSCAN, and the number of fields of the whole hash.
fn hash_pairs(reply: &Reply) -> Option<(Vec<(Bytes, Bytes)>, u64)> {
    let items = reply.as_array()?;
    let (flat, len) = match items {
        // HSCAN, where scripts are not permitted: cursor and fields.
        [_, Reply::Array(flat)] => (flat.as_slice(), flat.len() as u64 / 2),
        [Reply::Int(len), flat @ ..] => (flat, u64::try_from(*len).ok()?),
        _ => return None,
    };
    let pair = |pair: &[Reply]| match pair {
        [field, value] => Some((field.as_bytes()?, value.as_bytes()?)),
        _ => None,
    };
    Some((flat.chunks(2).filter_map(pair).collect(), len))
}

/// A queue library.
///
/// Plain lists are recognised by the user's patterns. A library's queues are found through a *clue*: a key that
/// tells of queues, such as the set in which the library registers them or a key that each queue has.
pub trait QueueFamily: Send + Sync {
    /// The library's name in kebab-case.
    fn id(&self) -> &'static str;
    /// How sure it is that this key is one of its queues by the user's patterns, 0 to 100.
    fn recognise(&self, _fact: &KeyFact) -> u8 {
        0
    }
    /// Keys that are clues by their usual name: looked at before the search gets there.
    fn well_known(&self) -> &'static [&'static str] {
        &[]
    }
    /// What usually stands before its keys, where an application can choose another prefix; `None`: it is fixed.
    fn usual_prefix(&self) -> Option<UsualPrefix> {
        None
    }
    /// What tells the application of this queue from others of one database, where its queues share keys; `clue` is
    /// the registry that names the queue. Empty: there is one, or it does not matter.
    fn application<'a>(&self, _key: &'a [u8], _clue: Option<&'a [u8]>) -> &'a [u8] {
        b""
    }
    /// True when the name alone makes it worth asking for the type of the key.
    fn may_be_clue(&self, _key: &[u8]) -> bool {
        false
    }
    /// True when the name alone says that this library keeps it: then it is no plain list.
    fn owns(&self, _key: &[u8]) -> bool {
        false
    }
    /// True when a key of this name and type may tell of queues.
    fn is_clue(&self, _fact: &KeyFact) -> bool {
        false
    }
    /// Reads for a look at a clue.
    fn site_reads(&self, _clue: &Bytes) -> Vec<Read> {
        Vec::new()
    }
    /// Reads that only the first replies tell.
    fn site_more(&self, _clue: &Bytes, _replies: &[Reply]) -> Vec<Read> {
        Vec::new()
    }
    /// Reads that only the replies of `site_reads` and `site_more` tell, such as what each connection holds.
    fn site_deep(&self, _clue: &Bytes, _replies: &[Reply]) -> Vec<Read> {
        Vec::new()
    }
    /// What the clue tells; `replies` are those of `site_reads`, `site_more` and `site_deep`. `None`: not this
    /// library's.
    fn site(&self, _clue: &Bytes, _replies: &[Reply], _ctx: &Context) -> Option<Site> {
        None
    }
    /// Where its waiting tasks stand, for a peek. Where the key's type depends on how the library was set up, a place
    /// for each type.
    fn tasks_at(&self, key: &Bytes, push: PushEnd) -> Vec<TaskPlace> {
        vec![TaskPlace::list(key.clone(), push)]
    }
    /// Field of a stream's entry with the id of a task that stands elsewhere; empty for elements without fields.
    fn id_field(&self) -> &'static str {
        ""
    }
    /// Where the rest of a task stands when its place holds only an id: what it is, and its read. None: the element
    /// itself is the task.
    fn task_parts(&self, _key: &Bytes, _element: &Bytes) -> Vec<(&'static str, Read)> {
        Vec::new()
    }
    /// Where its other tasks stand, for a peek. Those that a stream's groups hold are found without.
    fn sets_at(&self, _key: &Bytes) -> Vec<SetPlace> {
        Vec::new()
    }
    /// The set, or sorted set, of those who hold tasks of this queue, each in keys of its own, for a peek.
    fn holders(&self, _key: &Bytes) -> Option<Bytes> {
        None
    }
    /// Where one of them holds tasks.
    fn held_by(&self, _key: &Bytes, _holder: &Bytes) -> Vec<SetPlace> {
        Vec::new()
    }
    /// The same as `task_parts` for an element of such a key.
    fn set_parts(&self, _set: TaskSet, key: &Bytes, element: &Bytes) -> Vec<(&'static str, Read)> {
        self.task_parts(key, element)
    }
    /// Where it stands why a task of such a key failed, if it did; shown where there is something.
    fn failure_parts(&self, _key: &Bytes, _element: &Bytes) -> Vec<(&'static str, Read)> {
        Vec::new()
    }
    /// Takes a part of a task apart that only this library's own format tells; the element itself has no label.
    fn unfold(&self, _label: &str, _part: &Bytes) -> Vec<(&'static str, Bytes)> {
        Vec::new()
    }
    /// Why its failed tasks can't be counted in a few reads, as a short sentence. `None`: they can, or it keeps none.
    fn failed_unknown(&self) -> Option<&'static str> {
        None
    }
    /// Type of the key for which its workers wait in a blocking command. `None`: they poll, or [`consumers`] knows it.
    fn blocks_for(&self) -> Option<TaskKind> {
        None
    }
    /// Reads that the dialog of a canary needs; few and bounded. `prefix` stands before all keys of the application.
    fn canary_reads(&self, _key: &Bytes, _prefix: &[u8]) -> Vec<Read> {
        Vec::new()
    }
    /// Reads that only those replies tell.
    fn canary_more(&self, _key: &Bytes, _replies: &[Reply]) -> Vec<Read> {
        Vec::new()
    }
    /// A harmless test task in this library's own format. `Err`: a sentence that says why there is none.
    fn canary(&self, _wish: &Wish<'_>) -> Result<Canary, String> {
        Err(canary::why_not(self.id()))
    }
    /// What the replies to the canary's reads say of it.
    fn canary_told(&self, _canary: &Canary, _replies: &[Reply]) -> Told {
        Told::Nothing
    }
    /// Reads for one look.
    fn reads(&self, key: &Bytes, push: PushEnd, memory: &QueueMemory) -> Vec<Read>;
    /// Reads that only the first replies tell, such as the time in the next job's hash.
    fn more_reads(&self, _key: &Bytes, _replies: &[Reply]) -> Vec<Read> {
        Vec::new()
    }
    /// Makes the queue out of the replies, those of `more_reads` last. An empty list has no key: a queue once seen
    /// stays with depth 0. `None`: the key has another type now.
    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue>;
}

/// The prefix that a library uses unless it is told another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsualPrefix {
    /// It, with the colon at its end if there is one.
    pub text: &'static str,
    /// True when the library puts a colon behind the prefix by itself.
    pub colon: bool,
}

/// A key that holds waiting tasks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskPlace {
    /// The key.
    pub key: Bytes,
    /// What it is.
    pub kind: TaskKind,
    /// True where the next task stands at the end, false where it is the first.
    pub next_last: bool,
}

impl TaskPlace {
    /// A list that is pushed to at this end.
    pub fn list(key: Bytes, push: PushEnd) -> Self {
        Self { key, kind: TaskKind::List, next_last: push == PushEnd::Left }
    }

    /// A sorted set; the lowest score is next.
    pub fn sorted(key: Bytes) -> Self {
        Self { key, kind: TaskKind::Sorted, next_last: false }
    }

    /// A stream; the first entry is next.
    pub fn stream(key: Bytes) -> Self {
        Self { key, kind: TaskKind::Stream, next_last: false }
    }
}

/// Type of a key that holds tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskKind {
    /// List.
    List,
    /// Sorted set.
    Sorted,
    /// Stream.
    Stream,
    /// What its key turns out to be; of a set and of a hash's values there is no order.
    Any,
}

/// What a queue family must remember between looks and nobody is shown.
#[derive(Clone, Debug, Default)]
pub struct QueueMemory {
    /// Newest element at the last look, when it is short enough to be searched for.
    pub newest: Option<Bytes>,
    /// Whether payloads come again.
    pub repeats: repeats::Repeats,
    /// Next element to be taken at the last look and since when it is there.
    pub next: Option<(Bytes, Stamp)>,
    /// Depth and time of the last look.
    pub last: Option<(u64, Stamp)>,
    /// Window of samples `(time, pushed, popped, net)`.
    pub window: std::collections::VecDeque<Sample>,
    /// The same for each list of a queue that is made of several.
    pub parts: Vec<QueueMemory>,
    /// Counters at the last look.
    pub counters: std::collections::BTreeMap<Bytes, i64>,
    /// What the queue's site told of it.
    pub part: site::Part,
    /// Queues of this family and application on this node and database, this one counted.
    pub siblings: usize,
}

/// What happened between two looks.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// End of the interval.
    pub at: Stamp,
    /// Its length, seconds.
    pub seconds: f64,
    /// Pushed, if known.
    pub pushed: Option<u64>,
    /// Taken, if known.
    pub popped: Option<u64>,
    /// Change of depth.
    pub net: i64,
}

//! The closed list of reads a family may ask for: all bounded, all read-only.
//!
//! Observing can't become disturbing because nothing else can be expressed. The ACL lines in the README
//! follow from this list.

mod plain;
mod script;

use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};

/// What holds the entries of [`Read::QueuesNamed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// A sorted set.
    Sorted,
    /// The values of a hash.
    Hash,
    /// A list.
    List,
}

/// One bounded, read-only command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// `TYPE`.
    Type(Bytes),
    /// `PTTL`.
    Pttl(Bytes),
    /// `OBJECT IDLETIME`: ask before anything that touches the key.
    IdleTime(Bytes),
    /// `STRLEN`.
    StrLen(Bytes),
    /// `GETRANGE key 0 n-1`: the first n bytes of a string.
    Head(Bytes, u32),
    /// `LLEN`.
    ListLen(Bytes),
    /// `PUBSUB NUMSUB`: how many clients listen to these channels.
    NumSub(Vec<Bytes>),
    /// `PUBSUB SHARDNUMSUB` (7.0): the same of a cluster's sharded channels, on the node that has their slot.
    ShardNumSub(Vec<Bytes>),
    /// `HEXISTS`.
    HashField(Bytes, Bytes),
    /// `ZSCORE`.
    ZScore(Bytes, Bytes),
    /// `SISMEMBER`.
    SetMember(Bytes, Bytes),
    /// Some members of a set, cut short, with `SCARD`, in one read-only script.
    SetLook {
        /// The set.
        key: Bytes,
        /// How many members, about.
        count: u32,
    },
    /// The first members of a sorted set with their scores, cut short, with `ZCARD`, in one read-only script.
    ZsetLook {
        /// The sorted set.
        key: Bytes,
        /// How many members.
        count: u32,
    },
    /// Some fields and values of a hash, cut short, with `HLEN`, in one read-only script.
    HashLook {
        /// The hash.
        key: Bytes,
        /// Fields wanted.
        pattern: &'static str,
        /// How many fields the server looks at, about.
        count: u32,
    },
    /// Head of one list element: its whole length and at most n bytes.
    ElementHead {
        /// The list.
        key: Bytes,
        /// 0 or -1.
        index: i64,
        /// Bytes at most.
        max: u32,
    },
    /// Depth, both ends and the last newest element's place, in one atomic read-only script.
    ListLook {
        /// The list.
        key: Bytes,
        /// Which end producers push to.
        push: PushEnd,
        /// Newest element at the last look, whole, under 4 KiB.
        newest: Option<Bytes>,
        /// How many elements to search at most.
        maxlen: u32,
    },
    /// `ZCARD`.
    SortedLen(Bytes),
    /// `SCARD`.
    SetLen(Bytes),
    /// Length of whatever stands there, by its type, in one read-only script; nothing for a string.
    AnyLen(Bytes),
    /// How many members a sorted set of times has, how many of them at zero or below, and how many that are due
    /// by the server's clock: `[all, zero, due]`, in one read-only script.
    Due {
        /// The sorted set.
        key: Bytes,
        /// Steps of the score in a second: 1, 1000, ...
        per_second: u32,
    },
    /// The first elements of a list, cut short, with `LLEN`, in one read-only script: `[length, element, ...]`.
    ListHeads {
        /// The list.
        key: Bytes,
        /// How many elements.
        count: u32,
        /// Bytes of each at most.
        max: u32,
    },
    /// `HLEN`.
    HashLen(Bytes),
    /// First bytes of one field of a hash.
    HashHead {
        /// The hash.
        key: Bytes,
        /// The field.
        field: Bytes,
        /// Bytes at most.
        max: u32,
    },
    /// One page of a set (`SSCAN`), about a thousand members.
    Members {
        /// The set.
        key: Bytes,
        /// `0` for the first page.
        cursor: Bytes,
    },
    /// How many entries a key has and, if they are at most a hundred, which queue their JSON names:
    /// `[length, [queue, ...]]`.
    QueuesNamed {
        /// The sorted set, hash or list.
        key: Bytes,
        /// Which of them it is.
        kind: Named,
        /// The field of the JSON that names the queue.
        field: &'static str,
    },
    /// Some tasks at one end of a key, cut short, in one read-only script: how many there are, then for each
    /// `[length, first bytes]`, of a stream `[id, field, length, first bytes, ...]`.
    TaskHeads {
        /// The key.
        key: Bytes,
        /// Its type.
        kind: super::TaskKind,
        /// Which part of it.
        since: super::Since,
        /// From the end on instead of from the beginning.
        backwards: bool,
        /// How many at most.
        count: u32,
        /// Bytes of each at most.
        max: u32,
    },
    /// Some fields and values of a small hash, values cut to `max` bytes, with `HLEN`.
    HashValues {
        /// The hash.
        key: Bytes,
        /// How many fields the server looks at, about; at most 64 are sent.
        count: u32,
        /// Bytes of a value at most.
        max: u32,
    },
    /// Length and entries ever added of a stream: `[length, added]`.
    StreamLook(Bytes),
    /// `XINFO GROUPS`.
    StreamGroups(Bytes),
    /// Id of the first entry after an id and how many there are, counted up to `most`: `[id, count]`.
    StreamAhead {
        /// The stream.
        key: Bytes,
        /// The last entry that was delivered.
        after: Bytes,
        /// Entries counted at most.
        most: u32,
    },
    /// Id and the first fields of the first entry after an id, cut to 256 bytes each: `[id, field, value, ...]`.
    StreamEntry {
        /// The stream.
        key: Bytes,
        /// The last entry that was delivered; `0` for the first of all.
        after: Bytes,
    },
    /// Who was given an entry and did not acknowledge it: `XPENDING` of that id alone, `[[id, consumer, ...]]`.
    StreamPending {
        /// The stream.
        key: Bytes,
        /// The group.
        group: Bytes,
        /// Id of the entry.
        entry: Bytes,
    },
    /// Entries that a group's consumers were given and did not acknowledge, the first of them, as `TaskHeads` tells
    /// those of a stream; the first field of each is [`HELD_BY`].
    StreamHeld {
        /// The stream.
        key: Bytes,
        /// The group.
        group: Bytes,
        /// How many at most.
        count: u32,
        /// Bytes of each field at most.
        max: u32,
    },
    /// First bytes of a field of the last entry of a stream.
    LastEntry {
        /// The stream.
        key: Bytes,
        /// The field.
        field: &'static str,
        /// Bytes at most.
        max: u32,
    },
    /// Consumers of a group: `[how many, name, pending, idle ms, ...]`, at most 64 of them.
    StreamConsumers {
        /// The stream.
        key: Bytes,
        /// The group.
        group: Bytes,
    },
}

/// The field that [`Read::StreamHeld`] puts before those of an entry.
pub const HELD_BY: &str = "held by";

/// Bytes read of a task, and of each part of one, for a peek.
pub const PART: u32 = 16 * 1024;

/// What a server lets us use; found out by trying.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// `EVAL_RO` (Redis 7.0, Valkey).
    #[default]
    EvalRo,
    /// Only `EVAL`: older servers. The scripts are the same and only read.
    Eval,
    /// No scripts at all: ends of lists stay unknown.
    NoScripts,
}

impl Read {
    /// A part of a task: a field of a hash, up to [`PART`] bytes.
    pub(super) fn part(key: &Bytes, field: impl Into<Bytes>) -> Self {
        Self::HashHead { key: key.clone(), field: field.into(), max: PART }
    }

    /// True for what the server runs as a script; without scripts only a length is read.
    pub fn is_script(&self) -> bool {
        self.script().is_some()
    }

    /// The command on the wire, in what the server understands.
    pub fn command(&self, dialect: Dialect) -> Command {
        let eval = match dialect {
            Dialect::EvalRo => "EVAL_RO",
            Dialect::Eval => "EVAL",
            Dialect::NoScripts => return self.plain().command(),
        };
        self.script().map_or_else(|| self.plain().command(), |script| script.command(eval))
    }

    /// A command inside the script that is not permitted although the script itself ran.
    pub fn denied_inside(&self, reply: &Reply, dialect: Dialect) -> Option<&'static str> {
        let items = match (self, reply) {
            (Self::ListLook { .. }, Reply::Int(_)) if dialect != Dialect::NoScripts => return Some("LINDEX"),
            (Self::ListLook { .. }, Reply::Array(items)) => items,
            _ => return None,
        };
        let text = items.get(5).and_then(Reply::as_bytes)?.escaped().to_ascii_lowercase();
        // "NOPERM ..." of 7.0, "ACL failure in script" of 7.2 and Valkey, "The user executing the script can't run this
        // command" before.
        ["noperm", "acl failure", "the user"].iter().any(|words| text.contains(words)).then_some("LPOS")
    }

    /// What the pane says is not permitted when this read is denied.
    pub fn needs(&self) -> &'static str {
        match self.script() {
            // Read one by one they tell nearly as much.
            Some(script) if script.plain_too => script.runs,
            Some(_) => "EVAL_RO",
            None => self.plain().name,
        }
    }

    /// The commands in the script of this read, any of which may be what is not permitted.
    pub fn runs(&self) -> &'static str {
        self.script().map_or_else(|| self.needs(), |script| script.runs)
    }
}

//! A plan is data. The dialog, `--dry-run`, the executor, undo and the audit file are five readers of the same value.

use std::time::Duration;

use crate::domain::{Bytes, Command, NodeId};

/// Where a plan runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The node.
    pub node: NodeId,
    /// Logical database.
    pub db: u32,
    /// The server process that was seen; another one refuses. `None` where INFO is denied.
    pub run_id: Option<String>,
}

/// What must still be true, compared on the server in the same atomic step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Guard {
    /// The string is exactly these bytes.
    StringEquals {
        /// Key.
        key: Bytes,
        /// Whole value as seen.
        value: Bytes,
    },
    /// The string has this length; only beside WATCH (`unchanged`), for values too long even to hash.
    StringLen {
        /// Key.
        key: Bytes,
        /// STRLEN.
        len: u64,
    },
    /// The string has this length and SHA-1 (lower-case hex); for values too long to fetch.
    StringDigest {
        /// Key.
        key: Bytes,
        /// STRLEN.
        len: u64,
        /// SHA-1 of the whole value, taken on the server.
        sha1: String,
    },
    /// The key has this TYPE, or does not exist when `absent_ok`.
    TypeIs {
        /// Key.
        key: Bytes,
        /// `string`, `list`, ...
        key_type: &'static str,
        /// An absent key passes too.
        absent_ok: bool,
    },
    /// The key does not exist.
    Absent {
        /// Key.
        key: Bytes,
    },
    /// The key has no TTL.
    NoTtl {
        /// Key.
        key: Bytes,
    },
    /// The hash has this field.
    HashFieldExists {
        /// Key.
        key: Bytes,
        /// Field, as seen.
        field: Bytes,
    },
    /// The field of the hash is exactly these bytes.
    HashFieldEquals {
        /// Key.
        key: Bytes,
        /// Field.
        field: Bytes,
        /// Whole value as seen.
        value: Bytes,
    },
    /// The sorted set has this member, whatever its score.
    ZsetMember {
        /// Key.
        key: Bytes,
        /// Member, as seen.
        member: Bytes,
    },
    /// The element at this place of the list is exactly these bytes.
    ListElement {
        /// Key.
        key: Bytes,
        /// 0: leftmost, -1: rightmost.
        index: i64,
        /// Whole element as seen.
        value: Bytes,
    },
    /// The list has an element that is exactly these bytes (LPOS, Redis 6.0.6 and later).
    ListHolds {
        /// Key.
        key: Bytes,
        /// The whole element.
        value: Bytes,
        /// How many elements are compared at most.
        searched: u64,
    },
    /// The hash has this many fields.
    HashLen {
        /// Key.
        key: Bytes,
        /// HLEN.
        len: u64,
    },
    /// The hash does not have this field; an absent hash passes.
    HashFieldAbsent {
        /// Key.
        key: Bytes,
        /// Field.
        field: Bytes,
    },
    /// The sorted set does not have this member; an absent set passes.
    ZsetMemberAbsent {
        /// Key.
        key: Bytes,
        /// Member.
        member: Bytes,
    },
    /// The sorted set has no more members than this.
    ZsetLenAtMost {
        /// Key.
        key: Bytes,
        /// ZCARD at most.
        len: u64,
    },
    /// The set has this member.
    SetMember {
        /// Key.
        key: Bytes,
        /// Member, as seen.
        member: Bytes,
    },
    /// The set does not have this member; an absent set passes.
    SetMemberAbsent {
        /// Key.
        key: Bytes,
        /// Member.
        member: Bytes,
    },
    /// The client with this id has this name. Ids are never used twice by one server process, and only the client
    /// itself can change its name: CLIENT KILL ID right after the look hits nobody else.
    ClientNamed {
        /// The lock's name: what the client is subscribed to. No key.
        channel: Bytes,
        /// CLIENT ID.
        id: u64,
        /// Name, as seen.
        name: Bytes,
    },
}

/// A whole action on one node.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Unique id, the same in the audit lines before and after.
    pub id: uuid::Uuid,
    /// What it is, for people and the audit file: `release`, `expire`, `undo`, `enqueue`, `requeue`, `move`, `drop`.
    pub intent: &'static str,
    /// Where.
    pub target: Target,
    /// The key it is about.
    pub subject: Bytes,
    /// What must hold.
    pub guards: Vec<Guard>,
    /// Also compared: nobody touched the subject between the dialog and the execution (WATCH).
    pub unchanged: bool,
    /// What is sent, in this order. Steps that may be refused stand before deletions.
    pub steps: Vec<Command>,
    /// How long after its preparation the server may still execute it.
    pub valid_for: Duration,
    /// What will happen, in sentences, escaped.
    pub effects: Vec<String>,
    /// What speaks against it, in sentences, escaped.
    pub warnings: Vec<String>,
    /// How this plan can be taken back once it ran.
    pub undo: Undo,
    /// Undo re-creates the value with what is left of its TTL since the release.
    pub undo_of: Option<Restore>,
    /// A release: the lock frees itself after this time, as read when the plan was made. `None`: never, or not known.
    pub frees_in: Option<Duration>,
    /// The batch it is a part of.
    pub batch: Option<uuid::Uuid>,
}

impl Plan {
    /// The client whose connection the plan ends, where the lock is a connection: `(id, name)`.
    pub fn client(&self) -> Option<(u64, &Bytes)> {
        self.guards.iter().find_map(|guard| match guard {
            Guard::ClientNamed { id, name, .. } => Some((*id, name)),
            _ => None,
        })
    }
}

/// How an action can be taken back.
#[derive(Clone, PartialEq, Debug)]
pub enum Undo {
    /// The string that the plan compared is put back, if nobody used its key since.
    Value,
    /// Commands of its own put it back.
    Parts(Box<Parts>),
    /// It cannot be; a sentence says why.
    No(&'static str),
}

/// What puts back a lock that is more, or less, than one string key.
#[derive(Clone, PartialEq, Debug)]
pub struct Parts {
    /// What must hold besides.
    pub guards: Vec<Guard>,
    /// What is sent, in order.
    pub steps: Vec<Command>,
    /// The subject is this lock alone: it must not have been used since the release, which WATCH proves. Else
    /// others go on using the subject, and only the guards say that the place is still free.
    pub alone: bool,
    /// When the lock would have ended by itself, by the server's clock, milliseconds since the epoch; `None`: when
    /// its key would have.
    pub until_ms: Option<u64>,
    /// What comes back and what does not, a sentence, escaped.
    pub words: String,
}

/// What an undo puts back.
#[derive(Clone, PartialEq, Debug)]
pub struct Restore {
    /// What was there.
    pub back: Back,
    /// What the lock had left at the release, milliseconds; `None` when it had no end.
    pub pttl_ms: Option<u64>,
    /// When its key would have ended by itself, milliseconds since the epoch by the server's clock.
    pub key_until_ms: Option<u64>,
    /// The server's clock at the release, milliseconds since the epoch.
    pub released_at_ms: u64,
}

/// What was there before a release.
#[derive(Clone, PartialEq, Debug)]
pub enum Back {
    /// A string.
    Value(Bytes),
    /// A part of a key, or several keys.
    Parts(Box<Parts>),
}

impl Plan {
    /// All keys it touches, the subject first, each once. In a cluster they must be in one slot.
    pub fn keys(&self) -> Vec<Bytes> {
        let mut keys = vec![self.subject.clone()];
        // A connection is no key.
        if self.client().is_some() {
            return keys;
        }
        let guarded = self.guards.iter().map(|guard| guard.key().clone());
        for key in guarded.chain(self.steps.iter().flat_map(step_keys)) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}

/// The keys among the arguments of a step.
fn step_keys(step: &Command) -> Vec<Bytes> {
    match step.name().as_str() {
        "PUBLISH" | "SPUBLISH" => Vec::new(),
        "LMOVE" | "RPOPLPUSH" => step.args.iter().skip(1).take(2).cloned().collect(),
        "DEL" | "UNLINK" => step.args.iter().skip(1).cloned().collect(),
        _ => step.args.get(1).cloned().into_iter().collect(),
    }
}

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
    /// Undo re-creates the value with what is left of its TTL since the release.
    pub undo_of: Option<Restore>,
}

/// What an undo puts back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restore {
    /// The value that was there.
    pub value: Bytes,
    /// PTTL at the release, milliseconds; `None` when it had no TTL.
    pub pttl_ms: Option<u64>,
    /// The server's clock at the release, milliseconds since the epoch.
    pub released_at_ms: u64,
}

impl Plan {
    /// All keys it touches, the subject first, each once. In a cluster they must be in one slot.
    pub fn keys(&self) -> Vec<Bytes> {
        let mut keys = vec![self.subject.clone()];
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
        "PUBLISH" => Vec::new(),
        "LMOVE" | "RPOPLPUSH" => step.args.iter().skip(1).take(2).cloned().collect(),
        "DEL" | "UNLINK" => step.args.iter().skip(1).cloned().collect(),
        _ => step.args.get(1).cloned().into_iter().collect(),
    }
}

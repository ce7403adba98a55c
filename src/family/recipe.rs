//! What a release does, as its family says: guards, steps, consequences. The plan adds the proof of identity.

use crate::act::plan::{Guard, Undo};
use crate::domain::{Bytes, Command};

/// Stands where a key's `TYPE` stands, for locks that are a client's connection and no key.
pub const CONNECTION: &str = "connection";

/// Nobody's name. A removal of it does nothing, and says before anything is deleted where it is not permitted: rights
/// are checked only as each command of a script runs.
pub const NOBODY: &str = "redwarden:none";

/// The family's part of a release plan. Steps that can be refused stand before deletions.
#[derive(Clone, PartialEq, Debug)]
pub struct Recipe {
    /// What must hold beside the value seen: types of companion keys, and the identity of locks that are no strings.
    pub guards: Vec<Guard>,
    /// Nobody may touch the key while the dialog is open: the value proves nothing.
    pub unchanged: bool,
    /// The value is a count: that it is the one seen is all the proof there is, and all that is needed.
    pub counts: bool,
    /// Its library's clients may listen to sharded channels in a cluster.
    pub sharded: bool,
    /// A live holder learns of the release at once.
    pub tells: bool,
    /// Commands, in order.
    pub steps: Vec<Command>,
    /// What will happen, sentences, escaped.
    pub effects: Vec<String>,
    /// What speaks against it, sentences, escaped.
    pub warnings: Vec<String>,
    /// How it is taken back.
    pub undo: Undo,
}

/// What proves that a string still is the lock that was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// Its value, where that is random enough; else that nobody touched the key.
    Value,
    /// That nobody touched the key: every holder writes the same.
    Untouched,
    /// Its value, whatever it is.
    Count,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            guards: Vec::new(),
            unchanged: false,
            counts: false,
            sharded: false,
            tells: false,
            steps: Vec::new(),
            effects: Vec::new(),
            warnings: Vec::new(),
            undo: Undo::No("this kind of lock cannot be put back: this release cannot be undone"),
        }
    }
}

impl Recipe {
    /// Compare-and-delete, for a lock whose library is not known.
    pub fn plain(key: &Bytes) -> Self {
        Self {
            steps: vec![Command::new("DEL").arg(key.clone())],
            effects: vec![
                "deletes the key: waiters that poll take it at once; waiters that sleep on a wake-up may go on sleeping"
                    .into(),
            ],
            undo: Undo::Value,
            ..Self::default()
        }
    }

    /// What proves that a string is the one seen.
    pub fn proof(&self) -> Proof {
        match (self.counts, self.unchanged) {
            (true, _) => Proof::Count,
            (false, true) => Proof::Untouched,
            (false, false) => Proof::Value,
        }
    }
}

//! What a release does, as its family says: guards, steps, consequences. The plan adds the proof of identity.

use crate::act::plan::Guard;
use crate::domain::Command;

/// The family's part of a release plan. Steps that can be refused stand before deletions.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recipe {
    /// What must hold beside the value seen: types of companion keys, and the identity of locks that are no strings.
    pub guards: Vec<Guard>,
    /// Nobody may touch the key while the dialog is open: the value proves nothing.
    pub unchanged: bool,
    /// Commands, in order.
    pub steps: Vec<Command>,
    /// What will happen, sentences, escaped.
    pub effects: Vec<String>,
    /// What speaks against it, sentences, escaped.
    pub warnings: Vec<String>,
    /// False when the lock cannot be put back as it was.
    pub undoable: bool,
}

impl Recipe {
    /// Compare-and-delete, for a lock whose library is not known.
    pub fn plain(key: &crate::domain::Bytes) -> Self {
        Self {
            steps: vec![Command::new("DEL").arg(key.clone())],
            effects: vec![
                "deletes the key: waiters that poll take it at once; waiters that sleep on a wake-up may go on sleeping"
                    .into(),
            ],
            undoable: true,
            ..Self::default()
        }
    }
}

//! What can be undone: released locks, each with the connection that watches its key since the release.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::Ticket;
use super::plan::Restore;
use super::session::Session;
use crate::domain::{Command, LockId};

/// Connections kept for undo at most.
const MAX_KEPT: usize = 8;

/// A released lock that may be put back.
pub(super) struct Released {
    pub(super) lock: LockId,
    pub(super) restore: Restore,
    pub(super) session: Session,
}

/// What is known of a release: it can be undone, or why not.
pub(super) enum Undoable {
    /// Its connection watches the key.
    Yes(Box<Released>),
    /// Why it cannot be undone, a sentence.
    No(String),
}

type Slot = Arc<tokio::sync::Mutex<Undoable>>;

/// The last releases of this session. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    slots: Arc<Mutex<VecDeque<(Ticket, Slot)>>>,
    /// Releases whose undo was confirmed, the last few.
    undone: Arc<Mutex<VecDeque<Ticket>>>,
}

impl Shelf {
    /// Keeps a release; the oldest beyond the limit is let go of, with its connection.
    pub(super) fn put(&self, ticket: Ticket, undoable: Undoable) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|(known, _)| *known != ticket);
        slots.push_back((ticket, Arc::new(tokio::sync::Mutex::new(undoable))));
        while slots.len() > MAX_KEPT {
            slots.pop_front();
        }
    }

    /// Takes the release of that ticket; [`Shelf::put`] gives it back when the dialog is cancelled.
    pub(super) async fn take(&self, ticket: Ticket) -> Result<Box<Released>, String> {
        let slot = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.iter().find(|(known, _)| *known == ticket).map(|(_, slot)| slot.clone())
        };
        let slot = slot.ok_or_else(|| {
            format!("there is nothing to undo: only the last {MAX_KEPT} releases of this session can be")
        })?;
        let mut kept = slot.lock().await;
        match &*kept {
            Undoable::No(why) => Err(why.clone()),
            Undoable::Yes(_) => {
                let taken = std::mem::replace(&mut *kept, Undoable::No("an undo of it is under way".into()));
                match taken {
                    Undoable::Yes(released) => Ok(released),
                    Undoable::No(why) => Err(why),
                }
            }
        }
    }

    /// Says that the undo of that release is about to be sent: what is found in its key from now on may be ours.
    pub(super) fn mark_undone(&self, ticket: Ticket) {
        let mut undone = self.undone.lock().unwrap_or_else(PoisonError::into_inner);
        undone.push_back(ticket);
        while undone.len() > MAX_KEPT {
            undone.pop_front();
        }
    }

    /// Whether an undo of that release was sent, or is about to be.
    pub(super) fn is_undone(&self, ticket: Ticket) -> bool {
        self.undone.lock().unwrap_or_else(PoisonError::into_inner).contains(&ticket)
    }

    /// One PING on each kept connection, so that a server's `timeout` does not close it.
    pub(super) async fn keep_alive(&self) {
        let slots: Vec<Slot> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.iter().map(|(_, slot)| slot.clone()).collect()
        };
        for slot in slots {
            let mut kept = slot.lock().await;
            let Undoable::Yes(released) = &mut *kept else { continue };
            if let Err(error) = released.session.writer.call(&Command::new("PING")).await {
                *kept = Undoable::No(format!(
                    "the connection that watched the key since its release is gone, so \"not used since\" cannot be proven ({error})"
                ));
            }
        }
    }
}

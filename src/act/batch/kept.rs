//! The last batch that was released, with the connections that watch its keys: what its undo needs.

use std::sync::Arc;

use super::run::Ran;
use crate::act::Ticket;
use crate::act::undo::{Released, Undoable};
use crate::domain::{Command, LockId};

/// One released lock of a batch.
pub(in crate::act) struct KeptLock {
    pub(super) lock: LockId,
    /// With its connection, or why it cannot be put back, a sentence.
    pub(super) released: Result<Box<Released>, String>,
}

/// The last batch of this session; the connections of an older one are let go of. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::act) struct KeptBatch {
    slot: Arc<tokio::sync::Mutex<Option<(Ticket, Vec<KeptLock>)>>>,
}

impl KeptBatch {
    /// Keeps what was released; says how many of it may be put back.
    pub(in crate::act) async fn put(&self, ticket: Ticket, ran: &mut [Ran]) -> usize {
        let mut kept = Vec::new();
        for ran in ran {
            let Some(undoable) = ran.undoable.take() else { continue };
            let released = match undoable {
                Undoable::Yes(released) => Ok(released),
                Undoable::No(why) => Err(why),
            };
            kept.push(KeptLock { lock: ran.lock.clone(), released });
        }
        let possible = kept.iter().filter(|lock| lock.released.is_ok()).count();
        if !kept.is_empty() {
            *self.slot.lock().await = Some((ticket, kept));
        }
        possible
    }

    /// Takes the batch of that ticket: there is one try.
    pub(in crate::act) async fn take(&self, ticket: Ticket) -> Result<Vec<KeptLock>, String> {
        let mut slot = self.slot.lock().await;
        match slot.take() {
            Some((known, kept)) if known == ticket => Ok(kept),
            other => {
                *slot = other;
                Err("there is nothing to undo: only the last batch of this session can be, once".into())
            }
        }
    }

    /// One PING on each kept connection, so that a server's `timeout` does not close it.
    pub(in crate::act) async fn keep_alive(&self) {
        let mut slot = self.slot.lock().await;
        let Some((_, kept)) = slot.as_mut() else { return };
        for lock in kept {
            let Ok(released) = &mut lock.released else { continue };
            if let Err(error) = released.session.writer.call(&Command::new("PING")).await {
                lock.released = Err(format!(
                    "the connection that watched the key since its release is gone, so \"not used since\" cannot be proven ({error})"
                ));
            }
        }
    }
}

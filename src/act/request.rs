//! What the user asks for, what the executor prepares for the dialog, and what it reports.

use std::time::Duration;

use super::batch::{BatchEvent, Item};
use super::canary::Stage;
use super::transfer::{Transfer, TransferEvent};
use super::{Outcome, Plan};
use crate::domain::lock::{Token, Ttl};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, LockId, QueueId, Stamp};

/// Number of a prepared action; also of its dialog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Ticket(pub u64);

/// What was on the screen when the user pressed the key: the action is about this and nothing newer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Family id: its recipe is what a release does.
    pub family: &'static str,
    /// `TYPE` of the key.
    pub key_type: std::sync::Arc<str>,
    /// The value shown.
    pub token: Token,
    /// The TTL as read.
    pub ttl: Ttl,
    /// When it was read.
    pub read_at: Stamp,
}

/// A wish of the user. It carries its whole target.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// Delete the lock if it still is the one seen.
    Release {
        /// Which lock.
        lock: LockId,
        /// As seen.
        seen: Seen,
    },
    /// Give a lock that never expires a TTL, if it still is the one seen.
    Expire {
        /// Which lock.
        lock: LockId,
        /// As seen.
        seen: Seen,
        /// New TTL.
        ttl: Duration,
    },
    /// Put back the released lock of that ticket.
    Undo {
        /// Ticket of the release.
        of: Ticket,
    },
    /// Push elements to a queue.
    Enqueue {
        /// Which queue; its key may not exist yet.
        queue: QueueId,
        /// The elements, exact bytes.
        payloads: Vec<Bytes>,
        /// Which end.
        push: PushEnd,
        /// The library that the dashboard knows the queue to be of; `None`: a plain list, or not known.
        library: Option<&'static str>,
        /// Go on although the list looks like some library's, or others wait on it.
        force: bool,
    },
    /// Move or remove tasks of a plain list, in bounded batches.
    Transfer(Transfer),
    /// Send one harmless test task in a library's own format.
    Canary {
        /// The queue.
        queue: QueueId,
        /// Its family, as the queue was recognised.
        family: &'static str,
        /// Which end producers push to.
        push: PushEnd,
        /// What tells its application from others, as the queue was recognised, see
        /// [`crate::family::QueueFamily::application`].
        application: Bytes,
        /// A UUID of its own.
        id: String,
    },
}

/// A plan ready to be confirmed. The executor keeps its connection (and WATCH, where the plan says `unchanged`).
#[derive(Clone, PartialEq, Debug)]
pub struct Prepared {
    /// What will run if confirmed.
    pub plan: Plan,
    /// Set when it would be refused unless asked again with `force`: the reason, escaped.
    pub needs_force: Option<String>,
}

/// What the executor tells the UI, in order, never lost.
#[derive(Clone, PartialEq, Debug)]
pub enum ActionEvent {
    /// The plan for the dialog, or why there is none (escaped sentence).
    Prepared(Ticket, Box<Result<Prepared, String>>),
    /// The action ended.
    Outcome(Ticket, Box<Plan>, Outcome),
    /// What a re-read found a moment after a release: a sentence, escaped.
    Afterwards(Ticket, String),
    /// News of a batch.
    Batch(Ticket, BatchEvent),
    /// News of a transfer; its end takes the place of an outcome.
    Transfer(Ticket, TransferEvent),
    /// Where a canary is now. The last one is an end.
    Canary {
        /// Of the action that sent it.
        ticket: Ticket,
        /// The queue.
        queue: QueueId,
        /// Its name.
        id: String,
        /// Where.
        stage: Stage,
        /// Since it was sent.
        after: Duration,
    },
    /// Where an enqueued test task is now.
    Followed {
        /// The queue.
        queue: QueueId,
        /// Id of the task.
        task: String,
        /// Where it is.
        place: TaskPlace,
    },
}

/// Where a followed task is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskPlace {
    /// In the list; how many stand before it.
    Waiting(Option<u64>),
    /// No longer in the list: somebody took it.
    Taken,
    /// Done by our worker.
    Done,
    /// Failed in our worker.
    Failed,
    /// Could not be found out.
    Unknown,
}

/// What the UI (or a headless command) tells the executor.
#[derive(Clone, PartialEq, Debug)]
pub enum ActionCommand {
    /// Build the plan for a dialog.
    Prepare(Ticket, Request),
    /// The user confirmed the plan of that ticket.
    Execute(Ticket),
    /// Build the fleet plan that releases all of these.
    PrepareBatch(Ticket, Vec<Item>),
    /// The user confirmed these locks of a fleet plan, by their numbers.
    ExecuteBatch(Ticket, Vec<usize>),
    /// Put the locks of a released batch back: the ticket of the undo, that of the batch.
    UndoBatch(Ticket, Ticket),
    /// Stop that transfer after the batch that runs.
    Stop(Ticket),
    /// The user cancelled: drop plan and connection.
    Abandon(Ticket),
}

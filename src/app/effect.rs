//! What `update` may ask for. The event loop carries it out without waiting.

use std::time::Duration;

use crate::act::request::ActionCommand;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, QueueId};
use crate::family::TaskSet;
use crate::worker::WorkerCommand;

/// Which tasks are to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeekWish {
    /// The queue.
    pub queue: QueueId,
    /// Its family.
    pub family: &'static str,
    /// What tells its application from others.
    pub application: Bytes,
    /// Which end producers push to.
    pub push: PushEnd,
    /// Which of its tasks.
    pub set: TaskSet,
}

/// A wish of `update`.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Leave the program.
    Quit,
    /// Look at all nodes now.
    Refresh,
    /// Look at all nodes this often from now on.
    SetInterval(Duration),
    /// For the executor.
    Action(ActionCommand),
    /// For the worker.
    Worker(WorkerCommand),
    /// Look at tasks of a queue, then send [`super::event::Event::Peeked`].
    Peek(PeekWish),
    /// Put this text on the clipboard (OSC 52).
    Copy(String),
    /// Write the incident report into the state directory, then send [`super::event::Event::ReportSaved`].
    SaveReport {
        /// Name of the file.
        name: String,
        /// What stands in it.
        text: String,
    },
    /// Ring the terminal's bell.
    Bell,
    /// Give the terminal back and stop (Ctrl-Z).
    Suspend,
    /// Stop or start taking mouse events, so that the terminal's own selection works.
    CaptureMouse(bool),
}

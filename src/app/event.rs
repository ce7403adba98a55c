//! What comes in.

use std::sync::Arc;

use super::effect::Effect;
use super::key::{Key, Mouse};
use crate::act::ActionEvent;
use crate::domain::QueueId;
use crate::domain::snapshot::Board;
use crate::family::TaskSet;
use crate::peek::Peek;
use crate::worker::WorkerView;

/// Everything that can happen to the dashboard.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted (bracketed paste): it goes into a text field or nowhere, and never confirms.
    Paste(String),
    /// The mouse.
    Mouse(Mouse),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// New looks at nodes; latest wins.
    Board(Board),
    /// News of an action.
    Action(ActionEvent),
    /// The worker; latest wins.
    Worker(Arc<WorkerView>),
    /// Tasks of a queue were looked at, or why not (escaped).
    Peeked(QueueId, TaskSet, Result<Arc<Peek>, String>),
    /// The dialog with this ticket was drawn: from now on its keys count.
    DialogDrawn(u64),
    /// A sentence for the Messages screen, escaped.
    Note(String),
    /// The incident report is in this file (escaped).
    ReportSaved(String),
    /// A wish of an earlier update could not be handed on, for this reason (escaped): nothing was sent.
    Undelivered(Effect, String),
    /// Once a second: ages move on.
    Tick,
    /// Ask to quit (SIGTERM, SIGHUP): no questions.
    Terminate,
}

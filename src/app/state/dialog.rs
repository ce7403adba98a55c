//! Dialogs and the line being typed: what they carry from key to key.

use tui_input::Input;

use super::{AppState, RowId};
use crate::act::{Prepared, Request, Ticket};
use crate::app::batch::Stage;
use crate::app::transfer_form::TransferForm;
use crate::domain::queue::PushEnd;
use crate::domain::{LockId, QueueId};
use crate::family::TaskSet;

/// Which button of a dialog has the focus.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Button {
    /// Cancel, the default.
    #[default]
    Cancel,
    /// Confirm.
    Confirm,
}

/// State of a confirm dialog's plan.
#[derive(Clone, PartialEq, Debug)]
pub enum PlanState {
    /// The executor prepares it.
    Preparing,
    /// Ready to be confirmed.
    Ready(Box<Prepared>),
    /// Refused, with a sentence.
    Refused(String),
}

/// A confirm dialog: carries its whole target.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// Its number.
    pub ticket: Ticket,
    /// What was asked for.
    pub request: Request,
    /// The plan.
    pub plan: PlanState,
    /// Focus.
    pub button: Button,
    /// Keys count only after it was drawn with its plan.
    pub armed: bool,
    /// On production: the key's name must be typed.
    pub typed: Option<Input>,
}

/// Form of the enqueue dialog.
#[derive(Clone, Debug)]
pub struct EnqueueForm {
    /// Where to.
    pub queue: QueueId,
    /// Which end.
    pub push: PushEnd,
    /// The payload, editable.
    pub payload: Input,
    /// How many.
    pub count: Input,
    /// Field with the focus: 0 payload, 1 count.
    pub field: usize,
    /// What is wrong with the input, if anything.
    pub error: Option<String>,
}

/// Form of the expire dialog.
#[derive(Clone, Debug)]
pub struct ExpireForm {
    /// Which lock, as seen.
    pub lock: LockId,
    /// As seen.
    pub seen: crate::act::Seen,
    /// TTL in humantime.
    pub ttl: Input,
    /// What is wrong with the input.
    pub error: Option<String>,
}

/// One dialog on the stack.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// Help; scroll offset.
    Help(usize),
    /// Messages and command log; scroll offset from the newest.
    Messages(usize),
    /// Events; scroll offset from the newest.
    Events(usize),
    /// Details of a row; scroll offset.
    Detail(RowId, usize),
    /// Tasks of a queue, which of them, scroll offset.
    Peek(QueueId, TaskSet, usize),
    /// Confirm an action.
    Confirm(Box<Confirm>),
    /// The batch: its plan, its progress, its results.
    Batch,
    /// Enqueue a test task.
    Enqueue(Box<EnqueueForm>),
    /// Which tasks of a list go where.
    MoveTasks(Box<TransferForm>),
    /// Tasks are being moved or removed: how far, or how it ended.
    Transfer,
    /// Choose a TTL.
    Expire(Box<ExpireForm>),
    /// Start the worker: which queue; asks whether real tasks by exec are meant.
    StartWorker(QueueId, Button),
    /// Quit although something runs: what, and the focused button.
    Quit(String, Button),
}

/// A text line being typed at the bottom.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// `/`: filter of the focused panel, with the filter as it was before.
    Filter {
        /// What is typed.
        input: Input,
        /// What Esc goes back to.
        before: String,
    },
    /// `:`: a command.
    Command {
        /// What is typed.
        input: Input,
        /// Completions that fit.
        hints: Vec<&'static str>,
    },
}

/// What guards the dialog that starts the worker, beside its queue and button.
#[derive(Clone, Debug, Default)]
pub struct StartGate {
    /// Its number for [`crate::app::event::Event::DialogDrawn`].
    pub ticket: u64,
    /// Keys count only after it was drawn.
    pub armed: bool,
    /// Go on although elements look like some library's (toggled by `f`).
    pub force: bool,
    /// On production: the queue's key must be typed.
    pub typed: Option<Input>,
    /// Marked queues that go along.
    pub more: Vec<QueueId>,
}

impl AppState {
    /// The number to send as [`crate::app::event::Event::DialogDrawn`] right after a frame was drawn: set while a dialog
    /// on top can be confirmed and does not take keys yet.
    pub fn dialog_to_arm(&self) -> Option<u64> {
        match self.dialogs.last()? {
            Dialog::Confirm(c) if !c.armed && !matches!(c.plan, PlanState::Preparing) => Some(c.ticket.0),
            Dialog::StartWorker(..) if !self.start.armed => Some(self.start.ticket),
            Dialog::Batch => {
                let batch = self.batch.as_ref()?;
                (batch.stage == Stage::Ready && !batch.armed).then_some(batch.ticket.0)
            }
            _ => None,
        }
    }
}

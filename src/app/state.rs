//! The root state: everything a frame is drawn from.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tui_input::Input;

use super::command::Panel;
use crate::act::request::TaskPlace;
use crate::act::{Plan, Prepared, Request, Ticket};
use crate::config::Theme;
use crate::domain::queue::PushEnd;
use crate::domain::{FleetView, LockId, NodeId, QueueId, Rules, Stamp, Verdict};
use crate::worker::WorkerView;

/// Identity of any row: the selection follows it, never an index.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum RowId {
    /// A node.
    Node(NodeId),
    /// A lock.
    Lock(LockId),
    /// A queue.
    Queue(QueueId),
}

/// What the program was started with and the screen must show or obey.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name of the profile, if any.
    pub profile: Option<String>,
    /// Red frame; a confirm asks to type the key's name.
    pub production: bool,
    /// No writes.
    pub read_only: bool,
    /// Thresholds.
    pub rules: Rules,
    /// Colours.
    pub theme: Theme,
    /// ASCII only.
    pub ascii: bool,
    /// Bell on a new critical finding.
    pub bell: bool,
    /// Default push end, for queues that are not configured.
    pub push: PushEnd,
    /// Default concurrency of the worker.
    pub concurrency: usize,
    /// Configured `exec` of the worker.
    pub exec: Option<String>,
}

/// Sort column of a panel, as an index into the panel's columns, and its direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sort {
    /// Column number.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// State of a list panel.
#[derive(Clone, Debug, Default)]
pub struct ListState {
    /// Indices into the shown fleet's list, filtered and sorted. Rebuilt only when data, filter or sort changes.
    pub rows: Arc<Vec<u32>>,
    /// Selected row by identity.
    pub selected: Option<RowId>,
    /// Where the selected row stands in `rows`; the nearest row when it went away.
    pub cursor: usize,
    /// Marked rows.
    pub marks: HashSet<RowId>,
    /// Order.
    pub sort: Sort,
    /// Filter text in force.
    pub filter: String,
}

/// A line on the Messages screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// When.
    pub at: Stamp,
    /// True for what went wrong.
    pub is_error: bool,
    /// The text, escaped.
    pub text: String,
}

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
    /// Details of a row; scroll offset.
    Detail(RowId, usize),
    /// Confirm an action.
    Confirm(Box<Confirm>),
    /// Enqueue a test task.
    Enqueue(Box<EnqueueForm>),
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

/// Everything.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Settings.
    pub settings: Settings,
    /// Time of the last event.
    pub now: Stamp,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The fleet as last heard.
    pub fleet: Arc<FleetView>,
    /// The fleet as shown: the same, unless frozen.
    pub shown: Arc<FleetView>,
    /// Set while the display is frozen: since when.
    pub frozen: Option<Stamp>,
    /// Verdict over the shown fleet, renewed with each board and tick.
    pub verdict: Verdict,
    /// Time between looks.
    pub interval: Duration,
    /// Focused panel.
    pub focus: Panel,
    /// The focused panel fills the screen.
    pub zoom: bool,
    /// Nodes.
    pub nodes: ListState,
    /// Locks.
    pub locks: ListState,
    /// Queues.
    pub queues: ListState,
    /// The worker pane is shown.
    pub worker_open: bool,
    /// Scroll offset of the worker's log from the newest line.
    pub worker_scroll: usize,
    /// The worker, if one was started.
    pub worker: Option<Arc<WorkerView>>,
    /// Dialogs, topmost last.
    pub dialogs: Vec<Dialog>,
    /// The line being typed.
    pub prompt: Option<Prompt>,
    /// Newest last, bounded.
    pub messages: VecDeque<Message>,
    /// Shown in the footer for some seconds.
    pub toast: Option<Message>,
    /// Actions that run: plan by ticket (`None` until it is prepared).
    pub running: BTreeMap<Ticket, Option<Plan>>,
    /// Releases that can be undone, newest last.
    pub undoable: Vec<(Ticket, LockId)>,
    /// Followed test tasks: queue, task id, place; newest last, bounded.
    pub followed: VecDeque<(QueueId, String, TaskPlace)>,
    /// Next ticket.
    pub next_ticket: u64,
    /// Mouse events are taken.
    pub mouse: bool,
    /// A worker start or an action was refused because of this; shown in the worker pane.
    pub worker_note: Option<String>,
}

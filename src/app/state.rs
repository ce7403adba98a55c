//! The root state: everything a frame is drawn from.

mod dialog;
mod list;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::batch::Batch;
use super::columns;
use super::command::Panel;
use super::counts::Counts;
use super::critical::Critical;
use super::events::EventLog;
use super::hit::HitMap;
use super::series::QueueSeries;
use super::transfer::Moving;
use crate::act::request::TaskPlace;
use crate::act::{Plan, Ticket};
use crate::config::{QueueConfig, Theme};
use crate::domain::fleet::standing::Standings;
use crate::domain::queue::PushEnd;
use crate::domain::{FleetView, LockId, QueueId, Rules, Stamp, Verdict};
use crate::peek::Peek;
use crate::worker::WorkerView;
pub use dialog::{Button, Confirm, Dialog, EnqueueForm, ExpireForm, PlanState, Prompt, StartGate};
pub use list::{ListState, RowId, Sort};

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
    /// Events of this time back are in an incident report.
    pub report_span: Duration,
    /// Default push end, for queues that are not configured.
    pub push: PushEnd,
    /// Default concurrency of the worker.
    pub concurrency: usize,
    /// Configured `exec` of the worker.
    pub exec: Option<String>,
    /// Queues configured by name: some have an `exec` of their own.
    pub queues: Vec<QueueConfig>,
    /// Tasks that are safe to be sent as a test.
    pub canaries: Vec<crate::config::CanaryTask>,
    /// Globs of lock keys, as configured; the screen says what it watches.
    pub lock_patterns: Vec<String>,
    /// Globs of queue keys, as configured.
    pub queue_patterns: Vec<String>,
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

/// A canary on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedCanary {
    /// Of the action that sent it.
    pub ticket: Ticket,
    /// The queue.
    pub queue: QueueId,
    /// Its name.
    pub id: String,
    /// Where it is.
    pub stage: crate::act::canary::Stage,
    /// How long it took to get there.
    pub after: Duration,
    /// How long it took until somebody had it, once that was seen.
    pub picked_after: Option<Duration>,
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
    /// What each lock of the shown fleet comes to: what changed at once, the rest each second.
    pub standings: Standings,
    /// Verdict over the shown fleet, renewed with each board and tick.
    pub verdict: Verdict,
    /// What the header and titles count, renewed together with the verdict.
    pub counts: Counts,
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
    /// What the last peek saw, `None` until it answers; dropped when its dialog is closed.
    pub peek: Option<Result<Arc<Peek>, String>>,
    /// The line being typed.
    pub prompt: Option<Prompt>,
    /// Newest last, bounded.
    pub messages: VecDeque<Message>,
    /// What happened to the fleet, bounded; goes on while the display is frozen.
    pub events: EventLog,
    /// What the queues did over the session, bounded; goes on while the display is frozen.
    pub series: QueueSeries,
    /// Shown in the footer for some seconds.
    pub toast: Option<Message>,
    /// Actions that run: plan by ticket (`None` until it is prepared).
    pub running: BTreeMap<Ticket, Option<Plan>>,
    /// Releases that can be undone, newest last.
    pub undoable: Vec<(Ticket, LockId)>,
    /// Followed test tasks: queue, task id, place; newest last, bounded.
    pub followed: VecDeque<(QueueId, String, TaskPlace)>,
    /// Canaries, newest last, bounded.
    pub canaries: VecDeque<FollowedCanary>,
    /// Next ticket.
    pub next_ticket: u64,
    /// Mouse events are taken.
    pub mouse: bool,
    /// A worker start or an action was refused because of this; shown in the worker pane.
    pub worker_note: Option<String>,
    /// What is wrong with the text in the prompt, if anything.
    pub prompt_error: Option<String>,
    /// What was selected when the filter prompt opened: Esc goes back to it.
    pub before_filter: Option<RowId>,
    /// Commands typed on the `:` line, newest last, bounded.
    pub history: Vec<String>,
    /// Where Up and Down stand in `history`, counted from the newest; 0: not in it.
    pub history_at: usize,
    /// Where things stand on the screen: written by the event loop after each draw.
    pub hits: HitMap,
    /// The dialog that starts the worker.
    pub start: StartGate,
    /// The release of many locks, or its undo: the last one.
    pub batch: Option<Box<Batch>>,
    /// Tasks that are being moved or removed, as long as their dialog is open.
    pub transfer: Option<Box<Moving>>,
    /// The last batch of which something can be put back, and how many locks.
    pub undoable_batch: Option<(Ticket, usize)>,
    /// Undos that run: their own ticket, the release's ticket.
    pub undoing: BTreeMap<Ticket, Ticket>,
    /// Test tasks that are being enqueued: their queue and ids.
    pub enqueuing: BTreeMap<Ticket, (QueueId, Vec<String>)>,
    /// Critical findings of nodes and groups as last heard, for the bell; `None` before the first look.
    pub critical: Option<HashSet<Critical>>,
    /// Source of the ids of test tasks, random for each process.
    pub seed: u64,
}

impl AppState {
    /// An empty dashboard of this size. Nothing was heard yet.
    ///
    /// Ids of test tasks are made from `now`; [`AppState::with_seed`] makes them unpredictable.
    pub fn new(settings: Settings, interval: Duration, size: (u16, u16), now: Stamp) -> Self {
        let fleet = Arc::new(FleetView::default());
        let seed = now.wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        Self {
            settings,
            now,
            size,
            fleet: fleet.clone(),
            shown: fleet,
            frozen: None,
            standings: Standings::default(),
            verdict: Verdict { worst: None, reasons: Vec::new() },
            counts: Counts::default(),
            interval,
            focus: Panel::Locks,
            zoom: false,
            nodes: ListState { sort: columns::default_sort(Panel::Nodes), ..ListState::default() },
            locks: ListState { sort: columns::default_sort(Panel::Locks), ..ListState::default() },
            queues: ListState { sort: columns::default_sort(Panel::Queues), ..ListState::default() },
            worker_open: false,
            worker_scroll: 0,
            worker: None,
            dialogs: Vec::new(),
            peek: None,
            prompt: None,
            messages: VecDeque::new(),
            events: EventLog::default(),
            series: QueueSeries::default(),
            toast: None,
            running: BTreeMap::new(),
            undoable: Vec::new(),
            followed: VecDeque::new(),
            canaries: VecDeque::new(),
            next_ticket: 1,
            mouse: true,
            worker_note: None,
            prompt_error: None,
            before_filter: None,
            history: Vec::new(),
            history_at: 0,
            hits: HitMap::default(),
            start: StartGate::default(),
            batch: None,
            transfer: None,
            undoable_batch: None,
            undoing: BTreeMap::new(),
            enqueuing: BTreeMap::new(),
            critical: None,
            seed,
        }
    }

    /// With this source of ids: a random number of the process.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The moment the shown data is judged at: now, or when the display was frozen.
    pub fn view_time(&self) -> Stamp {
        self.frozen.unwrap_or(self.now)
    }

    /// The list of a panel; `None` for the worker pane.
    pub fn list(&self, panel: Panel) -> Option<&ListState> {
        match panel {
            Panel::Nodes => Some(&self.nodes),
            Panel::Locks => Some(&self.locks),
            Panel::Queues => Some(&self.queues),
            Panel::Worker => None,
        }
    }

    /// The list of a panel, to be changed.
    pub fn list_mut(&mut self, panel: Panel) -> Option<&mut ListState> {
        match panel {
            Panel::Nodes => Some(&mut self.nodes),
            Panel::Locks => Some(&mut self.locks),
            Panel::Queues => Some(&mut self.queues),
            Panel::Worker => None,
        }
    }
}

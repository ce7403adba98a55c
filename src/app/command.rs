//! Every user command once: name, keys, help, danger, where it applies.
//!
//! Keymap, footer, help, the `:` line and the flow tests read this one list.

use super::key::{Key, KeyCode};

/// A command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Command {
    /// Move down one row.
    Down,
    /// Move up one row.
    Up,
    /// First row.
    First,
    /// Last row.
    Last,
    /// Half a page down.
    HalfPageDown,
    /// Half a page up.
    HalfPageUp,
    /// Next panel.
    NextPanel,
    /// Previous panel.
    PreviousPanel,
    /// Nodes panel.
    GoNodes,
    /// Locks panel.
    GoLocks,
    /// Queues panel.
    GoQueues,
    /// Worker panel.
    GoWorker,
    /// Zoom the focused panel.
    Zoom,
    /// Details of the selected row.
    Open,
    /// Filter as you type.
    Filter,
    /// Next sort column.
    Sort,
    /// Flip the sort order.
    FlipSort,
    /// Mark the row.
    Mark,
    /// Mark all rows that are listed.
    MarkAll,
    /// Mark all locks of the selected one's holder.
    MarkHolder,
    /// Release all locks of the selected one's holder.
    ReleaseHolder,
    /// The last batch: its plan, its progress, its results.
    Batch,
    /// Freeze the display while data flows.
    Freeze,
    /// Help.
    Help,
    /// Command line.
    CommandLine,
    /// Look at all nodes now.
    Refresh,
    /// Look more often.
    Faster,
    /// Look less often.
    Slower,
    /// Copy the value.
    Copy,
    /// Copy as command.
    CopyCommand,
    /// Messages and command log.
    Messages,
    /// What happened to the fleet, and what we did.
    Events,
    /// Save an incident report.
    Report,
    /// Force-release the lock.
    Release,
    /// Give the lock a TTL.
    Expire,
    /// Undo the last release.
    Undo,
    /// Look at tasks of the queue without taking them.
    Peek,
    /// Enqueue a test task.
    Enqueue,
    /// Dead letters back into their queue.
    Requeue,
    /// Tasks of the queue into another list.
    MoveTasks,
    /// Tasks of the queue away.
    DropTasks,
    /// Open the worker pane; asks to start the worker on the selected queue if none runs.
    Worker,
    /// Worker pane: stop the worker, or start it again.
    StopWorker,
    /// Worker pane: take nothing for now, or go on.
    PauseWorker,
    /// Worker pane: one task more at once.
    MoreTasks,
    /// Worker pane: one task fewer at once.
    FewerTasks,
    /// Stop or start taking mouse events.
    ToggleMouse,
    /// Suspend (Ctrl-Z).
    Suspend,
    /// Back one level; never quits.
    Back,
    /// Quit.
    Quit,
}

/// A panel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Panel {
    /// Nodes.
    Nodes,
    /// Locks.
    Locks,
    /// Queues.
    Queues,
    /// Worker.
    Worker,
}

impl Panel {
    /// Its name as a plural noun.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Locks => "locks",
            Self::Queues => "queues",
            Self::Worker => "the worker pane",
        }
    }
}

/// How much harm a command can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Danger {
    /// Changes nothing on any server.
    None,
    /// Writes; refused in read-only mode; asks first.
    Writes,
}

/// All about one command.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The command.
    pub command: Command,
    /// Name on the `:` line, kebab-case.
    pub name: &'static str,
    /// Default keys; the first one is shown in the footer.
    pub keys: &'static [Key],
    /// Help in a few words.
    pub help: &'static str,
    /// Danger.
    pub danger: Danger,
    /// Panels it applies to; empty: everywhere. An entry for a panel goes before a global one with the same key.
    pub panels: &'static [Panel],
}

const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false, alt: false }
}

const fn c(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Key {
    Key { code: KeyCode::Char(c), ctrl: true, alt: false }
}

const fn entry(command: Command, name: &'static str, keys: &'static [Key], help: &'static str) -> Entry {
    Entry { command, name, keys, help, danger: Danger::None, panels: &[] }
}

const fn on(panels: &'static [Panel], entry: Entry) -> Entry {
    Entry { panels, ..entry }
}

const fn writes(entry: Entry) -> Entry {
    Entry { danger: Danger::Writes, ..entry }
}

const LISTS: &[Panel] = &[Panel::Nodes, Panel::Locks, Panel::Queues];

const WORKER: &[Panel] = &[Panel::Worker];

/// The registry, in the order of the help screen.
pub const COMMANDS: &[Entry] = &[
    on(&[Panel::Locks], writes(entry(Command::Release, "release", &[c('R')], "force-release the lock"))),
    on(&[Panel::Locks], writes(entry(Command::Expire, "expire", &[c('E')], "give the lock a TTL"))),
    on(
        &[Panel::Locks],
        writes(entry(
            Command::ReleaseHolder,
            "release-holder",
            &[c('X')],
            "release all locks of the same holder",
        )),
    ),
    writes(entry(Command::Undo, "undo", &[c('u')], "undo the last release")),
    on(&[Panel::Queues], writes(entry(Command::Enqueue, "enqueue", &[c('t')], "enqueue a test task"))),
    on(&[Panel::Queues], writes(entry(Command::Requeue, "requeue", &[c('M')], "move failed tasks back"))),
    on(
        &[Panel::Queues],
        writes(entry(Command::MoveTasks, "move", &[c('T')], "move tasks into another list")),
    ),
    on(&[Panel::Queues], writes(entry(Command::DropTasks, "drop", &[c('D')], "remove tasks for good"))),
    on(&[Panel::Queues], writes(entry(Command::Worker, "worker", &[c('w')], "worker on the queue"))),
    on(&[Panel::Queues], entry(Command::Peek, "peek", &[c('v')], "view tasks without taking them")),
    on(
        WORKER,
        writes(entry(Command::StopWorker, "stop-worker", &[c('w')], "stop the worker, or start it again")),
    ),
    on(WORKER, entry(Command::PauseWorker, "pause-worker", &[c(' ')], "pause the worker, or go on")),
    on(WORKER, entry(Command::MoreTasks, "more-tasks", &[c('+'), c('=')], "one task more at once")),
    on(WORKER, entry(Command::FewerTasks, "fewer-tasks", &[c('-')], "one task fewer at once")),
    on(LISTS, entry(Command::Open, "open", &[key(KeyCode::Enter), c('d')], "details")),
    on(LISTS, entry(Command::Filter, "filter", &[c('/')], "filter as you type")),
    on(LISTS, entry(Command::Sort, "sort", &[c('s')], "sort by the next column")),
    on(LISTS, entry(Command::FlipSort, "flip-sort", &[c('S')], "flip the order")),
    on(LISTS, entry(Command::Mark, "mark", &[c(' ')], "mark the row")),
    on(LISTS, entry(Command::MarkAll, "mark-all", &[c('a')], "mark all listed rows, or none")),
    on(
        &[Panel::Locks],
        entry(Command::MarkHolder, "mark-holder", &[c('A')], "mark all locks of the same holder"),
    ),
    on(LISTS, entry(Command::Copy, "copy", &[c('y'), c('c')], "copy the value")),
    on(LISTS, entry(Command::CopyCommand, "copy-command", &[c('Y')], "copy as a redis-cli command")),
    entry(Command::NextPanel, "next-panel", &[key(KeyCode::Tab), key(KeyCode::Right), c('l')], "next panel"),
    entry(
        Command::PreviousPanel,
        "previous-panel",
        &[key(KeyCode::BackTab), key(KeyCode::Left), c('h')],
        "previous panel",
    ),
    entry(Command::GoNodes, "nodes", &[c('1')], "nodes"),
    entry(Command::GoLocks, "locks", &[c('2')], "locks"),
    entry(Command::GoQueues, "queues", &[c('3')], "queues"),
    entry(Command::GoWorker, "worker-pane", &[c('4')], "worker pane"),
    entry(Command::Zoom, "zoom", &[c('z')], "zoom the panel"),
    entry(Command::Down, "down", &[c('j'), key(KeyCode::Down)], "down"),
    entry(Command::Up, "up", &[c('k'), key(KeyCode::Up)], "up"),
    entry(Command::First, "first", &[c('g'), key(KeyCode::Home)], "first row"),
    entry(Command::Last, "last", &[c('G'), key(KeyCode::End)], "last row"),
    entry(Command::HalfPageDown, "half-page-down", &[ctrl('d'), key(KeyCode::PageDown)], "half a page down"),
    entry(Command::HalfPageUp, "half-page-up", &[ctrl('u'), key(KeyCode::PageUp)], "half a page up"),
    entry(Command::Freeze, "freeze", &[c('p')], "freeze the display, data flows on"),
    entry(Command::Refresh, "refresh", &[c('r'), ctrl('r')], "look at all nodes now"),
    entry(Command::Faster, "faster", &[c('+'), c('=')], "look more often"),
    entry(Command::Slower, "slower", &[c('-')], "look less often"),
    entry(Command::Messages, "messages", &[c('@')], "messages and command log"),
    entry(Command::Events, "events", &[c('5')], "what happened to the fleet"),
    entry(Command::Report, "report", &[c('I')], "save an incident report"),
    entry(Command::Batch, "batch", &[c('B')], "the last batch and its results"),
    entry(Command::ToggleMouse, "toggle-mouse", &[c('m')], "mouse on or off"),
    entry(Command::CommandLine, "command-line", &[c(':')], "command line"),
    entry(Command::Help, "help", &[c('?'), key(KeyCode::F(1))], "help"),
    entry(Command::Suspend, "suspend", &[ctrl('z')], "suspend"),
    entry(Command::Back, "back", &[key(KeyCode::Esc)], "back"),
    entry(Command::Quit, "quit", &[c('q'), ctrl('c')], "quit"),
];

//! Carries out commands, from a key, the `:` line or the mouse alike.

use std::time::Duration;

use super::columns;
use super::command::{Command, Danger, Entry, Panel};
use super::effect::Effect;
use super::selection::{self, move_by};
use super::state::{AppState, Button, Dialog, RowId};
use super::{
    actions, batch, copy, forms, incident, marks, messages, pane, peek, prompt, rows, transfer_form, update,
};

/// Intervals between two looks that `+` and `-` step through, milliseconds.
pub const INTERVALS_MS: [u64; 8] = [250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// Why writes are refused, and what to do about it.
pub fn read_only_reason(state: &AppState) -> &'static str {
    if state.settings.production {
        "read-only: this profile is production; start with --write to act on it"
    } else {
        "read-only: started with --read-only; start without it to act"
    }
}

/// Carries out one command.
pub fn run(state: &mut AppState, entry: &Entry, out: &mut Vec<Effect>) {
    let panel = selection::panel(state);
    if !entry.panels.is_empty() && !entry.panels.contains(&panel) {
        let places = entry.panels.iter().map(|p| p.name()).collect::<Vec<_>>().join(" and ");
        return messages::fail(state, format!("{} works in {places} only", entry.name));
    }
    if entry.danger == Danger::Writes && state.settings.read_only {
        let reason = read_only_reason(state);
        state.worker_note = (entry.command == Command::Worker).then(|| reason.to_owned());
        return messages::fail(state, format!("{} refused, {reason}", entry.name));
    }
    let page = half_page(state, panel) as isize;
    match entry.command {
        Command::Down => step(state, panel, 1),
        Command::Up => step(state, panel, -1),
        Command::HalfPageDown => step(state, panel, page),
        Command::HalfPageUp => step(state, panel, -page),
        Command::First => step(state, panel, isize::MIN),
        Command::Last => step(state, panel, isize::MAX),
        Command::NextPanel => focus(state, neighbour(state, 1)),
        Command::PreviousPanel => focus(state, neighbour(state, -1)),
        Command::GoNodes => focus(state, Panel::Nodes),
        Command::GoLocks => focus(state, Panel::Locks),
        Command::GoQueues => focus(state, Panel::Queues),
        Command::GoWorker => focus(state, Panel::Worker),
        Command::Zoom => state.zoom = !state.zoom,
        Command::Open => open(state),
        Command::Filter => prompt::open_filter(state),
        Command::Sort => {
            let next = state.list(panel).map_or(0, |l| l.sort.column + 1);
            sort_by(state, panel, next);
        }
        Command::FlipSort => flip(state, panel),
        Command::Mark => marks::toggle(state, panel),
        Command::MarkAll => marks::all(state, panel),
        Command::MarkHolder => marks::same_holder(state),
        Command::ReleaseHolder => marks::release_holder(state, out),
        Command::Batch => batch::show(state),
        Command::Freeze => freeze(state),
        Command::Help => state.dialogs.push(Dialog::Help(0)),
        Command::Messages => state.dialogs.push(Dialog::Messages(0)),
        Command::Events => state.dialogs.push(Dialog::Events(0)),
        Command::Report => save_report(state, state.settings.report_span, out),
        Command::CommandLine => prompt::open_command(state),
        Command::Refresh => out.push(Effect::Refresh),
        Command::Faster => step_interval(state, true, out),
        Command::Slower => step_interval(state, false, out),
        Command::Copy => copy_value(state, out),
        Command::CopyCommand => copy_command(state, out),
        Command::Release => actions::release(state, out),
        Command::Expire => forms::open_expire(state),
        Command::Undo => actions::undo(state, out),
        Command::Peek => peek::open(state, out),
        Command::Enqueue => forms::test_task(state, out),
        Command::Requeue => actions::requeue(state, out),
        Command::MoveTasks => transfer_form::open(state, false),
        Command::DropTasks => transfer_form::open(state, true),
        Command::Worker => pane::open(state),
        Command::StopWorker => pane::stop_or_start(state, out),
        Command::PauseWorker => pane::pause_or_resume(state, out),
        Command::MoreTasks => pane::concurrency(state, 1, out),
        Command::FewerTasks => pane::concurrency(state, -1, out),
        Command::ToggleMouse => {
            state.mouse = !state.mouse;
            out.push(Effect::CaptureMouse(state.mouse));
            let text = if state.mouse {
                "mouse on"
            } else {
                "mouse off: the terminal's own selection works; m turns it on again"
            };
            messages::say(state, text);
        }
        Command::Suspend => out.push(Effect::Suspend),
        Command::Back => back(state),
        Command::Quit => quit(state, out),
    }
}

/// Wishes for a file with the incident report; where it went is said when it is there.
pub(super) fn save_report(state: &AppState, span: Duration, out: &mut Vec<Effect>) {
    let text = incident::markdown(state, span);
    out.push(Effect::SaveReport { name: incident::file_name(state.now), text });
}

/// Puts the incident report on the clipboard.
pub(super) fn copy_report(state: &mut AppState, out: &mut Vec<Effect>) {
    out.push(Effect::Copy(incident::markdown(state, state.settings.report_span)));
    messages::say(state, "copied the incident report; S saves it");
}

/// Moves the cursor; in the worker pane it scrolls the log, whose newest line is at the bottom.
pub(super) fn step(state: &mut AppState, panel: Panel, rows: isize) {
    if panel != Panel::Worker {
        return move_by(state, panel, rows);
    }
    let lines = state.worker.as_ref().map_or(0, |w| w.log.len());
    let to = if rows >= 0 {
        state.worker_scroll.saturating_sub(rows.unsigned_abs())
    } else {
        state.worker_scroll.saturating_add(rows.unsigned_abs())
    };
    state.worker_scroll = to.min(lines.saturating_sub(1));
}

fn half_page(state: &AppState, panel: Panel) -> usize {
    let visible = match state.hits.visible_rows(panel) {
        0 => usize::from(state.size.1 / 2),
        n => n,
    };
    (visible / 2).max(1)
}

/// Moves the focus; the worker pane opens when it gets it.
pub(super) fn focus(state: &mut AppState, panel: Panel) {
    if panel == Panel::Worker {
        state.worker_open = true;
    }
    state.focus = panel;
}

fn neighbour(state: &AppState, by: isize) -> Panel {
    let all = [Panel::Nodes, Panel::Locks, Panel::Queues, Panel::Worker];
    let len = if state.worker_open { 4 } else { 3 };
    let at = all.iter().position(|p| *p == state.focus).unwrap_or(0);
    let next = (at as isize + by).rem_euclid(len) as usize;
    all.get(next).copied().unwrap_or(Panel::Nodes)
}

/// Details of the row; again: back.
pub(super) fn open(state: &mut AppState) {
    if let Some(Dialog::Detail(..)) = state.dialogs.last() {
        state.dialogs.pop();
    } else if let Some(row) = selection::subject(state) {
        state.dialogs.push(Dialog::Detail(row, 0));
    }
}

/// Sorts by this column, the first one after the last one, in the direction the column starts with.
pub(super) fn sort_by(state: &mut AppState, panel: Panel, column: usize) {
    let names = columns::names(panel);
    let column = column % names.len().max(1);
    let Some((name, descending)) = names.get(column).copied() else { return };
    if let Some(list) = state.list_mut(panel) {
        list.sort = super::state::Sort { column, descending };
    }
    rows::rebuild(state, panel);
    messages::say(state, format!("{} sorted by {name}", panel.name()));
}

fn flip(state: &mut AppState, panel: Panel) {
    if let Some(list) = state.list_mut(panel) {
        list.sort.descending = !list.sort.descending;
    }
    rows::rebuild(state, panel);
}

fn freeze(state: &mut AppState) {
    if state.frozen.take().is_some() {
        update::show_fleet(state);
        messages::say(state, "display runs again");
    } else {
        state.frozen = Some(state.now);
        messages::say(state, "display frozen, data flows on: p lets it run again");
    }
}

fn step_interval(state: &mut AppState, faster: bool, out: &mut Vec<Effect>) {
    let now = state.interval;
    let mut steps = INTERVALS_MS.iter().map(|ms| Duration::from_millis(*ms));
    let next = if faster { steps.rfind(|i| *i < now) } else { steps.find(|i| *i > now) };
    match next {
        Some(interval) => set_interval(state, interval, out),
        None if faster => messages::say(state, "that is as often as it goes: every 250ms"),
        None => messages::say(state, "that is as rarely as it goes: every minute"),
    }
}

pub(super) fn set_interval(state: &mut AppState, interval: Duration, out: &mut Vec<Effect>) {
    state.interval = interval;
    out.push(Effect::SetInterval(interval));
    messages::say(state, format!("looking every {}", humantime::format_duration(interval)));
}

fn copy_value(state: &mut AppState, out: &mut Vec<Effect>) {
    match selection::subject(state).and_then(|row| copy::value(state, &row)) {
        Some((text, what)) => {
            out.push(Effect::Copy(text));
            messages::say(state, format!("copied the {what}"));
        }
        None => messages::fail(state, "nothing to copy: that row is gone"),
    }
}

fn copy_command(state: &mut AppState, out: &mut Vec<Effect>) {
    match selection::subject(state).and_then(|row| copy::command(state, &row)) {
        Some(text) => {
            out.push(Effect::Copy(text));
            messages::say(state, "copied as a redis-cli command, without user and password");
        }
        None => messages::fail(state, "nothing to copy: that row is gone"),
    }
}

/// One level back. Never quits.
fn back(state: &mut AppState) {
    let had_toast = state.toast.take().is_some();
    let panel = state.focus;
    let list = state.list(panel);
    let marked = list.is_some_and(|l| !l.marks.is_empty());
    let filtered = list.is_some_and(|l| !l.filter.is_empty());
    if marked {
        if let Some(list) = state.list_mut(panel) {
            list.marks.clear();
        }
    } else if filtered {
        prompt::set_filter(state, panel, String::new());
    } else if panel == Panel::Worker || (state.worker_open && !state.zoom) {
        // The worker itself goes on.
        state.worker_open = false;
        if panel == Panel::Worker {
            state.focus = Panel::Queues;
            state.zoom = false;
        }
    } else if state.zoom {
        state.zoom = false;
    } else if state.frozen.is_some() {
        freeze(state);
    } else if !had_toast {
        messages::say(state, "nothing to go back from: q quits");
    }
}

/// What runs and would be cut short, in words.
pub fn running(state: &AppState) -> Option<String> {
    let worker =
        state.worker.as_ref().filter(|w| pane::is_alive(w)).map(|w| format!("the worker on {}", w.subject()));
    let actions = match state.running.len() {
        0 => None,
        1 => Some("one action".to_owned()),
        n => Some(format!("{n} actions")),
    };
    match (actions, worker) {
        (Some(a), Some(w)) => Some(format!("{a} and {w}")),
        (a, w) => a.or(w),
    }
}

pub(super) fn quit(state: &mut AppState, out: &mut Vec<Effect>) {
    match running(state) {
        Some(what) => state.dialogs.push(Dialog::Quit(what, Button::Cancel)),
        None => out.push(Effect::Quit),
    }
}

/// Ctrl-C: quits from everywhere; asks once when something runs.
pub(super) fn interrupt(state: &mut AppState, out: &mut Vec<Effect>) {
    if state.dialogs.iter().any(|d| matches!(d, Dialog::Quit(..))) {
        out.push(Effect::Quit);
    } else {
        quit(state, out);
    }
}

/// The lock that a command is about, if the row is one.
pub(super) fn lock_subject(state: &AppState) -> Option<crate::domain::LockId> {
    match selection::subject(state)? {
        RowId::Lock(id) => Some(id),
        _ => None,
    }
}

/// The queue that a command is about, if the row is one.
pub(super) fn queue_subject(state: &AppState) -> Option<crate::domain::QueueId> {
    match selection::subject(state)? {
        RowId::Queue(id) => Some(id),
        _ => None,
    }
}

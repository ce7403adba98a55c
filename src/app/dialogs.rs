//! Keys of the topmost dialog.

use super::command::{COMMANDS, Command};
use super::confirm::other;
use super::effect::Effect;
use super::key::{Key, KeyCode};
use super::state::{AppState, Button, Dialog};
use super::{batch_keys, confirm, forms, keymap, pane, peek, run, selection, transfer, transfer_form};

/// Furthest scroll offset of a row's details, lines; drawing stops at the last line.
const MAX_DETAIL: usize = 500;

/// Gives the key to the topmost dialog. Nothing below sees it.
pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    match state.dialogs.last() {
        Some(Dialog::Help(_) | Dialog::Messages(_)) => on_reader_key(state, key),
        Some(Dialog::Events(_)) => on_events_key(state, key, out),
        Some(Dialog::Detail(..)) => on_detail_key(state, key, out),
        Some(Dialog::Peek(..)) => peek::on_key(state, key, out),
        Some(Dialog::Confirm(_)) => confirm::on_key(state, key, out),
        Some(Dialog::Batch) => batch_keys::on_key(state, key, out),
        Some(Dialog::Enqueue(_)) => forms::on_enqueue_key(state, key, out),
        Some(Dialog::Expire(_)) => forms::on_expire_key(state, key, out),
        Some(Dialog::MoveTasks(_)) => transfer_form::on_key(state, key, out),
        Some(Dialog::Transfer) => transfer::on_key(state, key, out),
        Some(Dialog::StartWorker(..)) => pane::on_start_key(state, key, out),
        Some(Dialog::Quit(..)) => on_quit_key(state, key, out),
        None => {}
    }
}

/// A click on a button of the topmost dialog.
pub(super) fn on_button(state: &mut AppState, button: Button, out: &mut Vec<Effect>) {
    match (state.dialogs.last(), button) {
        (Some(Dialog::Confirm(_)), _) => confirm::on_button(state, button, out),
        (Some(Dialog::Transfer), _) => transfer::stop_or_close(state, out),
        (Some(Dialog::Batch), _) => batch_keys::on_button(state, button, out),
        (Some(Dialog::StartWorker(..)), _) => pane::on_start_button(state, button, out),
        (Some(Dialog::Quit(..)), Button::Confirm) => out.push(Effect::Quit),
        (Some(_), Button::Cancel) => {
            state.dialogs.pop();
        }
        _ => {}
    }
}

/// Events: scroll, close, and the incident report.
fn on_events_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    if key == Key::char('S') {
        run::save_report(state, state.settings.report_span, out);
    } else if key == Key::char('y') {
        run::copy_report(state, out);
    } else {
        on_reader_key(state, key);
    }
}

/// Help, Messages and Events: scroll and close.
fn on_reader_key(state: &mut AppState, key: Key) {
    let same = match state.dialogs.last() {
        Some(Dialog::Help(_)) => Command::Help,
        Some(Dialog::Events(_)) => Command::Events,
        _ => Command::Messages,
    };
    let again = keymap::entry_of(same).is_some_and(|e| e.keys.contains(&key));
    if again || is_close(key) {
        state.dialogs.pop();
    } else {
        scroll_key(state, key);
    }
}

/// Details: scroll, close, and the commands about this row.
fn on_detail_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    if is_close(key) || key == Key::char('d') {
        state.dialogs.pop();
    } else if !scroll_key(state, key)
        && let Some(entry) = keymap::lookup(key, selection::panel(state))
        && matches!(
            entry.command,
            Command::Release
                | Command::ReleaseHolder
                | Command::Batch
                | Command::Expire
                | Command::Undo
                | Command::Peek
                | Command::Enqueue
                | Command::Requeue
                | Command::MoveTasks
                | Command::DropTasks
                | Command::Worker
                | Command::Copy
                | Command::CopyCommand
                | Command::Help
                | Command::Messages
                | Command::Events
                | Command::Refresh
        )
    {
        run::run(state, entry, out);
    }
}

pub(super) fn is_close(key: Key) -> bool {
    matches!(key.code, KeyCode::Esc | KeyCode::Enter) || key == Key::char('q')
}

pub(super) fn scroll_key(state: &mut AppState, key: Key) -> bool {
    let lines = match keymap::lookup(key, super::command::Panel::Nodes).map(|e| e.command) {
        Some(Command::Down) => 1,
        Some(Command::Up) => -1,
        Some(Command::HalfPageDown) => isize::from(i16::try_from(state.size.1 / 2).unwrap_or(1)),
        Some(Command::HalfPageUp) => -isize::from(i16::try_from(state.size.1 / 2).unwrap_or(1)),
        Some(Command::First) => isize::MIN,
        Some(Command::Last) => isize::MAX,
        _ => return false,
    };
    scroll(state, lines);
    true
}

/// Scrolls the topmost dialog down by so many lines.
pub(super) fn scroll(state: &mut AppState, lines: isize) {
    let (messages, events) = (state.messages.len(), state.events.len());
    let moved = |offset: usize, by: isize, max: usize| {
        let to = if by >= 0 {
            offset.saturating_add(by as usize)
        } else {
            offset.saturating_sub(by.unsigned_abs())
        };
        to.min(max)
    };
    match state.dialogs.last_mut() {
        Some(Dialog::Help(offset)) => *offset = moved(*offset, lines, COMMANDS.len()),
        Some(Dialog::Detail(_, offset)) => *offset = moved(*offset, lines, MAX_DETAIL),
        Some(Dialog::Peek(_, _, offset)) => *offset = moved(*offset, lines, peek::MOST_LINES),
        Some(Dialog::Batch) => {
            if let Some(batch) = &mut state.batch {
                batch.offset = moved(batch.offset, lines, batch_keys::MOST_LINES);
            }
        }
        // Its offset counts from the newest line, at the bottom.
        Some(Dialog::Messages(offset)) => {
            let up = lines.checked_neg().unwrap_or(isize::MAX);
            *offset = moved(*offset, up, messages.saturating_sub(1));
        }
        Some(Dialog::Events(offset)) => {
            let up = lines.checked_neg().unwrap_or(isize::MAX);
            *offset = moved(*offset, up, events.saturating_sub(1));
        }
        _ => {}
    }
}

fn on_quit_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Dialog::Quit(_, button)) = state.dialogs.last_mut() else { return };
    match key.code {
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => *button = other(*button),
        KeyCode::Enter if *button == Button::Confirm => out.push(Effect::Quit),
        KeyCode::Char('y') if !key.ctrl && !key.alt => out.push(Effect::Quit),
        KeyCode::Enter | KeyCode::Esc | KeyCode::Char('n' | 'q') => {
            state.dialogs.pop();
        }
        _ => {}
    }
}

//! Keys of the dialog of a batch: it scrolls, and nothing confirms before it was drawn with its plan.

use super::batch::{self, Stage};
use super::confirm::other;
use super::dialogs::scroll_key;
use super::effect::Effect;
use super::key::{Key, KeyCode};
use super::messages::say;
use super::state::{AppState, Button};
use super::text;

/// Furthest scroll offset, lines; drawing stops at the last line.
pub(super) const MOST_LINES: usize = 20_000;

pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(batch) = state.batch.as_deref() else {
        state.dialogs.pop();
        return;
    };
    let plain = !key.ctrl && !key.alt;
    match &batch.stage {
        _ if key.code == KeyCode::Esc => batch::close(state, out),
        Stage::Ready => on_ready_key(state, key, out),
        Stage::Preparing(_) => {
            if matches!(key.code, KeyCode::Char('q' | 'n')) && plain {
                batch::close(state, out);
            }
        }
        Stage::Running | Stage::Ended | Stage::Refused(_) => match key.code {
            KeyCode::Enter => batch::close(state, out),
            KeyCode::Char('q' | 'B') if plain => batch::close(state, out),
            KeyCode::Char('u') if plain => super::actions::undo(state, out),
            _ => {
                scroll_key(state, key);
            }
        },
    }
}

fn on_ready_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    if key.code != KeyCode::Enter && scroll_key(state, key) {
        return;
    }
    let Some(batch) = state.batch.as_deref_mut() else { return };
    if !batch.armed {
        return;
    }
    let plain = !key.ctrl && !key.alt;
    if key.code == KeyCode::Char('w') && plain && !batch.plan.soon_free().0.is_empty() {
        batch.wait_instead = !batch.wait_instead;
        batch.choose();
        // What is confirmed is another list now: it must have been drawn.
        batch.armed = false;
        sync_button(state);
        return;
    }
    let can_confirm = batch.can_confirm();
    let right = batch.is_typed();
    if can_confirm && let Some(typed) = &mut batch.typed {
        match key.code {
            KeyCode::Enter if batch.button == Button::Confirm && right => batch::confirm(state, out),
            KeyCode::Enter if typed.value().is_empty() || right => batch::close(state, out),
            KeyCode::Enter => say(state, "that is not the number of locks: nothing was done"),
            KeyCode::Tab | KeyCode::BackTab => batch.button = other(batch.button),
            KeyCode::Char('q' | 'n') if plain => batch::close(state, out),
            KeyCode::Char(c) if plain && !c.is_ascii_digit() => {}
            _ => {
                text::edit(typed, key);
                sync_button(state);
            }
        }
        return;
    }
    match key.code {
        KeyCode::Enter if batch.button == Button::Confirm && can_confirm => batch::confirm(state, out),
        KeyCode::Char('y') if plain && can_confirm => batch::confirm(state, out),
        KeyCode::Enter => batch::close(state, out),
        KeyCode::Char('n' | 'q') if plain => batch::close(state, out),
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right if can_confirm => {
            batch.button = other(batch.button);
        }
        _ => {}
    }
}

/// A click on a button.
pub(super) fn on_button(state: &mut AppState, button: Button, out: &mut Vec<Effect>) {
    match (button, state.batch.as_deref()) {
        (Button::Confirm, Some(batch)) if batch.armed && batch.can_confirm() && batch.is_typed() => {
            batch::confirm(state, out);
        }
        (Button::Confirm, _) => {}
        (Button::Cancel, _) => batch::close(state, out),
    }
}

/// On production the focus follows what is typed: on Confirm only while the number is right.
pub(super) fn sync_button(state: &mut AppState) {
    if let Some(batch) = state.batch.as_deref_mut()
        && batch.typed.is_some()
    {
        batch.button = if batch.is_typed() { Button::Confirm } else { Button::Cancel };
    }
}

//! Clicks and the wheel, by what the last frame drew where.

use super::effect::Effect;
use super::hit::Target;
use super::key::{Mouse, MouseKind};
use super::state::AppState;
use super::{dialogs, keymap, run, selection};

/// Rows that one notch of the wheel moves.
const WHEEL: isize = 3;

pub(super) fn on_mouse(state: &mut AppState, mouse: Mouse, out: &mut Vec<Effect>) {
    let target = state.hits.at(mouse.column, mouse.row);
    match mouse.kind {
        MouseKind::Click => on_click(state, target, out),
        MouseKind::WheelDown => on_wheel(state, target, WHEEL),
        MouseKind::WheelUp => on_wheel(state, target, -WHEEL),
    }
}

fn on_click(state: &mut AppState, target: Option<Target>, out: &mut Vec<Effect>) {
    if !state.dialogs.is_empty() {
        // A dialog covers everything but its own buttons and the footer made for it.
        match target {
            Some(Target::Button(button)) => dialogs::on_button(state, button, out),
            Some(Target::FooterCommand(command))
                if matches!(state.dialogs.last(), Some(super::state::Dialog::Detail(..))) =>
            {
                if let Some(entry) = keymap::entry_of(command) {
                    run::run(state, entry, out);
                }
            }
            _ => {}
        }
        return;
    }
    match target {
        Some(Target::Panel(panel)) => {
            super::prompt::leave(state);
            run::focus(state, panel);
        }
        Some(Target::Row(panel, position)) => {
            super::prompt::leave(state);
            let clicked = selection::id_at(state, panel, position);
            let again = state.focus == panel
                && clicked.is_some()
                && state.list(panel).is_some_and(|l| l.selected == clicked);
            run::focus(state, panel);
            if again {
                run::open(state);
            } else if clicked.is_some() {
                selection::select(state, panel, position);
            }
        }
        Some(Target::FooterCommand(command)) if state.prompt.is_none() => {
            if let Some(entry) = keymap::entry_of(command) {
                run::run(state, entry, out);
            }
        }
        _ => {}
    }
}

fn on_wheel(state: &mut AppState, target: Option<Target>, lines: isize) {
    if !state.dialogs.is_empty() {
        return dialogs::scroll(state, lines);
    }
    let panel = match target {
        Some(Target::Panel(panel) | Target::Row(panel, _)) => panel,
        _ => state.focus,
    };
    run::step(state, panel, lines);
}

//! The confirm dialog: Cancel is the default, and no key counts before it was drawn with its plan.

use tui_input::Input;

use super::actions::ticket;
use super::effect::Effect;
use super::key::{Key, KeyCode};
use super::messages::say;
use super::state::{AppState, Button, Confirm, Dialog, PlanState};
use super::{choose, task, text, transfer};
use crate::act::request::ActionCommand;
use crate::act::transfer::Transfer;
use crate::act::{Prepared, Request};
use crate::domain::Bytes;

/// Opens the dialog and lets the executor prepare the plan.
pub(super) fn open(state: &mut AppState, request: Request, out: &mut Vec<Effect>) {
    let ticket = ticket(state);
    let typed = state.settings.production.then(Input::default);
    state.dialogs.push(Dialog::Confirm(Box::new(Confirm {
        ticket,
        request: request.clone(),
        plan: PlanState::Preparing,
        button: Button::Cancel,
        armed: false,
        typed,
    })));
    out.push(Effect::Action(ActionCommand::Prepare(ticket, request)));
}

/// Key of what the request is about.
pub fn subject(request: &Request) -> Option<&Bytes> {
    match request {
        Request::Release { lock, .. } | Request::Expire { lock, .. } => Some(&lock.key),
        Request::Enqueue { queue, .. }
        | Request::Canary { queue, .. }
        | Request::Transfer(Transfer { queue, .. }) => Some(&queue.key),
        Request::Undo { .. } => None,
    }
}

/// The plan, if it may be confirmed at all.
fn ready(dialog: &Confirm) -> Option<&Prepared> {
    match &dialog.plan {
        PlanState::Ready(prepared) if prepared.needs_force.is_none() => Some(prepared),
        _ => None,
    }
}

/// On production: the key's name as shown was typed exactly.
fn is_typed(dialog: &Confirm) -> bool {
    match (&dialog.typed, subject(&dialog.request)) {
        (Some(typed), Some(key)) => typed.value() == key.escaped(),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Dialog::Confirm(dialog)) = state.dialogs.last_mut() else { return };
    if key.code == KeyCode::Esc {
        return cancel(state, out);
    }
    let preparing = matches!(dialog.plan, PlanState::Preparing);
    if choose::on_key(state, key, out) {
        return;
    }
    let Some(Dialog::Confirm(dialog)) = state.dialogs.last_mut() else { return };
    if preparing && matches!(key.code, KeyCode::Char('q' | 'n')) {
        return cancel(state, out);
    }
    if !dialog.armed {
        return;
    }
    let plain = !key.ctrl && !key.alt;
    let can_confirm = ready(dialog).is_some();
    let right = is_typed(dialog);
    if can_confirm && let Some(typed) = &mut dialog.typed {
        match key.code {
            KeyCode::Enter if dialog.button == Button::Confirm && right => confirm(state, out),
            KeyCode::Enter if typed.value().is_empty() || right => cancel(state, out),
            KeyCode::Enter => say(state, "that is not the key's name as shown: nothing was done"),
            KeyCode::Tab | KeyCode::BackTab => dialog.button = other(dialog.button),
            _ => {
                text::edit(typed, key);
                sync_button(state);
            }
        }
        return;
    }
    match key.code {
        KeyCode::Enter if dialog.button == Button::Confirm && can_confirm => confirm(state, out),
        KeyCode::Enter => cancel(state, out),
        KeyCode::Char('y') if plain && can_confirm => confirm(state, out),
        KeyCode::Char('n' | 'q') if plain => cancel(state, out),
        KeyCode::Char('f') if plain => force(state, out),
        KeyCode::Char('t') if plain => super::forms::test_queue_instead(state),
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right if can_confirm => {
            dialog.button = other(dialog.button);
        }
        _ => {}
    }
}

/// A click on a button of the topmost dialog.
pub(super) fn on_button(state: &mut AppState, button: Button, out: &mut Vec<Effect>) {
    let Some(Dialog::Confirm(dialog)) = state.dialogs.last_mut() else { return };
    match button {
        Button::Cancel => cancel(state, out),
        Button::Confirm if dialog.armed && ready(dialog).is_some() && is_typed(dialog) => confirm(state, out),
        Button::Confirm => {}
    }
}

pub(super) fn other(button: Button) -> Button {
    match button {
        Button::Cancel => Button::Confirm,
        Button::Confirm => Button::Cancel,
    }
}

/// On production the focus follows what is typed: on Confirm only while the name is right.
pub(super) fn sync_button(state: &mut AppState) {
    if let Some(Dialog::Confirm(dialog)) = state.dialogs.last_mut()
        && dialog.typed.is_some()
    {
        dialog.button = if is_typed(dialog) { Button::Confirm } else { Button::Cancel };
    }
}

fn cancel(state: &mut AppState, out: &mut Vec<Effect>) {
    if let Some(Dialog::Confirm(dialog)) = state.dialogs.pop()
        && !matches!(dialog.plan, PlanState::Refused(_))
    {
        out.push(Effect::Action(ActionCommand::Abandon(dialog.ticket)));
    }
}

fn confirm(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(Dialog::Confirm(dialog)) = state.dialogs.pop() else { return };
    let PlanState::Ready(prepared) = dialog.plan else { return };
    // The form that led here is done with.
    if let Some(Dialog::Enqueue(_) | Dialog::Expire(_) | Dialog::MoveTasks(_)) = state.dialogs.last() {
        state.dialogs.pop();
    }
    if let Request::Enqueue { queue, payloads, .. } = &dialog.request {
        let ids = payloads.iter().filter_map(|p| task::id_of(p.as_slice())).collect();
        state.enqueuing.insert(dialog.ticket, (queue.clone(), ids));
    }
    say(
        state,
        format!("{} of {} on {} ...", prepared.plan.intent, prepared.plan.subject, prepared.plan.target.node),
    );
    if let Request::Transfer(wish) = &dialog.request {
        transfer::opened(state, dialog.ticket, wish.clone(), prepared.plan.subject.clone());
    }
    state.running.insert(dialog.ticket, Some(prepared.plan));
    out.push(Effect::Action(ActionCommand::Execute(dialog.ticket)));
}

/// Asks for something else in place of the topmost dialog: a new plan, a new ticket, to be read and confirmed again.
pub(super) fn reopen(state: &mut AppState, request: Request, out: &mut Vec<Effect>) {
    if let Some(Dialog::Confirm(dialog)) = state.dialogs.pop()
        && !matches!(dialog.plan, PlanState::Refused(_))
    {
        out.push(Effect::Action(ActionCommand::Abandon(dialog.ticket)));
    }
    open(state, request, out);
}

/// Asks again for the same with force.
fn force(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(Dialog::Confirm(dialog)) = state.dialogs.last() else { return };
    let PlanState::Ready(prepared) = &dialog.plan else { return };
    let Request::Enqueue { queue, payloads, push, library, .. } = &dialog.request else { return };
    if prepared.needs_force.is_none() {
        return;
    }
    let request = Request::Enqueue {
        queue: queue.clone(),
        payloads: payloads.clone(),
        push: *push,
        library: *library,
        force: true,
    };
    reopen(state, request, out);
}

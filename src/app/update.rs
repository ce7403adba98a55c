//! The only mutator of the state: one event in, wishes out. Synchronous; time is passed in.

use std::sync::Arc;

use super::batch::Stage;
use super::counts::Counts;
use super::critical;
use super::effect::Effect;
use super::event::Event;
use super::key::{Key, KeyCode};
use super::state::{AppState, Dialog, PlanState};
use super::{
    actions, batch, batch_keys, confirm, dialogs, keymap, messages, mouse, pane, peek, prompt, rows, run,
    selection, transfer,
};
use crate::act::request::ActionCommand;
use crate::act::{ActionEvent, NotDone, Outcome};
use crate::domain::Stamp;
use crate::domain::snapshot::Board;
use crate::worker::WorkerCommand;

/// Takes in one event at this moment and says what must be done. Synchronous: no I/O, no clock reads.
pub fn update(state: &mut AppState, event: Event, now: Stamp) -> Vec<Effect> {
    state.now = now;
    let mut out = Vec::new();
    messages::expire_toast(state);
    match event {
        Event::Key(key) => on_key(state, key, &mut out),
        Event::Paste(text) => on_paste(state, &text),
        Event::Mouse(event) => mouse::on_mouse(state, event, &mut out),
        Event::Resize(columns, rows) => {
            state.size = (columns, rows);
            disarm(state);
        }
        Event::Board(board) => on_board(state, &board, &mut out),
        Event::Action(event) => actions::on_event(state, event, &mut out),
        Event::Worker(view) => pane::on_view(state, view),
        Event::Peeked(queue, set, seen) => peek::on_seen(state, &queue, set, seen),
        Event::DialogDrawn(ticket) => arm(state, ticket),
        Event::Note(text) => messages::note(state, text),
        Event::ReportSaved(path) => messages::say(state, format!("the incident report is in {path}")),
        Event::Undelivered(effect, why) => on_undelivered(state, &effect, &why, &mut out),
        Event::Tick => on_tick(state),
        Event::Terminate => out.push(Effect::Quit),
    }
    out
}

/// The topmost dialog first, then the prompt, then the keymap.
fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    if key == Key::ctrl('c') {
        return run::interrupt(state, out);
    }
    if key == Key::ctrl('z') {
        return out.push(Effect::Suspend);
    }
    if !state.dialogs.is_empty() {
        return dialogs::on_key(state, key, out);
    }
    if state.prompt.is_some() {
        return prompt::on_key(state, key, out);
    }
    if let Some(entry) = keymap::lookup(key, state.focus) {
        run::run(state, entry, out);
    } else if let KeyCode::Char(c) = key.code
        && !c.is_control()
    {
        let shown = crate::domain::bytes::escape_text(&key.to_string());
        messages::say(state, format!("{shown} does nothing here: ? shows the keys"));
    }
}

/// Pasted text goes into a text field or nowhere: it never moves, acts or confirms.
fn on_paste(state: &mut AppState, text: &str) {
    match state.dialogs.last_mut() {
        Some(Dialog::Enqueue(form)) => {
            form.error = None;
            let field = if form.field == 0 { &mut form.payload } else { &mut form.count };
            super::text::paste(field, text);
        }
        Some(Dialog::Expire(form)) => {
            form.error = None;
            super::text::paste(&mut form.ttl, text);
        }
        Some(Dialog::MoveTasks(form)) => {
            form.error = None;
            super::text::paste(form.focused(), text);
        }
        Some(_) => {}
        None => prompt::on_paste(state, text),
    }
}

fn on_board(state: &mut AppState, board: &Board, out: &mut Vec<Effect>) {
    let next = Arc::new(state.fleet.next(board));
    let before = std::mem::replace(&mut state.fleet, next);
    state.series.observe(&state.fleet);
    state.events.observe(&state.fleet, &state.settings.rules, state.now);
    if state.settings.bell && critical::is_news(state, &before) {
        out.push(Effect::Bell);
    }
    if state.frozen.is_none() {
        show_fleet(state);
    }
}

/// Shows the fleet as last heard.
pub(super) fn show_fleet(state: &mut AppState) {
    let before = std::mem::replace(&mut state.shown, state.fleet.clone());
    rows::follow(state, &before);
    selection::prune_marks(state, &before);
    judge(state);
}

fn judge(state: &mut AppState) {
    let now = state.view_time().mono;
    let rules = &state.settings.rules;
    state.verdict = state.shown.verdict_of(&state.standings, rules, now);
    state.counts = Counts::of(&state.shown, &state.standings, rules, now);
}

fn on_tick(state: &mut AppState) {
    if state.frozen.is_none() {
        rows::follow_time(state);
        judge(state);
    }
}

/// What was wished for did not happen: nothing may wait for its answer.
fn on_undelivered(state: &mut AppState, effect: &Effect, why: &str, out: &mut Vec<Effect>) {
    match effect {
        Effect::Action(ActionCommand::Prepare(ticket, _)) => {
            actions::on_event(state, ActionEvent::Prepared(*ticket, Box::new(Err(why.to_owned()))), out);
        }
        Effect::Action(ActionCommand::Execute(ticket)) => {
            if state.transfer.as_ref().is_some_and(|moving| moving.ticket == *ticket) {
                transfer::on_undelivered(state, *ticket, why, out);
            } else if let Some(Some(plan)) = state.running.get(ticket).cloned() {
                let outcome = Outcome::NotDone(NotDone::NotSent(why.to_owned()));
                actions::on_event(state, ActionEvent::Outcome(*ticket, Box::new(plan), outcome), out);
            }
        }
        // It goes on, and can be told again.
        Effect::Action(ActionCommand::Stop(_)) => {
            if let Some(moving) = &mut state.transfer {
                moving.stopping = false;
            }
            messages::fail(state, why);
        }
        Effect::Action(ActionCommand::PrepareBatch(ticket, _) | ActionCommand::ExecuteBatch(ticket, _)) => {
            batch::on_undelivered(state, *ticket, None, why);
        }
        Effect::Action(ActionCommand::UndoBatch(ticket, of)) => {
            batch::on_undelivered(state, *ticket, Some(*of), why);
        }
        Effect::Worker(WorkerCommand::Start { .. }) => pane::not_started(state, why),
        Effect::Peek(wish) => peek::on_seen(state, &wish.queue, wish.set, Err(why.to_owned())),
        _ => messages::fail(state, why),
    }
}

/// What was drawn at another size, or before the terminal was away, is not what stands there now: every dialog
/// waits for its next frame.
fn disarm(state: &mut AppState) {
    state.start.armed = false;
    if let Some(batch) = &mut state.batch {
        batch.armed = false;
    }
    for dialog in &mut state.dialogs {
        if let Dialog::Confirm(c) = dialog {
            c.armed = false;
        }
    }
}

/// A dialog counts keys only after it was drawn with all that there is to be read.
fn arm(state: &mut AppState, ticket: u64) {
    match state.dialogs.last_mut() {
        Some(Dialog::Confirm(c)) if c.ticket.0 == ticket && c.plan != PlanState::Preparing => c.armed = true,
        Some(Dialog::StartWorker(..)) if state.start.ticket == ticket => state.start.armed = true,
        Some(Dialog::Batch) => {
            if let Some(batch) = state.batch.as_mut().filter(|b| b.ticket.0 == ticket) {
                batch.armed = batch.stage == Stage::Ready;
            }
            batch_keys::sync_button(state);
        }
        _ => {}
    }
    confirm::sync_button(state);
}

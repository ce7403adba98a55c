//! Tasks that are moved or removed: what the screen knows of it while it runs, and how it ended.

use super::effect::Effect;
use super::key::{Key, KeyCode};
use super::messages::{fail, say};
use super::state::{AppState, Dialog};
use crate::act::request::ActionCommand;
use crate::act::transfer::{DrainEnd, Drained, Transfer, TransferEvent, TransferTo};
use crate::act::{Outcome, Ticket};
use crate::domain::{Bytes, Severity};

/// The transfer of the dialog: there is one at a time.
#[derive(Clone, PartialEq, Debug)]
pub struct Moving {
    /// Its number.
    pub ticket: Ticket,
    /// What was asked for.
    pub wish: Transfer,
    /// The key that tasks are taken from.
    pub from: Bytes,
    /// Tasks moved so far.
    pub done: u64,
    /// Tasks in all; `None` before the first batch is done.
    pub total: Option<u64>,
    /// It was told to stop after the batch that runs.
    pub stopping: bool,
    /// How it ended: how bad, and a sentence.
    pub end: Option<(Severity, String)>,
}

/// Shows the progress of a transfer that was confirmed just now.
pub(super) fn opened(state: &mut AppState, ticket: Ticket, wish: Transfer, from: Bytes) {
    let moving = Moving { ticket, wish, from, done: 0, total: None, stopping: false, end: None };
    state.transfer = Some(Box::new(moving));
    state.dialogs.push(Dialog::Transfer);
}

/// Esc stops it after the batch that runs; when it has ended, closes.
pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let ended = state.transfer.as_ref().is_none_or(|moving| moving.end.is_some());
    match key.code {
        KeyCode::Esc => stop_or_close(state, out),
        KeyCode::Enter | KeyCode::Char('q') if ended => stop_or_close(state, out),
        _ => {}
    }
}

/// The dialog's only button.
pub(super) fn stop_or_close(state: &mut AppState, out: &mut Vec<Effect>) {
    match state.transfer.as_deref_mut() {
        Some(moving) if moving.end.is_none() => {
            if !std::mem::replace(&mut moving.stopping, true) {
                out.push(Effect::Action(ActionCommand::Stop(moving.ticket)));
            }
        }
        _ => {
            state.dialogs.pop();
            state.transfer = None;
        }
    }
}

/// News of a transfer.
pub(super) fn on_event(state: &mut AppState, ticket: Ticket, event: TransferEvent, out: &mut Vec<Effect>) {
    let Some(moving) = state.transfer.as_deref_mut().filter(|moving| moving.ticket == ticket) else { return };
    match event {
        TransferEvent::Moved { done, total } => (moving.done, moving.total) = (done, Some(total)),
        TransferEvent::Ended(drained) => {
            moving.done = drained.done;
            moving.total = Some(drained.total);
            let end = sentence(moving, &drained);
            if let Some(gap) = drained.audit_gap {
                fail(state, gap);
            }
            ended(state, ticket, end, out);
        }
    }
}

/// It could not even begin.
pub(super) fn on_undelivered(state: &mut AppState, ticket: Ticket, why: &str, out: &mut Vec<Effect>) {
    ended(state, ticket, (Severity::Warning, format!("nothing was done: {why}")), out);
}

fn ended(state: &mut AppState, ticket: Ticket, end: (Severity, String), out: &mut Vec<Effect>) {
    state.running.remove(&ticket);
    let (severity, text) = end.clone();
    state.events.ours(severity, text.clone(), state.now);
    if severity == Severity::Info {
        say(state, text);
    } else {
        fail(state, text);
    }
    if let Some(moving) = state.transfer.as_deref_mut() {
        moving.end = Some(end);
    }
    // All went well: there is nothing to be read that the footer does not say.
    let well = severity == Severity::Info && state.transfer.as_ref().is_some_and(|moving| !moving.stopping);
    if well && matches!(state.dialogs.last(), Some(Dialog::Transfer)) {
        state.dialogs.pop();
        state.transfer = None;
    }
    out.push(Effect::Refresh);
}

/// How it ended, in a sentence.
fn sentence(moving: &Moving, drained: &Drained) -> (Severity, String) {
    let Drained { done, total, .. } = drained;
    let Moving { wish, from, .. } = moving;
    let node = &wish.queue.node;
    let what = match &wish.to {
        TransferTo::Back => format!("moved from {from} back into {}", wish.queue.key),
        TransferTo::List(to, _) => format!("moved from {from} to {to}"),
        TransferTo::Nowhere => format!("removed from {from}"),
    };
    match &drained.end {
        DrainEnd::All => (Severity::Info, format!("{} {what} on {node}", tasks(*done))),
        DrainEnd::Stopped => {
            let rest = "the rest is where it was";
            (Severity::Info, format!("stopped: {done} of {} {what} on {node}, {rest}", tasks(*total)))
        }
        DrainEnd::Short(why) => {
            (Severity::Warning, format!("{done} of {} {what} on {node}, then: {why}", tasks(*total)))
        }
        DrainEnd::Batch(plan, outcome) => {
            let so_far = format!("{done} of {} {what} on {node}", tasks(*total));
            match outcome {
                // Reached only by a plan that moved nothing.
                Outcome::Done { .. } => (Severity::Warning, so_far),
                Outcome::NotDone(why) => (Severity::Warning, format!("{so_far}, then: {why}")),
                Outcome::Partly { ran, error } => {
                    let steps = plan.steps.len();
                    let text = format!("{so_far}, then {ran} of {steps} steps of a batch ran: {error}");
                    (Severity::Critical, text)
                }
                Outcome::Unknown(why) => {
                    let text = format!(
                        "{so_far}, then UNKNOWN: a batch was sent and may have run ({why}); look before you try again"
                    );
                    (Severity::Critical, text)
                }
            }
        }
    }
}

fn tasks(n: u64) -> String {
    if n == 1 { "1 task".into() } else { format!("{n} tasks") }
}

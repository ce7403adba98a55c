//! The dialog with tasks of a queue: opened by a wish, filled by its answer.

use std::sync::Arc;

use super::command::Command;
use super::dialogs::{is_close, scroll_key};
use super::effect::{Effect, PeekWish};
use super::key::Key;
use super::keymap;
use super::messages::fail;
use super::run::queue_subject;
use super::state::{AppState, Dialog};
use crate::domain::QueueId;
use crate::family::TaskSet;
use crate::peek::Peek;

/// Furthest scroll offset, lines; drawing stops at the last line.
pub(super) const MOST_LINES: usize = 20_000;

/// `v` on a queue.
pub(super) fn open(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(queue) = queue_subject(state) else { return fail(state, "no queue is selected") };
    if ask(state, &queue, TaskSet::Waiting, out) {
        state.dialogs.push(Dialog::Peek(queue, TaskSet::Waiting, 0));
    }
}

/// Wishes for a look; false when the queue is gone.
fn ask(state: &mut AppState, id: &QueueId, set: TaskSet, out: &mut Vec<Effect>) -> bool {
    let Some(queue) = state.shown.queues.iter().find(|q| q.id == *id) else {
        fail(state, "the queue is gone");
        return false;
    };
    let (family, application, push) = (queue.family, queue.application.clone(), queue.push);
    out.push(Effect::Peek(PeekWish { queue: id.clone(), family, application, push, set }));
    state.peek = None;
    true
}

/// Scroll, close, look again, and look at other tasks.
pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Dialog::Peek(queue, set, _)) = state.dialogs.last() else { return };
    let (queue, set) = (queue.clone(), *set);
    let is = |command: Command| keymap::entry_of(command).is_some_and(|e| e.keys.contains(&key));
    if is(Command::Peek) || is_close(key) {
        state.dialogs.pop();
        // Payloads stay no longer than they are looked at.
        state.peek = None;
    } else if is(Command::Refresh) {
        ask(state, &queue, set, out);
    } else if is(Command::NextPanel) || is(Command::PreviousPanel) {
        let Some(other) = beside(state, set, is(Command::NextPanel)) else { return };
        if ask(state, &queue, other, out)
            && let Some(Dialog::Peek(_, set, offset)) = state.dialogs.last_mut()
        {
            (*set, *offset) = (other, 0);
        }
    } else {
        scroll_key(state, key);
    }
}

/// The next or previous set that this queue has, as the last answer told; after a refusal those that wait.
fn beside(state: &AppState, set: TaskSet, forward: bool) -> Option<TaskSet> {
    let Ok(seen) = state.peek.as_ref()? else {
        return (set != TaskSet::Waiting).then_some(TaskSet::Waiting);
    };
    let at = seen.sets.iter().position(|other| *other == set)?;
    let step = if forward { 1 } else { seen.sets.len().saturating_sub(1) };
    let other = *seen.sets.get((at + step) % seen.sets.len())?;
    (other != set).then_some(other)
}

/// The answer; one for a dialog that was closed, or for other tasks than are looked at now, is dropped.
pub(super) fn on_seen(state: &mut AppState, queue: &QueueId, set: TaskSet, seen: Result<Arc<Peek>, String>) {
    let wanted = |d: &Dialog| matches!(d, Dialog::Peek(open, shown, _) if open == queue && *shown == set);
    if state.dialogs.iter().any(wanted) {
        state.peek = Some(seen);
    }
}

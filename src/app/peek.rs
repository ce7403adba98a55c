//! The dialog with tasks of a queue: opened by a wish, filled by its answer.

use std::sync::Arc;

use super::command::Command;
use super::dialogs::{is_close, scroll_key};
use super::effect::Effect;
use super::key::Key;
use super::keymap;
use super::messages::fail;
use super::run::queue_subject;
use super::state::{AppState, Dialog};
use crate::domain::QueueId;
use crate::peek::Peek;

/// Furthest scroll offset, lines; drawing stops at the last line.
pub(super) const MOST_LINES: usize = 20_000;

/// `v` on a queue.
pub(super) fn open(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(queue) = queue_subject(state) else { return fail(state, "no queue is selected") };
    if ask(state, &queue, out) {
        state.dialogs.push(Dialog::Peek(queue, 0));
    }
}

/// Wishes for a look; false when the queue is gone.
fn ask(state: &mut AppState, id: &QueueId, out: &mut Vec<Effect>) -> bool {
    let Some(queue) = state.shown.queues.iter().find(|q| q.id == *id) else {
        fail(state, "the queue is gone");
        return false;
    };
    out.push(Effect::Peek { queue: id.clone(), family: queue.family, push: queue.push });
    state.peek = None;
    true
}

/// Scroll, close, and look again.
pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Dialog::Peek(queue, _)) = state.dialogs.last() else { return };
    let queue = queue.clone();
    let is = |command: Command| keymap::entry_of(command).is_some_and(|e| e.keys.contains(&key));
    if is(Command::Peek) || is_close(key) {
        state.dialogs.pop();
        // Payloads stay no longer than they are looked at.
        state.peek = None;
    } else if is(Command::Refresh) {
        ask(state, &queue, out);
    } else {
        scroll_key(state, key);
    }
}

/// The answer; one for a dialog that was closed is dropped.
pub(super) fn on_seen(state: &mut AppState, queue: &QueueId, seen: Result<Arc<Peek>, String>) {
    if state.dialogs.iter().any(|d| matches!(d, Dialog::Peek(open, _) if open == queue)) {
        state.peek = Some(seen);
    }
}

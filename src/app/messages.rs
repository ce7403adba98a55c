//! What the dashboard says: the bounded Messages list and the toast in the footer.

use std::time::Duration;

use super::state::{AppState, Message};

/// Messages kept.
pub const MAX_MESSAGES: usize = 500;
/// How long a toast stays.
pub const TOAST_FOR: Duration = Duration::from_secs(6);

/// Adds to the Messages screen only. The text must be escaped.
pub fn note(state: &mut AppState, text: impl Into<String>) {
    push(state, text.into(), false);
}

/// Says it in the footer too.
pub fn say(state: &mut AppState, text: impl Into<String>) {
    state.toast = Some(push(state, text.into(), false));
}

/// Says what went wrong.
pub fn fail(state: &mut AppState, text: impl Into<String>) {
    state.toast = Some(push(state, text.into(), true));
}

/// Takes the toast away when its time is over.
pub fn expire_toast(state: &mut AppState) {
    if state.toast.as_ref().is_some_and(|t| state.now.since(t.at) >= TOAST_FOR) {
        state.toast = None;
    }
}

fn push(state: &mut AppState, text: String, is_error: bool) -> Message {
    let message = Message { at: state.now, is_error, text };
    state.messages.push_back(message.clone());
    while state.messages.len() > MAX_MESSAGES {
        state.messages.pop_front();
    }
    message
}

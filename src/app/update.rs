//! The only mutator of the state.

use super::effect::Effect;
use super::event::Event;
use super::state::AppState;
use crate::domain::Stamp;

/// Takes in one event at this moment and says what must be done. Synchronous: no I/O, no clock reads.
pub fn update(state: &mut AppState, event: Event, now: Stamp) -> Vec<Effect> {
    state.now = now;
    match event {
        Event::Terminate => vec![Effect::Quit],
        _ => Vec::new(),
    }
}

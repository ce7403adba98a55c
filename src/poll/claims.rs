//! Which poller watches the keys of a server that is configured more than once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Server process and database -> position in the fleet of the poller that watches its keys.
#[derive(Default)]
pub(super) struct Claims(Mutex<HashMap<(String, u32), usize>>);

impl Claims {
    /// True when this poller is to watch them: the first in configuration order wins.
    pub(super) fn claim(&self, run_id: &str, db: u32, position: usize) -> bool {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = claims.entry((run_id.to_string(), db)).or_insert(position);
        *owner = position.min(*owner);
        *owner == position
    }

    /// Gives up all of this poller's claims: its address does not answer any more.
    pub(super) fn release(&self, position: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, owner| *owner != position);
    }
}

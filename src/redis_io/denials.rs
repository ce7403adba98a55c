//! How often each server's ACL refused something that this process sent, on whichever connection: the server's own count
//! of denials holds ours too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::config::endpoint::Address;
use crate::domain::Reply;

/// One for the whole process, as connections are opened in many places, and a server counts them all.
static PLACES: LazyLock<Mutex<HashMap<String, Place>>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Place {
    denials: Arc<AtomicU64>,
    /// The server process that was met there last.
    run_id: Option<String>,
}

/// Counts the denials at one address.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(Arc<AtomicU64>);

impl Counter {
    /// The counter of this address.
    pub(super) fn at(address: &Address) -> Self {
        Self(places().entry(address.to_string()).or_default().denials.clone())
    }

    /// Counts what these replies say.
    pub(super) fn take(&self, replies: &[Reply]) {
        let counts = |reply: &&Reply| {
            reply.as_error().is_some_and(|e| e.is_denied_somewhere() || e.code == "WRONGPASS")
        };
        self.add(replies.iter().filter(counts).count());
    }

    /// Counts so many denials that no reply tells of by itself.
    pub(super) fn add(&self, denials: usize) {
        self.0.fetch_add(denials as u64, Ordering::Relaxed);
    }
}

/// This server process answers at this address. How often it, and what was at its addresses before, refused us
/// something since this process began.
pub fn of_server(address: &Address, run_id: Option<&str>) -> u64 {
    let mut places = places();
    let here = places.entry(address.to_string()).or_default();
    here.run_id = run_id.map(String::from);
    let Some(run_id) = run_id else { return here.denials.load(Ordering::Relaxed) };
    // One that has several addresses counts what came by any of them.
    let same = places.values().filter(|place| place.run_id.as_deref() == Some(run_id));
    same.map(|place| place.denials.load(Ordering::Relaxed)).sum()
}

fn places() -> MutexGuard<'static, HashMap<String, Place>> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The push connections that are open, so that all can be closed before this process is stopped: a server would
//! keep for them what nobody reads.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// See the module.
#[derive(Default)]
pub(super) struct Connections(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    open: Vec<AbortHandle>,
    asleep: bool,
}

impl Connections {
    /// Enters a connection that tracks nothing yet. False while none may be open: then it is closed.
    pub(super) fn enter(&self, connection: AbortHandle) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.asleep {
            connection.abort();
        } else {
            inner.open.retain(|open| !open.is_finished());
            inner.open.push(connection);
        }
        !inner.asleep
    }

    /// True while none may be open.
    pub(super) fn are_asleep(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asleep
    }

    /// Closes all and lets none be opened; returns when their sockets are closed, at the latest after `most`.
    pub(super) async fn sleep(&self, most: Duration) {
        let closing = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            inner.asleep = true;
            std::mem::take(&mut inner.open)
        };
        closing.iter().for_each(AbortHandle::abort);
        let deadline = Instant::now() + most;
        // A task that was aborted is gone, and its socket with it, once the runtime has come round to it.
        while closing.iter().any(|open| !open.is_finished()) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets them be opened again.
    pub(super) fn wake(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asleep = false;
    }
}

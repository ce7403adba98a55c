//! What a queue library tells of one of its workers: by this the holders of locks are known.

use std::time::Duration;

use super::Bytes;

/// A worker as its registry tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerSign {
    /// As the library calls it.
    pub name: Bytes,
    /// False when its heartbeat ran out though it is still registered; `None`: the library keeps no heartbeat.
    pub lives: Option<bool>,
    /// Its last heartbeat, where its time is told.
    pub beat: Option<Beat>,
    /// Name of its client in CLIENT LIST, where the library names it.
    pub client: Option<Bytes>,
}

/// A heartbeat whose time is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    /// Milliseconds since the epoch, by the clock that the worker told it by.
    pub at_ms: i64,
    /// The next one comes within this time while the worker works.
    pub every: Duration,
}

impl WorkerSign {
    /// A worker of which no more is known.
    pub fn new(name: impl Into<Bytes>, lives: Option<bool>) -> Self {
        Self { name: name.into(), lives, beat: None, client: None }
    }
}

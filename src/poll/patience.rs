//! Slow or silent? While a node misses its deadline, one patient connection finds out whether it answers at all.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::config::Endpoint;
use crate::domain::node::Reason;
use crate::redis_io::{CallError, ClientRole, connect};

/// How much longer than the deadline the patient connection waits, at least.
const LEAST: Duration = Duration::from_secs(5);

/// The patient connection of one node and what it found out last.
#[derive(Default)]
pub(super) struct Patience {
    probe: JoinSet<Result<Duration, CallError>>,
    answered_after: Option<Duration>,
}

impl Patience {
    /// The node missed a look; says better why if it is known to be merely slow.
    pub(super) fn missed(&mut self, error: CallError, endpoint: &Endpoint, timeout: Duration) -> CallError {
        if error.reason != Reason::Timeout {
            self.answered();
            return error;
        }
        while let Some(ended) = self.probe.try_join_next() {
            self.answered_after = ended.ok().and_then(Result::ok).filter(|took| *took > timeout);
        }
        if self.probe.is_empty() {
            let endpoint = endpoint.clone();
            self.probe.spawn(async move { probe(&endpoint, LEAST.max(timeout * 10)).await });
        }
        match self.answered_after {
            Some(took) => CallError::new(
                Reason::Slow,
                format!(
                    "connect and PING took {}, the deadline is {}",
                    crate::domain::stamp::short(took),
                    crate::domain::stamp::short(timeout)
                ),
            ),
            None => error,
        }
    }

    /// It answered in time, or failed in another way: nothing to be patient about.
    pub(super) fn answered(&mut self) {
        self.probe.abort_all();
        self.probe.detach_all();
        self.answered_after = None;
    }
}

async fn probe(endpoint: &Endpoint, patience: Duration) -> Result<Duration, CallError> {
    let started = Instant::now();
    let mut reader = connect(endpoint, ClientRole::Poll, patience).await?;
    match reader.ping().await {
        Err(error) if error.reason == Reason::Timeout => Err(error),
        // An error reply is an answer too.
        _ => Ok(started.elapsed()),
    }
}

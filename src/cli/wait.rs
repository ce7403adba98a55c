//! `wait`: as clap sees it, and what it asks for.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use clap::error::ErrorKind;

use super::place::{OneNode, Where};
use super::value::{bytes, duration, some_key};
use super::{Command, GlobalArgs, Usage};
use crate::domain::Bytes;

/// What `wait` waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WaitFor {
    /// `--queue KEY --below N`: fewer than n tasks wait.
    QueueBelow {
        /// Key, or its name in its library.
        key: Bytes,
        /// Fewer than this.
        below: u64,
    },
    /// `--lock KEY --free`: nobody holds it.
    LockFree {
        /// Exact key.
        key: Bytes,
    },
}

/// `wait`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    /// For what.
    pub until: WaitFor,
    /// How long.
    pub timeout: Duration,
    /// Where.
    pub place: Where,
}

/// For what to wait. After `wait`, --timeout says how long [default: 5m].
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["queue", "lock"]))]
pub(super) struct WaitArgs {
    /// Key of a queue, or its name in its library.
    #[arg(long, value_name = "KEY", requires = "below")]
    queue: Option<OsString>,
    /// Until fewer than so many tasks wait there, on each node that has it.
    #[arg(long, value_name = "N", requires = "queue", value_parser = clap::value_parser!(u64).range(1..))]
    below: Option<u64>,
    /// Key of a lock.
    #[arg(long, value_name = "KEY", requires = "free")]
    lock: Option<OsString>,
    /// Until nobody holds it, on any node.
    #[arg(long, requires = "lock")]
    free: bool,
    #[command(flatten)]
    place: OneNode,
    #[command(flatten)]
    global: GlobalArgs,
}

impl WaitArgs {
    pub(super) fn into_command(mut self) -> Result<(GlobalArgs, Command), Usage> {
        // After `wait` the flag says how long to wait; before it, it is the deadline of a call.
        let timeout = match self.global.timeout.take() {
            None => Duration::from_secs(300),
            Some(text) => wait_time(&text)
                .map_err(|why| (ErrorKind::ValueValidation, format!("--timeout {text}: {why}")))?,
        };
        let until = match (self.queue.map(bytes), self.lock.map(bytes)) {
            (Some(key), None) => {
                WaitFor::QueueBelow { key: some_key(Some(key))?, below: self.below.unwrap_or(1) }
            }
            (_, lock) => WaitFor::LockFree { key: some_key(lock)? },
        };
        Ok((self.global, Command::Wait(Wait { until, timeout, place: self.place.into() })))
    }
}

/// How long to wait: zero looks once.
fn wait_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        value if value > Duration::from_secs(7 * 24 * 3600) => Err("it must be no longer than a week".into()),
        value => Ok(value),
    }
}

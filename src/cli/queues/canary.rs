//! `queues canary`.

use std::time::Duration;

use clap::Args;

use super::super::place::{OneNode, QueueKey, Where};
use super::super::value::positive;
use super::super::{Command, Format, GlobalArgs, Usage};
use crate::domain::Bytes;

/// `queues canary`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canary {
    /// Exact key.
    pub key: Bytes,
    /// `--node`, `--db`.
    pub place: Where,
    /// How long to follow it.
    pub wait: Duration,
    /// Only print the plan.
    pub dry_run: bool,
    /// Do not ask.
    pub yes: bool,
    /// How to print.
    pub format: Format,
}

#[derive(Args, Debug)]
pub(super) struct CanaryArgs {
    #[command(flatten)]
    queue: QueueKey,
    #[command(flatten)]
    place: OneNode,
    /// How long to follow it; if nobody took it by then it is taken away again.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = follow_time)]
    wait: Duration,
    /// Print what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; on a production profile somebody has to be asked.
    #[arg(long)]
    yes: bool,
    /// How to print.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    #[command(flatten)]
    global: GlobalArgs,
}

impl CanaryArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let canary = Canary {
            key: self.queue.exact()?,
            place: self.place.into(),
            wait: self.wait,
            dry_run: self.dry_run,
            yes: self.yes,
            format: self.format.unwrap_or_default(),
        };
        Ok((self.global, Command::Canary(canary)))
    }
}

/// A canary's job is kept for longer than this.
fn follow_time(text: &str) -> Result<Duration, String> {
    match positive(text)? {
        value if value > Duration::from_secs(3600) => Err("it must be no longer than an hour".into()),
        value => Ok(value),
    }
}

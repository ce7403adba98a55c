//! `queues push`.

use std::ffi::OsString;

use clap::Args;
use clap::error::ErrorKind;

use super::super::place::{End, Nodes, Where};
use super::super::value::{base64, bytes, some_key};
use super::super::{Command, GlobalArgs, Usage};
use crate::domain::Bytes;
use crate::domain::queue::PushEnd;

/// `queues push`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Push {
    /// Exact key.
    pub key: Bytes,
    /// What to push; `None`: a test task.
    pub payload: Option<Bytes>,
    /// Where.
    pub place: Where,
    /// How many, at least 1.
    pub count: u32,
    /// `--left`, `--right`; `None`: as configured.
    pub push: Option<PushEnd>,
    /// Push although somebody else may take it.
    pub force: bool,
    /// Do not ask.
    pub yes: bool,
}

#[derive(Args, Debug)]
pub(super) struct PushArgs {
    /// Key of the queue. With --key-b64 the first argument is the payload.
    #[arg(value_name = "QUEUE", required_unless_present = "key_b64")]
    queue: Option<OsString>,
    /// What to push [default: a redwarden test task].
    #[arg(value_name = "PAYLOAD")]
    payload: Option<OsString>,
    /// Key of the queue in base64, as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    key_b64: Option<Bytes>,
    #[command(flatten)]
    place: Nodes,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    #[command(flatten)]
    end: End,
    /// Push although the list looks like some library's, or others wait on it.
    #[arg(long)]
    force: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    global: GlobalArgs,
}

impl PushArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let (key, payload) = match (self.key_b64, self.queue, self.payload) {
            (Some(_), Some(_), Some(_)) => {
                let message = "QUEUE and --key-b64 both name the queue: give one of them";
                return Err((ErrorKind::ArgumentConflict, message.into()));
            }
            (Some(key), payload, _) => (Some(key), payload),
            (None, queue, payload) => (queue.map(bytes), payload),
        };
        let push = Push {
            key: some_key(key)?,
            payload: payload.map(bytes),
            place: self.place.into(),
            count: self.count,
            push: self.end.chosen(),
            force: self.force,
            yes: self.yes,
        };
        Ok((self.global, Command::Push(push)))
    }
}

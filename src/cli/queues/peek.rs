//! `queues peek`.

use clap::Args;

use super::super::place::{Nodes, QueueKey, Where};
use super::super::{Command, Format, GlobalArgs, Usage};
use crate::domain::Bytes;
use crate::family::TaskSet;

/// `queues peek`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peek {
    /// Exact key.
    pub key: Bytes,
    /// Where.
    pub place: Where,
    /// Which tasks.
    pub set: TaskSet,
    /// How many tasks of each end, 1 to 20.
    pub count: u32,
    /// How to print.
    pub format: Format,
}

#[derive(Args, Debug)]
pub(super) struct PeekArgs {
    #[command(flatten)]
    queue: QueueKey,
    #[command(flatten)]
    place: Nodes,
    /// Which tasks: waiting, in-flight, scheduled, retry or failed; not every library keeps all of them.
    #[arg(long, value_name = "SET", default_value = "waiting", value_parser = task_set)]
    set: TaskSet,
    /// How many of each end, such as those that are next and the newest.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    count: u32,
    /// How to print.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    #[command(flatten)]
    global: GlobalArgs,
}

impl PeekArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let peek = Peek {
            key: self.queue.exact()?,
            place: self.place.into(),
            set: self.set,
            count: self.count,
            format: self.format.unwrap_or_default(),
        };
        Ok((self.global, Command::Peek(peek)))
    }
}

fn task_set(text: &str) -> Result<TaskSet, String> {
    let known = TaskSet::ALL.map(TaskSet::code).join(", ");
    let found = TaskSet::ALL.into_iter().find(|set| set.code() == text);
    found.ok_or_else(|| format!("one of {known} is expected"))
}

//! `queues move`, `queues requeue` and `queues drop`.

use std::ffi::OsString;

use clap::Args;

use super::super::place::{End, OneNode, Where};
use super::super::value::{base64, bytes, some_key};
use super::super::{Command, GlobalArgs, Usage};
use crate::domain::Bytes;
use crate::domain::queue::PushEnd;

/// Which elements `queues move` takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pick {
    /// So many of the oldest.
    Oldest(u64),
    /// Those that are exactly these bytes; one.
    Element(Bytes),
}

/// `queues move`, `queues requeue`, `queues drop`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// The list they are taken from; of `requeue` the queue whose dead letters are meant.
    pub from: Bytes,
    /// Where they go.
    pub to: Destination,
    /// Which.
    pub pick: Pick,
    /// `--node`, `--db`.
    pub place: Where,
    /// `--left`, `--right`: end of the target that producers push to; `None`: as configured.
    pub push: Option<PushEnd>,
    /// Only print the plan.
    pub dry_run: bool,
    /// Do not ask.
    pub yes: bool,
}

/// Where moved elements go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// From the dead letters of the queue back into it.
    Back,
    /// Into this list.
    List(Bytes),
    /// Nowhere: they are removed.
    Nowhere,
}

/// Which tasks, and how to go about it.
#[derive(Args, Debug)]
struct Which {
    /// How many, the oldest first.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// All that stand there now.
    #[arg(long, conflicts_with = "count")]
    all: bool,
    /// The one task that is exactly this.
    #[arg(long, value_name = "PAYLOAD", conflicts_with_all = ["count", "all", "element_b64"])]
    element: Option<OsString>,
    /// The same, in base64.
    #[arg(long, value_name = "BASE64", value_parser = base64, conflicts_with_all = ["count", "all"])]
    element_b64: Option<Bytes>,
    #[command(flatten)]
    place: OneNode,
    /// Print what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Args, Debug)]
pub(super) struct MoveArgs {
    /// Key of the list they are taken from.
    #[arg(value_name = "FROM")]
    from: OsString,
    /// Key of the list they are put into.
    #[arg(value_name = "TO")]
    to: OsString,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct RequeueArgs {
    /// Key of the queue.
    #[arg(value_name = "QUEUE")]
    queue: OsString,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    global: GlobalArgs,
}

/// No end to give: which tasks are the oldest is told by the configuration, and nothing is pushed.
#[derive(Args, Debug)]
pub(super) struct DropArgs {
    /// Key of the queue.
    #[arg(value_name = "QUEUE")]
    queue: OsString,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    global: GlobalArgs,
}

impl MoveArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let to = Destination::List(some_key(Some(bytes(self.to)))?);
        Ok((self.global, self.which.tasks(self.from, to, self.end.chosen())?))
    }
}

impl RequeueArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        Ok((self.global, self.which.tasks(self.queue, Destination::Back, self.end.chosen())?))
    }
}

impl DropArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        Ok((self.global, self.which.tasks(self.queue, Destination::Nowhere, None)?))
    }
}

impl Which {
    fn tasks(self, from: OsString, to: Destination, push: Option<PushEnd>) -> Result<Command, Usage> {
        let from = some_key(Some(bytes(from)))?;
        let element = self.element.map(bytes).or(self.element_b64);
        let pick = match (element, self.all, self.count) {
            (Some(element), ..) => Pick::Element(element),
            (None, true, _) => Pick::Oldest(u64::MAX),
            (None, false, count) => Pick::Oldest(count),
        };
        let (dry_run, yes) = (self.dry_run, self.yes);
        Ok(Command::Move(Move { from, to, pick, place: self.place.into(), push, dry_run, yes }))
    }
}

//! `queues` and what may follow it: as clap sees it, and what it asks for.

mod canary;
mod peek;
mod push;
mod transfer;

use clap::{Args, Subcommand};

use super::look::LookArgs;
use super::{Command, GlobalArgs, Usage};
pub use canary::Canary;
pub use peek::Peek;
pub use push::Push;
pub use transfer::{Destination, Move, Pick};

#[derive(Args, Debug)]
pub(super) struct Queues {
    #[command(flatten)]
    look: LookArgs,
    #[command(subcommand)]
    command: Option<QueuesSub>,
}

#[derive(Subcommand, Debug)]
enum QueuesSub {
    /// Print the queues (the default).
    List(LookArgs),
    /// Push a test task, or a payload of yours.
    Push(push::PushArgs),
    /// Send one harmless test task in the format of the queue's library, and follow it to its end.
    Canary(canary::CanaryArgs),
    /// Move tasks of a plain list into another one.
    Move(transfer::MoveArgs),
    /// Move the dead letters of redwarden's worker, or a library's failed jobs, back into their queue.
    Requeue(transfer::RequeueArgs),
    /// Remove tasks from a plain list, such as a poisoned one.
    Drop(transfer::DropArgs),
    /// Look at a few tasks without taking them; secrets are masked.
    Peek(peek::PeekArgs),
}

impl Queues {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let list = |(global, look)| (global, Command::Queues(look));
        let (inner, command) = match self.command {
            None => return self.look.into_list(None).map(list),
            Some(QueuesSub::List(inner)) => return self.look.into_list(Some(inner)).map(list),
            Some(QueuesSub::Push(args)) => args.into_command()?,
            Some(QueuesSub::Canary(args)) => args.into_command()?,
            Some(QueuesSub::Move(args)) => args.into_command()?,
            Some(QueuesSub::Requeue(args)) => args.into_command()?,
            Some(QueuesSub::Drop(args)) => args.into_command()?,
            Some(QueuesSub::Peek(args)) => args.into_command()?,
        };
        Ok((self.look.not_printing("queues list")?.merged(inner), command))
    }
}

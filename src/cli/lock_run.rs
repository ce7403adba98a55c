//! `lock run`: as clap sees it, and what it asks for.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::value::{bytes, duration, positive, some_key};
use super::{Command, GlobalArgs, Usage};
use crate::domain::Bytes;

/// `lock run`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockRun {
    /// Exact key.
    pub key: Bytes,
    /// Its TTL, at least 100 ms.
    pub ttl: Duration,
    /// How long to wait for it; `None`: not at all.
    pub wait: Option<Duration>,
    /// End the command when the lock is lost.
    pub kill_on_loss: bool,
    /// `--node`.
    pub node: Option<String>,
    /// Program and arguments, never empty.
    pub command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct LockCommand {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: LockSub,
}

#[derive(Subcommand, Debug)]
pub(super) enum LockSub {
    /// Take a lock, keep it while a command runs, release it, pass on the command's exit code.
    Run(LockRunArgs),
}

#[derive(Args, Debug)]
pub(super) struct LockRunArgs {
    /// Key of the lock.
    #[arg(value_name = "KEY")]
    lock: OsString,
    /// Time to live of the lock; it is renewed while the command runs.
    #[arg(long, value_name = "DURATION", value_parser = lock_ttl)]
    ttl: Duration,
    /// How long to wait for a lock that is held [default: not at all].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// End the command when the lock is lost.
    #[arg(long)]
    kill_on_loss: bool,
    /// On this node.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// The command and its arguments, after --.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    #[command(flatten)]
    global: GlobalArgs,
}

impl LockCommand {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let LockSub::Run(run) = self.command;
        let command = LockRun {
            key: some_key(Some(bytes(run.lock)))?,
            ttl: run.ttl,
            wait: run.wait,
            kill_on_loss: run.kill_on_loss,
            node: run.node,
            command: run.command,
        };
        Ok((self.global.merged(run.global), Command::LockRun(command)))
    }
}

fn lock_ttl(text: &str) -> Result<Duration, String> {
    match positive(text)? {
        value if value < Duration::from_millis(100) => {
            Err("a lock shorter than 100ms cannot be renewed in time".into())
        }
        value => Ok(value),
    }
}

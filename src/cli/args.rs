//! The command line as clap sees it. Everybody else reads [`super::Invocation`].

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use super::look::{Format, LookArgs};
use super::value::positive;
use super::{Command, GlobalArgs, Usage, version};

const EXAMPLES: &str = "\
Examples:
  redwarden redis://10.0.0.1 redis://10.0.0.2:6380/3   the dashboard on two nodes
  redwarden --profile prod                             the fleet [profiles.prod] of the configuration
  redwarden locks --format json -u redis://10.0.0.1    the locks, for a script
  redwarden demo                                       a throw-away fleet to play with
  redwarden demo --cluster --failover                  a cluster that loses a primary

Exit codes: 0 done or all well; 1 not done, or a warning; 2 usage or configuration, or critical; 3 unknown.";

/// Watches Redis and Valkey nodes, locks and queues on one screen.
#[derive(Parser, Debug)]
#[command(
    name = "redwarden",
    version = version(),
    about,
    after_help = EXAMPLES,
    args_override_self = true,
    propagate_version = true,
    infer_long_args = false
)]
pub(super) struct Cli {
    /// Nodes of the dashboard [default: the configured ones, else redis://127.0.0.1:6379].
    #[arg(value_name = "URL")]
    pub(super) positional: Vec<OsString>,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: Option<Sub>,
}

/// The whole command line. The demo has nobody to ask for its nodes: there two flags stand alone.
pub(super) fn command() -> clap::Command {
    let alone = |arg: clap::Arg, help: &'static str| {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("")
            .hide_possible_values(true)
            .help(help)
    };
    Cli::command().mut_subcommand("demo", |demo| {
        demo.mut_arg("cluster", |arg| {
            alone(arg, "Make a cluster of three primaries and three replicas; no URL")
        })
        .mut_arg("sentinel", |arg| alone(arg, "Make a primary with two replicas and three Sentinels; no URL"))
    })
}

#[derive(Subcommand, Debug)]
pub(super) enum Sub {
    /// Print nodes, locks and queues once.
    Snapshot(LookArgs),
    /// Print the nodes.
    Nodes(LookArgs),
    /// Print the locks, or release some.
    Locks(super::locks::Locks),
    /// Print the queues, or look at, push, test, move or drop tasks of one.
    Queues(super::queues::Queues),
    /// Take tasks from a queue until stopped.
    Worker(super::worker::WorkerArgs),
    /// Run a command under a lock.
    Lock(super::lock_run::LockCommand),
    /// Wait until a queue is short or a lock is free: 0 met, 1 not in time, 2 usage, 3 not known.
    Wait(super::wait::WaitArgs),
    /// One line and an exit code for monitoring: 0 ok, 1 warning, 2 critical, 3 unknown.
    Check(Check),
    /// Print what was done with redwarden on this machine.
    Audit(Audit),
    /// Start a throw-away fleet with simulated clients and open the dashboard on it.
    Demo(super::demo::DemoArgs),
    /// Print the configuration template or the effective configuration.
    Config(Config),
}

#[derive(Args, Debug)]
struct Bare {
    #[command(flatten)]
    global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Nodes to look at.
    #[arg(value_name = "URL")]
    positional: Vec<OsString>,
    /// How long to watch, such as 3s [default: as long as one look takes].
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    watch_for: Option<Duration>,
    #[command(flatten)]
    global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct Audit {
    /// How to print [default: table].
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct Config {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: ConfigSub,
}

#[derive(Subcommand, Debug)]
enum ConfigSub {
    /// Print a configuration file with every option, its meaning and its default.
    Template(Bare),
    /// Print the effective configuration with the source of each value, secrets masked.
    Show(Show),
}

#[derive(Args, Debug)]
struct Show {
    /// Nodes.
    #[arg(value_name = "URL")]
    positional: Vec<OsString>,
    #[command(flatten)]
    global: GlobalArgs,
}

impl Sub {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        Ok(match self {
            Self::Snapshot(args) => {
                args.into_look().map(|(global, look)| (global, Command::Snapshot(look)))?
            }
            Self::Nodes(args) => args.into_look().map(|(global, look)| (global, Command::Nodes(look)))?,
            Self::Locks(args) => args.into_command()?,
            Self::Queues(args) => args.into_command()?,
            Self::Worker(args) => args.into_command()?,
            Self::Lock(args) => args.into_command()?,
            Self::Wait(args) => args.into_command()?,
            Self::Check(args) => (args.global.with_urls(&args.positional)?, Command::Check(args.watch_for)),
            Self::Audit(args) => (args.global, Command::Audit(args.format.unwrap_or_default())),
            Self::Demo(args) => args.into_command()?,
            Self::Config(args) => {
                let (inner, command) = match args.command {
                    ConfigSub::Template(bare) => (bare.global, Command::ConfigTemplate),
                    ConfigSub::Show(show) => (show.global.with_urls(&show.positional)?, Command::ConfigShow),
                };
                (args.global.merged(inner), command)
            }
        })
    }
}

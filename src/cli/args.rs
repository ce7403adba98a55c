//! The command line as clap sees it. Everybody else reads [`super::Invocation`].

use std::ffi::OsString;
use std::time::Duration;

use base64::Engine;
use clap::{Args, CommandFactory, Parser, Subcommand};

use super::{Format, GlobalArgs, version};
use crate::config::Secret;
use crate::domain::Bytes;

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
    Snapshot(Look),
    /// Print the nodes.
    Nodes(Look),
    /// Print the locks, or release one.
    Locks(super::locks::Locks),
    /// Print the queues, or push to one.
    Queues(Queues),
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

/// How to print and how long to watch.
#[derive(Args, Debug, Default, Clone, Copy)]
pub(super) struct Print {
    /// How to print [default: table].
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    /// How long to watch, such as 3s: rates need two looks [default: as long as one look takes].
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    pub(super) watch_for: Option<Duration>,
}

#[derive(Args, Debug)]
pub(super) struct Look {
    /// Nodes to look at.
    #[arg(value_name = "URL")]
    pub(super) positional: Vec<OsString>,
    #[command(flatten)]
    pub(super) print: Print,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct Bare {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

/// Which of several nodes is meant.
#[derive(Args, Debug)]
pub(super) struct Where {
    /// Only on this node.
    #[arg(long, value_name = "NAME", conflicts_with = "all_nodes")]
    pub(super) node: Option<String>,
    /// On each node that has it.
    #[arg(long)]
    pub(super) all_nodes: bool,
    /// Only in this logical database.
    #[arg(long, value_name = "N")]
    pub(super) db: Option<u32>,
}

#[derive(Args, Debug)]
pub(super) struct Queues {
    #[command(flatten)]
    pub(super) look: Look,
    #[command(subcommand)]
    pub(super) command: Option<QueuesSub>,
}

#[derive(Subcommand, Debug)]
pub(super) enum QueuesSub {
    /// Print the queues (the default).
    List(Look),
    /// Push a test task, or a payload of yours.
    Push(Push),
    /// Send one harmless test task in the format of the queue's library, and follow it to its end.
    Canary(Canary),
    /// Move tasks of a plain list into another one.
    Move(MoveTo),
    /// Move the dead letters of redwarden's worker back into their queue.
    Requeue(Requeue),
    /// Remove tasks from a plain list, such as a poisoned one.
    Drop(Requeue),
    /// Look at a few tasks without taking them; secrets are masked.
    Peek(Peek),
}

#[derive(Args, Debug)]
pub(super) struct Peek {
    /// Key of the queue, as `redwarden queues` lists it.
    #[arg(value_name = "QUEUE", required_unless_present = "key_b64", conflicts_with = "key_b64")]
    pub(super) queue: Option<OsString>,
    /// Key of the queue in base64, as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    pub(super) key_b64: Option<Bytes>,
    #[command(flatten)]
    pub(super) place: Where,
    /// Which tasks: waiting, in-flight, scheduled, retry or failed; not every library keeps all of them.
    #[arg(long, value_name = "SET", default_value = "waiting", value_parser = task_set)]
    pub(super) set: crate::family::TaskSet,
    /// How many of each end, such as those that are next and the newest.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(super) count: u32,
    /// How to print.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct Canary {
    /// Key of the queue, as `redwarden queues` lists it.
    #[arg(value_name = "QUEUE", required_unless_present = "key_b64", conflicts_with = "key_b64")]
    pub(super) queue: Option<OsString>,
    /// Key of the queue in base64, as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    pub(super) key_b64: Option<Bytes>,
    /// On this node.
    #[arg(long, value_name = "NAME")]
    pub(super) node: Option<String>,
    /// In this logical database.
    #[arg(long, value_name = "N")]
    pub(super) db: Option<u32>,
    /// How long to follow it; if nobody took it by then it is taken away again.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = follow_time)]
    pub(super) wait: Duration,
    /// Print what would be done and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask; on a production profile somebody has to be asked.
    #[arg(long)]
    pub(super) yes: bool,
    /// How to print.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

/// The end that producers push to.
#[derive(Args, Debug)]
pub(super) struct End {
    /// Producers push to the left (LPUSH) [default: as configured].
    #[arg(long, conflicts_with = "right")]
    pub(super) left: bool,
    /// Producers push to the right (RPUSH).
    #[arg(long)]
    pub(super) right: bool,
}

#[derive(Args, Debug)]
pub(super) struct Push {
    /// Key of the queue. With --key-b64 the first argument is the payload.
    #[arg(value_name = "QUEUE", required_unless_present = "key_b64")]
    pub(super) queue: Option<OsString>,
    /// What to push [default: a redwarden test task].
    #[arg(value_name = "PAYLOAD")]
    pub(super) payload: Option<OsString>,
    /// Key of the queue in base64, as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    pub(super) key_b64: Option<Bytes>,
    #[command(flatten)]
    pub(super) place: Where,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) count: u32,
    #[command(flatten)]
    pub(super) end: End,
    /// Push although the list looks like some library's, or others wait on it.
    #[arg(long)]
    pub(super) force: bool,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

/// Which tasks, and how to go about it.
#[derive(Args, Debug)]
pub(super) struct Which {
    /// How many, the oldest first.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: u64,
    /// All that stand there now.
    #[arg(long, conflicts_with = "count")]
    pub(super) all: bool,
    /// The one task that is exactly this.
    #[arg(long, value_name = "PAYLOAD", conflicts_with_all = ["count", "all", "element_b64"])]
    pub(super) element: Option<OsString>,
    /// The same, in base64.
    #[arg(long, value_name = "BASE64", value_parser = base64, conflicts_with_all = ["count", "all"])]
    pub(super) element_b64: Option<Bytes>,
    /// On this node.
    #[arg(long, value_name = "NAME")]
    pub(super) node: Option<String>,
    /// In this logical database.
    #[arg(long, value_name = "N")]
    pub(super) db: Option<u32>,
    /// Print what would be done and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct MoveTo {
    /// Key of the list they are taken from.
    #[arg(value_name = "FROM")]
    pub(super) from: OsString,
    /// Key of the list they are put into.
    #[arg(value_name = "TO", required = true)]
    pub(super) to: Option<OsString>,
    #[command(flatten)]
    pub(super) which: Which,
    #[command(flatten)]
    pub(super) end: End,
}

#[derive(Args, Debug)]
pub(super) struct Requeue {
    /// Key of the queue.
    #[arg(value_name = "QUEUE")]
    pub(super) queue: OsString,
    #[command(flatten)]
    pub(super) which: Which,
    #[command(flatten)]
    pub(super) end: End,
}

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Nodes to look at.
    #[arg(value_name = "URL")]
    pub(super) positional: Vec<OsString>,
    /// How long to watch, such as 3s [default: as long as one look takes].
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    pub(super) watch_for: Option<Duration>,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct Audit {
    /// How to print [default: table].
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

#[derive(Args, Debug)]
pub(super) struct Config {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: ConfigSub,
}

#[derive(Subcommand, Debug)]
pub(super) enum ConfigSub {
    /// Print a configuration file with every option, its meaning and its default.
    Template(Bare),
    /// Print the effective configuration with the source of each value, secrets masked.
    Show(Show),
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// Nodes.
    #[arg(value_name = "URL")]
    pub(super) positional: Vec<OsString>,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

impl Look {
    /// Its global flags with the positional URLs among them.
    pub(super) fn into_parts(self) -> (Print, Vec<OsString>, GlobalArgs) {
        (self.print, self.positional, self.global)
    }
}

/// Positional URLs become `--url` ones.
pub(super) fn with_urls(mut global: GlobalArgs, urls: Vec<OsString>) -> GlobalArgs {
    global.urls.extend(urls.into_iter().map(|url| Secret::new(url.to_string_lossy())));
    global
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| format!("{e}: write it like 10s, 500ms or 2m"))
}

pub(super) fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than zero".into()),
        value if value > Duration::from_secs(24 * 3600) => Err("it must be no longer than a day".into()),
        value => Ok(value),
    }
}

/// A canary's job is kept for longer than this.
fn follow_time(text: &str) -> Result<Duration, String> {
    match positive(text)? {
        value if value > Duration::from_secs(3600) => Err("it must be no longer than an hour".into()),
        value => Ok(value),
    }
}

pub(super) fn base64(text: &str) -> Result<Bytes, String> {
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(bytes) => Ok(Bytes::from(bytes)),
        Err(e) => Err(format!("not base64 ({e}): take it from the JSON output as it stands")),
    }
}

fn task_set(text: &str) -> Result<crate::family::TaskSet, String> {
    use crate::family::TaskSet;
    let known = TaskSet::ALL.map(TaskSet::code).join(", ");
    let found = TaskSet::ALL.into_iter().find(|set| set.code() == text);
    found.ok_or_else(|| format!("one of {known} is expected"))
}

//! The command line: from arguments to an [`Invocation`], a plain value that says what to do.

mod args;
mod demo;
mod global;
mod lock_run;
mod locks;
mod scan;
mod wait;
mod worker;

use std::ffi::OsString;
use std::sync::LazyLock;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{FromArgMatches, ValueEnum};

use crate::domain::Bytes;
use crate::domain::queue::PushEnd;
use args::{Cli, ConfigSub, End, Print, QueuesSub, Sub, with_urls};
pub use demo::{Demo, Stage};
pub use global::GlobalArgs;
pub use lock_run::LockRun;
pub use locks::{Release, ReleaseMany};
pub use wait::{Wait, WaitFor};
pub use worker::Worker;

/// Exit code of usage and configuration errors.
pub const EXIT_USAGE: u8 = 2;

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// The documented JSON.
    Json,
}

/// What was asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Invocation {
    /// Global flags, merged over all places; positional URLs are among `urls`.
    pub global: GlobalArgs,
    /// The command.
    pub command: Command,
}

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// No command: the dashboard.
    Dashboard,
    /// `snapshot`.
    Snapshot(Look),
    /// `nodes`.
    Nodes(Look),
    /// `locks`, `locks list`.
    Locks(Look),
    /// `queues`, `queues list`.
    Queues(Look),
    /// `locks release`.
    Release(Release),
    /// `locks release` of several keys, or by a filter.
    ReleaseMany(ReleaseMany),
    /// `queues push`.
    Push(Push),
    /// `queues peek`.
    Peek(Peek),
    /// `queues canary`.
    Canary(Canary),
    /// `worker`.
    Worker(Worker),
    /// `lock run`.
    LockRun(LockRun),
    /// `wait`.
    Wait(Wait),
    /// `queues move`, `queues requeue`.
    Move(Move),
    /// `check`: how long to watch.
    Check(Option<Duration>),
    /// `audit`.
    Audit(Format),
    /// `demo`.
    Demo(Demo),
    /// `config template`.
    ConfigTemplate,
    /// `config show`.
    ConfigShow,
}

/// How to look and print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// How to print.
    pub format: Format,
    /// How long to watch (`--for`); `None`: one look.
    pub watch_for: Option<Duration>,
}

/// Which nodes are meant when a key exists on more than one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Where {
    /// `--node`.
    pub node: Option<String>,
    /// `--all-nodes`.
    pub all_nodes: bool,
    /// `--db`: only nodes watched in this logical database.
    pub db: Option<u32>,
}

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

/// `queues peek`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peek {
    /// Exact key.
    pub key: Bytes,
    /// Where.
    pub place: Where,
    /// Which tasks.
    pub set: crate::family::TaskSet,
    /// How many tasks of each end, 1 to 20.
    pub count: u32,
    /// How to print.
    pub format: Format,
}

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

/// Version and commit. The commit is what `REDWARDEN_COMMIT` said when this was built.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let commit = option_env!("REDWARDEN_COMMIT").filter(|c| !c.is_empty()).unwrap_or("unknown");
        format!("{} (commit {commit})", env!("CARGO_PKG_VERSION"))
    });
    &VERSION
}

/// Reads the command line; the first argument is the program's name. The error also stands for `-h` and `-V`:
/// print it with [`clap::Error::print`] and leave with [`clap::Error::exit_code`] (0 or 2).
pub fn parse<I: IntoIterator<Item = OsString>>(args: I) -> Result<Invocation, clap::Error> {
    let given: Vec<OsString> = args.into_iter().skip(1).collect();
    let result = parse_given(given.clone());
    result.map_err(|error| without_secrets(error, &given))
}

fn parse_given(given: Vec<OsString>) -> Result<Invocation, clap::Error> {
    let mut root = args::command();
    root.build();
    let given = scan::scan(&mut root, given)?;
    let matches =
        args::command().try_get_matches_from(std::iter::once(OsString::from("redwarden")).chain(given))?;
    let invocation = invocation(Cli::from_arg_matches(&matches)?).map_err(|(kind, m)| root.error(kind, m))?;
    let global = &invocation.global;
    let problem = if global.read_only && global.write {
        "--read-only and --write exclude each other: give one of them"
    } else if !global.master_names.is_empty() && global.sentinel.is_empty() {
        "--master-name needs --sentinel URL"
    } else {
        return Ok(invocation);
    };
    Err(root.error(ErrorKind::ArgumentConflict, problem))
}

type Usage = (ErrorKind, String);

fn invocation(cli: Cli) -> Result<Invocation, Usage> {
    let outer = with_checked_urls(cli.global, cli.positional)?;
    let (inner, command) = match cli.command {
        None => (GlobalArgs::default(), Command::Dashboard),
        Some(sub) => subcommand(sub)?,
    };
    Ok(Invocation { global: outer.merged(inner), command })
}

fn subcommand(sub: Sub) -> Result<(GlobalArgs, Command), Usage> {
    Ok(match sub {
        Sub::Snapshot(args) => look(args).map(|(g, l)| (g, Command::Snapshot(l)))?,
        Sub::Nodes(args) => look(args).map(|(g, l)| (g, Command::Nodes(l)))?,
        Sub::Locks(args) => args.into_command()?,
        Sub::Queues(args) => {
            let (print, urls, global) = args.look.into_parts();
            let outer = with_checked_urls(global, urls)?;
            let (inner, command) = match args.command {
                None => (GlobalArgs::default(), Command::Queues(print.into())),
                Some(QueuesSub::List(list)) => {
                    let (inner_print, urls, global) = list.into_parts();
                    let look = print.or(inner_print).into();
                    (with_checked_urls(global, urls)?, Command::Queues(look))
                }
                Some(QueuesSub::Push(args)) => {
                    print.must_be_unused("queues list")?;
                    push(args)?
                }
                Some(QueuesSub::Canary(args)) => {
                    print.must_be_unused("queues list")?;
                    let canary = Canary {
                        key: some_key(args.queue.map(bytes).or(args.key_b64))?,
                        place: Where { node: args.node, all_nodes: false, db: args.db },
                        wait: args.wait,
                        dry_run: args.dry_run,
                        yes: args.yes,
                        format: args.format.unwrap_or_default(),
                    };
                    (args.global, Command::Canary(canary))
                }
                Some(QueuesSub::Move(args)) => {
                    print.must_be_unused("queues list")?;
                    let to = Destination::List(some_key(args.to.map(bytes))?);
                    moved(args.from, to, args.which, &args.end)?
                }
                Some(QueuesSub::Requeue(args)) => {
                    print.must_be_unused("queues list")?;
                    moved(args.queue, Destination::Back, args.which, &args.end)?
                }
                Some(QueuesSub::Drop(args)) => {
                    print.must_be_unused("queues list")?;
                    let end = End { left: false, right: false };
                    moved(args.queue, Destination::Nowhere, args.which, &end)?
                }
                Some(QueuesSub::Peek(args)) => {
                    print.must_be_unused("queues list")?;
                    let peek = Peek {
                        key: some_key(args.queue.map(bytes).or(args.key_b64))?,
                        place: args.place.into(),
                        set: args.set,
                        count: args.count,
                        format: args.format.unwrap_or_default(),
                    };
                    (args.global, Command::Peek(peek))
                }
            };
            (outer.merged(inner), command)
        }
        Sub::Worker(args) => args.into_command()?,
        Sub::Lock(args) => args.into_command()?,
        Sub::Wait(args) => args.into_command()?,
        Sub::Check(args) => {
            (with_checked_urls(args.global, args.positional)?, Command::Check(args.watch_for))
        }
        Sub::Audit(args) => (args.global, Command::Audit(args.format.unwrap_or_default())),
        Sub::Demo(args) => args.into_command()?,
        Sub::Config(args) => {
            let (inner, command) = match args.command {
                ConfigSub::Template(bare) => (bare.global, Command::ConfigTemplate),
                ConfigSub::Show(show) => {
                    (with_checked_urls(show.global, show.positional)?, Command::ConfigShow)
                }
            };
            (args.global.merged(inner), command)
        }
    })
}

fn look(args: args::Look) -> Result<(GlobalArgs, Look), Usage> {
    let (print, urls, global) = args.into_parts();
    Ok((with_checked_urls(global, urls)?, print.into()))
}

fn push(args: args::Push) -> Result<(GlobalArgs, Command), Usage> {
    let (key, payload) = match (args.key_b64, args.queue, args.payload) {
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
        place: args.place.into(),
        count: args.count,
        push: args.end.chosen(),
        force: args.force,
        yes: args.yes,
    };
    Ok((args.global, Command::Push(push)))
}

fn moved(
    from: OsString,
    to: Destination,
    which: args::Which,
    end: &End,
) -> Result<(GlobalArgs, Command), Usage> {
    let from = some_key(Some(bytes(from)))?;
    let element = which.element.map(bytes).or(which.element_b64);
    let pick = match (element, which.all, which.count) {
        (Some(element), ..) => Pick::Element(element),
        (None, true, _) => Pick::Oldest(u64::MAX),
        (None, false, count) => Pick::Oldest(count),
    };
    let place = Where { node: which.node, all_nodes: false, db: which.db };
    let (dry_run, yes) = (which.dry_run, which.yes);
    let wish = Move { from, to, pick, place, push: end.chosen(), dry_run, yes };
    Ok((which.global, Command::Move(wish)))
}

/// The exact bytes on Unix; on Windows its WTF-8 form.
fn bytes(text: OsString) -> Bytes {
    Bytes::from(text.into_encoded_bytes())
}

fn some_key(key: Option<Bytes>) -> Result<Bytes, Usage> {
    match key {
        Some(key) if !key.is_empty() => Ok(key),
        _ => Err((ErrorKind::InvalidValue, "the key must not be empty".into())),
    }
}

fn with_checked_urls(global: GlobalArgs, urls: Vec<OsString>) -> Result<GlobalArgs, Usage> {
    match urls.iter().map(|u| u.to_string_lossy()).find(|u| !scan::is_url(u)) {
        Some(bad) => Err((ErrorKind::InvalidValue, scan::not_a_url(&bad))),
        None => Ok(with_urls(global, urls)),
    }
}

impl Print {
    /// Of two places the right one counts.
    fn or(self, later: Self) -> Self {
        Self { format: later.format.or(self.format), watch_for: later.watch_for.or(self.watch_for) }
    }

    fn must_be_unused(self, command: &str) -> Result<(), Usage> {
        if self.format.is_none() && self.watch_for.is_none() {
            return Ok(());
        }
        Err((ErrorKind::ArgumentConflict, format!("--format and --for belong to `redwarden {command}`")))
    }
}

impl From<Print> for Look {
    fn from(print: Print) -> Self {
        Self { format: print.format.unwrap_or_default(), watch_for: print.watch_for }
    }
}

impl From<args::Where> for Where {
    fn from(place: args::Where) -> Self {
        Self { node: place.node, all_nodes: place.all_nodes, db: place.db }
    }
}

impl End {
    fn chosen(&self) -> Option<PushEnd> {
        match (self.left, self.right) {
            (true, _) => Some(PushEnd::Left),
            (_, true) => Some(PushEnd::Right),
            _ => None,
        }
    }
}

/// clap quotes arguments it does not understand; one of them may be a URL with a password.
fn without_secrets(error: clap::Error, given: &[OsString]) -> clap::Error {
    let mut text = error.to_string();
    let mut changed = false;
    for arg in given.iter().map(|a| a.to_string_lossy()) {
        if let Some(start) = arg.find("://")
            && (arg.contains('@') || arg.contains("pass="))
            && text.contains(&arg[start..])
        {
            text = text.replace(&arg[start..], &crate::config::masked_url(&arg)[start..]);
            changed = true;
        }
    }
    if !changed {
        return error;
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    clap::Error::raw(error.kind(), text)
}

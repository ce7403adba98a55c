//! The command line: from arguments to an [`Invocation`], a plain value that says what to do.

mod args;
mod demo;
mod global;
mod lock_run;
mod locks;
mod look;
mod place;
mod queues;
mod scan;
mod value;
mod wait;
mod worker;

use std::ffi::OsString;
use std::sync::LazyLock;
use std::time::Duration;

use clap::FromArgMatches;
use clap::error::ErrorKind;

use args::Cli;
pub use demo::{Demo, Stage};
pub use global::GlobalArgs;
pub use lock_run::LockRun;
pub use locks::{Release, ReleaseMany};
pub use look::{Format, Look};
pub use place::Where;
pub use queues::{Canary, Destination, Move, Peek, Pick, Push};
pub use wait::{Wait, WaitFor};
pub use worker::Worker;

/// Exit code of usage and configuration errors.
pub const EXIT_USAGE: u8 = 2;

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
    /// `queues move`, `queues requeue`, `queues drop`.
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

/// What is wrong with arguments that clap understood.
type Usage = (ErrorKind, String);

fn invocation(cli: Cli) -> Result<Invocation, Usage> {
    let outer = cli.global.with_urls(&cli.positional)?;
    let (inner, command) = match cli.command {
        None => (GlobalArgs::default(), Command::Dashboard),
        Some(sub) => sub.into_command()?,
    };
    Ok(Invocation { global: outer.merged(inner), command })
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

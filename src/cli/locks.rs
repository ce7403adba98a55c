//! `locks` and `locks release`: as clap sees them, and what they ask for.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Args, Subcommand};

use super::look::LookArgs;
use super::place::{Nodes, Where};
use super::value::{base64, bytes, some_key};
use super::{Command, Format, GlobalArgs, Usage};
use crate::domain::Bytes;

/// `locks release`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// Exact key.
    pub key: Bytes,
    /// Where.
    pub place: Where,
    /// `--if-token`, `--token-b64`: exact token that must be the value.
    pub if_token: Option<Bytes>,
    /// `--family`.
    pub family: Option<String>,
    /// Only print the plan.
    pub dry_run: bool,
    /// Do not ask.
    pub yes: bool,
}

/// `locks release` of several keys, or by a filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReleaseMany {
    /// Exact keys; none with a filter.
    pub keys: Vec<Bytes>,
    /// `--filter`: the locks that the dashboard would list with it.
    pub filter: Option<String>,
    /// Where.
    pub place: Where,
    /// `--format`: how to print the result of each lock; `None`: in words on stderr only.
    pub format: Option<Format>,
    /// Only print the plans.
    pub dry_run: bool,
    /// Do not ask.
    pub yes: bool,
}

#[derive(Args, Debug)]
pub(super) struct Locks {
    #[command(flatten)]
    look: LookArgs,
    #[command(subcommand)]
    command: Option<LocksSub>,
}

#[derive(Subcommand, Debug)]
pub(super) enum LocksSub {
    /// Print the locks (the default).
    List(LookArgs),
    /// Delete locks, each only if it still is the one that was seen: 0 all, 1 not all, 2 usage, 3 not known.
    Release(ReleaseArgs),
}

#[derive(Args, Debug)]
pub(super) struct ReleaseArgs {
    /// Keys of the locks; of several, each is compared and released on its own.
    #[arg(value_name = "KEY", required_unless_present_any = ["key_b64", "filter"], conflicts_with_all = ["key_b64", "filter"])]
    lock: Vec<OsString>,
    /// All locks that this filter of the dashboard lets through, such as 'holder:web-3 state:no_ttl'.
    #[arg(long, value_name = "FILTER", conflicts_with = "key_b64")]
    filter: Option<String>,
    /// Print the plan and the result of each lock in this format; table: in words, on stderr.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Key of the lock in base64, as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    key_b64: Option<Bytes>,
    #[command(flatten)]
    place: Nodes,
    /// Release it as a lock of this family, where its shape fits several.
    #[arg(long, value_name = "ID")]
    family: Option<String>,
    /// Release it only if its value is this token; where several hold it: this one of them.
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_b64")]
    if_token: Option<OsString>,
    /// The same, in base64 as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    token_b64: Option<Bytes>,
    /// Print what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    global: GlobalArgs,
}

impl Locks {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let list = |(global, look)| (global, Command::Locks(look));
        let (inner, command) = match self.command {
            None => return self.look.into_list(None).map(list),
            Some(LocksSub::List(inner)) => return self.look.into_list(Some(inner)).map(list),
            Some(LocksSub::Release(args)) => args.into_command()?,
        };
        Ok((self.look.not_printing("locks list")?.merged(inner), command))
    }
}

impl ReleaseArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let if_token = self.if_token.map(bytes).or(self.token_b64);
        let mut keys: Vec<Bytes> = self.lock.into_iter().map(bytes).chain(self.key_b64).collect();
        if self.filter.is_some() || keys.len() > 1 || self.format.is_some() {
            if if_token.is_some() || self.family.is_some() {
                let words =
                    "--if-token, --token-b64 and --family are about one KEY, without --filter and --format";
                return Err((ErrorKind::ArgumentConflict, words.into()));
            }
            // One key may be anything. Among several, a URL is a node in the wrong place, perhaps with its password.
            if keys.len() > 1 && keys.iter().any(|key| key.as_slice().windows(3).any(|part| part == b"://")) {
                let words = "one of the keys is a URL: nodes are given with -u URL; a key that looks like one is released alone";
                return Err((ErrorKind::InvalidValue, words.into()));
            }
            let mut known = std::collections::HashSet::new();
            keys.retain(|key| known.insert(key.clone()));
            let keys = keys.into_iter().map(|key| some_key(Some(key))).collect::<Result<_, _>>()?;
            let (filter, place, format) = (self.filter, self.place.into(), self.format);
            let many = ReleaseMany { keys, filter, place, format, dry_run: self.dry_run, yes: self.yes };
            return Ok((self.global, Command::ReleaseMany(many)));
        }
        let release = Release {
            key: some_key(keys.pop())?,
            place: self.place.into(),
            if_token,
            family: self.family,
            dry_run: self.dry_run,
            yes: self.yes,
        };
        Ok((self.global, Command::Release(release)))
    }
}

//! How to look and print, of all commands that print what the nodes say.

use std::ffi::OsString;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, ValueEnum};

use super::value::positive;
use super::{GlobalArgs, Usage};

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// The documented JSON.
    Json,
}

/// How to look and print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// How to print.
    pub format: Format,
    /// How long to watch (`--for`); `None`: one look.
    pub watch_for: Option<Duration>,
}

/// How to print and how long to watch.
#[derive(Args, Debug, Default, Clone, Copy)]
pub(super) struct Print {
    /// How to print [default: table].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How long to watch, such as 3s: rates need two looks [default: as long as one look takes].
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    watch_for: Option<Duration>,
}

#[derive(Args, Debug)]
pub(super) struct LookArgs {
    /// Nodes to look at.
    #[arg(value_name = "URL")]
    positional: Vec<OsString>,
    #[command(flatten)]
    print: Print,
    #[command(flatten)]
    global: GlobalArgs,
}

impl LookArgs {
    pub(super) fn into_look(self) -> Result<(GlobalArgs, Look), Usage> {
        Ok((self.global.with_urls(&self.positional)?, self.print.into()))
    }

    /// The list that is meant by a group of commands (`locks`) followed by nothing or by its `list`.
    pub(super) fn into_list(self, list: Option<Self>) -> Result<(GlobalArgs, Look), Usage> {
        let outer = self.global.with_urls(&self.positional)?;
        match list {
            None => Ok((outer, self.print.into())),
            Some(list) => {
                let inner = list.global.with_urls(&list.positional)?;
                Ok((outer.merged(inner), self.print.or(list.print).into()))
            }
        }
    }

    /// The global flags of such a group before another command than `list`, the one that prints.
    pub(super) fn not_printing(self, list: &str) -> Result<GlobalArgs, Usage> {
        if self.print.format.is_some() || self.print.watch_for.is_some() {
            let message = format!("--format and --for belong to `redwarden {list}`");
            return Err((ErrorKind::ArgumentConflict, message));
        }
        self.global.with_urls(&self.positional)
    }
}

impl Print {
    /// Of two places the right one counts.
    fn or(self, later: Self) -> Self {
        Self { format: later.format.or(self.format), watch_for: later.watch_for.or(self.watch_for) }
    }
}

impl From<Print> for Look {
    fn from(print: Print) -> Self {
        Self { format: print.format.unwrap_or_default(), watch_for: print.watch_for }
    }
}

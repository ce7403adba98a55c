//! A look over the raw arguments before clap: URLs before a command become `--url`, and a word that is neither
//! a URL nor a command is reported with the nearest command (clap would complain about some later flag instead).

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, Command};

use crate::domain::bytes::escape_text;

/// Rewrites the arguments (without the program's name). `root` must be built.
pub(super) fn scan(root: &mut Command, args: Vec<OsString>) -> Result<Vec<OsString>, clap::Error> {
    let mut out = Vec::with_capacity(args.len());
    let mut rest = args.into_iter();
    let mut path: Vec<String> = Vec::new();
    while let Some(arg) = rest.next() {
        let text = arg.to_string_lossy().into_owned();
        let level = level(root, &path);
        if text == "--" {
            out.push(arg);
            break;
        } else if text.len() > 1 && text.starts_with('-') {
            let values = values_after(level, &text);
            out.push(arg);
            match values {
                Some(count) => out.extend(rest.by_ref().take(count)),
                // Not a flag of this level: clap says so better than we can.
                None => break,
            }
        } else if is_url(&text) {
            let mut flag = OsString::from("--url=");
            flag.push(arg);
            out.push(flag);
        } else if let Some(sub) = level.find_subcommand(&text) {
            out.push(arg);
            let is_leaf = sub.get_subcommands().next().is_none();
            path.push(sub.get_name().to_string());
            if is_leaf {
                break;
            }
        } else {
            let message = neither(level, &path, &text);
            return Err(root.error(ErrorKind::InvalidSubcommand, message));
        }
    }
    out.extend(rest);
    Ok(out)
}

/// True for something with a URL scheme.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// What to say of a positional that should have been a URL.
pub(super) fn not_a_url(text: &str) -> String {
    // Whoever writes user:password@host means a URL, too.
    let shown = match text.rsplit_once('@') {
        Some((_, host)) => format!("***@{}", escape_text(host)),
        None => escape_text(text),
    };
    let looks_like_host = text.contains([':', '.', '@']) && !text.contains('/');
    let remedy = if looks_like_host {
        format!("Did you mean `redis://{shown}`?")
    } else {
        "Write redis://HOST[:PORT][/DB], rediss://..., redis+unix:///PATH.".to_string()
    };
    format!("`{shown}` is not a URL: it has no scheme. {remedy}")
}

fn level<'a>(root: &'a Command, path: &[String]) -> &'a Command {
    path.iter().fold(root, |command, name| command.find_subcommand(name).unwrap_or(command))
}

/// How many of the following arguments belong to this flag; `None` when the level has no such flag.
fn values_after(level: &Command, text: &str) -> Option<usize> {
    let takes_value = |arg: &Arg| arg.get_action().takes_values();
    if let Some(long) = text.strip_prefix("--") {
        let (name, has_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
        let arg = level.get_arguments().find(|a| a.get_long() == Some(name))?;
        return Some(usize::from(takes_value(arg) && !has_value));
    }
    let shorts: Vec<char> = text.chars().skip(1).collect();
    for (i, short) in shorts.iter().enumerate() {
        let arg = level.get_arguments().find(|a| a.get_short() == Some(*short))?;
        if takes_value(arg) {
            return Some(usize::from(i + 1 == shorts.len()));
        }
    }
    Some(0)
}

fn neither(level: &Command, path: &[String], text: &str) -> String {
    let names: Vec<&str> =
        level.get_subcommands().filter(|c| !c.is_hide_set()).map(Command::get_name).collect();
    let whole = std::iter::once("redwarden").chain(path.iter().map(String::as_str));
    let whole = whole.collect::<Vec<_>>().join(" ");
    match crate::config::nearest(text, names.iter().copied()) {
        Some(name) => {
            format!("`{}` is neither a URL nor a command. Did you mean `{whole} {name}`?", escape_text(text))
        }
        None if text.contains([':', '.', '@', '/']) => not_a_url(text),
        None => format!(
            "`{}` is neither a URL nor a command. Commands of `{whole}`: {}. A URL looks like redis://HOST:PORT.",
            escape_text(text),
            names.join(", ")
        ),
    }
}

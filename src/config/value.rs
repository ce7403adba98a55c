//! Single values: what is accepted, in which range, and what to say otherwise.

use std::time::Duration;

use super::problem::Complaint;
use crate::domain::bytes::escape_text;

/// Shortest and longest time between two looks.
pub(super) const INTERVAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3600));
/// Shortest and longest deadline of a call.
pub(super) const TIMEOUT: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(600));
/// Range of the other durations.
pub(super) const ANY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(366 * 86_400));

/// A humantime duration within a range.
pub(super) fn duration(text: &str, (min, max): (Duration, Duration)) -> Result<Duration, Complaint> {
    let shown = escape_text(text);
    let Ok(value) = humantime::parse_duration(text.trim()) else {
        return Err((format!("\"{shown}\" is not a duration"), "Write it like 1s, 500ms or 2m.".into()));
    };
    if value < min || value > max {
        let (min, max) = (humantime::format_duration(min), humantime::format_duration(max));
        return Err((format!("{shown} is out of range"), format!("Give {min} to {max}.")));
    }
    Ok(value)
}

/// `1`, `true`, `yes`, `on` and their opposites: booleans of the environment.
pub(super) fn switch(text: &str) -> Result<bool, Complaint> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err((format!("\"{}\" is neither yes nor no", escape_text(text)), "Write 1 or 0.".into())),
    }
}

/// One of a closed list.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Complaint> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let what = format!("\"{}\" is not known here", escape_text(text));
    Err((what, format!("Write one of {}.", names.join(", "))))
}

/// A glob as Redis matches it: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what is meant literally.
pub(super) fn glob(text: &str) -> Result<String, Complaint> {
    let bad = |what: &str, remedy: &str| {
        Err((format!("pattern \"{}\" {what}", escape_text(text)), remedy.to_string()))
    };
    if text.is_empty() {
        return bad("is empty", "Write a glob such as \"lock:*\", or leave it out.");
    }
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => {
                return bad("ends in a lone backslash", "Double it to mean a backslash.");
            }
            '[' => {
                let mut closed = false;
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        ']' => {
                            closed = true;
                            break;
                        }
                        _ => {}
                    }
                }
                if !closed {
                    return bad(
                        "has a [ without its ]",
                        "Close it, or write \\[ to mean the bracket itself.",
                    );
                }
            }
            _ => {}
        }
    }
    Ok(text.to_string())
}

/// The name nearest to what was written, if one is near enough to be meant.
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    names
        .map(|name| (strsim::jaro_winkler(&text, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.78)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// `Did you mean ...?` or the whole list.
pub(super) fn did_you_mean(text: &str, names: &[&str]) -> String {
    match nearest(text, names.iter().copied()) {
        Some(name) => format!("Did you mean `{name}`?"),
        None if names.is_empty() => "There is none.".into(),
        None => format!("Known here: {}.", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_checked_as_redis_reads_them() {
        for good in ["lock:*", "*", "a?b", "[a-z]x", "[^a]", "\\[x", "a[\\]]b", "ключ:*"] {
            assert_eq!(glob(good).as_deref(), Ok(good));
        }
        for bad in ["", "lock:[", "a[b", "x\\", "[\\]"] {
            assert!(glob(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["locks", "queues", "nodes", "lock"];
        for (text, name) in [
            ("lokcs", Some("locks")),
            ("queus", Some("queues")),
            ("NODES", Some("nodes")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, names.into_iter()), name, "{text}");
        }
    }
}

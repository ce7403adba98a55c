//! The filter as it is written: what may be asked of each panel, and what is wrong with a text.

use std::time::Duration;

use super::{Cmp, Field, Filter, Term, Test};
use crate::app::command::Panel;

/// Text fields and figures of a panel; figures with true are durations.
fn fields(panel: Panel) -> &'static [(&'static str, Field)] {
    match panel {
        Panel::Nodes => &[("node", Field::Node), ("role", Field::Role)],
        Panel::Locks => &[
            ("key", Field::Key),
            ("node", Field::Node),
            ("holder", Field::Holder),
            ("token", Field::Token),
            ("family", Field::Family),
            ("quorum", Field::Quorum),
            ("holder_state", Field::HolderState),
        ],
        Panel::Queues => &[("key", Field::Key), ("node", Field::Node), ("family", Field::Family)],
        Panel::Worker => &[],
    }
}

fn figures(panel: Panel) -> &'static [(&'static str, bool)] {
    match panel {
        Panel::Nodes => &[
            ("rtt", true),
            ("uptime", true),
            ("ops", false),
            ("clients", false),
            ("blocked", false),
            ("memory", false),
        ],
        Panel::Locks => {
            &[("ttl", true), ("age", true), ("waiters", false), ("votes", false), ("stale", false)]
        }
        Panel::Queues => {
            &[("waiting", false), ("oldest", true), ("in", false), ("out", false), ("net", false)]
        }
        Panel::Worker => &[],
    }
}

fn states(panel: Panel) -> &'static [&'static str] {
    match panel {
        Panel::Nodes => &["up", "suspect", "down"],
        Panel::Locks => {
            &["held", "renewed", "expiring", "expiring_soon", "overdue", "no_ttl", "never_expires", "unknown"]
        }
        Panel::Queues => &["growing", "drains", "stalled", "steady", "idle", "unknown"],
        Panel::Worker => &[],
    }
}

impl Filter {
    /// Parses the text for a panel. The error is a sentence for the prompt.
    pub fn parse(panel: Panel, text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for word in words(text) {
            if let Some(term) = parse_term(panel, &word)? {
                terms.push(term);
            }
        }
        Ok(Self { terms })
    }
}

/// A word and whether it was quoted: quoted words are always text.
struct Word {
    invert: bool,
    quoted: bool,
    text: String,
}

fn words(text: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (invert, body) = rest.strip_prefix('!').map_or((false, rest), |b| (true, b));
        let (quoted, word, after) = if let Some(inner) = body.strip_prefix('"') {
            // An open quote reaches to the end: it is still being typed.
            let (word, after) = inner.split_once('"').unwrap_or((inner, ""));
            (true, word, after)
        } else {
            let (word, after) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
            (false, word, after)
        };
        if !word.is_empty() {
            out.push(Word { invert, quoted, text: word.to_owned() });
        }
        rest = after.trim_start();
    }
    out
}

fn parse_term(panel: Panel, word: &Word) -> Result<Option<Term>, String> {
    let term = |test| Ok(Some(Term { invert: word.invert, test }));
    let any = || Test::Text(Field::Any, word.text.to_lowercase());
    if word.quoted {
        return term(any());
    }
    if let Some((name, value)) = word.text.split_once(':') {
        let name = name.to_lowercase();
        let value_lower = value.trim_matches('"').to_lowercase();
        if name == "state" {
            return state_test(panel, &value_lower).and_then(term);
        }
        if let Some((_, field)) = fields(panel).iter().find(|(n, _)| *n == name) {
            return if value.is_empty() { Ok(None) } else { term(Test::Text(*field, value_lower)) };
        }
    }
    let Some(at) = word.text.find(['<', '>', '=']) else { return term(any()) };
    let (name, rest) = word.text.split_at(at);
    let name = name.to_lowercase();
    let (cmp, value) = match rest.as_bytes() {
        [b'<', b'=', ..] => (Cmp::LessEqual, rest.get(2..)),
        [b'>', b'=', ..] => (Cmp::GreaterEqual, rest.get(2..)),
        [b'<', ..] => (Cmp::Less, rest.get(1..)),
        [b'>', ..] => (Cmp::Greater, rest.get(1..)),
        _ => (Cmp::Equal, rest.get(1..)),
    };
    let value = value.unwrap_or_default();
    let Some((figure, is_duration)) = figures(panel).iter().find(|(n, _)| *n == name) else {
        let looks_meant = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphabetic())
            && value.starts_with(|c: char| c.is_ascii_digit());
        if looks_meant && !rest.starts_with('=') {
            let known = figures(panel).iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
            return Err(format!("{name} is no figure of {}; these are: {known}", panel.name()));
        }
        return term(any());
    };
    let limit =
        if *is_duration { duration(value) } else { value.parse::<f64>().ok().filter(|f| f.is_finite()) };
    match limit {
        Some(limit) => term(Test::Figure(figure, cmp, limit)),
        None if *is_duration => Err(format!("{figure} needs a duration, such as {figure}>10m")),
        None => Err(format!("{figure} needs a number, such as {figure}>100")),
    }
}

fn state_test(panel: Panel, value: &str) -> Result<Test, String> {
    let wanted = value.replace(['-', ' '], "_");
    if states(panel).iter().any(|s| s.starts_with(&wanted)) {
        return Ok(Test::State(wanted));
    }
    Err(format!("no such state; {} are: {}", panel.name(), states(panel).join(", ")))
}

/// Humantime, or a bare number of seconds.
fn duration(text: &str) -> Option<f64> {
    let seconds = text.parse::<f64>().ok().filter(|f| f.is_finite() && *f >= 0.0);
    seconds.or_else(|| humantime::parse_duration(text).ok().map(|d: Duration| d.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_terms_are_explained() {
        for (panel, text, says) in [
            (Panel::Locks, "age>", "age needs a duration"),
            (Panel::Locks, "ttl<soon", "ttl needs a duration"),
            (Panel::Queues, "waiting>many", "waiting needs a number"),
            (Panel::Queues, "ttl<5s", "ttl is no figure of queues"),
            (Panel::Nodes, "state:asleep", "no such state"),
        ] {
            let error = Filter::parse(panel, text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn keys_with_colons_are_plain_words() {
        let filter = Filter::parse(Panel::Locks, "lock:a=b x>y").unwrap();
        assert_eq!(filter.terms.len(), 2);
        assert!(filter.terms.iter().all(|t| matches!(t.test, Test::Text(Field::Any, _))));
    }
}

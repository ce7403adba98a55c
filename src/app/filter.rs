//! The filter language: words, `field:text`, figures with `<` and `>`, `!` inverts; all terms must hold.
//!
//! `state:no_ttl`, `node:eu-1`, `holder:web`, `age>10m`, `ttl<5s`, `waiting>100`, `"a word with spaces"`. Words are
//! looked for in the text as shown (escaped), in small or capital letters alike.

use std::borrow::Cow;
use std::time::Duration;

use super::columns::{At, votes};
use super::command::Panel;
use crate::domain::bytes::escape;
use crate::domain::fleet::FleetNode;
use crate::domain::lock::{LockState, Token};
use crate::domain::node::NodeState;
use crate::domain::queue::Drain;
use crate::domain::stale;
use crate::domain::{Lock, Queue};

/// A parsed filter. The default one lets everything through.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, PartialEq, Debug)]
struct Term {
    invert: bool,
    test: Test,
}

#[derive(Clone, PartialEq, Debug)]
enum Test {
    /// The text (in small letters) occurs in the field.
    Text(Field, String),
    /// The state's word starts so.
    State(String),
    /// The figure is known and compares so; durations in seconds.
    Figure(&'static str, Cmp, f64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Any,
    Key,
    Node,
    Holder,
    Token,
    Family,
    Role,
    Quorum,
    HolderState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cmp {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
}

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

    /// True when it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// What it lets through may change by time alone, beyond what the state of a lock says.
    pub fn is_timed(&self) -> bool {
        let timed = |test: &Test| {
            matches!(test, Test::Figure("ttl" | "age" | "stale", ..) | Test::Text(Field::HolderState, _))
        };
        self.terms.iter().any(|term| timed(&term.test))
    }

    /// Does the node pass?
    pub fn node(&self, node: &FleetNode, _at: At<'_>) -> bool {
        let snapshot = &node.snapshot;
        let facts = snapshot.facts.as_deref();
        self.all(|test| match test {
            Test::Text(field, needle) => {
                let role = || facts.and_then(|f| f.role).map_or("", |r| r.code());
                let name = || plain(snapshot.meta.id.as_str(), needle);
                match field {
                    Field::Node => name(),
                    Field::Role => plain(role(), needle),
                    _ => {
                        name()
                            || plain(&snapshot.meta.address, needle)
                            || snapshot.meta.group.as_ref().is_some_and(|g| plain(g.as_str(), needle))
                            || plain(role(), needle)
                            || node.aliases.iter().any(|a| plain(a, needle))
                            || snapshot.status.reason.is_some_and(|r| plain(r.code(), needle))
                    }
                }
            }
            Test::State(wanted) => {
                let state = match snapshot.status.state {
                    NodeState::Up => "up",
                    NodeState::Suspect => "suspect",
                    NodeState::Down => "down",
                };
                state.starts_with(wanted.as_str())
            }
            Test::Figure(name, cmp, limit) => {
                let count = |c: Option<u64>| c.map(|c| c as f64);
                let value = match *name {
                    "rtt" => snapshot.rtt.map(|d| d.as_secs_f64()),
                    "uptime" => facts.and_then(|f| f.uptime).map(|d| d.as_secs_f64()),
                    "ops" => facts.and_then(|f| count(f.ops_per_sec)),
                    "clients" => facts.and_then(|f| count(f.connected_clients)),
                    "blocked" => facts.and_then(|f| count(f.blocked_clients)),
                    _ => facts.and_then(|f| count(f.used_memory)),
                };
                value.is_some_and(|v| cmp.holds(v, *limit))
            }
        })
    }

    /// Does the lock pass?
    pub fn lock(&self, lock: &Lock, at: At<'_>) -> bool {
        self.all(|test| match test {
            Test::Text(field, needle) => {
                let key = || raw(lock.id.key.as_slice(), needle);
                let quorum = || at.fleet.quorum_of(lock, at.now);
                let node = || {
                    plain(lock.id.node.as_str(), needle)
                        || quorum().is_some_and(|q| {
                            q.locks_of(&lock.token, at.now).any(|l| plain(l.id.node.as_str(), needle))
                        })
                };
                let holder = || lock.holder.as_deref().is_some_and(|h| plain(h, needle));
                let token = || match &lock.token {
                    Token::Known(bytes) | Token::Long { head: bytes, .. } => raw(bytes.as_slice(), needle),
                    Token::Unknown(_) => false,
                };
                match field {
                    Field::Key => key(),
                    Field::Node => node(),
                    // Where the value tells no more, it is shown as the holder.
                    Field::Holder => holder() || (lock.holder.is_none() && token()),
                    Field::Token => token(),
                    Field::Family => plain(lock.family, needle),
                    Field::HolderState => lock.holder_state(at.now).code().starts_with(needle.as_str()),
                    Field::Quorum => quorum()
                        .and_then(|q| q.verdict(at.now))
                        .is_some_and(|v| v.state.code().starts_with(needle.as_str())),
                    Field::Any | Field::Role => key() || node() || holder() || token(),
                }
            }
            Test::State(wanted) => {
                let state = lock.state(at.rules, at.now);
                let words = match state {
                    LockState::NoTtl => "never_expires",
                    LockState::Expiring => "expiring_soon",
                    other => other.code(),
                };
                state.code().starts_with(wanted.as_str()) || words.starts_with(wanted.as_str())
            }
            Test::Figure(name, cmp, limit) => {
                let value = match *name {
                    "ttl" => lock.ttl_left(at.now).map(|d| d.as_secs_f64()),
                    "age" => lock.age(at.now).map(|d| d.as_secs_f64()),
                    "stale" => Some(f64::from(stale::score(lock, at.rules, at.now))),
                    "votes" => votes(lock, at).map(|n| n as f64),
                    _ => lock.waiters.map(|w| w as f64),
                };
                value.is_some_and(|v| cmp.holds(v, *limit))
            }
        })
    }

    /// Does the queue pass?
    pub fn queue(&self, queue: &Queue, at: At<'_>) -> bool {
        self.all(|test| match test {
            Test::Text(field, needle) => {
                let key = || raw(queue.id.key.as_slice(), needle) || plain(&queue.name, needle);
                let node = || plain(queue.id.node.as_str(), needle);
                match field {
                    Field::Key => key(),
                    Field::Node => node(),
                    Field::Family => plain(queue.family, needle),
                    _ => key() || node(),
                }
            }
            Test::State(wanted) => {
                let state = match queue.drain(at.rules, at.now) {
                    Drain::Idle => "idle",
                    Drain::Drains(_) => "drains",
                    Drain::Growing(_) => "growing",
                    Drain::Stalled => "stalled",
                    Drain::Steady => "steady",
                    Drain::Unknown => "unknown",
                };
                state.starts_with(wanted.as_str())
            }
            Test::Figure(name, cmp, limit) => {
                let value = match *name {
                    "waiting" => queue.waiting.map(|w| w as f64),
                    "oldest" => queue.oldest_age(at.now).map(|d| d.as_secs_f64()),
                    "in" => queue.rates.incoming,
                    "out" => queue.rates.outgoing,
                    _ => queue.rates.net,
                };
                value.is_some_and(|v| cmp.holds(v, *limit))
            }
        })
    }

    fn all(&self, holds: impl Fn(&Test) -> bool) -> bool {
        self.terms.iter().all(|t| holds(&t.test) != t.invert)
    }
}

impl Cmp {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterEqual => value >= limit,
            Self::Equal => (value - limit).abs() < 1e-9,
        }
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

/// Does the text as shown contain the needle, which is in small letters?
fn raw(bytes: &[u8], needle: &str) -> bool {
    let shown_as_is = bytes.iter().all(|b| (0x20..0x7f).contains(b) && *b != b'\\');
    let text: Cow<'_, str> = match std::str::from_utf8(bytes) {
        Ok(text) if shown_as_is => Cow::Borrowed(text),
        _ => Cow::Owned(escape(bytes)),
    };
    plain(&text, needle)
}

fn plain(text: &str, needle: &str) -> bool {
    if text.is_ascii() {
        let (text, needle) = (text.as_bytes(), needle.as_bytes());
        return needle.is_empty() || text.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle));
    }
    text.to_lowercase().contains(needle)
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

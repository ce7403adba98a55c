//! The filter language: words, `field:text`, figures with `<` and `>`, `!` inverts; all terms must hold.
//!
//! `state:no_ttl`, `node:eu-1`, `holder:web`, `age>10m`, `ttl<5s`, `waiting>100`, `"a word with spaces"`. Words are
//! looked for in the text as shown (escaped), in small or capital letters alike.

mod parse;

use std::borrow::Cow;

use super::columns::{At, votes};
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

impl Filter {
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

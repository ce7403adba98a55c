//! Who is connected to a server, and who was: names and hosts of its clients over the last CLIENT LISTs.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::domain::bytes::escape;
use crate::domain::presence::{HolderState, Presence, is_telling, words};
use crate::domain::{Bytes, Lock, Stamp};

/// Names, and hosts, that are known at once, those that left included.
const MOST: usize = 5_000;
/// Bytes of a name that is known.
const LONGEST: usize = 128;
/// Hosts of one name that are told apart.
const MOST_HOSTS: usize = 4;
/// Lists in a row in which somebody must be missing to have left: a client reconnects in a moment.
const MISSED: u32 = 2;
/// And for so long: somebody may ask for lists one after another.
const MISSED_FOR: Duration = Duration::from_secs(3);
/// Ages of connections are told in whole seconds.
const ROUNDED: Duration = Duration::from_secs(2);

/// A name or a host.
#[derive(Clone, Debug)]
struct Seen {
    /// When it was last there.
    last: Stamp,
    /// Lists since then.
    missed: u32,
    /// Time since then, up to the last list.
    missed_for: Duration,
    /// Where from, in the last list it was in.
    hosts: BTreeSet<Bytes>,
    /// Age of its oldest connection then.
    oldest: Option<Duration>,
}

impl Seen {
    /// Seen at this moment, from this host.
    fn of(host: &[u8], age: Option<Duration>, at: Stamp) -> Self {
        let hosts = BTreeSet::from([Bytes::from(host)]);
        Self { last: at, missed: 0, missed_for: Duration::ZERO, hosts, oldest: age }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Attendance {
    names: HashMap<Bytes, Seen>,
    hosts: HashMap<Bytes, Seen>,
    /// By database: who subscribed to patterns, as Celery's workers do to be told of.
    listeners: HashMap<u32, Seen>,
    /// Lists may be read.
    listed: bool,
}

impl Attendance {
    /// Nothing is known any more: CLIENT LIST was refused.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// True when nobody is known by whom a holder could be found.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.hosts.is_empty()
    }

    /// Names and hosts that are known, at most 10,000.
    pub fn len(&self) -> usize {
        self.names.len() + self.hosts.len()
    }

    /// Takes in a reply of CLIENT LIST that came at this moment.
    pub fn take(&mut self, list: &Bytes, at: Stamp) {
        self.listed = true;
        let others = self.hosts.values_mut().chain(self.listeners.values_mut());
        for seen in self.names.values_mut().chain(others) {
            seen.missed = seen.missed.saturating_add(1);
            seen.missed_for = at.since(seen.last);
        }
        for line in list.as_slice().split(|b| *b == b'\n') {
            let field = |name: &[u8]| {
                line.split(|b| *b == b' ').find_map(|f| f.strip_prefix(name)?.strip_prefix(b"=".as_slice()))
            };
            let Some(address) = field(b"addr") else { continue };
            let host = address.iter().rposition(|b| *b == b':').and_then(|at| address.get(..at));
            let host = host.unwrap_or(address);
            let name = field(b"name").unwrap_or_default();
            if name.starts_with(b"redwarden:") {
                continue;
            }
            let age = field(b"age").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
            let age = age.map(Duration::from_secs);
            if (1..=LONGEST).contains(&name.len()) {
                enter(&mut self.names, name, host, age, at);
            }
            if field(b"psub").is_some_and(|n| n != b"0")
                && let Some(db) = field(b"db").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok())
                && self.listeners.len() < MOST
            {
                let here = || Seen::of(host, age, at);
                self.listeners.entry(db).and_modify(|seen| *seen = here()).or_insert_with(here);
            }
            if is_place(host) {
                enter(&mut self.hosts, host, host, age, at);
            }
        }
        forget(&mut self.names);
        forget(&mut self.hosts);
    }

    /// True when no client of this name is connected, false also where that is not known.
    pub fn lacks(&self, name: &Bytes) -> bool {
        self.listed && self.names.len() < MOST && self.names.get(name).is_none_or(|seen| seen.missed > 0)
    }

    /// The client of this name was there while the lock was held, and left.
    pub fn left(&self, name: &Bytes, lock: &Lock) -> Option<Presence> {
        let (name, seen) = self.names.get_key_value(name)?;
        (seen.missed > 0 && counts(seen, lock)).then(|| by_name(name, seen, lock))
    }

    /// Whether clients of this lock's database listen to patterns. False: some did while it was held and none does any
    /// more; the moment is that when they were last there. `None`: nothing is known of any.
    pub fn listens(&self, lock: &Lock) -> Option<(bool, Stamp)> {
        let seen = self.listeners.get(&lock.id.db).filter(|seen| counts(seen, lock))?;
        Some((seen.missed == 0, seen.last))
    }

    /// What the clients tell of this lock's holder, whose client may be known by name. `None`: nothing.
    pub fn presence(&self, lock: &Lock, client: Option<&Bytes>) -> Option<Presence> {
        if self.is_empty() {
            return None;
        }
        let words = lock.token.known().map(|t| words(t.as_slice())).unwrap_or_default();
        let telling = words.iter().copied().filter(|word| is_telling(word));
        let named = client.map(Bytes::as_slice).into_iter().chain(telling);
        let name = named.filter_map(|w| self.names.get_key_value(w)).find(|(_, s)| counts(s, lock));
        if let Some((name, seen)) = name {
            return Some(by_name(name, seen, lock));
        }
        let host = words.iter().filter_map(|w| self.hosts.get_key_value(*w)).find(|(_, s)| counts(s, lock));
        host.map(|(host, seen)| {
            if seen.missed == 0 {
                let words =
                    format!("clients from {host} are connected: whether it is one of them cannot be told");
                Presence::new(HolderState::Unknown, words, seen.last)
            } else {
                let words = format!("clients from {host} were connected while it was held, none is any more");
                Presence::new(HolderState::Gone, words, seen.last)
            }
        })
    }
}

/// There now, or there while the lock stood and missing for long enough.
fn counts(seen: &Seen, lock: &Lock) -> bool {
    let left = seen.missed >= MISSED && seen.missed_for >= MISSED_FOR;
    seen.missed == 0 || (left && lock.first_seen.mono <= seen.last.mono)
}

fn by_name(name: &Bytes, seen: &Seen, lock: &Lock) -> Presence {
    if seen.missed > 0 {
        let words = format!("the client named {name} was connected while it was held, and is not any more");
        return Presence::new(HolderState::Gone, words, seen.last);
    }
    let held = lock.age(seen.last.mono);
    if seen.oldest.zip(held).is_some_and(|(oldest, held)| oldest + ROUNDED < held) {
        let words =
            format!("{name} connected after it was taken: the holder's next life, or a new connection");
        return Presence::new(HolderState::Unknown, words, seen.last);
    }
    let mut hosts = seen.hosts.iter();
    match (hosts.next(), seen.hosts.len()) {
        (Some(host), 1) => {
            let from = if host.as_slice().starts_with(b"/") {
                "a unix socket".into()
            } else {
                escape(host.as_slice())
            };
            let words = format!("a client named {name} is connected from {from}");
            Presence::new(HolderState::Alive, words, seen.last)
        }
        (_, n) => {
            let more = if n >= MOST_HOSTS { "or more " } else { "" };
            let words = format!(
                "clients named {name} are connected from {n} {more}hosts: which of them holds it cannot be told"
            );
            Presence::new(HolderState::Unknown, words, seen.last)
        }
    }
}

/// An address that tells one host from another: not loopback, not a socket.
fn is_place(host: &[u8]) -> bool {
    let loopback = host.starts_with(b"127.") || host == b"[::1]" || host == b"::1";
    host.len() >= 7 && !host.starts_with(b"/") && !loopback && host.contains(&b'.')
}

fn enter(all: &mut HashMap<Bytes, Seen>, name: &[u8], host: &[u8], age: Option<Duration>, at: Stamp) {
    if let Some(seen) = all.get_mut(name) {
        if seen.missed > 0 {
            *seen = Seen { hosts: BTreeSet::new(), oldest: None, ..Seen::of(host, None, at) };
        }
        seen.oldest = seen.oldest.max(age);
        if seen.hosts.len() < MOST_HOSTS {
            seen.hosts.insert(host.into());
        }
        seen.last = at;
        return;
    }
    // Room for those who are there: who left is forgotten first, see `forget`.
    if all.len() < MOST {
        all.insert(name.into(), Seen::of(host, age, at));
    }
}

/// Who left longest ago is forgotten, so that a quarter stays free for newcomers.
fn forget(all: &mut HashMap<Bytes, Seen>) {
    if all.len() < MOST {
        return;
    }
    let mut left: Vec<(u32, Bytes)> =
        all.iter().filter(|(_, s)| s.missed > 0).map(|(name, s)| (s.missed, name.clone())).collect();
    left.sort_by_key(|(missed, _)| std::cmp::Reverse(*missed));
    for (_, name) in left.into_iter().take(MOST / 4) {
        all.remove(&name);
    }
}

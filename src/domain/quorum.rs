//! Redlock quorums: the same key on independent primaries is one lock, held where most of them vote for one token.
//!
//! Whose votes count is known where the nodes share a configured group. Else it is guessed from what stands there: a
//! quorum is only seen where the same telling token stands on two or more primaries, and the verdict says what holds
//! for any choice of voters among the primaries that are watched. Replicas never vote, a server votes once, whatever
//! names it has, and the primary that Sentinels watch votes for its group. Clusters don't vote: there each key is on
//! one primary.

mod collect;
mod judge;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lock::Token;
use super::{Bytes, Finding, GroupId, Lock, LockId, NodeId, Stamp};

pub(super) use collect::{Roll, changed, next};
pub use judge::Concern;

/// Whose votes count.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Electorate {
    /// The nodes that the configuration gathers under this name.
    Group(GroupId),
    /// Not known: any primaries among those watched at this database that are in no group.
    Watched(u32),
}

/// What one server says to the key.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// This lock stands there.
    Holds(Arc<Lock>),
    /// The key is not there.
    Free,
    /// Nobody knows: a sentence without a subject, escaped.
    Unknown(String),
}

/// One server's vote.
#[derive(Clone, PartialEq, Debug)]
pub struct Vote {
    /// The server, by the name under which it is watched.
    pub node: NodeId,
    /// What it says.
    pub answer: Answer,
    /// How long its process ran when that was read, and when.
    pub uptime: Option<(Duration, Stamp)>,
}

impl Vote {
    /// The lock that stands there, unless its time is over.
    fn lock(&self, now: Instant) -> Option<&Arc<Lock>> {
        match &self.answer {
            Answer::Holds(lock) if !lock.has_ended(now) => Some(lock),
            _ => None,
        }
    }

    /// How long its process runs.
    pub fn process_age(&self, now: Instant) -> Option<Duration> {
        self.uptime.map(|(age, at)| age + now.saturating_duration_since(at.mono))
    }
}

/// One key with the votes for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Quorum {
    /// The key.
    pub key: Bytes,
    /// Whose votes count.
    pub electorate: Electorate,
    /// In the order of the fleet, one of each server.
    pub votes: Vec<Vote>,
}

/// Does somebody hold it? A closed list, documented in the README.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuorumState {
    /// One token has the majority.
    Held,
    /// Several tokens stand there and none can have the majority: nobody holds it and nobody gets it.
    Split,
    /// One token stands there without a majority: left over by a failed try, or forgotten by voters.
    Minority,
    /// It depends on votes that are not known, or on who votes.
    Unknown,
}

impl QuorumState {
    /// The word that JSON and the filter use.
    pub fn code(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Split => "split",
            Self::Minority => "minority",
            Self::Unknown => "unknown",
        }
    }
}

/// What the votes come to at a moment.
#[derive(Clone, PartialEq, Debug)]
pub struct QuorumVerdict {
    /// Does somebody hold it?
    pub state: QuorumState,
    /// The token with most votes.
    pub token: Token,
    /// How many votes it has.
    pub votes: usize,
    /// How many servers vote; of an unknown electorate how many may.
    pub voters: usize,
    /// Longest less shortest TTL of those votes; `None` with fewer than two that are known.
    pub ttl_spread: Option<Duration>,
    /// What is wrong with it, and why.
    pub findings: Vec<Finding>,
}

impl Quorum {
    /// The locks that stand for this token.
    pub fn locks_of<'a>(&'a self, token: &'a Token, now: Instant) -> impl Iterator<Item = &'a Arc<Lock>> {
        self.votes.iter().filter_map(move |v| v.lock(now)).filter(move |l| l.token == *token)
    }

    /// The lock that stands for all votes for this token in a list: the first one.
    pub fn stands_for(&self, token: &Token, now: Instant) -> Option<&LockId> {
        self.votes.iter().filter_map(|v| v.lock(now)).find(|l| l.token == *token).map(|l| &l.id)
    }

    /// Tokens and their votes, most votes first.
    fn tally(&self, now: Instant) -> Vec<(&Token, usize)> {
        let mut tally: Vec<(&Token, usize)> = Vec::new();
        for lock in self.votes.iter().filter_map(|v| v.lock(now)) {
            match tally.iter_mut().find(|(token, _)| **token == lock.token) {
                Some((_, votes)) => *votes += 1,
                None => tally.push((&lock.token, 1)),
            }
        }
        tally.sort_by_key(|(_, votes)| std::cmp::Reverse(*votes));
        tally
    }

    /// True when a lock with this token is a part of it: elsewhere than in a configured group an equal key with a
    /// token of its own is a lock of its own.
    pub fn counts(&self, token: &Token, now: Instant) -> bool {
        match self.electorate {
            Electorate::Group(_) => true,
            Electorate::Watched(_) => token.proves_identity() && self.locks_of(token, now).nth(1).is_some(),
        }
    }
}

/// The quorum that this lock is a vote of.
pub(super) fn of<'a>(quorums: &'a [Arc<Quorum>], lock: &Lock, now: Instant) -> Option<&'a Quorum> {
    Walk { rest: quorums }.of(lock, now)
}

/// Goes through quorums beside locks, both sorted by key: what comes next is near.
pub(super) struct Walk<'q> {
    rest: &'q [Arc<Quorum>],
}

impl<'q> Walk<'q> {
    pub(super) fn new(quorums: &'q [Arc<Quorum>]) -> Self {
        Self { rest: quorums }
    }

    /// The quorum that this lock is a vote of; no later one may come before it.
    fn of(&mut self, lock: &Lock, now: Instant) -> Option<&'q Quorum> {
        let is_before = |q: &Arc<Quorum>| q.key < lock.id.key;
        for _ in 0..2 {
            if let [first, rest @ ..] = self.rest
                && is_before(first)
            {
                self.rest = rest;
            }
        }
        if self.rest.first().is_some_and(is_before) {
            self.rest = self.rest.get(self.rest.partition_point(is_before)..)?;
        }
        let same = self.rest.iter().take_while(|q| q.key == lock.id.key);
        let mut mine = same.filter(|q| q.has(lock, now));
        mine.find(|q| q.counts(&lock.token, now)).map(AsRef::as_ref)
    }

    /// True where a list shows this lock by the row of another one.
    pub(super) fn is_folded(&mut self, lock: &Lock, now: Instant) -> bool {
        let first = self.of(lock, now).and_then(|q| q.locks_of(&lock.token, now).next());
        first.is_some_and(|first| !std::ptr::eq(&raw const **first, lock) && first.id != lock.id)
    }
}

impl Quorum {
    /// True when this lock is a vote of it.
    fn has(&self, lock: &Lock, now: Instant) -> bool {
        let votes = || {
            self.votes.iter().filter_map(|v| if let Answer::Holds(l) = &v.answer { Some(l) } else { None })
        };
        let itself = votes().any(|l| std::ptr::eq(&raw const **l, lock));
        (itself || votes().any(|l| l.id == lock.id)) && !lock.has_ended(now)
    }
}

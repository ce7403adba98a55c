//! Redlock quorums: the same key on independent primaries is one lock, held where most of them vote for one token.
//!
//! Whose votes count is known where the nodes share a configured group. Else it is guessed from what stands there: a
//! quorum is only seen where the same telling token stands on two or more primaries, and the verdict says what holds
//! for any choice of voters among the primaries that are watched. Replicas never vote, a server votes once, whatever
//! names it has, and the primary that Sentinels watch votes for its group. Clusters don't vote: there each key is on
//! one primary.

mod collect;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lock::{Token, Ttl};
use super::stamp::short;
use super::{Bytes, Finding, GroupId, Lock, LockId, NodeId, Severity, Stamp};

pub(super) use collect::{Roll, changed, next};

/// While somebody tries, votes are split or few for an instant: Redlock clients give up within their own tries,
/// usually three with 200 ms between. What stands longer than this is no try any more.
const SETTLED: Duration = Duration::from_secs(5);
/// TTLs of one acquisition differ by the time it took. More than this, and more than a tenth of the longest, is odd.
const SPREAD: Duration = Duration::from_secs(1);

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

    /// The verdict; `None` once no lock of it is left.
    pub fn verdict(&self, now: Instant) -> Option<QuorumVerdict> {
        let tally = self.tally(now);
        let (lead, votes) = *tally.first()?;
        if !self.counts(lead, now) {
            return None;
        }
        let rivals = tally.iter().skip(1).filter(|(token, _)| self.counts(token, now));
        let (others, rival_votes) = rivals.fold((0, 0), |(n, sum), (_, votes)| (n + 1, sum + votes));
        let unknown = self.votes.iter().filter(|v| matches!(v.answer, Answer::Unknown(_))).count();
        let voters = self.votes.len();
        // At least those vote where it stands; at most all.
        let least = match self.electorate {
            Electorate::Group(_) => voters,
            Electorate::Watched(_) => votes + rival_votes,
        };
        let majority = |voters: usize| voters / 2 + 1;
        let state = if votes >= majority(voters) {
            QuorumState::Held
        } else if votes + unknown >= majority(least) {
            QuorumState::Unknown
        } else if others > 0 {
            QuorumState::Split
        } else {
            QuorumState::Minority
        };
        let mut verdict = QuorumVerdict {
            state,
            token: lead.clone(),
            votes,
            voters,
            ttl_spread: None,
            findings: Vec::new(),
        };
        self.judge_state(&mut verdict, now);
        self.judge_ttls(&mut verdict, now);
        self.judge_voters(&mut verdict, now);
        verdict.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        Some(verdict)
    }

    fn judge_state(&self, verdict: &mut QuorumVerdict, now: Instant) {
        let (votes, voters) = (verdict.votes, verdict.voters);
        let held: Vec<&Arc<Lock>> = self.votes.iter().filter_map(|v| v.lock(now)).collect();
        let settled = held.iter().all(|l| now.saturating_duration_since(l.first_seen.mono) >= SETTLED);
        let for_ever = held.iter().any(|l| l.ttl == Ttl::Never);
        let longest = held.iter().filter_map(|l| l.ttl_left(now)).max();
        let frees = match longest {
            _ if for_ever => "it never expires there".to_owned(),
            Some(left) => format!("free at the latest in {}", short(left)),
            None => "when it frees itself is not known".to_owned(),
        };
        let weight = |worst: Severity| if settled { worst } else { Severity::Info };
        let found = match verdict.state {
            QuorumState::Held => return,
            QuorumState::Split => Finding::new(
                weight(Severity::Warning),
                "quorum-split",
                format!("votes are split: the first has {votes} of {voters}, so nobody holds it; {frees}"),
            )
            .with_remedy("if these tries are over, release what is left of them"),
            QuorumState::Minority => Finding::new(
                weight(if for_ever { Severity::Warning } else { Severity::Info }),
                "quorum-minority",
                format!("{votes} of {voters} is no majority: left of a failed try, or forgotten; {frees}"),
            ),
            QuorumState::Unknown => match self.electorate {
                Electorate::Group(_) => Finding::new(
                    Severity::Unknown,
                    "quorum-unknown",
                    format!("{votes} of {voters} is no majority, but not all votes are known"),
                ),
                Electorate::Watched(_) => Finding::new(
                    Severity::Info,
                    "quorum-unknown",
                    format!("held on {votes} of the {voters} primaries watched; who votes is not configured"),
                )
                .with_remedy("give the voters one group = \"NAME\" under [[nodes]]"),
            },
        };
        verdict.findings.push(found);
    }

    fn judge_ttls(&self, verdict: &mut QuorumVerdict, now: Instant) {
        let locks: Vec<&Arc<Lock>> = self.locks_of(&verdict.token, now).collect();
        let left: Vec<Duration> = locks.iter().filter_map(|l| l.ttl_left(now)).collect();
        let (Some(least), Some(most)) = (left.iter().min(), left.iter().max()) else { return };
        let never = locks.iter().filter(|l| l.ttl == Ttl::Never).count();
        if never > 0 {
            let message = format!("{never} of its votes never expire, the others do");
            verdict.findings.push(Finding::new(Severity::Warning, "quorum-ttls-differ", message));
        }
        if left.len() < 2 {
            return;
        }
        let spread = most.saturating_sub(*least);
        verdict.ttl_spread = Some(spread);
        if spread > SPREAD && spread > *most / 10 {
            let message =
                format!("its votes end {} apart: some were not renewed, or taken much later", short(spread));
            verdict.findings.push(Finding::new(Severity::Info, "quorum-ttls-differ", message));
        }
    }

    /// Voters that may have forgotten this lock, or that cannot be asked.
    fn judge_voters(&self, verdict: &mut QuorumVerdict, now: Instant) {
        let locks: Vec<&Arc<Lock>> = self.locks_of(&verdict.token, now).collect();
        let held = locks.iter().filter_map(|l| l.age(now)).max();
        let window = locks.iter().filter_map(|l| l.ttl_left(now)).max().max(held).unwrap_or_default();
        for vote in &self.votes {
            if vote.lock(now).is_some_and(|l| l.token == verdict.token) {
                continue;
            }
            if let Answer::Unknown(why) = &vote.answer {
                if matches!(self.electorate, Electorate::Group(_)) {
                    let message = format!("the vote of {} is not known: {why}", vote.node);
                    verdict.findings.push(Finding::new(Severity::Info, "voter-unknown", message));
                }
                continue;
            }
            let Some(age) = vote.process_age(now).filter(|age| *age < window) else { continue };
            let message = format!(
                "{} restarted {} ago and does not hold it: it may have forgotten its vote, so that a second client could get a majority",
                vote.node,
                short(age)
            );
            // Of others it is not known whether they vote at all.
            let weight = match self.electorate {
                Electorate::Group(_) => Severity::Warning,
                Electorate::Watched(_) => Severity::Info,
            };
            verdict.findings.push(Finding::new(weight, "voter-restarted", message).with_remedy(
                "keep a restarted voter out until the longest TTL is over; or appendfsync always",
            ));
        }
    }
}

/// The quorum that this lock is a vote of.
pub(super) fn of<'a>(quorums: &'a [Arc<Quorum>], lock: &Lock, now: Instant) -> Option<&'a Quorum> {
    let from = quorums.partition_point(|q| q.key < lock.id.key);
    let same = quorums.get(from..)?.iter().take_while(|q| q.key == lock.id.key);
    let mut mine = same.filter(|q| q.votes.iter().any(|v| v.lock(now).is_some_and(|l| l.id == lock.id)));
    mine.find(|q| q.counts(&lock.token, now)).map(AsRef::as_ref)
}

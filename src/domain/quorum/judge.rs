//! What the votes for a key come to at a moment. The sentences are made only where somebody reads them: of very many
//! quorums a list asks for no more than what is worst.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Answer, Electorate, Quorum, QuorumState, QuorumVerdict};
use crate::domain::lock::{Token, Ttl};
use crate::domain::stamp::short;
use crate::domain::{Finding, Lock, Severity};

/// While somebody tries, votes are split or few for an instant: Redlock clients give up within their own tries,
/// usually three with 200 ms between. What stands longer than this is no try any more.
const SETTLED: Duration = Duration::from_secs(5);
/// TTLs of one acquisition differ by the time it took. More than this, and more than a tenth of the longest, is odd.
const SPREAD: Duration = Duration::from_secs(1);

/// A finding without its sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Concern {
    /// How much it weighs.
    pub severity: Severity,
    /// [`Finding::code`].
    pub code: &'static str,
    /// The next thing to try.
    pub remedy: Option<&'static str>,
}

impl Concern {
    fn new(severity: Severity, code: &'static str) -> Self {
        Self { severity, code, remedy: None }
    }

    fn with_remedy(self, remedy: &'static str) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// The finding with this sentence.
    pub fn saying(self, message: impl Into<String>) -> Finding {
        Finding { remedy: self.remedy, ..Finding::new(self.severity, self.code, message) }
    }
}

/// Takes what is wrong, and how to say it.
type Told<'t> = dyn FnMut(Concern, &dyn Fn() -> String) + 't;

/// What the votes come to.
struct Count<'q> {
    state: QuorumState,
    token: &'q Token,
    votes: usize,
    voters: usize,
}

impl Quorum {
    /// The verdict; `None` once no lock of it is left.
    pub fn verdict(&self, now: Instant) -> Option<QuorumVerdict> {
        let count = self.count(now)?;
        let mut findings = Vec::new();
        let ttl_spread = self.judge(&count, now, &mut |concern, say| findings.push(concern.saying(say())));
        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        let Count { state, token, votes, voters } = count;
        Some(QuorumVerdict { state, token: token.clone(), votes, voters, ttl_spread, findings })
    }

    /// What weighs most of what [`Quorum::verdict`] finds.
    pub fn worst(&self, now: Instant) -> Option<Concern> {
        let mut worst: Option<Concern> = None;
        self.judge(&self.count(now)?, now, &mut |concern, _| {
            if worst.is_none_or(|known| known.severity < concern.severity) {
                worst = Some(concern);
            }
        });
        worst
    }

    fn count(&self, now: Instant) -> Option<Count<'_>> {
        let tally = self.tally(now);
        let (token, votes) = *tally.first()?;
        if !self.counts(token, now) {
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
        Some(Count { state, token, votes, voters })
    }

    /// Tells all that is wrong; returns the spread of the TTLs.
    fn judge(&self, count: &Count<'_>, now: Instant, told: &mut Told<'_>) -> Option<Duration> {
        self.judge_state(count, now, told);
        let spread = self.judge_ttls(count, now, told);
        self.judge_voters(count, now, told);
        spread
    }

    fn judge_state(&self, count: &Count<'_>, now: Instant, told: &mut Told<'_>) {
        if count.state == QuorumState::Held {
            return;
        }
        let (votes, voters) = (count.votes, count.voters);
        let held: Vec<&Arc<Lock>> = self.votes.iter().filter_map(|v| v.lock(now)).collect();
        let settled = held.iter().all(|l| now.saturating_duration_since(l.first_seen.mono) >= SETTLED);
        let for_ever = held.iter().any(|l| l.ttl == Ttl::Never);
        let longest = held.iter().filter_map(|l| l.ttl_left(now)).max();
        let frees = || match longest {
            _ if for_ever => "it never expires there".to_owned(),
            Some(left) => format!("free at the latest in {}", short(left)),
            None => "when it frees itself is not known".to_owned(),
        };
        let weight = |worst: Severity| if settled { worst } else { Severity::Info };
        match (count.state, &self.electorate) {
            (QuorumState::Held, _) => {}
            (QuorumState::Split, _) => told(
                Concern::new(weight(Severity::Warning), "quorum-split")
                    .with_remedy("if these tries are over, release what is left of them"),
                &|| {
                    let frees = frees();
                    format!("votes are split: the first has {votes} of {voters}, so nobody holds it; {frees}")
                },
            ),
            (QuorumState::Minority, _) => told(
                Concern::new(
                    weight(if for_ever { Severity::Warning } else { Severity::Info }),
                    "quorum-minority",
                ),
                &|| {
                    let frees = frees();
                    format!("{votes} of {voters} is no majority: left of a failed try, or forgotten; {frees}")
                },
            ),
            (QuorumState::Unknown, Electorate::Group(_)) => {
                told(Concern::new(Severity::Unknown, "quorum-unknown"), &|| {
                    format!("{votes} of {voters} is no majority, but not all votes are known")
                });
            }
            (QuorumState::Unknown, Electorate::Watched(_)) => told(
                Concern::new(Severity::Info, "quorum-unknown")
                    .with_remedy("give the voters one group = \"NAME\" under [[nodes]]"),
                &|| format!("held on {votes} of the {voters} primaries watched; who votes is not configured"),
            ),
        }
    }

    fn judge_ttls(&self, count: &Count<'_>, now: Instant, told: &mut Told<'_>) -> Option<Duration> {
        let locks = || self.locks_of(count.token, now);
        let left = || locks().filter_map(|l| l.ttl_left(now));
        let (least, most) = (left().min()?, left().max()?);
        let never = locks().filter(|l| l.ttl == Ttl::Never).count();
        if never > 0 {
            told(Concern::new(Severity::Warning, "quorum-ttls-differ"), &|| {
                format!("{never} of its votes never expire, the others do")
            });
        }
        left().nth(1)?;
        let spread = most.saturating_sub(least);
        if spread > SPREAD && spread > most / 10 {
            told(Concern::new(Severity::Info, "quorum-ttls-differ"), &|| {
                format!("its votes end {} apart: some were not renewed, or taken much later", short(spread))
            });
        }
        Some(spread)
    }

    /// Voters that may have forgotten this lock, or that cannot be asked.
    fn judge_voters(&self, count: &Count<'_>, now: Instant, told: &mut Told<'_>) {
        if count.votes == count.voters {
            return;
        }
        let locks = || self.locks_of(count.token, now);
        let held = locks().filter_map(|l| l.age(now)).max();
        let window = locks().filter_map(|l| l.ttl_left(now)).max().max(held).unwrap_or_default();
        for vote in &self.votes {
            if vote.lock(now).is_some_and(|l| l.token == *count.token) {
                continue;
            }
            if let Answer::Unknown(why) = &vote.answer {
                if matches!(self.electorate, Electorate::Group(_)) {
                    told(Concern::new(Severity::Info, "voter-unknown"), &|| {
                        format!("the vote of {} is not known: {why}", vote.node)
                    });
                }
                continue;
            }
            let Some(age) = vote.process_age(now).filter(|age| *age < window) else { continue };
            // Of others it is not known whether they vote at all.
            let weight = match self.electorate {
                Electorate::Group(_) => Severity::Warning,
                Electorate::Watched(_) => Severity::Info,
            };
            told(
                Concern::new(weight, "voter-restarted").with_remedy(
                    "keep a restarted voter out until the longest TTL is over; or appendfsync always",
                ),
                &|| {
                    format!(
                        "{} restarted {} ago and does not hold it: it may have forgotten its vote, so that a second client could get a majority",
                        vote.node,
                        short(age)
                    )
                },
            );
        }
    }
}

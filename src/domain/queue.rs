//! Queues: identity, what was read, rates with how they are known, and the drain verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lock::Unknown;
use super::worker_sign::WorkerSign;
use super::{Bytes, Finding, NodeId, Rules, Severity, Stamp};

/// Identity of a queue: what an action names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueId {
    /// Node that holds it.
    pub node: NodeId,
    /// Logical database.
    pub db: u32,
    /// Exact key.
    pub key: Bytes,
}

/// Which end producers push to; consumers take from the other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PushEnd {
    /// LPUSH and BRPOP.
    #[default]
    Left,
    /// RPUSH and BLPOP.
    Right,
}

/// How the rates are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateSource {
    /// Fewer than two looks.
    None,
    /// Only the change of depth.
    NetOnly,
    /// The last newest element was found again with bounded LPOS.
    NewestFoundAgain,
    /// Counters the library keeps.
    Counters,
}

impl RateSource {
    /// The word JSON uses; a closed list, documented in the README.
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NetOnly => "net_only",
            Self::NewestFoundAgain => "newest_found_again",
            Self::Counters => "counters",
        }
    }

    /// As the screen says it.
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "needs two looks",
            Self::NetOnly => "net only: the newest element was not found again",
            Self::NewestFoundAgain => "last newest element found again (LPOS)",
            Self::Counters => "the library's own counters",
        }
    }
}

/// Smoothed rates per second; `None` is unknown, never 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rates {
    /// Pushed per second.
    pub incoming: Option<f64>,
    /// Taken per second.
    pub outgoing: Option<f64>,
    /// Change of depth per second.
    pub net: Option<f64>,
    /// How they are known.
    pub source: RateSource,
}

/// Age of the oldest waiting task.
#[derive(Clone, PartialEq, Debug)]
pub enum Oldest {
    /// From a time in its payload.
    At {
        /// Age at `read_at`.
        age: Duration,
    },
    /// Seen at the head at least this long; its payload tells no time.
    AtLeast {
        /// When it was first seen there.
        since: Stamp,
    },
    /// Unknown, and why.
    Unknown(Unknown),
    /// The queue is empty.
    Empty,
}

/// One more thing known of a queue: a priority, a consumer group, a worker, a figure its library shares among
/// all queues.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Detail {
    /// What it is about, such as `worker` or `group`.
    pub label: &'static str,
    /// A short text, already escaped.
    pub text: String,
    /// Where it is about a worker: what is known of it. Not told by itself.
    #[serde(skip)]
    pub worker: Option<WorkerSign>,
}

impl Detail {
    /// A detail; `text` must hold no raw bytes from Redis.
    pub fn new(label: &'static str, text: impl Into<String>) -> Self {
        Self { label, text: text.into(), worker: None }
    }

    /// The same of a worker of this name (escaped) that lives or does not; nothing where that is not known.
    #[must_use]
    pub fn of_worker(self, name: impl Into<String>, lives: impl Into<Option<bool>>) -> Self {
        Self { worker: lives.into().map(|lives| WorkerSign::new(name.into(), Some(lives))), ..self }
    }

    /// The same of a worker of which this is known.
    #[must_use]
    pub fn signed(self, worker: WorkerSign) -> Self {
        Self { worker: Some(worker), ..self }
    }
}

/// A queue as read.
#[derive(Clone, PartialEq, Debug)]
pub struct Queue {
    /// Identity.
    pub id: QueueId,
    /// Name as people call it, escaped.
    pub name: String,
    /// Family id, the library's name.
    pub family: &'static str,
    /// What stands before the keys of its application and tells it from others of that database; empty where there
    /// is no such prefix or it does not matter.
    pub application: Bytes,
    /// Which end producers push to.
    pub push: PushEnd,
    /// Tasks waiting; `None` is unknown.
    pub waiting: Option<u64>,
    /// Why `waiting` is not known.
    pub problem: Option<Unknown>,
    /// Tasks taken and not finished; `None` where the family does not store it.
    pub in_flight: Option<u64>,
    /// Tasks for later.
    pub scheduled: Option<u64>,
    /// Tasks to be tried again.
    pub retry: Option<u64>,
    /// Failed or dead tasks.
    pub failed: Option<u64>,
    /// Live workers.
    pub workers: Option<u64>,
    /// Paused, where the family has such a flag.
    pub paused: Option<bool>,
    /// Age of the oldest waiting task.
    pub oldest: Oldest,
    /// Rates.
    pub rates: Rates,
    /// Depth over the last looks, oldest first.
    pub history: Arc<[u64]>,
    /// What else is known of it, for the details.
    pub details: Vec<Detail>,
    /// Clients of its database that wait in a command by which its tasks could be taken; `None` is unknown. They
    /// may wait for another queue, and a busy worker does not wait.
    pub blocked: Option<u64>,
    /// Since when the depth is not zero and nothing left it, as far as is known.
    pub no_progress_since: Option<Stamp>,
    /// Since when its library counts no live worker of it, as far as was seen.
    pub unattended_since: Option<Stamp>,
    /// When something was seen to happen at it last, even if its depth is what it was before; `None`: never.
    pub stirred: Option<Stamp>,
    /// When it was read.
    pub read_at: Stamp,
    /// How many looks the rates rest on.
    pub samples: u32,
}

/// When will it be empty?
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Drain {
    /// Empty, and it stayed so.
    Idle,
    /// Falls: empty in about this long.
    Drains(Duration),
    /// Rises by this many a second.
    Growing(f64),
    /// Not empty, and nothing was taken for a while.
    Stalled,
    /// Not empty, in and out balance.
    Steady,
    /// Too few looks, or the depth is not known.
    Unknown,
}

impl Queue {
    /// The drain verdict; needs three samples, so that one burst does not flicker.
    pub fn drain(&self, rules: &Rules, now: Instant) -> Drain {
        let Some(waiting) = self.waiting else { return Drain::Unknown };
        let busy =
            self.rates.incoming.is_some_and(|r| r > 0.05) || self.rates.outgoing.is_some_and(|r| r > 0.05);
        if waiting == 0 {
            // Tasks that are taken at once leave no trace in its depth.
            let lately = |at: Stamp| now.saturating_duration_since(at.mono) < rules.rate_window;
            return if busy || self.stirred.is_some_and(lately) { Drain::Steady } else { Drain::Idle };
        }
        if self
            .no_progress_since
            .is_some_and(|s| now.saturating_duration_since(s.mono) >= rules.stalled_after)
            && self.rates.net.is_none_or(|n| n < rules.growing_above)
            // Nothing is taken from a paused queue: that is what it is paused for.
            && self.paused != Some(true)
        {
            return Drain::Stalled;
        }
        match self.rates.net {
            Some(_) if self.samples < 3 => Drain::Unknown,
            Some(net) if net >= rules.growing_above => Drain::Growing(net),
            Some(net) if net < -0.01 => {
                Drain::Drains(Duration::from_secs_f64((waiting as f64 / -net).min(1e9)))
            }
            Some(_) => Drain::Steady,
            None => Drain::Unknown,
        }
    }

    /// Seconds until empty, when it drains.
    pub fn eta(&self, rules: &Rules, now: Instant) -> Option<Duration> {
        match self.drain(rules, now) {
            Drain::Drains(eta) => Some(eta),
            _ => None,
        }
    }

    /// Age of the oldest waiting task now; a lower bound where its payload tells no time.
    pub fn oldest_age(&self, now: Instant) -> Option<Duration> {
        match &self.oldest {
            Oldest::At { age } => Some(*age + now.saturating_duration_since(self.read_at.mono)),
            Oldest::AtLeast { since } => {
                Some(now.saturating_duration_since(since.mono)).filter(|d| !d.is_zero())
            }
            Oldest::Unknown(_) | Oldest::Empty => None,
        }
    }

    /// True when tasks wait and nobody is there to take them: its library counts no live worker, or nothing was
    /// taken for a while and no client of the database waits for tasks of this kind.
    pub fn lacks_consumers(&self, rules: &Rules, now: Instant) -> bool {
        let nobody = match self.workers {
            Some(workers) => workers == 0,
            None => self.blocked == Some(0) && self.drain(rules, now) == Drain::Stalled,
        };
        nobody && self.waiting.is_some_and(|n| n > 0) && self.paused != Some(true)
    }

    /// Since when nobody takes from it, if that is so: see [`Queue::lacks_consumers`].
    pub fn lacks_consumers_since(&self) -> Option<Stamp> {
        if self.workers.is_some() { self.unattended_since } else { self.no_progress_since }
    }

    /// Findings for JSON and `check`.
    pub fn findings(&self, rules: &Rules, now: Instant) -> Vec<Finding> {
        let drain = self.drain(rules, now);
        let mut found = match drain {
            Drain::Stalled if self.lacks_consumers(rules, now) => Vec::new(),
            Drain::Growing(per_s) => {
                vec![Finding::new(
                    Severity::Warning,
                    "growing",
                    format!("growing {per_s:.1}/s, will not drain"),
                )]
            }
            Drain::Stalled => {
                vec![Finding::new(
                    Severity::Warning,
                    "stalled",
                    "tasks wait and nothing was taken for a while",
                )]
            }
            _ if self.waiting.is_none() => {
                let why =
                    self.problem.as_ref().map_or_else(|| "not read yet".to_string(), ToString::to_string);
                vec![Finding::new(
                    Severity::Unknown,
                    "depth-unknown",
                    format!("its depth could not be read: {why}"),
                )]
            }
            _ => Vec::new(),
        };
        if self.lacks_consumers(rules, now) {
            let why = match self.workers {
                Some(_) => "tasks wait and no live worker takes from it",
                None => "tasks wait, nothing was taken for a while and no client waits for tasks there",
            };
            found.push(Finding::new(Severity::Warning, "no-consumers", why));
        }
        found
    }
}

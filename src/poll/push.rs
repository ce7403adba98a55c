//! Pushes of one node: which prefixes are tracked, the connection they come on, and why there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff;
use super::dirty::{Dirty, Signs};
use super::fleet::Shared;
use super::prefixes::Prefixes;
use super::sight::Sight;
use crate::config::Endpoint;
use crate::domain::Bytes;
use crate::domain::snapshot::Live;
use crate::redis_io::{PushLink, Pushed, Refusal};

/// Time between two PINGs on the push connection.
const PING_EVERY: Duration = Duration::from_secs(5);
/// A server or user that refused for good is asked again so often: rights may change.
const ASK_AGAIN: Duration = Duration::from_secs(600);
/// A prefix of mostly other keys is polled for so long before it is tried again.
const NOISY_FOR: Duration = Duration::from_secs(600);
/// What a server spends for each write and tracked prefix, seconds: it compares each changed key with every prefix.
/// Measured on Redis 7.0: 20 prefixes made a SET 0.7 us dearer.
const SECONDS_A_WRITE: f64 = 36e-9;
/// Time between two changes of mind on how many prefixes a busy node is asked for.
const SPARE_FOR: Duration = Duration::from_secs(30);
/// The longest sentence worth showing of a prefix.
const SHOWN: usize = 40;

const RESTS: &str = "keys are watched on primaries only, and once for each server";
const NOISY: &str = "mostly other keys change there";
const SPARED: &str = "no lock of it was seen, and the node is busy";

/// See the module.
pub(super) struct Push {
    /// Beginnings of the watched patterns, and whether a family brought them.
    wanted: Vec<(Bytes, bool)>,
    link: Option<PushLink>,
    dirty: Arc<Dirty>,
    /// What `link` tracks.
    prefixes: Arc<Prefixes>,
    /// When changes were told.
    sight: Sight,
    /// The connection was known to be there.
    heard_at: Instant,
    noisy: BTreeMap<Bytes, Instant>,
    /// Families' prefixes under which something was seen.
    used: BTreeSet<Bytes>,
    /// The other families' prefixes are left out, since when.
    spared: bool,
    spared_at: Option<Instant>,
    why: Option<String>,
    tries: u32,
    retry_at: Option<Instant>,
    ping_at: Instant,
}

impl Push {
    pub(super) fn new(wanted: Vec<(Bytes, bool)>) -> Self {
        Self {
            wanted,
            link: None,
            dirty: Arc::new(Dirty::new(0)),
            prefixes: Arc::default(),
            sight: Sight::default(),
            heard_at: Instant::now(),
            noisy: BTreeMap::new(),
            used: BTreeSet::new(),
            spared: false,
            spared_at: None,
            why: None,
            tries: 0,
            retry_at: None,
            ping_at: Instant::now(),
        }
    }

    /// The changed keys.
    pub(super) fn dirty(&self) -> &Arc<Dirty> {
        &self.dirty
    }

    /// What is tracked now; `None` while nothing is pushed.
    pub(super) fn tracked(&self) -> Option<Arc<Prefixes>> {
        self.link.as_ref().map(|_| self.prefixes.clone())
    }

    /// Opens the connection if it is due, or another one when other prefixes are wanted. True when changes may have
    /// been missed: all must be read again. `ops`: others' commands a second on the node, if that is
    /// known just now; `seen`: is something known under
    /// this prefix?
    pub(super) async fn keep(
        &mut self,
        shared: &Arc<Shared>,
        endpoint: &Endpoint,
        ops: Option<u64>,
        seen: impl Fn(&Bytes) -> bool,
    ) -> bool {
        if !shared.live {
            return false;
        }
        let now = Instant::now();
        if self.link.as_ref().is_some_and(|link| !link.is_open()) {
            // It may have been closed before a sleep.
            self.lost(self.heard_at);
        }
        let wish = self.wish(ops, shared.config.scan.budget, seen, now);
        let content = self.link.is_some() && wish == *self.prefixes;
        if content || self.retry_at.is_some_and(|at| now < at) || shared.connections.are_asleep() {
            return false;
        }
        if wish.as_slice().is_empty() {
            self.close();
            self.why = Some("no pattern in force begins with fixed text".into());
            return false;
        }
        let (wish, dirty) = (Arc::new(wish), Arc::new(Dirty::new(self.wanted.len())));
        match open(shared, endpoint, wish.clone(), dirty.clone()).await {
            Ok(link) => {
                dirty.absorb(&self.dirty);
                let signs = self.dirty.take_signs();
                let anew = self.link.replace(link).is_none() || signs.everything || signs.closed;
                if let (Some(since), true) = (self.dirty.take_lost_since(), signs.everything) {
                    self.sight.ends(since);
                }
                self.heard_at = Instant::now();
                self.sight.begins(wish.clone(), self.heard_at);
                (self.dirty, self.prefixes) = (dirty, wish);
                (self.why, self.tries, self.retry_at) = (None, 0, None);
                self.ping_at = now + PING_EVERY;
                anew
            }
            Err(Refusal::Never(why)) => {
                self.close();
                self.why = Some(why);
                self.retry_at = Some(now + ASK_AGAIN);
                false
            }
            Err(Refusal::Now(error)) => {
                self.close();
                self.why = Some(error.to_string());
                self.tries = self.tries.saturating_add(1);
                self.retry_at = Some(now + backoff::delay(self.tries, Duration::ZERO, fastrand::f64()));
                false
            }
        }
    }

    /// Another server process answers there: what the last one refused tells nothing.
    pub(super) fn forget(&mut self) {
        *self = Self::new(std::mem::take(&mut self.wanted));
    }

    /// Nothing is to be watched there (any more).
    pub(super) fn rest(&mut self) {
        self.close();
        self.why = Some(RESTS.into());
    }

    /// When changes were told, and since when some wait.
    pub(super) fn sight(&self, round: Duration) -> Sight {
        Sight { waiting: self.dirty.waiting(), round, ..self.sight.clone() }
    }

    /// Notices that came since then are lost.
    pub(super) fn missed(&mut self, since: Option<Instant>) {
        let now = Instant::now();
        let thrown = self.dirty.take_lost_since();
        self.sight.missed(since.into_iter().chain(thrown).min().unwrap_or(now), now);
    }

    fn close(&mut self) {
        self.sight.ends(Instant::now());
        self.link = None;
    }

    /// What came beside keys. True when the connection is to be seen to at once.
    pub(super) fn heed(&mut self, signs: Signs) -> bool {
        if signs.closed {
            // A server that had too much to say closes without saying it.
            self.lost(self.heard_at);
        } else {
            self.heard_at = Instant::now();
        }
        if signs.noisy {
            let until = Instant::now() + NOISY_FOR;
            for at in self.dirty.noisy() {
                if let Some(prefix) = self.prefixes.as_slice().get(at) {
                    self.noisy.insert(prefix.clone(), until);
                }
            }
        }
        signs.closed || signs.noisy
    }

    /// The connection is gone; since then nothing may have come.
    fn lost(&mut self, since: Instant) {
        self.sight.ends(since);
        self.close();
        self.why = Some("the connection for pushes broke off".into());
        // At once, but only once.
        self.tries = self.tries.saturating_add(1);
        self.retry_at = (self.tries > 1)
            .then(|| Instant::now() + backoff::delay(self.tries, Duration::ZERO, fastrand::f64()));
    }

    /// When the connection is to be opened again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.link.is_none())
    }

    /// When the next PING is due.
    pub(super) fn ping_at(&self) -> Option<Instant> {
        self.link.as_ref().map(|_| self.ping_at)
    }

    /// Asks whether the connection still answers; false when it had to be given up.
    pub(super) async fn ping(&mut self) -> bool {
        let Some(link) = &mut self.link else { return true };
        self.ping_at = Instant::now() + PING_EVERY;
        let answers = link.ping().await;
        if answers {
            self.tries = 0;
            self.heard_at = Instant::now();
        } else {
            self.lost(self.heard_at);
        }
        answers
    }

    /// For the screen.
    pub(super) fn live(&self, shared: &Shared) -> Live {
        let pushed = self.link.is_some();
        let why = match &self.why {
            _ if pushed => None,
            _ if !shared.live => Some("only a look was asked for".to_string()),
            Some(why) => Some(why.clone()),
            None => Some("not asked for yet".to_string()),
        };
        let cut = |prefix: &Bytes| prefix.escaped().chars().take(SHOWN).collect::<String>();
        let noisy = self.noisy.keys().map(|prefix| (cut(prefix), NOISY));
        let left_out = self.wanted.iter().filter(|(prefix, own)| {
            *own && self.spared
                && self.prefixes.of(prefix.as_slice()).is_none()
                && !self.noisy.contains_key(prefix)
        });
        let left_out: BTreeSet<&Bytes> = left_out.map(|(prefix, _)| prefix).collect();
        let polled = noisy.chain(left_out.into_iter().map(|prefix| (cut(prefix), SPARED)));
        Live {
            pushed,
            why,
            prefixes: if pushed { self.prefixes.as_slice().len() } else { 0 },
            polled: if pushed { polled.collect() } else { Vec::new() },
        }
    }

    /// Share of the node's time that it spends on comparing changed keys with our prefixes, at most.
    pub(super) fn tracking_share(&self, ops: Option<u64>) -> f64 {
        if self.link.is_some() { share(self.prefixes.as_slice().len(), ops) } else { 0.0 }
    }

    /// The prefixes to be tracked now.
    fn wish(
        &mut self,
        ops: Option<u64>,
        budget: f64,
        seen: impl Fn(&Bytes) -> bool,
        now: Instant,
    ) -> Prefixes {
        self.noisy.retain(|_, until| *until > now);
        for (prefix, own) in &self.wanted {
            if *own && !self.used.contains(prefix) && seen(prefix) {
                self.used.insert(prefix.clone());
            }
        }
        // Without a noisy one, longer ones beneath it may count again.
        let quiet = |prefix: &Bytes| !self.noisy.contains_key(prefix);
        let all = self.wanted.iter().map(|(prefix, _)| prefix).filter(|p| quiet(p)).cloned();
        let all = Prefixes::covering(all);
        let dear = share(all.as_slice().len(), ops);
        if ops.is_some() && self.spared_at.is_none_or(|at| now >= at + SPARE_FOR) {
            let spared = if self.spared { dear > budget / 2.0 } else { dear > budget };
            if spared != self.spared {
                (self.spared, self.spared_at) = (spared, Some(now));
            }
        }
        if !self.spared {
            return all;
        }
        let kept = self.wanted.iter().filter(|(prefix, own)| !own || self.used.contains(prefix));
        Prefixes::covering(kept.map(|(prefix, _)| prefix).filter(|p| quiet(p)).cloned())
    }
}

fn share(prefixes: usize, ops: Option<u64>) -> f64 {
    (prefixes as f64 * ops.unwrap_or(0) as f64 * SECONDS_A_WRITE).min(1.0)
}

async fn open(
    shared: &Arc<Shared>,
    endpoint: &Endpoint,
    prefixes: Arc<Prefixes>,
    dirty: Arc<Dirty>,
) -> Result<PushLink, Refusal> {
    let (registry, wish) = (shared.clone(), prefixes.clone());
    let sink = Arc::new(move |pushed: Pushed| {
        dirty.take_in(pushed, &prefixes, |key| {
            let (lock, queue) = registry.registry.candidate(key);
            lock || queue
        });
    });
    let mut link = PushLink::open(endpoint, shared.config.timeout, sink).await?;
    if shared.connections.enter(link.abort_handle()) {
        link.track(wish.as_slice()).await?;
    }
    Ok(link)
}

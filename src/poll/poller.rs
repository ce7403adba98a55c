//! The task of one node: connect, PING, INFO, keys; publish; wait, and read meanwhile what changes.

mod live;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff;
use super::cost::CostMeter;
use super::diagnose::{Diagnosis, Visit};
use super::fleet::{Pace, Shared};
use super::history::{LOOKS, Ring};
use super::info;
use super::keys::KeyTable;
use super::liveness::Liveness;
use super::look::Look;
use super::patience::Patience;
use super::push::Push;
use super::sample::Sampler;
use super::search::{Pace as SearchPace, Search};
use crate::config::{NodeConfig, SCAN_BUDGET};
use crate::domain::Finding;
use crate::domain::health::{Around, Tracker};
use crate::domain::node::{NodeFacts, NodeState, Reason, Role};
use crate::domain::snapshot::{Denied, ScanProgress};
use crate::domain::{NodeSnapshot, Reply, Stamp};
use crate::family::Dialect;
use crate::redis_io::{CallError, ClientRole, Reader, connect};

/// While changes are pushed the search goes on at most so often.
const SEARCH_EVERY: Duration = Duration::from_secs(1);
/// A hurried search lets changes through so often.
const SLICE: Duration = Duration::from_millis(30);

/// See the module.
pub(super) struct Poller {
    node: NodeConfig,
    position: usize,
    shared: Arc<Shared>,
    reader: Option<Reader>,
    live: Liveness,
    patience: Patience,
    health: Tracker,
    ping_denied: bool,
    /// Once true it stays: the counters remember too.
    own_denials: bool,
    seq: u64,
    rtt: Option<Duration>,
    rtt_least: Duration,
    rtt_history: VecDeque<u64>,
    history: Ring,
    facts: Option<Arc<NodeFacts>>,
    facts_at: Option<Stamp>,
    clock_offset_ms: Option<i64>,
    diagnosis: Diagnosis,
    denied: BTreeSet<(&'static str, String)>,
    denied_since: BTreeMap<(&'static str, String), Stamp>,
    dialect: Dialect,
    table: KeyTable,
    search: Search,
    sampler: Sampler,
    cost: CostMeter,
    push: Push,
    turns: live::Turns,
    /// When the last look ended, what the rules said of it, and what was refused then.
    looked_at: Stamp,
    verdicts: Arc<[Finding]>,
    told_denied: Vec<Denied>,
}

impl Poller {
    pub(super) fn new(node: NodeConfig, position: usize, shared: Arc<Shared>, now: Stamp) -> Self {
        let push = Push::new(shared.registry.prefixes(&node.meta.id));
        Self {
            live: Liveness::new(shared.config.rules.down_after, now),
            node,
            position,
            shared,
            reader: None,
            patience: Patience::default(),
            health: Tracker::default(),
            ping_denied: false,
            own_denials: false,
            seq: 0,
            rtt: None,
            rtt_least: Duration::MAX,
            rtt_history: VecDeque::new(),
            history: Ring::default(),
            facts: None,
            facts_at: None,
            clock_offset_ms: None,
            diagnosis: Diagnosis::default(),
            denied: BTreeSet::new(),
            denied_since: BTreeMap::new(),
            dialect: Dialect::default(),
            table: KeyTable::default(),
            search: Search::new(),
            sampler: Sampler::default(),
            cost: CostMeter::new(now.mono),
            push,
            turns: live::Turns::default(),
            looked_at: now,
            verdicts: [].into(),
            told_denied: Vec::new(),
        }
    }

    /// Runs until its task is dropped.
    pub(super) async fn run(mut self) {
        let mut pace = self.shared.pace.subscribe();
        let mut known: Pace = *pace.borrow_and_update();
        loop {
            let started = Instant::now();
            self.look(started + known.interval).await;
            self.publish();
            let misses = self.live.status().misses;
            let next = if misses > 0 {
                started.elapsed() + backoff::delay(misses, known.interval, fastrand::f64())
            } else if self.search.hurry && self.search.progress.error.is_none() && self.watches_keys() {
                // The first pass is not complete: go on at once, unless the server refuses it.
                Duration::ZERO
            } else {
                known.interval
            };
            let until = (started + next).min(self.push.retry_at().unwrap_or(started + next));
            self.wait(&mut pace, &mut known, until).await;
        }
    }

    async fn look(&mut self, until: Instant) {
        self.denied.clear();
        match self.listen().await {
            Ok(()) => {
                let now = Stamp::now();
                self.patience.answered();
                let first = self.live.status().state != NodeState::Up;
                self.history.push(self.facts.as_deref());
                self.live.answered(now);
                push_bounded(&mut self.rtt_history, self.rtt.map_or(0, |d| (d.as_micros() as u64).max(1)));
                if first && self.watches_keys() {
                    // Its facts are on the screen before the keys are searched.
                    self.publish();
                }
            }
            Err(error) => {
                let timeout = self.shared.config.timeout;
                let error = self.patience.missed(error, &self.node.endpoint, timeout);
                let error = self.tell_progress(error).await;
                self.reader = None;
                self.rtt = None;
                push_bounded(&mut self.rtt_history, 0);
                self.history.push(None);
                self.live.missed(error.reason, &error.detail, Stamp::now());
                if self.live.status().state == NodeState::Down {
                    self.shared.claims.release(self.position);
                }
                return;
            }
        }
        if !self.watches_keys() {
            self.push.close();
            self.table.clear();
        } else {
            let ops = self.facts.as_ref().and_then(|f| f.ops_per_sec);
            let table = &self.table;
            if self.push.keep(&self.shared, &self.node, ops, |prefix| table.has_lock_under(prefix)).await {
                self.resync();
            }
        }
        if self.watches_keys()
            && let Err(error) = self.look_at_keys(until).await
        {
            // Whether the node is alive is for the next PING to say.
            self.search.failed(error.to_string());
            self.reader = None;
        }
        // The same holds here; what was told before stays, with its age.
        if self.diagnose().await.is_err() {
            self.reader = None;
        }
        self.own_denials |= self.reader.as_ref().is_some_and(Reader::was_denied) || self.push.was_denied();
        let denied = &self.denied;
        self.denied_since.retain(|what, _| denied.contains(what));
    }

    /// Slow log, latency events, clients, configuration: what is due of it.
    async fn diagnose(&mut self) -> Result<(), CallError> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let visit = Visit {
            reader,
            facts: self.facts.as_deref(),
            backlog: self.table.has_backlog(),
            cost: &mut self.cost,
            rtt: self.rtt_least,
        };
        let clients = self.diagnosis.look(visit).await;
        let told = self.diagnosis.told();
        self.denied.extend(told.denied().map(|command| ("nodes", command.to_string())));
        if told.clients.denied().is_some() && self.table.has_backlog() {
            self.denied.insert(("queues", "CLIENT|LIST".into()));
        }
        if let Some(list) = clients? {
            self.table.take_clients(&list, self.node.meta.db);
        }
        Ok(())
    }

    /// A server that loads or lost its primary still answers INFO: how far it is goes into the detail.
    async fn tell_progress(&mut self, error: CallError) -> CallError {
        let (Reason::Loading | Reason::Masterdown, Some(reader)) = (error.reason, &mut self.reader) else {
            return error;
        };
        let Ok([info, _time]) = reader.info_and_time().await else { return error };
        let Some(text) = info.as_bytes() else { return error };
        let facts = info::parse(&text, self.node.meta.db);
        match info::progress(&facts) {
            Some(progress) => CallError { detail: progress, ..error },
            None => error,
        }
    }

    /// Connects if need be, PING, INFO and TIME.
    async fn listen(&mut self) -> Result<(), CallError> {
        let timeout = self.shared.config.timeout;
        let reader = if let Some(reader) = &mut self.reader {
            reader
        } else {
            let reader = connect(&self.node.endpoint, ClientRole::Poll, timeout).await?;
            self.dialect = Dialect::default();
            self.reader.insert(reader)
        };
        let started = Instant::now();
        let pinged = reader.ping().await;
        let rtt = started.elapsed();
        match pinged {
            // A user without PING may still be allowed to look.
            Err(error) if error.reason == Reason::Noperm => self.ping_denied = true,
            // It is alive, but can't save to disk and refuses writes: that is for the rules to say.
            Err(error) if error.reason == Reason::Misconf => {}
            other => {
                other?;
                self.ping_denied = false;
            }
        }
        self.rtt = Some(rtt);
        self.rtt_least = self.rtt_least.min(rtt);
        let started = Instant::now();
        let [info, time] = reader.info_and_time().await?;
        let middle = std::time::SystemTime::now() - started.elapsed() / 2;
        self.cost.add(3, started.elapsed() + rtt, self.rtt_least * 2);
        match &info {
            Reply::Error(e) if e.is_denied() || e.is_unknown_command() => {
                // Neither PING nor INFO: nothing can be said of it.
                if self.ping_denied {
                    return Err(CallError::from_reply(e));
                }
                self.denied.insert(("nodes", "INFO".into()));
                self.facts = None;
            }
            Reply::Error(e) => return Err(CallError::from_reply(e)),
            other => {
                let facts =
                    other.as_bytes().map(|text| info::parse(&text, self.node.meta.db)).unwrap_or_default();
                let same_process = self.facts.as_ref().is_none_or(|f| f.run_id == facts.run_id);
                if !same_process {
                    self.table.clear();
                    self.search.restart();
                    self.push.forget();
                    self.diagnosis.forget();
                }
                self.facts = Some(Arc::new(facts));
                self.facts_at = Some(Stamp::now());
            }
        }
        match info::time_ms(&time) {
            Some(ms) => {
                let ours = middle.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
                self.clock_offset_ms = Some(ms - ours);
            }
            None if time.is_denied() => {
                self.denied.insert(("nodes", "TIME".into()));
                self.clock_offset_ms = None;
            }
            None => self.clock_offset_ms = None,
        }
        Ok(())
    }

    /// Keys are watched on primaries only, and once for each server process and database.
    fn watches_keys(&self) -> bool {
        let Some(facts) = &self.facts else { return true };
        let primary = !matches!(facts.role, Some(Role::Replica | Role::Sentinel));
        let mine = facts
            .run_id
            .as_deref()
            .is_none_or(|id| self.shared.claims.claim(id, self.node.meta.db, self.position));
        primary && mine
    }

    async fn look_at_keys(&mut self, until: Instant) -> Result<(), CallError> {
        let interval = self.shared.pace.borrow().interval;
        let pace = self.search_pace(interval);
        let pushed = self.push.tracked().is_some();
        let Some(mut look) = self.at_keys() else { return Ok(()) };
        look.add_configured_queues();
        look.look_at_sites().await?;
        look.reread(interval).await?;
        look.ask_witnesses().await?;
        loop {
            let Some(mut look) = self.at_keys() else { return Ok(()) };
            let slice = if pushed { until.min(Instant::now() + SLICE) } else { until };
            look.search(slice, pace).await?;
            if !pushed
                || !self.search.hurry
                || self.search.progress.error.is_some()
                || Instant::now() >= until
            {
                break;
            }
            self.let_changes_through().await?;
        }
        if self.dialect == Dialect::NoScripts {
            self.denied.insert(("queues", "EVAL_RO".into()));
        }
        Ok(())
    }

    /// How fast the search goes on: within its budget, and while changes are pushed not more than a call a second,
    /// unless somebody asked for more.
    fn search_pace(&self, interval: Duration) -> SearchPace {
        let share = self.shared.config.scan.budget;
        if self.push.tracked().is_some() && share <= SCAN_BUDGET {
            SearchPace { share, burst: Duration::ZERO, gap: SEARCH_EVERY }
        } else {
            SearchPace { share, burst: interval.mul_f64(share), gap: Duration::ZERO }
        }
    }

    /// What a look at the keys works with; `None` without a connection.
    fn at_keys(&mut self) -> Option<Look<'_>> {
        let config = &self.shared.config;
        Some(Look {
            reader: self.reader.as_mut()?,
            registry: &self.shared.registry,
            meta: &self.node.meta,
            table: &mut self.table,
            search: &mut self.search,
            sampler: &mut self.sampler,
            cost: &mut self.cost,
            denied: &mut self.denied,
            dialect: &mut self.dialect,
            rtt: self.rtt_least,
            clock_offset_ms: self.clock_offset_ms.unwrap_or(0),
            rate_window: config.rules.rate_window,
            max_keys: config.scan.max_keys,
            keys_total: self.facts.as_ref().and_then(|f| f.keys),
            tracked: self.push.tracked(),
        })
    }

    /// Publishes what a look gave.
    fn publish(&mut self) {
        self.looked_at = Stamp::now();
        let (since, now) = (&mut self.denied_since, self.looked_at);
        let denied = self.denied.iter().map(|(pane, command)| {
            let since = *since.entry((*pane, command.clone())).or_insert(now);
            Denied { pane, command: command.clone(), since }
        });
        self.told_denied = denied.collect();
        let snapshot = self.snapshot();
        let around = Around { clock_median_ms: self.shared.clock_median_ms(), own_denials: self.own_denials };
        self.verdicts = self.health.observe(&snapshot, &around, &self.shared.config.rules);
        self.shared.publish(NodeSnapshot { health: self.verdicts.clone(), ..snapshot });
    }

    fn snapshot(&mut self) -> NodeSnapshot {
        self.seq += 1;
        self.cost.add_pushes(self.push.dirty().take_pushes());
        let tracking = self.push.tracking_share(self.facts.as_ref().and_then(|f| f.ops_per_sec));
        let scan = if self.watches_keys() {
            self.search.progress.clone()
        } else {
            // Nothing to search here: complete as it is.
            ScanProgress { passes: 1, ..ScanProgress::default() }
        };
        NodeSnapshot {
            meta: self.node.meta.clone(),
            seq: self.seq,
            taken_at: self.looked_at,
            status: self.live.status().clone(),
            rtt: self.rtt,
            rtt_history: self.rtt_history.iter().copied().collect(),
            history: self.history.history(),
            facts: self.facts.clone(),
            facts_at: self.facts_at,
            diagnostics: self.diagnosis.told().clone(),
            clock_offset_ms: self.clock_offset_ms,
            health: self.verdicts.clone(),
            denied: self.told_denied.clone(),
            locks: self.table.locks_list(),
            queues: self.table.queues_list(),
            scan,
            cost: self.cost.figure(self.looked_at.mono, tracking),
            live: self.push.live(&self.shared),
        }
    }
}

fn push_bounded(history: &mut VecDeque<u64>, value: u64) {
    if history.len() == LOOKS {
        history.pop_front();
    }
    history.push_back(value);
}

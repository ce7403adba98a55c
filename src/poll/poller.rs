//! The task of one server: connect, PING, INFO, the keys of each database that is watched; publish; wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff;
use super::cost::CostMeter;
use super::database::{Database, DeniedSet};
use super::diagnose::{Diagnosis, Visit};
use super::fleet::{Pace, Shared};
use super::history::{LOOKS, Ring};
use super::info;
use super::liveness::Liveness;
use super::look::Look;
use super::patience::Patience;
use crate::config::{Endpoint, NodeConfig};
use crate::domain::health::Around;
use crate::domain::node::{NodeState, Reason};
use crate::domain::{NodeSnapshot, Reply, Stamp};
use crate::family::Dialect;
use crate::redis_io::{CallError, ClientRole, Reader, connect};

/// See the module.
pub(super) struct Poller {
    /// How to reach it; of several databases none is chosen when connecting.
    endpoint: Endpoint,
    shared: Arc<Shared>,
    /// Never empty: what is configured of this server, each with its database.
    databases: Vec<Database>,
    reader: Option<Reader>,
    /// The database that the connection is in.
    selected: u32,
    live: Liveness,
    patience: Patience,
    ping_denied: bool,
    /// Once true it stays: the counters remember too.
    own_denials: bool,
    rtt: Option<Duration>,
    rtt_least: Duration,
    rtt_history: VecDeque<u64>,
    history: Ring,
    facts_at: Option<Stamp>,
    clock_offset_ms: Option<i64>,
    diagnosis: Diagnosis,
    /// What may not be done on this server, whatever the database.
    denied: DeniedSet,
    dialect: Dialect,
    cost: CostMeter,
}

impl Poller {
    /// A poller of one server, over one connection; `nodes` are its databases, at least one.
    pub(super) fn new(nodes: &[NodeConfig], shared: Arc<Shared>, now: Stamp) -> Option<Self> {
        let mut endpoint = nodes.first()?.endpoint.clone();
        if nodes.len() > 1 {
            // A database that does not exist is no reason not to reach the others.
            endpoint.db = 0;
        }
        Some(Self {
            live: Liveness::new(shared.config.rules.down_after, now),
            selected: endpoint.db,
            endpoint,
            databases: nodes.iter().cloned().map(Database::new).collect(),
            shared,
            reader: None,
            patience: Patience::default(),
            ping_denied: false,
            own_denials: false,
            rtt: None,
            rtt_least: Duration::MAX,
            rtt_history: VecDeque::new(),
            history: Ring::default(),
            facts_at: None,
            clock_offset_ms: None,
            diagnosis: Diagnosis::default(),
            denied: DeniedSet::new(),
            dialect: Dialect::default(),
            cost: CostMeter::new(now.mono),
        })
    }

    fn watches_keys(&self) -> bool {
        self.databases.iter().any(|db| db.watches_keys(&self.shared.claims))
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
            } else if self.databases.iter().any(|db| db.hurries(&self.shared.claims)) {
                // The first pass is not complete: go on at once, unless the server refuses it.
                Duration::ZERO
            } else {
                known.interval
            };
            let wait = next.saturating_sub(started.elapsed());
            if tokio::time::timeout(wait, pace.changed()).await.is_ok_and(|r| r.is_ok()) {
                let fresh = *pace.borrow_and_update();
                if fresh.refreshes != known.refreshes {
                    self.databases.iter_mut().for_each(|db| db.search.hurry = true);
                    self.diagnosis.hurry();
                }
                known = fresh;
            }
        }
    }

    async fn look(&mut self, until: Instant) {
        self.denied.clear();
        self.databases.iter_mut().for_each(|db| db.denied.clear());
        match self.listen().await {
            Ok(()) => {
                let now = Stamp::now();
                self.patience.answered();
                let first = self.live.status().state != NodeState::Up;
                let facts = self.databases.first().and_then(|db| db.facts.as_deref());
                self.history.push(facts);
                self.live.answered(now);
                push_bounded(&mut self.rtt_history, self.rtt.map_or(0, |d| (d.as_micros() as u64).max(1)));
                if first && self.watches_keys() {
                    // Its facts are on the screen before the keys are searched.
                    self.publish();
                }
            }
            Err(error) => {
                let timeout = self.shared.config.timeout;
                let error = self.patience.missed(error, &self.endpoint, timeout);
                let error = self.tell_progress(error).await;
                self.reader = None;
                self.rtt = None;
                push_bounded(&mut self.rtt_history, 0);
                self.history.push(None);
                self.live.missed(error.reason, &error.detail, Stamp::now());
                if self.live.status().state == NodeState::Down {
                    self.databases.iter().for_each(|db| self.shared.claims.release(&db.node.meta.id));
                }
                return;
            }
        }
        self.look_at_databases(until).await;
        // The same holds here; what was told before stays, with its age.
        if self.diagnose().await.is_err() {
            self.reader = None;
        }
        self.own_denials |= self.reader.as_ref().is_some_and(Reader::was_denied);
    }

    /// Slow log, latency events, clients, configuration: what is due of it.
    async fn diagnose(&mut self) -> Result<(), CallError> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let visit = Visit {
            reader,
            facts: self.databases.first().and_then(|db| db.facts.as_deref()),
            backlog: self.databases.iter().any(|db| db.table.has_backlog()),
            cost: &mut self.cost,
            rtt: self.rtt_least,
        };
        let clients = self.diagnosis.look(visit).await;
        let told = self.diagnosis.told();
        self.denied.extend(told.denied().map(|command| ("nodes", command.to_string())));
        if told.clients.denied().is_some() {
            for db in self.databases.iter_mut().filter(|db| db.table.has_backlog()) {
                db.denied.insert(("queues", "CLIENT|LIST".into()));
            }
        }
        if let Some(list) = clients? {
            self.databases.iter_mut().for_each(|db| db.table.take_clients(&list, db.node.meta.db));
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
        let facts = info::parse(&text, self.endpoint.db);
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
            let reader = connect(&self.endpoint, ClientRole::Poll, timeout).await?;
            self.dialect = Dialect::default();
            self.selected = self.endpoint.db;
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
                self.databases.iter_mut().for_each(|db| db.facts = None);
            }
            Reply::Error(e) => return Err(CallError::from_reply(e)),
            other => {
                let text = other.as_bytes().unwrap_or_default();
                for db in &mut self.databases {
                    let facts = info::parse(&text, db.node.meta.db);
                    if db.facts.as_ref().is_some_and(|f| f.run_id != facts.run_id) {
                        db.forget();
                        self.diagnosis.forget();
                    }
                    db.facts = Some(Arc::new(facts));
                }
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

    /// The keys of each database in turn; a failure says nothing of the others, unless the connection broke.
    async fn look_at_databases(&mut self, until: Instant) {
        let count = u32::try_from(self.databases.len()).unwrap_or(u32::MAX).max(1);
        let share = until.saturating_duration_since(Instant::now()) / count;
        for at in 0..self.databases.len() {
            let Some(db) = self.databases.get_mut(at) else { return };
            if !db.watches_keys(&self.shared.claims) {
                db.table.clear();
                continue;
            }
            let until = Instant::now() + share;
            if let Err(error) = self.look_at_keys(at, until, count).await {
                // Whether the node is alive is for the next PING to say.
                if let Some(db) = self.databases.get_mut(at) {
                    db.search.failed(error.to_string());
                }
                self.reader = None;
                return;
            }
        }
    }

    async fn look_at_keys(&mut self, at: usize, until: Instant, count: u32) -> Result<(), CallError> {
        let (Some(reader), Some(db)) = (&mut self.reader, self.databases.get_mut(at)) else { return Ok(()) };
        if self.selected != db.node.meta.db {
            match reader.select(db.node.meta.db).await? {
                Reply::Error(error) => {
                    if error.is_denied() {
                        db.denied.extend(["locks", "queues"].map(|pane| (pane, "SELECT".to_owned())));
                    }
                    db.search.failed(error.to_string());
                    return Ok(());
                }
                _ => self.selected = db.node.meta.db,
            }
        }
        let config = &self.shared.config;
        let interval = self.shared.pace.borrow().interval;
        let mut look = Look {
            reader,
            registry: &self.shared.registry,
            meta: &db.node.meta,
            table: &mut db.table,
            search: &mut db.search,
            sampler: &mut db.sampler,
            cost: &mut self.cost,
            denied: &mut db.denied,
            dialect: &mut self.dialect,
            rtt: self.rtt_least,
            clock_offset_ms: self.clock_offset_ms.unwrap_or(0),
            rate_window: config.rules.rate_window,
            max_keys: config.scan.max_keys,
            keys_total: db.facts.as_ref().and_then(|f| f.keys),
        };
        look.add_configured_queues();
        look.look_at_sites().await?;
        look.reread(interval).await?;
        // The budget is the server's, however many of its databases are watched.
        look.search(until, interval.mul_f64(config.scan.budget) / count).await?;
        if *look.dialect == Dialect::NoScripts {
            look.denied.insert(("queues", "EVAL_RO".into()));
        }
        Ok(())
    }

    fn publish(&mut self) {
        let now = Stamp::now();
        let cost = self.cost.figure(now.mono);
        let rtt_history: Arc<[u64]> = self.rtt_history.iter().copied().collect();
        for db in &mut self.databases {
            db.seq += 1;
            let mut snapshot = NodeSnapshot {
                meta: db.node.meta.clone(),
                seq: db.seq,
                taken_at: now,
                status: self.live.status().clone(),
                rtt: self.rtt,
                rtt_history: rtt_history.clone(),
                history: self.history.history(),
                facts: db.facts.clone(),
                facts_at: self.facts_at,
                diagnostics: self.diagnosis.told().clone(),
                clock_offset_ms: self.clock_offset_ms,
                health: [].into(),
                denied: db.denials(&self.denied, now),
                locks: db.table.locks_list(),
                queues: db.table.queues_list(),
                scan: db.progress(&self.shared.claims),
                cost,
            };
            let median = self.shared.clock_median_ms(db.node.meta.group.as_ref());
            let around = Around { clock_median_ms: median, own_denials: self.own_denials };
            snapshot.health = db.health.observe(&snapshot, &around, &self.shared.config.rules);
            self.shared.publish(snapshot);
        }
    }
}

fn push_bounded(history: &mut VecDeque<u64>, value: u64) {
    if history.len() == LOOKS {
        history.pop_front();
    }
    history.push_back(value);
}

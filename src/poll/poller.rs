//! The task of one server: connect, PING, INFO, the keys of each database that is watched; publish; wait, and read
//! meanwhile what changes.

mod keyspace;
mod live;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff;
use super::cost::CostMeter;
use super::database::{Database, DeniedSet};
use super::diagnose::{Diagnosis, Visit};
use super::events::EventWatch;
use super::fleet::{Pace, Shared};
use super::history::{LOOKS, Ring};
use super::info;
use super::liveness::Liveness;
use super::patience::Patience;
use super::push::Push;
use super::scout::Scout;
use crate::config::{Endpoint, NodeConfig};
use crate::domain::health::Around;
use crate::domain::node::{NodeFacts, NodeState, Reason};
use crate::domain::{Bytes, NodeSnapshot, Reply, Stamp};
use crate::family::{Context, Dialect};
use crate::redis_io::{CallError, ClientRole, Reader, connect, denials};

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
    /// What was refused to us before this server process began: it does not count that.
    denials_before: u64,
    /// CLUSTERDOWN as this server answered it to us: no write of anybody was refused by that.
    own_cluster_downs: u64,
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
    /// One for all databases: a notice names a key without its database.
    push: Push,
    events: EventWatch,
    turns: live::Turns,
    /// Where the keys are searched instead, if that was asked for.
    scout: Scout,
    /// When the last look ended.
    looked_at: Stamp,
}

impl Poller {
    /// A poller of one server, over one connection; `nodes` are its databases, at least one.
    pub(super) fn new(nodes: &[NodeConfig], shared: Arc<Shared>, now: Stamp) -> Option<Self> {
        // A database that does not exist, or may not be selected, is no reason to take the server for down.
        let endpoint = Endpoint { db: 0, ..nodes.first()?.endpoint.clone() };
        let wanted = nodes.iter().flat_map(|node| shared.registry.prefixes(&node.meta.id)).collect();
        Some(Self {
            live: Liveness::new(shared.config.rules.down_after, now),
            selected: endpoint.db,
            endpoint,
            databases: nodes.iter().cloned().map(Database::new).collect(),
            shared,
            reader: None,
            patience: Patience::default(),
            ping_denied: false,
            denials_before: 0,
            own_cluster_downs: 0,
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
            push: Push::new(wanted),
            events: EventWatch::default(),
            turns: live::Turns::default(),
            scout: Scout::default(),
            looked_at: now,
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
                let held = self.databases.iter().filter_map(|db| db.goes_on_at(&self.shared.claims)).min();
                held.map_or(known.interval, |at| at.saturating_duration_since(started).min(known.interval))
            };
            let until = (started + next).min(self.push.retry_at().unwrap_or(started + next));
            self.wait(&mut pace, &mut known, until).await;
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
        self.keep_push().await;
        self.keep_events().await;
        self.look_at_databases(until).await;
        // The same holds here; what was told before stays, with its age.
        if self.diagnose().await.is_err() {
            self.reader = None;
        }
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
            if let (Reply::Bulk(list), true) = (&list, self.shared.registry.seeks_connections()) {
                self.put_connections(list);
            }
        }
        Ok(())
    }

    /// Locks that are connections are the server's: the first of its databases that is watched tells them.
    fn put_connections(&mut self, list: &Bytes) {
        let claims = &self.shared.claims;
        let Some(db) = self.databases.iter_mut().find(|db| db.watches_keys(claims)) else { return };
        let ctx = Context {
            node: db.node.meta.id.clone(),
            db: db.node.meta.db,
            at: Stamp::now(),
            server_ms: 0,
            push: crate::domain::queue::PushEnd::Left,
            is_new: db.table.connections_seen,
            rate_window: self.shared.config.rules.rate_window,
        };
        db.table.put_connections(list, &ctx);
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
        for db in &self.databases {
            let spent = self.shared.peers.take_spent(&db.node.meta.id);
            self.cost.add(spent.commands, spent.time, Duration::ZERO);
        }
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
                self.own_cluster_downs += reader.take_cluster_downs();
                let other_process = |db: &Database, now: &NodeFacts| {
                    db.facts.as_ref().is_some_and(|then| then.run_id != now.run_id)
                };
                for db in &mut self.databases {
                    let mut facts = info::parse(&text, db.node.meta.db);
                    let denials = denials::of_server(&self.endpoint.address, facts.run_id.as_deref());
                    if other_process(db, &facts) {
                        (self.own_cluster_downs, self.denials_before) = (0, denials);
                    }
                    // Ours are no attack, and no bad deploy.
                    let own = denials.saturating_sub(self.denials_before);
                    facts.acl_denied = facts.acl_denied.map(|all| all.saturating_sub(own));
                    if let Some(refused) = &mut facts.refused {
                        refused.clusterdown = refused.clusterdown.saturating_sub(self.own_cluster_downs);
                    }
                    if other_process(db, &facts) {
                        db.forget();
                        self.push.forget();
                        self.events.forget();
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

    /// Publishes what a look gave.
    fn publish(&mut self) {
        self.looked_at = Stamp::now();
        for at in 0..self.databases.len() {
            if let Some(db) = self.databases.get_mut(at) {
                db.told_denied = db.denials(&self.denied, self.looked_at);
            }
            let Some(snapshot) = self.snapshot(at) else { return };
            let median = self.shared.clock_median_ms(snapshot.meta.group.as_ref());
            let around = Around { clock_median_ms: median };
            let Some(db) = self.databases.get_mut(at) else { return };
            db.verdicts = db.health.observe(&snapshot, &around, &self.shared.config.rules);
            self.shared.publish(NodeSnapshot { health: db.verdicts.clone(), ..snapshot });
        }
    }

    /// One of its databases as it stands, with the verdicts of the last look.
    fn snapshot(&mut self, at: usize) -> Option<NodeSnapshot> {
        self.cost.add_pushes(self.push.dirty().take_pushes());
        let db = self.databases.get_mut(at)?;
        db.seq += 1;
        let tracking = self.push.tracking_share(db.facts.as_ref().and_then(|f| f.ops_per_sec));
        Some(NodeSnapshot {
            meta: db.node.meta.clone(),
            seq: db.seq,
            taken_at: self.looked_at,
            status: self.live.status().clone(),
            rtt: self.rtt,
            rtt_history: self.rtt_history.iter().copied().collect(),
            history: self.history.history(),
            facts: db.facts.clone(),
            facts_at: self.facts_at,
            diagnostics: self.diagnosis.told().clone(),
            clock_offset_ms: self.clock_offset_ms,
            health: db.verdicts.clone(),
            denied: db.told_denied.clone(),
            locks: db.table.locks_list(),
            queues: db.table.queues_list(),
            scan: db.progress(&self.shared.claims),
            cost: self.cost.figure(self.looked_at.mono, tracking),
            live: self.push.live(&self.shared),
        })
    }
}

fn push_bounded(history: &mut VecDeque<u64>, value: u64) {
    if history.len() == LOOKS {
        history.pop_front();
    }
    history.push_back(value);
}

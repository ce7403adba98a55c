//! The keys of each database that is watched, over the one connection of its server.

use std::time::{Duration, Instant};

use super::super::look::Look;
use super::super::scout::Orders;
use super::super::search::Pace as SearchPace;
use super::Poller;
use crate::config::SCAN_BUDGET;
use crate::domain::Reply;
use crate::family::Dialect;
use crate::redis_io::CallError;

/// While changes are pushed the search goes on at most so often.
const SEARCH_EVERY: Duration = Duration::from_secs(1);
/// A hurried search lets changes through so often.
const SLICE: Duration = Duration::from_millis(30);

impl Poller {
    /// Sees to the connection on which changes come.
    pub(super) async fn keep_push(&mut self) {
        if !self.watches_keys() {
            self.push.rest();
            return;
        }
        // While all is searched, most of what the node does may be for us.
        let hurries = self.databases.iter().any(|db| db.search.hurry);
        let facts = self.databases.first().and_then(|db| db.facts.as_ref());
        let ops = facts.and_then(|f| f.ops_per_sec).filter(|_| !hurries);
        let ops = ops.map(|ops| ops.saturating_sub(self.cost.commands_per_sec() as u64));
        let databases = &self.databases;
        let seen = |prefix: &_| databases.iter().any(|db| db.table.has_lock_under(prefix));
        if self.push.keep(&self.shared, &self.endpoint, ops, seen).await {
            self.resync();
        }
    }

    /// Sees to the connection on which the server's keyspace events come, if it sends any.
    pub(super) async fn keep_events(&mut self) {
        let flags =
            self.diagnosis.told().config.known().and_then(|config| config.get("notify-keyspace-events"));
        let Some(flags) = flags.filter(|flags| flags.contains('K')) else {
            self.events.close();
            return;
        };
        let tables = self.databases.iter().filter(|db| db.watches_keys(&self.shared.claims));
        let tables = tables.map(|db| (db.node.meta.db, &db.table));
        self.events.keep(&self.shared, &self.endpoint, flags, tables).await;
    }

    /// The keys of each database in turn; a failure says nothing of the others, unless the connection broke.
    pub(super) async fn look_at_databases(&mut self, until: Instant) {
        let count = u32::try_from(self.databases.len()).unwrap_or(u32::MAX).max(1);
        self.choose_where_to_search().await;
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

    /// On the node itself, or on a replica of it if that was asked for.
    async fn choose_where_to_search(&mut self) {
        if !self.shared.config.scan.replicas {
            return;
        }
        let facts = self.databases.first().and_then(|db| db.facts.clone()).unwrap_or_default();
        if !self.watches_keys() {
            self.scout.rest();
            return;
        }
        match self.scout.keep(&self.shared, &facts).await {
            Orders::Wait(until) => self.databases.iter_mut().for_each(|db| db.search.hold(until)),
            Orders::Search { on, anew } => {
                self.databases.iter_mut().for_each(|db| db.search.read_on(on.clone(), anew));
            }
        }
    }

    /// Puts the connection into this database. False where that is refused.
    pub(super) async fn select(&mut self, at: usize) -> Result<bool, CallError> {
        let (Some(reader), Some(db)) = (&mut self.reader, self.databases.get_mut(at)) else {
            return Ok(false);
        };
        if self.selected == db.node.meta.db {
            return Ok(true);
        }
        if let Reply::Error(error) = reader.select(db.node.meta.db).await? {
            if error.is_denied() {
                db.denied.extend(["locks", "queues"].map(|pane| (pane, "SELECT".to_owned())));
            }
            db.search.failed(error.to_string());
            return Ok(false);
        }
        self.selected = db.node.meta.db;
        Ok(true)
    }

    async fn look_at_keys(&mut self, at: usize, until: Instant, count: u32) -> Result<(), CallError> {
        if !self.select(at).await? {
            return Ok(());
        }
        let interval = self.shared.pace.borrow().interval;
        let pace = self.search_pace(interval, count);
        let pushed = self.push.tracked().is_some();
        if let Some(db) = self.databases.get_mut(at) {
            self.shared.memory.visit(&db.node.meta, &mut db.table.holds);
            if let Some(earlier) = self.shared.memory.standing(&db.node.meta) {
                db.table.resume(earlier);
            }
        }
        let Some(mut look) = self.at_keys(at) else { return Ok(()) };
        look.add_configured_queues();
        look.look_at_sites().await?;
        look.reread(interval).await?;
        look.ask_witnesses().await?;
        loop {
            // Changes of another database may have been read in between.
            if !self.select(at).await? {
                return Ok(());
            }
            let Some(mut look) = self.at_keys(at) else { return Ok(()) };
            let slice = if pushed { until.min(Instant::now() + SLICE) } else { until };
            look.search(slice, pace).await?;
            let goes_on = self
                .databases
                .get(at)
                .is_some_and(|db| db.search.hurries(Instant::now()) && db.search.progress.error.is_none());
            if !pushed || !goes_on || Instant::now() >= until {
                break;
            }
            self.let_changes_through().await?;
        }
        if self.dialect == Dialect::NoScripts
            && let Some(db) = self.databases.get_mut(at)
        {
            db.denied.insert(("queues", "EVAL_RO".into()));
        }
        Ok(())
    }

    /// How fast the search goes on: within its budget, and while changes are pushed not more than a call a second,
    /// unless somebody asked for more. The budget is the server's, however many of its databases are watched.
    fn search_pace(&self, interval: Duration, count: u32) -> SearchPace {
        let share = self.shared.config.scan.budget;
        if self.push.tracked().is_some() && share <= SCAN_BUDGET {
            SearchPace { share: share / f64::from(count), burst: Duration::ZERO, gap: SEARCH_EVERY * count }
        } else {
            let share = share / f64::from(count);
            SearchPace { share, burst: interval.mul_f64(share), gap: Duration::ZERO }
        }
    }

    /// What a look at the keys of a database works with; `None` without a connection.
    pub(super) fn at_keys(&mut self, at: usize) -> Option<Look<'_>> {
        let config = &self.shared.config;
        let sight = self.push.sight(self.shared.pace.borrow().interval);
        let db = self.databases.get_mut(at)?;
        db.table.see(sight);
        Some(Look {
            reader: self.reader.as_mut()?,
            registry: &self.shared.registry,
            meta: &db.node.meta,
            table: &mut db.table,
            search: &mut db.search,
            scout: &mut self.scout,
            shared: &self.shared,
            sampler: &mut db.sampler,
            cost: &mut self.cost,
            denied: &mut db.denied,
            refusals: &mut db.refusals,
            in_cluster: db.facts.as_ref().is_some_and(|f| f.in_cluster),
            dialect: &mut self.dialect,
            rtt: self.rtt_least,
            clock_offset_ms: self.clock_offset_ms.unwrap_or(0),
            rate_window: config.rules.rate_window,
            max_keys: config.scan.max_keys,
            keys_total: db.facts.as_ref().and_then(|f| f.keys),
            events: &self.events,
            tracked: self.push.tracked(),
        })
    }
}

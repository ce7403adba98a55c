//! Between two looks: changed keys are read at once, in small batches, and what they are now is published.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::super::database::Database;
use super::super::fleet::Pace;
use super::Poller;
use crate::domain::Bytes;
use crate::redis_io::CallError;

/// Notices are collected for so long before the first of them is followed.
const COLLECT: Duration = Duration::from_millis(4);
/// Changed keys that are read in one go.
const BATCH: usize = 500;
/// Time from one go to the next, at least.
const GAP: Duration = Duration::from_millis(15);
/// A go that took long is followed by a rest of so many times as long: a storm of changes gets about a tenth of the
/// node's time, and what does not fit becomes a resync.
const REST: u32 = 9;
/// Snapshots are published at most so often, and rarer where making the lists takes long.
const PUBLISH_GAP: Duration = Duration::from_millis(33);
const PUBLISH_REST: u32 = 9;
/// Whole searches that lost notices may ask for within a time; those beyond wait until then.
const SEARCHES: usize = 4;
const SEARCHES_WITHIN: Duration = Duration::from_secs(120);

/// What is to be done before the next look, and when.
#[derive(Default)]
pub(super) struct Turns {
    searched: VecDeque<Instant>,
    /// A whole search is owed.
    search: bool,
    changes: Option<Instant>,
    changes_from: Option<Instant>,
    publish: Option<Instant>,
    publish_from: Option<Instant>,
}

impl Poller {
    /// Waits until the next look is due, or asked for.
    pub(super) async fn wait(&mut self, pace: &mut watch::Receiver<Pace>, known: &mut Pace, until: Instant) {
        if self.reader.is_some()
            && (!self.push.dirty().is_empty() || self.databases.iter().any(|db| db.resync.is_some()))
        {
            self.want_changes(Duration::ZERO);
        }
        loop {
            let dirty = self.push.dirty().clone();
            let turns = [self.turns.changes, self.turns.publish, self.push.ping_at()];
            let turn = turns.into_iter().flatten().min();
            let at_once = tokio::select! {
                biased;
                Ok(()) = pace.changed() => {
                    let fresh = *pace.borrow_and_update();
                    if fresh.refreshes != known.refreshes {
                        for db in &mut self.databases {
                            db.search.hurry = true;
                            db.refusals.ask_again();
                        }
                        self.diagnosis.hurry();
                    }
                    *known = fresh;
                    true
                }
                () = dirty.woken(), if self.turns.changes.is_none() => self.heed(),
                () = sleep_until(turn.unwrap_or(until).into()), if turn.is_some() => self.turn().await,
                () = sleep_until(until.into()) => true,
            };
            if at_once {
                return;
            }
        }
    }

    /// Everything must be read again: notices were lost, or all was flushed.
    pub(super) fn resync(&mut self) {
        // The first search of a database is about to do that.
        let known = |db: &&mut Database| db.table.len() > 0 || !db.search.is_fresh();
        let mut any = false;
        for db in self.databases.iter_mut().filter(known) {
            db.resync = Some(Bytes::default());
            db.late.clear();
            any = true;
        }
        if !any {
            return;
        }
        self.turns.search = true;
        self.want_changes(COLLECT);
    }

    /// In the middle of a long search.
    pub(super) async fn let_changes_through(&mut self) -> Result<(), CallError> {
        if !self.push.dirty().is_empty() {
            self.want_changes(Duration::ZERO);
        }
        let now = Instant::now();
        if self.turns.changes.is_some_and(|at| at <= now) {
            self.take_changes().await?;
        }
        if self.turns.publish.is_some_and(|at| at <= now) {
            self.publish_changes();
        }
        Ok(())
    }

    /// Notices came. True when a look is due at once.
    fn heed(&mut self) -> bool {
        let signs = self.push.dirty().take_signs();
        if signs.everything {
            self.push.missed(None);
            self.resync();
        }
        self.want_changes(COLLECT);
        self.push.heed(signs)
    }

    /// Does what is due. True when a look is due at once.
    async fn turn(&mut self) -> bool {
        let now = Instant::now();
        if self.push.ping_at().is_some_and(|at| at <= now) && !self.push.ping().await {
            return true;
        }
        if self.turns.changes.is_some_and(|at| at <= now)
            && let Err(error) = self.take_changes().await
        {
            // Whether the node is alive is for the next PING to say.
            self.databases.iter_mut().for_each(|db| db.search.failed(error.to_string()));
            self.reader = None;
            return true;
        }
        if self.turns.publish.is_some_and(|at| at <= Instant::now()) {
            self.publish_changes();
        }
        self.turns.search && self.search_anew(now)
    }

    /// Starts a whole search, if there were not too many.
    fn search_anew(&mut self, now: Instant) -> bool {
        let searched = &mut self.turns.searched;
        searched.retain(|at| now.saturating_duration_since(*at) < SEARCHES_WITHIN);
        if searched.len() >= SEARCHES {
            return false;
        }
        searched.push_back(now);
        self.turns.search = false;
        self.databases.iter_mut().for_each(|db| db.search.hurry = true);
        true
    }

    fn want_changes(&mut self, after: Duration) {
        let at = Instant::now() + after;
        let at = self.turns.changes_from.map_or(at, |from| from.max(at));
        self.turns.changes = Some(self.turns.changes.map_or(at, |known| known.min(at)));
    }

    /// Reads a batch of changed keys, or of those that a resync asks for.
    async fn take_changes(&mut self) -> Result<(), CallError> {
        self.turns.changes = None;
        if self.reader.is_none() {
            // The next look connects; what is to be read waits for it.
            return Ok(());
        }
        let waiting = self.push.dirty().waiting();
        let taken = self.take_batch().await;
        if taken.is_err() {
            // What was taken was not read.
            self.push.missed(waiting);
            self.databases.iter_mut().for_each(|db| db.resync = Some(Bytes::default()));
        }
        taken
    }

    async fn take_batch(&mut self) -> Result<(), CallError> {
        let (started, before) = (Instant::now(), self.cost.total());
        let Some(tracked) = self.push.tracked() else { return Ok(()) };
        let waiting = self.push.dirty().waiting();
        let changed = self.push.dirty().take(BATCH);
        // A notice does not tell the database: a key is another's only where none of ours knows it.
        let mut others: Option<Vec<Bytes>> = None;
        for at in 0..self.databases.len() {
            let watched = self.databases.get(at).is_some_and(|db| db.watches_keys(&self.shared.claims));
            if !watched || !self.select(at).await? {
                continue;
            }
            let of_none = self.take_batch_of(at, started, waiting, changed.clone()).await?;
            others = Some(match others {
                None => of_none,
                Some(mut known) => {
                    let here: HashSet<Bytes> = of_none.into_iter().collect();
                    known.retain(|key| here.contains(key));
                    known
                }
            });
        }
        self.push.dirty().were_others(&tracked, &others.unwrap_or_default());
        let now = Instant::now();
        let spent = self.cost.total().saturating_sub(before);
        self.turns.changes_from = Some(now + GAP.max(spent * REST));
        if !self.push.dirty().is_empty() || self.databases.iter().any(|db| db.resync.is_some()) {
            self.want_changes(Duration::ZERO);
        } else if let Some(at) = self.databases.iter().filter_map(|db| db.late.next()).min() {
            self.want_changes(at.saturating_duration_since(now));
        }
        if self.databases.iter().any(|db| db.table.is_unpublished()) && self.turns.publish.is_none() {
            self.turns.publish = Some(self.turns.publish_from.map_or(now, |from| from.max(now)));
        }
        Ok(())
    }

    /// Reads changed keys in one database, which is selected, and what else is due there. Gives back the keys that
    /// are neither locks nor queues.
    async fn take_batch_of(
        &mut self,
        at: usize,
        now: Instant,
        waiting: Option<Instant>,
        mut keys: Vec<Bytes>,
    ) -> Result<Vec<Bytes>, CallError> {
        let Some(db) = self.databases.get_mut(at) else { return Ok(Vec::new()) };
        let mut late = std::mem::take(&mut db.late);
        let waiting = waiting.into_iter().chain(late.next().filter(|at| *at <= now)).min();
        keys.extend(late.take_due(now, BATCH.saturating_sub(keys.len()).max(1)));
        let room = BATCH.saturating_sub(keys.len());
        let resync = db.resync.take();
        let Some(mut look) = self.at_keys(at) else { return Ok(Vec::new()) };
        look.table.sight.waiting = waiting;
        let others = look.take_changes(keys, &mut late).await?;
        if let (Some(from), Some(db)) = (resync, self.databases.get_mut(at)) {
            let mut again = db.table.locks_from(&from, room + 1);
            db.resync = if again.len() > room { again.pop() } else { None };
            if let Some(mut look) = self.at_keys(at) {
                look.reread_locks(&again).await?;
            }
        }
        if let Some(db) = self.databases.get_mut(at) {
            db.late = late;
        }
        Ok(others)
    }

    fn publish_changes(&mut self) {
        self.turns.publish = None;
        let started = Instant::now();
        for at in 0..self.databases.len() {
            if self.databases.get(at).is_some_and(|db| db.table.is_unpublished())
                && let Some(snapshot) = self.snapshot(at)
            {
                self.shared.publish(snapshot);
            }
        }
        let now = Instant::now();
        let took = now.saturating_duration_since(started);
        self.turns.publish_from = Some(now + PUBLISH_GAP.max(took * PUBLISH_REST));
    }
}

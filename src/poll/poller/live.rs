//! Between two looks: changed keys are read at once, in small batches, and what they are now is published.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::super::changes::Late;
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
    late: Late,
    /// Known locks from this key on must be read again.
    resync: Option<Bytes>,
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
        if self.reader.is_some() && (!self.push.dirty().is_empty() || self.turns.resync.is_some()) {
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
                        self.search.hurry = true;
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
        if self.table.len() == 0 && self.search.is_fresh() {
            // The first search is about to do that.
            return;
        }
        self.turns.resync = Some(Bytes::default());
        self.turns.late.clear();
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
            self.search.failed(error.to_string());
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
        self.search.hurry = true;
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
        let taken = self.take_batch().await;
        if taken.is_err() {
            // What was taken was not read.
            self.turns.resync = Some(Bytes::default());
        }
        taken
    }

    async fn take_batch(&mut self) -> Result<(), CallError> {
        let (started, before) = (Instant::now(), self.cost.total());
        let Some(tracked) = self.push.tracked() else { return Ok(()) };
        let mut late = std::mem::take(&mut self.turns.late);
        let mut keys = late.take_due(started, BATCH);
        keys.extend(self.push.dirty().take(BATCH.saturating_sub(keys.len())));
        let room = BATCH.saturating_sub(keys.len());
        let resync = self.turns.resync.take();
        let Some(mut look) = self.at_keys() else { return Ok(()) };
        let others = look.take_changes(keys, &mut late).await?;
        self.push.dirty().were_others(&tracked, &others);
        if let Some(from) = resync {
            let mut again = self.table.locks_from(&from, room + 1);
            self.turns.resync = if again.len() > room { again.pop() } else { None };
            if let Some(mut look) = self.at_keys() {
                look.reread_locks(&again).await?;
            }
        }
        self.turns.late = late;
        let now = Instant::now();
        let spent = self.cost.total().saturating_sub(before);
        self.turns.changes_from = Some(now + GAP.max(spent * REST));
        if !self.push.dirty().is_empty() || self.turns.resync.is_some() {
            self.want_changes(Duration::ZERO);
        } else if let Some(at) = self.turns.late.next() {
            self.want_changes(at.saturating_duration_since(now));
        }
        if self.table.is_unpublished() && self.turns.publish.is_none() {
            self.turns.publish = Some(self.turns.publish_from.map_or(now, |from| from.max(now)));
        }
        Ok(())
    }

    fn publish_changes(&mut self) {
        self.turns.publish = None;
        let started = Instant::now();
        let snapshot = self.snapshot();
        self.shared.publish(snapshot);
        let now = Instant::now();
        let took = now.saturating_duration_since(started);
        self.turns.publish_from = Some(now + PUBLISH_GAP.max(took * PUBLISH_REST));
    }
}

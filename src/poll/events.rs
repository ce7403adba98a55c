//! Keyspace events of queues of which nothing else tells what goes in and out. Only where the server sends them anyway:
//! its configuration is never changed. Each queue's key has a channel of its own, on a connection of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::fleet::Shared;
use super::keys::KeyTable;
use crate::config::Endpoint;
use crate::domain::Bytes;
use crate::family::events::{Events, are_told};
use crate::redis_io::{PushLink, Pushed, Refusal};

/// Queues of a server that are followed.
const MOST_CHANNELS: usize = 256;
/// Channels that are asked for in one look.
const A_LOOK: usize = 32;
/// Events a second of a server; with more the busiest queues are left out.
const MOST_A_SECOND: u64 = 1_000;
/// They are counted for so long.
const WINDOW: Duration = Duration::from_secs(5);
/// A queue that was left out is tried again after this time, as is a server that refused.
const AGAIN: Duration = Duration::from_secs(600);
/// The same after a connection that could not be made.
const SOON: Duration = Duration::from_secs(10);

const TOO_MANY: &str = "more than 1000 a second on this node: not followed";
const REFUSED: &str = "the server sends them, but SUBSCRIBE to them is not permitted";

/// A queue's key and its database.
type Place = (u32, Bytes);

/// See the module.
#[derive(Default)]
pub(super) struct EventWatch {
    link: Option<PushLink>,
    heard: Arc<Heard>,
    /// What the connection is subscribed to.
    followed: BTreeSet<Place>,
    left_out: BTreeMap<Place, Instant>,
    refused: bool,
    retry_at: Option<Instant>,
    /// Since when events are counted.
    began: Option<Instant>,
}

/// Filled by the task that reads the connection.
#[derive(Default)]
struct Heard(Mutex<HashMap<Bytes, Tally>>);

/// Events of one channel.
#[derive(Default)]
struct Tally {
    told: Events,
    /// False until the first look after it was asked for: what came before is only a part.
    whole: bool,
    /// Since counting began.
    count: u64,
}

impl Heard {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Bytes, Tally>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_in(&self, pushed: Pushed) {
        let Pushed::Message { channel, text } = pushed else { return };
        self.with(|all| {
            if let Some(tally) = all.get_mut(&channel) {
                tally.told.take(text.as_slice());
                tally.count += 1;
            }
        });
    }
}

impl EventWatch {
    /// What was told of this key since it was asked for last; `None`: not followed all that time.
    pub(super) fn take(&self, db: u32, key: &Bytes) -> Option<Events> {
        if !self.link.as_ref().is_some_and(PushLink::is_open) {
            return None;
        }
        self.heard.with(|all| {
            let tally = all.get_mut(&channel(db, key))?;
            let told = std::mem::take(&mut tally.told);
            std::mem::replace(&mut tally.whole, true).then_some(told)
        })
    }

    /// Why this key is not followed although the server sends events.
    pub(super) fn left_out(&self, db: u32, key: &Bytes) -> Option<&'static str> {
        if self.left_out.contains_key(&(db, key.clone())) {
            return Some(TOO_MANY);
        }
        self.refused.then_some(REFUSED)
    }

    /// Leaves the busiest out where there are too many.
    fn flood(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let mut counts: Vec<(u64, Place)> = self.heard.with(|all| {
            let count = |(db, key): &Place| all.get(&channel(*db, key)).map_or(0, |tally| tally.count);
            self.followed.iter().map(|place| (count(place), place.clone())).collect()
        });
        let most = MOST_A_SECOND * WINDOW.as_secs();
        let mut sum: u64 = counts.iter().map(|(count, _)| count).sum();
        counts.sort();
        while sum > most
            && let Some((count, place)) = counts.pop()
        {
            sum -= count;
            self.left_out.insert(place, now + AGAIN);
        }
        if now.saturating_duration_since(began) >= WINDOW {
            self.began = Some(now);
            self.heard.with(|all| all.values_mut().for_each(|tally| tally.count = 0));
        }
    }

    /// Sees to the connection and its channels. `flags`: the server's `notify-keyspace-events`; the tables are those of
    /// its databases.
    pub(super) async fn keep<'a>(
        &mut self,
        shared: &Arc<Shared>,
        endpoint: &Endpoint,
        flags: &str,
        tables: impl Iterator<Item = (u32, &'a KeyTable)>,
    ) {
        if !shared.live {
            return;
        }
        let now = Instant::now();
        self.left_out.retain(|_, until| *until > now);
        self.flood(now);
        let all = tables.flat_map(|(db, table)| table.followable(flags).map(move |key| (db, key.clone())));
        let wanted: BTreeSet<Place> =
            all.filter(|place| !self.left_out.contains_key(place)).take(MOST_CHANNELS).collect();
        if wanted.is_empty() {
            self.close();
            return;
        }
        // One that is silent tells nothing, and that is not the same as no events.
        if let Some(link) = &mut self.link
            && (!link.is_open() || !link.ping().await)
        {
            self.close();
        }
        if self.link.is_none() {
            if self.retry_at.is_some_and(|at| now < at) || shared.connections.are_asleep() {
                return;
            }
            self.refused = false;
            self.retry_at = None;
            if let Err(refusal) = self.open(shared, endpoint).await {
                self.give_up(&refusal, now);
                return;
            }
        }
        if let Err(refusal) = self.follow(wanted).await {
            self.give_up(&refusal, now);
        }
    }

    async fn open(&mut self, shared: &Arc<Shared>, endpoint: &Endpoint) -> Result<(), Refusal> {
        let heard = Arc::new(Heard::default());
        let sink = heard.clone();
        let link =
            PushLink::open(endpoint, shared.config.timeout, Arc::new(move |pushed| sink.take_in(pushed)))
                .await?;
        if shared.connections.enter(link.abort_handle()) {
            (self.link, self.heard, self.began) = (Some(link), heard, None);
        }
        Ok(())
    }

    async fn follow(&mut self, wanted: BTreeSet<Place>) -> Result<(), Refusal> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let gone: Vec<Place> = self.followed.difference(&wanted).cloned().collect();
        let new: Vec<Place> = wanted.difference(&self.followed).take(A_LOOK).cloned().collect();
        for place in gone {
            let channel = channel(place.0, &place.1);
            self.followed.remove(&place);
            self.heard.with(|all| all.remove(&channel));
            link.unsubscribe(&channel).await?;
        }
        for place in new {
            let channel = channel(place.0, &place.1);
            self.heard.with(|all| all.insert(channel.clone(), Tally::default()));
            link.subscribe(&channel).await?;
            self.followed.insert(place);
        }
        Ok(())
    }

    fn give_up(&mut self, refusal: &Refusal, now: Instant) {
        self.refused = matches!(refusal, Refusal::Never(_));
        self.retry_at = Some(now + if self.refused { AGAIN } else { SOON });
        self.close();
    }

    /// Another server process answers there.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Follows nothing any more.
    pub(super) fn close(&mut self) {
        self.link = None;
        self.followed.clear();
        self.heard = Arc::default();
    }
}

/// The channel of a key, as the server calls it.
fn channel(db: u32, key: &Bytes) -> Bytes {
    [format!("__keyspace@{db}__:").as_bytes(), key.as_slice()].concat().into()
}

impl KeyTable {
    /// Queues whose events would tell what nothing else does.
    fn followable<'a>(&'a self, flags: &'a str) -> impl Iterator<Item = &'a Bytes> + 'a {
        self.queues.values().filter_map(move |entry| {
            let memory = &entry.memory;
            let told = memory.events.follows.is_some_and(|kind| are_told(flags, kind));
            let needed = entry.queue.as_ref().is_some_and(|queue| queue.samples >= 2)
                && memory.window.iter().any(|sample| sample.pushed.is_none());
            (told && needed).then_some(&entry.fact.key)
        })
    }
}

//! Who may hold the locks of one node: clients, workers with heartbeats, Redisson clients that renew.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::look::{Look, READS_A_PIPELINE};
use crate::domain::lock::Renewal;
use crate::domain::presence::{HolderState, Presence, words};
use crate::domain::{Bytes, Lock, Queue, Reply, Stamp};
use crate::family::attendance::Attendance;
use crate::family::witness::{self, Witness};
use crate::redis_io::CallError;

/// Workers that are known by name.
const MOST_WORKERS: usize = 5_000;
/// Redisson renews every ten seconds: a client that renewed some lock within this time is alive.
const RENEWED_WITHIN: Duration = Duration::from_secs(30);
/// Keys that tell of holders are read this often, and of so many locks at once, in rotation.
const WITNESS_EVERY: Duration = Duration::from_secs(10);
const WITNESSES: usize = READS_A_PIPELINE;

/// See the module.
#[derive(Default)]
pub(super) struct Holders {
    clients: Attendance,
    /// Name of a worker and whether it lives.
    workers: HashMap<Bytes, bool>,
    /// Redisson client and which of its locks it renewed when.
    renewals: HashMap<Bytes, (Bytes, Stamp)>,
    looked: Option<Stamp>,
    witnesses_due: Option<Instant>,
    witness_from: Option<Bytes>,
}

impl Holders {
    /// Takes in a reply of CLIENT LIST; one that was refused tells of nobody.
    pub(super) fn take_clients(&mut self, list: &Reply, at: Stamp) {
        match list {
            Reply::Bulk(text) => self.clients.take(text, at),
            _ => self.clients.clear(),
        }
    }

    /// Learns who works and who renews.
    pub(super) fn look_round<'a>(
        &mut self,
        locks: impl Iterator<Item = &'a Lock>,
        queues: impl Iterator<Item = &'a Queue>,
    ) {
        self.looked = Some(Stamp::now());
        let told = queues.flat_map(|q| &q.details).filter_map(|d| d.worker.as_ref());
        self.workers = told.take(MOST_WORKERS).map(|(name, lives)| (name.as_str().into(), *lives)).collect();
        self.renewals.clear();
        for lock in locks.filter(|l| l.family == "redisson") {
            if let (Some(client), Renewal::Renewed(at)) = (redisson_client(lock), lock.renewal)
                && self.renewals.get(&client).is_none_or(|(_, known)| known.mono < at.mono)
            {
                self.renewals.insert(client, (lock.id.key.clone(), at));
            }
        }
    }

    /// What is known of this lock's holder. What its library says counts more than clients that are called so.
    pub(super) fn presence(&self, lock: &Lock, witness: &Witness) -> Option<Presence> {
        let told = [
            witness.presence.clone(),
            self.by_worker(lock),
            self.by_renewals(lock),
            self.clients.presence(lock, witness.client.as_ref()),
        ];
        let sure = told.iter().flatten().find(|p| p.state != HolderState::Unknown);
        sure.or_else(|| told.iter().flatten().next()).cloned()
    }

    fn by_worker(&self, lock: &Lock) -> Option<Presence> {
        if self.workers.is_empty() {
            return None;
        }
        let token = lock.token.known()?;
        let (name, lives) =
            words(token.as_slice()).into_iter().find_map(|w| self.workers.get_key_value(w))?;
        let at = self.looked?;
        Some(if *lives {
            Presence::new(HolderState::Alive, format!("the worker {name} has a heartbeat"), at)
        } else {
            let words = format!("the heartbeat of the worker {name} ran out");
            // When it was first missed stands, as long as it is missing.
            let since =
                lock.presence.as_ref().filter(|p| p.state == HolderState::Gone && *p.evidence == *words);
            Presence::new(HolderState::Gone, words.as_str(), since.map_or(at, |p| p.at))
        })
    }

    fn by_renewals(&self, lock: &Lock) -> Option<Presence> {
        if self.renewals.is_empty() || lock.family != "redisson" {
            return None;
        }
        let (other, at) = self.renewals.get(&redisson_client(lock)?)?;
        let fresh = self.looked?.since(*at) < RENEWED_WITHIN && *other != lock.id.key;
        fresh.then(|| {
            Presence::new(HolderState::Alive, format!("its client renews another lock, {other}"), *at)
        })
    }
}

/// The client's UUID in `UUID:THREAD`.
fn redisson_client(lock: &Lock) -> Option<Bytes> {
    Some(lock.token.known()?.as_slice().get(..36)?.into())
}

impl Look<'_> {
    /// Reads, now and then, what the libraries' own keys tell of holders.
    pub(super) async fn ask_witnesses(&mut self) -> Result<(), CallError> {
        let now = Instant::now();
        if self.table.holders.witnesses_due.is_some_and(|at| now < at) {
            return Ok(());
        }
        let from = self.table.holders.witness_from.take();
        let mut keys =
            self.table.next_locks(from.as_ref(), WITNESSES + 1, |_, e| !witness::reads(&e.lock).is_empty());
        if keys.is_empty() {
            return Ok(());
        }
        self.table.holders.witnesses_due = Some(now + WITNESS_EVERY);
        self.table.holders.witness_from = if keys.len() > WITNESSES { keys.pop() } else { None };
        let asked: Vec<_> = keys.iter().filter_map(|k| Some(self.table.locks.get(k)?.lock.clone())).collect();
        let reads: Vec<_> = asked.iter().flat_map(|lock| witness::reads(lock)).collect();
        let replies = self.read_quietly(&reads).await?;
        let at = Stamp::now();
        let mut replies = replies.as_slice();
        for lock in &asked {
            let (own, rest) = replies.split_at_checked(witness::reads(lock).len()).unwrap_or_default();
            replies = rest;
            if let Some(entry) = self.table.locks.get_mut(&lock.id.key) {
                let witness = witness::tell(lock, own, at);
                let gone = |w: &Witness| w.presence.as_ref().is_some_and(|p| p.state == HolderState::Gone);
                // When it was first missed stands, as long as it is missing.
                if !(gone(&witness) && gone(&entry.witness)) {
                    entry.witness = witness;
                }
            }
        }
        self.table.judge_holders();
        Ok(())
    }
}

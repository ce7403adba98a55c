//! Who may hold the locks of one node: clients, workers with heartbeats, Redisson clients that renew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keys::LockEntry;
use super::look::{Look, READS_A_PIPELINE};
use super::workers::Workers;
use crate::domain::lock::Renewal;
use crate::domain::presence::{HolderState, Presence, words};
use crate::domain::{Bytes, Lock, Queue, Reply, Stamp};
use crate::family::attendance::Attendance;
use crate::family::errand::{self, Offices, jid_in};
use crate::family::witness::{self, Witness};
use crate::redis_io::CallError;

/// Jobs of Sidekiq that are known to run, and processes that are asked for them.
const MOST_RUNS: usize = 5_000;
const MOST_PROCESSES: usize = 16;
/// Redisson renews every ten seconds: a client that renewed some lock within this time is alive.
const RENEWED_WITHIN: Duration = Duration::from_secs(30);
/// Keys that tell of holders are read this often, and of so many locks at once, in rotation.
const WITNESS_EVERY: Duration = Duration::from_secs(10);
const WITNESSES: usize = READS_A_PIPELINE;
/// Locks whose reads go in one pipeline.
const WITNESSES_A_PIPELINE: usize = READS_A_PIPELINE / 4;

/// See the module.
#[derive(Default)]
pub(super) struct Holders {
    clients: Attendance,
    workers: Workers,
    /// Libraries whose tasks may hold locks.
    offices: Offices,
    /// Jobs of Sidekiq and the processes that run them, and since when a process does not name one any more.
    runs: HashMap<Bytes, (Bytes, Option<Stamp>)>,
    /// How far the server's clock is before ours.
    pub(super) clock_offset_ms: i64,
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
        let now = Stamp::now();
        self.looked = Some(now);
        let queues: Vec<&Queue> = queues.collect();
        self.workers.take(queues.iter().copied(), self.clock_offset_ms, now);
        self.offices = Offices::default();
        for queue in queues {
            self.offices.add(queue.family, &queue.id.key, &queue.application);
        }
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
        let token = lock.token.known().map(Bytes::as_slice).unwrap_or_default();
        let words = if self.workers.is_empty() { Vec::new() } else { words(token) };
        let job = jid_in(token).and_then(|jid| self.runs.get(jid));
        let runs = witness.worker.as_ref().or(job.map(|(process, _)| process)).map(Bytes::as_slice);
        let named = || runs.into_iter().chain(words.iter().copied());
        let worker = named().find_map(|name| self.workers.presence(name, lock, &self.clients));
        let client = witness.client.as_ref().or_else(|| self.workers.client(runs?));
        let is_gone = |p: &Presence| p.state == HolderState::Gone;
        let ended = job.and_then(|(process, missed)| ended(process, *missed));
        let worker = worker.clone().filter(is_gone).or(ended).or(worker);
        let clients = self.clients.presence(lock, client);
        let told = [
            &witness.presence,
            &worker,
            &self.by_listeners(lock, witness),
            &self.by_renewals(lock),
            &clients,
        ];
        let sure = told.into_iter().flatten().find(|p| p.state != HolderState::Unknown);
        // Where nobody is sure, what is known of who runs its task says most.
        let [witness, others @ ..] = told;
        sure.or_else(|| others.into_iter().chain([witness]).flatten().next()).cloned()
    }

    /// Of Celery's workers no more is known than whether anybody listens as they do.
    fn by_listeners(&self, lock: &Lock, witness: &Witness) -> Option<Presence> {
        let task = witness.presence.as_ref().filter(|_| witness.of_celery)?;
        let (state, words, at) = match self.clients.listens(lock)? {
            (true, at) => {
                let words = "Celery workers are connected: whether it is one of them cannot be told";
                (HolderState::Unknown, words, at)
            }
            (false, at) => (HolderState::Gone, "no Celery worker is connected any more", at),
        };
        Some(Presence::new(state, format!("{}; {words}", task.evidence), at))
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

/// A process that told of a job and does not any more.
fn ended(process: &Bytes, missed: Option<Stamp>) -> Option<Presence> {
    let words = format!(
        "the process {process} ran its job and does not any more: it ended, or waits to be tried again"
    );
    Some(Presence::new(HolderState::Unknown, words, missed?))
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
        self.table.holders.clock_offset_ms = self.clock_offset_ms;
        let from = self.table.holders.witness_from.take();
        let offices = self.table.holders.offices.clone();
        let wanted = |lock: &Lock| witness::reads(lock).len() + offices.reads(lock).len();
        let mut keys = self.table.next_locks(from.as_ref(), WITNESSES + 1, |_, e| wanted(&e.lock) > 0);
        self.table.holders.witness_from = if keys.len() > WITNESSES { keys.pop() } else { None };
        let jobs = self.ask_for_jobs().await?;
        if keys.is_empty() && !jobs {
            return Ok(());
        }
        self.table.holders.witnesses_due = Some(now + WITNESS_EVERY);
        let asked: Vec<_> = keys.iter().filter_map(|k| Some(self.table.locks.get(k)?.lock.clone())).collect();
        for lock in asked.chunks(WITNESSES_A_PIPELINE) {
            self.ask_for(lock, &offices).await?;
        }
        self.table.judge_holders();
        Ok(())
    }

    async fn ask_for(&mut self, asked: &[Arc<Lock>], offices: &Offices) -> Result<(), CallError> {
        let reads = |lock: &Lock| [witness::reads(lock), offices.reads(lock)];
        let all: Vec<_> = asked.iter().flat_map(|lock| reads(lock)).flatten().collect();
        let replies = self.read_quietly(&all).await?;
        let at = Stamp::now();
        let mut replies = replies.as_slice();
        for lock in asked {
            let [own, tasks] = reads(lock).map(|reads| {
                let (mine, rest) = replies.split_at_checked(reads.len()).unwrap_or_default();
                replies = rest;
                mine
            });
            if let Some(entry) = self.table.locks.get_mut(&lock.id.key) {
                let own = witness::tell(lock, own, at);
                let witness = if own == Witness::default() { offices.tell(lock, tasks, at) } else { own };
                let gone = |w: &Witness| w.presence.as_ref().is_some_and(|p| p.state == HolderState::Gone);
                // When it was first missed stands, as long as it is missing.
                if !(gone(&witness) && gone(&entry.witness)) {
                    entry.witness = witness;
                }
            }
        }
        Ok(())
    }

    /// Asks the processes of Sidekiq which jobs they run, where a lock names one. True: they were asked.
    async fn ask_for_jobs(&mut self) -> Result<bool, CallError> {
        let processes = self.table.holders.workers.of_family("sidekiq", MOST_PROCESSES);
        let names_job = |_: &Bytes, e: &LockEntry| {
            e.lock.token.known().is_some_and(|token| jid_in(token.as_slice()).is_some())
        };
        if processes.is_empty() || self.table.next_locks(None, 1, names_job).is_empty() {
            return Ok(false);
        }
        let reads: Vec<_> = processes.iter().flat_map(errand::running).collect();
        let replies = self.read_quietly(&reads).await?;
        let now = Stamp::now();
        let runs = &mut self.table.holders.runs;
        let told: HashMap<Bytes, Bytes> = processes
            .iter()
            .zip(replies.chunks(2))
            .flat_map(|(process, hashes)| {
                hashes.iter().flat_map(errand::jids).map(|jid| (jid, process.clone()))
            })
            .collect();
        for (jid, (process, missed)) in runs.iter_mut() {
            // Of a process that is gone nothing is heard any more.
            if !told.contains_key(jid) && processes.contains(process) {
                missed.get_or_insert(now);
            }
        }
        if runs.len() + told.len() > MOST_RUNS {
            runs.retain(|_, (_, missed)| missed.is_none());
        }
        runs.extend(told.into_iter().take(MOST_RUNS).map(|(jid, process)| (jid, (process, None))));
        Ok(true)
    }
}

//! The workers of one database: what their registries tell, remembered after they are gone from there.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::domain::presence::{HolderState, Presence};
use crate::domain::worker_sign::WorkerSign;
use crate::domain::{Bytes, Lock, Queue, Stamp};
use crate::family::attendance::Attendance;

/// Workers that are known by name, those that left included.
const MOST: usize = 5_000;
/// Late by so much a heartbeat is overdue.
const SLACK: Duration = Duration::from_secs(5);
/// A registry that names a worker no more is asked again within this time.
const ASKED_AGAIN: Duration = Duration::from_secs(3);
/// Registries are read at least so often: a heartbeat that is new to us may be so old.
const READ_WITHIN: Duration = Duration::from_secs(15);

struct Known {
    sign: WorkerSign,
    family: &'static str,
    /// When its registry was last seen to name it, and since when it does not.
    named: Stamp,
    missing: Option<Stamp>,
    /// When its heartbeat was first missed.
    ran_out: Option<Stamp>,
    /// Its last heartbeat: at the latest, and at the earliest.
    beat: Stamp,
    beat_after: Stamp,
}

/// See the module.
#[derive(Default)]
pub(super) struct Workers {
    known: HashMap<Bytes, Known>,
    looked: Option<Stamp>,
}

impl Workers {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes in what the queues tell; `offset_ms`: how far the server's clock is before ours.
    pub(super) fn take<'a>(&mut self, queues: impl Iterator<Item = &'a Queue>, offset_ms: i64, now: Stamp) {
        let mut named = HashSet::new();
        let mut readable = HashSet::new();
        for queue in queues {
            if queue.workers.is_some() {
                readable.insert(queue.family);
            }
            for sign in queue.details.iter().filter_map(|d| d.worker.as_ref()) {
                if !named.contains(&sign.name) {
                    named.insert(sign.name.clone());
                    self.enter(sign, queue.family, offset_ms, now);
                }
            }
        }
        self.known.retain(|name, known| {
            if named.contains(name) {
                return true;
            }
            known.missing.get_or_insert(now);
            readable.contains(known.family)
        });
        self.looked = Some(now);
    }

    fn enter(&mut self, sign: &WorkerSign, family: &'static str, offset_ms: i64, now: Stamp) {
        if let Some(known) = self.known.get_mut(&sign.name) {
            if known.sign.beat != sign.beat {
                (known.beat, known.beat_after) = (now, earlier(self.looked.unwrap_or(now), READ_WITHIN));
            }
            (known.named, known.missing) = (now, None);
            known.ran_out = (sign.lives == Some(false)).then(|| known.ran_out.unwrap_or(now));
            known.sign = sign.clone();
            return;
        }
        if self.known.len() >= MOST {
            self.known.retain(|_, known| known.missing.is_none());
        }
        if self.known.len() < MOST {
            // The clock by which it was told may be wrong; once it changes under our eyes only ours counts.
            let told = sign.beat.and_then(|beat| {
                let ours_ms = now.wall.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis() as i64;
                u64::try_from(ours_ms.saturating_add(offset_ms).saturating_sub(beat.at_ms)).ok()
            });
            let beat = earlier(now, Duration::from_millis(told.unwrap_or(0)));
            let known = Known {
                sign: sign.clone(),
                family,
                named: now,
                missing: None,
                ran_out: (sign.lives == Some(false)).then_some(now),
                beat,
                beat_after: beat,
            };
            self.known.insert(sign.name.clone(), known);
        }
    }

    /// What is known of the worker of this name, who holds this lock. `None`: nothing.
    pub(super) fn presence(&self, name: &[u8], lock: &Lock, clients: &Attendance) -> Option<Presence> {
        let (name, known) = self.known.get_key_value(name)?;
        let now = self.looked?;
        let of = |state, words: String, at| Some(Presence::new(state, words, at));
        if let Some(since) = known.missing {
            let left = now.since(since) >= ASKED_AGAIN && lock.first_seen.mono <= known.named.mono;
            let words = || format!("the worker {name} was registered while it was held, and is not any more");
            return left.then(|| Presence::new(HolderState::Gone, words(), known.named));
        }
        if let Some(since) = known.ran_out {
            return of(HolderState::Gone, format!("the heartbeat of the worker {name} ran out"), since);
        }
        known.sign.lives?;
        let Some(beat) = known.sign.beat else {
            return of(HolderState::Alive, format!("the worker {name} has a heartbeat"), now);
        };
        let client = known.sign.client.as_ref();
        if let Some(left) = client.and_then(|client| clients.left(client, lock)) {
            // Where it was seen to beat after its client left it has another connection.
            if left.at.mono > known.beat_after.mono {
                return Some(left);
            }
        }
        if now.since(known.beat) > beat.every + SLACK {
            let every = beat.every.as_secs();
            let words =
                format!("the worker {name} did not beat lately, as it does every {every}s while it works");
            return of(HolderState::Unknown, words, known.beat);
        }
        // Such a library calls its client like the worker.
        if client.is_some_and(|c| c == name && clients.lacks(c)) {
            let words = format!("the worker {name} had a heartbeat, but no client is called so any more");
            return of(HolderState::Unknown, words, known.beat);
        }
        of(HolderState::Alive, format!("the worker {name} has a heartbeat"), known.beat)
    }

    /// The name of its client, where that tells it from all others.
    pub(super) fn client(&self, name: &[u8]) -> Option<&Bytes> {
        let known = self.known.get(name)?;
        known.sign.client.as_ref().filter(|client| **client == known.sign.name)
    }

    /// Names of workers of this library that live as far as is known, so many at the most.
    pub(super) fn of_family(&self, family: &'static str, most: usize) -> Vec<Bytes> {
        let there = self.known.iter().filter(|(_, known)| {
            known.family == family && known.missing.is_none() && known.sign.lives == Some(true)
        });
        there.map(|(name, _)| name.clone()).take(most).collect()
    }
}

fn earlier(at: Stamp, by: Duration) -> Stamp {
    Stamp {
        mono: at.mono.checked_sub(by).unwrap_or(at.mono),
        wall: at.wall.checked_sub(by).unwrap_or(at.wall),
    }
}

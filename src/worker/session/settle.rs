//! Takes finished tasks off the processing lists: removed, put aside for a retry, or to the dead letters.

use std::time::Duration;

use super::{Session, int, is_replicated, our_ms};
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::script::{eval, is_eval_refused};
use crate::worker::hand::Slot;
use crate::worker::trouble::Trouble;

const FAIL: &str = include_str!("../../../assets/scripts/worker_fail.lua");
const RETRY: &str = include_str!("../../../assets/scripts/worker_retry.lua");

/// Failed test tasks kept.
const TESTS_KEPT: u64 = 1000;

/// What becomes of a finished task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::worker) enum Fate {
    /// It is done, and removed.
    Done,
    /// It is tried again after this pause.
    Retry {
        /// How it stands among the retries.
        member: Bytes,
        /// How long it rests.
        pause: Duration,
    },
    /// It failed for good, and goes to the dead-letter list.
    Dead,
}

/// A finished task that is to be taken off its processing list.
#[derive(Clone, Debug)]
pub(in crate::worker) struct Settlement {
    /// As it stands in the processing list.
    pub(in crate::worker) element: Bytes,
    /// As it stood in the queue.
    pub(in crate::worker) payload: Bytes,
    /// Which list.
    pub(in crate::worker) slot: Slot,
    /// What becomes of it.
    pub(in crate::worker) fate: Fate,
    /// One of our test tasks.
    pub(in crate::worker) test: bool,
}

impl Session {
    /// Takes finished tasks off the processing lists; for each whether it still was there.
    pub(in crate::worker) async fn settle(
        &mut self,
        settlements: &[Settlement],
    ) -> Result<Vec<bool>, Trouble> {
        let mut commands: Vec<Command> = settlements.iter().map(|s| self.removal(s)).collect();
        commands.extend(self.wait.clone());
        let replies = self.writer.pipeline(&commands).await?;
        if let Some(wait) = &self.wait {
            self.unreplicated = !is_replicated(wait, replies.last());
        }
        let mut found = Vec::with_capacity(settlements.len());
        for (settlement, reply) in settlements.iter().zip(&replies) {
            let scripted = settlement.fate != Fate::Done;
            match reply {
                Reply::Error(e) if scripted && (!self.scripts || is_eval_refused(e)) => {
                    self.scripts = false;
                    found.push(self.settle_plainly(settlement).await?);
                }
                reply => found.push(int(Some(reply))? > 0),
            }
        }
        Ok(found)
    }

    fn removal(&self, settlement: &Settlement) -> Command {
        let from = self.list_of(settlement);
        let element = settlement.element.clone();
        match &settlement.fate {
            Fate::Done => Command::new("LREM").arg(from).arg(1_i64).arg(element),
            Fate::Retry { member, pause } => {
                let args = [element, member.clone(), (pause.as_millis() as u64).into(), our_ms().into()];
                eval(RETRY, &[&from, &self.me.retries()], &args)
            }
            Fate::Dead => {
                let (dead, keep) = self.dead_letters(settlement);
                eval(FAIL, &[&from, &dead], &[element, settlement.payload.clone(), keep.into()])
            }
        }
    }

    fn list_of(&self, settlement: &Settlement) -> Bytes {
        match settlement.slot {
            Slot::Queue => self.me.processing(),
            Slot::Retries => self.me.retrying(),
        }
    }

    fn dead_letters(&self, settlement: &Settlement) -> (Bytes, u64) {
        if settlement.test {
            (self.me.keys.failed_tests.clone(), TESTS_KEPT)
        } else {
            (self.me.keys.failed.clone(), 0)
        }
    }

    /// Without scripts: first the copy, then the removal. A break between leaves it in both, never in none.
    async fn settle_plainly(&mut self, settlement: &Settlement) -> Result<bool, Trouble> {
        let copy = match &settlement.fate {
            Fate::Done => None,
            Fate::Retry { member, pause } => {
                let due = self.server_ms().await? + pause.as_millis() as i64;
                let retries = self.me.retries();
                Some(Command::new("ZADD").arg(retries).arg(due).arg(member.clone()))
            }
            Fate::Dead => {
                let (dead, _) = self.dead_letters(settlement);
                Some(Command::new("LPUSH").arg(dead).arg(settlement.payload.clone()))
            }
        };
        if let Some(copy) = copy {
            int(Some(&self.writer.call(&copy).await?))?;
        }
        let removal =
            Command::new("LREM").arg(self.list_of(settlement)).arg(1_i64).arg(settlement.element.clone());
        let found = int(Some(&self.writer.call(&removal).await?))? > 0;
        match &settlement.fate {
            // Somebody took it over, and settles it himself.
            Fate::Retry { member, .. } if !found => {
                let back = Command::new("ZREM").arg(self.me.retries()).arg(member.clone());
                self.writer.call(&back).await?;
            }
            Fate::Dead => {
                let (dead, keep) = self.dead_letters(settlement);
                if keep > 0 {
                    let trim = Command::new("LTRIM").arg(dead).arg(0_i64).arg(keep as i64 - 1);
                    self.writer.call(&trim).await?;
                }
            }
            _ => {}
        }
        Ok(found)
    }
}

//! Carries a confirmed transfer to its end: batch after batch, each a plan of its own that compares the list anew.
//! Between two batches it can be stopped; what was not moved by then is where it was.

use super::{Transfer, TransferPick, moved};
use crate::act::execute::carry_out;
use crate::act::prepare::PreparedAction;
use crate::act::services::Services;
use crate::act::{NotDone, Outcome, Plan, Request};

/// A list that somebody works on changes between two looks: so many batches in a row are tried anew.
const TRIES: u32 = 5;

/// How far a transfer got, and why it is over.
#[derive(Clone, PartialEq, Debug)]
pub struct Drained {
    /// Tasks moved or removed.
    pub done: u64,
    /// Tasks that were meant, as counted when it was prepared.
    pub total: u64,
    /// Why it is over.
    pub end: DrainEnd,
    /// What the audit file lacks, if anything: a sentence, escaped.
    pub audit_gap: Option<String>,
}

/// Why a transfer is over.
#[derive(Clone, PartialEq, Debug)]
pub enum DrainEnd {
    /// All were moved.
    All,
    /// It was told to stop.
    Stopped,
    /// There were no more, or the next batch was refused when it was prepared: a sentence, escaped.
    Short(String),
    /// A batch was not done, partly done, or its outcome is not known.
    Batch(Box<Plan>, Outcome),
}

/// News of a transfer that runs.
#[derive(Clone, PartialEq, Debug)]
pub enum TransferEvent {
    /// So many of so many tasks are moved.
    Moved {
        /// Until now.
        done: u64,
        /// In all.
        total: u64,
    },
    /// It is over.
    Ended(Box<Drained>),
}

/// Runs the first batch, which was shown and confirmed, then one after the other. `stop` is asked between two.
pub async fn drain(
    services: &Services,
    wish: &Transfer,
    first: PreparedAction,
    stop: impl Fn() -> bool,
    mut told: impl FnMut(u64, u64),
) -> Drained {
    let total = first.tasks();
    let (mut done, mut tries, mut audit_gap) = (0, 0, None);
    let mut action = first;
    let end = loop {
        let carried = carry_out(action).await;
        audit_gap = audit_gap.or(carried.audit_gap);
        match &carried.outcome {
            Outcome::Done { replies, .. } => {
                let n = moved(&carried.plan, replies);
                done += n;
                tries = 0;
                told(done, total);
                if done >= total {
                    break DrainEnd::All;
                }
                if n == 0 {
                    break DrainEnd::Short("there were no more".into());
                }
            }
            // Its oldest task was taken by somebody: look again, a few times.
            Outcome::NotDone(NotDone::Changed) if tries < TRIES => tries += 1,
            _ => break DrainEnd::Batch(Box::new(carried.plan), carried.outcome),
        }
        if stop() {
            break DrainEnd::Stopped;
        }
        let left = Transfer { pick: rest(&wish.pick, total - done), ..wish.clone() };
        action = match services.prepare(Request::Transfer(left)).await {
            Ok(action) => action,
            Err(why) => break DrainEnd::Short(why),
        };
    };
    Drained { done, total, end, audit_gap }
}

fn rest(pick: &TransferPick, left: u64) -> TransferPick {
    match pick {
        TransferPick::Oldest(_) => TransferPick::Oldest(left),
        TransferPick::Element(element) => TransferPick::Element(element.clone()),
    }
}

//! Runs the confirmed plans of a batch: nodes side by side, the locks of one node one after another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::build::{Batch, unreachable};
use super::{BatchEvent, MOST_CONNECTIONS, NODES_AT_ONCE};
use crate::act::execute::carry_out;
use crate::act::prepare::PreparedAction;
use crate::act::services::Services;
use crate::act::session::Session;
use crate::act::undo::Undoable;
use crate::act::{ActionEvent, NotDone, Outcome, Plan, Prepared, Ticket};
use crate::domain::{LockId, NodeId};

/// What became of one lock.
pub(in crate::act) struct Ran {
    pub(in crate::act) at: usize,
    pub(super) lock: LockId,
    pub(super) plan: Plan,
    pub(super) outcome: Outcome,
    pub(super) ended: Instant,
    /// After a release: what its undo needs.
    pub(super) undoable: Option<Undoable>,
}

/// A lock that waits for its turn, with the connection that was kept for it.
type Turn = (usize, LockId, Plan, Option<Session>);

/// Runs these plans of the batch (by number; `None`: all) and tells each outcome as it comes.
pub(in crate::act) async fn run(
    services: &Services,
    batch: Batch,
    only: Option<&[usize]>,
    ticket: Ticket,
    events: &mpsc::Sender<ActionEvent>,
) -> Vec<Ran> {
    let Batch { plan, mut sessions } = batch;
    let mut by_node: BTreeMap<NodeId, Vec<Turn>> = BTreeMap::new();
    for (at, part) in plan.parts.into_iter().enumerate() {
        let session = sessions.remove(&at);
        let Ok(plan) = part.plan else { continue };
        if only.is_none_or(|only| only.contains(&at)) {
            let node = plan.target.node.clone();
            by_node.entry(node).or_default().push((at, part.lock, plan, session));
        }
    }
    let watching = AtomicUsize::new(0);
    let watching = &watching;
    let one_node = |(node, parts): (NodeId, Vec<Turn>)| async move {
        let mut silent: Option<String> = None;
        let mut ran: Vec<Ran> = Vec::with_capacity(parts.len());
        for (at, lock, plan, session) in parts {
            let (plan, outcome, undoable, gap) = match &silent {
                Some(why) => (plan, Outcome::NotDone(NotDone::NotSent(why.clone())), None, None),
                None => one(services, plan, session, watching).await,
            };
            if silent.is_none()
                && matches!(outcome, Outcome::Unknown(_) | Outcome::NotDone(NotDone::NotSent(_)))
            {
                silent = unreachable(services, &node, lock.db).await;
            }
            let told = BatchEvent::Outcome(at, outcome.clone());
            let _ = events.send(ActionEvent::Batch(ticket, told)).await;
            if let Some(gap) = gap {
                let _ = events.send(ActionEvent::Batch(ticket, BatchEvent::Note(gap))).await;
            }
            ran.push(Ran { at, lock, plan, outcome, ended: Instant::now(), undoable });
        }
        ran
    };
    let mut ran: Vec<Ran> =
        stream::iter(by_node).map(one_node).buffer_unordered(NODES_AT_ONCE).concat().await;
    ran.sort_by_key(|ran| ran.at);
    ran
}

async fn one(
    services: &Services,
    plan: Plan,
    session: Option<Session>,
    watching: &AtomicUsize,
) -> (Plan, Outcome, Option<Undoable>, Option<String>) {
    let session = match session {
        Some(session) => session,
        None => match Session::again(services, &plan).await {
            Ok(session) => session,
            Err(why) => return (plan, Outcome::NotDone(why), None, None),
        },
    };
    let prepared = Prepared { plan, needs_force: None };
    let carried =
        carry_out(PreparedAction { prepared, session, services: services.clone(), canary: None, tasks: 0 })
            .await;
    let undoable = carried.undoable.map(|undoable| match undoable {
        Undoable::Yes(_) if watching.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS => {
            Undoable::No(format!(
                "a connection of its own would have to watch its key, and a batch keeps {MOST_CONNECTIONS} at most: it cannot be undone"
            ))
        }
        other => other,
    });
    (carried.plan, carried.outcome, undoable, carried.audit_gap)
}

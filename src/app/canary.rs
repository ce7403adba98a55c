//! Canaries on their way: what is said of them, and when they can be taken away again.

use std::time::Duration;

use super::messages::{fail, say};
use super::state::{AppState, FollowedCanary};
use crate::act::canary::Stage;
use crate::act::plan::{Back, Undo};
use crate::act::{Plan, Ticket};
use crate::domain::stamp::short;
use crate::domain::{LockId, QueueId, Severity};

/// Canaries kept.
const MAX_CANARIES: usize = 20;

/// A canary was sent: what to say of it.
pub(super) fn sent(state: &mut AppState, ticket: Ticket, plan: &Plan) -> String {
    let (key, node) = (&plan.subject, &plan.target.node);
    if matches!(plan.undo, Undo::Remove(_)) {
        state.undoable.push((ticket, LockId { node: node.clone(), db: plan.target.db, key: key.clone() }));
        return format!("test task sent to {key} on {node}: it is followed, u takes it away");
    }
    format!("test task sent to {key} on {node}: it is followed")
}

/// True for the plan that takes a canary away.
pub(super) fn is_removal(plan: &Plan) -> bool {
    plan.undo_of.as_ref().is_some_and(|restore| matches!(restore.back, Back::Remove(_)))
}

/// True when that ticket sent a canary that can be taken away.
pub(super) fn is_on_its_way(state: &AppState, ticket: Ticket) -> bool {
    state.canaries.iter().any(|canary| canary.ticket == ticket)
}

/// News of a canary.
pub(super) fn on_stage(
    state: &mut AppState,
    ticket: Ticket,
    queue: &QueueId,
    id: String,
    stage: &Stage,
    after: Duration,
) {
    let picked = !matches!(stage, Stage::Waiting(_) | Stage::NotTaken | Stage::Unknown(_));
    let known = state.canaries.iter_mut().find(|canary| canary.ticket == ticket);
    let news = known.as_ref().is_none_or(|canary| canary.stage.code() != stage.code());
    if let Some(canary) = known {
        canary.picked_after = canary.picked_after.or(picked.then_some(after));
        (canary.stage, canary.after) = (stage.clone(), after);
    } else {
        let (queue, stage, picked_after) = (queue.clone(), stage.clone(), picked.then_some(after));
        state.canaries.push_back(FollowedCanary { ticket, queue, id, stage, after, picked_after });
        while state.canaries.len() > MAX_CANARIES {
            state.canaries.pop_front();
        }
    }
    if picked || stage.is_end() {
        // Somebody has it: there is nothing left to take away.
        state.undoable.retain(|(known, _)| *known != ticket);
    }
    if !news {
        return;
    }
    let when = if picked || stage.is_end() { format!(", after {}", short(after)) } else { String::new() };
    let text = format!("test task of {} on {} {stage}{when}", queue.key, queue.node);
    let bad = matches!(stage, Stage::Failed(..) | Stage::NotTaken | Stage::NotEnded(_) | Stage::Unknown(_));
    if stage.is_end() {
        let severity = if bad { Severity::Warning } else { Severity::Info };
        state.events.ours(severity, text.clone(), state.now);
    }
    if bad { fail(state, text) } else { say(state, text) }
}

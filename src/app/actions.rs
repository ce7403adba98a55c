//! Release, undo, and what the executor reports.

use super::batch;
use super::canary;
use super::confirm;
use super::effect::Effect;
use super::messages::{fail, note, say};
use super::run::lock_subject;
use super::selection;
use super::state::{AppState, Dialog, PlanState, RowId};
use super::transfer;
use crate::act::request::{ActionCommand, TaskPlace};
use crate::act::transfer::{Transfer, TransferPick, TransferTo};
use crate::act::{ActionEvent, NotDone, Outcome, Plan, Request, Seen, Ticket};
use crate::domain::{Lock, LockId, QueueId, Severity};

/// Followed test tasks kept.
const MAX_FOLLOWED: usize = 100;

/// The next ticket.
pub(super) fn ticket(state: &mut AppState) -> Ticket {
    let ticket = Ticket(state.next_ticket);
    state.next_ticket += 1;
    ticket
}

/// What is on the screen of a lock now.
pub(super) fn seen(lock: &Lock) -> Seen {
    Seen {
        family: lock.family,
        key_type: lock.key_type.clone(),
        token: lock.token.clone(),
        ttl: lock.ttl.clone(),
        read_at: lock.read_at,
    }
}

/// `R`: asks for the marked locks as one batch, else for the selected one; votes for one token are released together.
pub(super) fn release(state: &mut AppState, out: &mut Vec<Effect>) {
    let in_detail = matches!(state.dialogs.last(), Some(Dialog::Detail(..)));
    let marked = if in_detail { Vec::new() } else { batch::marked(state) };
    if marked.len() > 1 {
        return batch::open(state, marked, out);
    }
    let one = marked.into_iter().next().map(|item| item.lock).or_else(|| lock_subject(state));
    let Some(id) = one else { return fail(state, "no lock is selected") };
    let votes = batch::votes(state, &id);
    if votes.len() > 1 {
        return batch::open(state, votes, out);
    }
    let now = state.now.mono;
    match selection::lock(state, &id) {
        Some(lock) if !lock.has_ended(now) => {
            let request = Request::Release { seen: seen(lock), lock: id };
            confirm::open(state, request, out);
        }
        _ => fail(state, format!("{} on {} is gone already: nothing to release", id.key, id.node)),
    }
}

/// `M`: the dead letters of our worker back into the selected queue, all that are there now.
pub(super) fn requeue(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(queue) = super::run::queue_subject(state) else { return fail(state, "no queue is selected") };
    let push = super::forms::push_end(state, &queue);
    let (to, pick) = (TransferTo::Back, TransferPick::Oldest(u64::MAX));
    confirm::open(state, Request::Transfer(Transfer { queue, push, to, pick }), out);
}

/// `u`: puts back the newest release. Guarded by its plan, so that it needs no question.
pub(super) fn undo(state: &mut AppState, out: &mut Vec<Effect>) {
    let newest = state.undoable.iter().map(|(ticket, _)| *ticket).max();
    if let Some((of, _)) = state.undoable_batch.filter(|(of, _)| newest.is_none_or(|single| *of > single)) {
        return batch::undo(state, of, out);
    }
    let busy: Vec<Ticket> = state.undoing.values().copied().collect();
    let Some((of, lock)) = state.undoable.iter().rev().find(|(t, _)| !busy.contains(t)).cloned() else {
        let text = if busy.is_empty() { "nothing to undo" } else { "the undo is under way" };
        return say(state, text);
    };
    let own = ticket(state);
    state.undoing.insert(own, of);
    state.running.insert(own, None);
    let doing =
        if canary::is_on_its_way(state, of) { "taking away the test task of" } else { "putting back" };
    say(state, format!("{doing} {} on {}", lock.key, lock.node));
    out.push(Effect::Action(ActionCommand::Prepare(own, Request::Undo { of })));
}

/// News of an action.
pub(super) fn on_event(state: &mut AppState, event: ActionEvent, out: &mut Vec<Effect>) {
    match event {
        ActionEvent::Prepared(ticket, result) => on_prepared(state, ticket, *result, out),
        ActionEvent::Outcome(ticket, plan, outcome) => on_outcome(state, ticket, &plan, &outcome, out),
        ActionEvent::Afterwards(_, text) => {
            state.events.ours(Severity::Info, text.clone(), state.now);
            say(state, text);
        }
        ActionEvent::Batch(ticket, event) => batch::on_event(state, ticket, event, out),
        ActionEvent::Transfer(ticket, event) => transfer::on_event(state, ticket, event, out),
        ActionEvent::Canary { ticket, queue, id, stage, after } => {
            canary::on_stage(state, ticket, &queue, id, &stage, after);
        }
        ActionEvent::Followed { queue, task, place } => follow(state, queue, task, place),
    }
}

fn on_prepared(
    state: &mut AppState,
    ticket: Ticket,
    result: Result<crate::act::Prepared, String>,
    out: &mut Vec<Effect>,
) {
    if let Some(of) = state.undoing.get(&ticket).copied() {
        match result {
            Ok(prepared) => {
                state.running.insert(ticket, Some(prepared.plan));
                out.push(Effect::Action(ActionCommand::Execute(ticket)));
            }
            Err(why) => {
                state.undoing.remove(&ticket);
                state.running.remove(&ticket);
                // Kept, for the reason may pass, but behind the others: it must not bar them.
                if let Some(at) = state.undoable.iter().position(|(t, _)| *t == of) {
                    let entry = state.undoable.remove(at);
                    state.undoable.insert(0, entry);
                }
                fail(state, format!("not undone: {why}"));
            }
        }
        return;
    }
    let waiting = state.dialogs.iter_mut().find_map(|d| match d {
        Dialog::Confirm(c) if c.ticket == ticket && c.plan == PlanState::Preparing => Some(c),
        _ => None,
    });
    // Cancelled in the meantime: it was abandoned then.
    let Some(dialog) = waiting else { return };
    dialog.armed = false;
    match result {
        Ok(prepared) => dialog.plan = PlanState::Ready(Box::new(prepared)),
        Err(why) => {
            dialog.plan = PlanState::Refused(why.clone());
            note(state, format!("refused: {why}"));
        }
    }
}

fn on_outcome(state: &mut AppState, ticket: Ticket, plan: &Plan, outcome: &Outcome, out: &mut Vec<Effect>) {
    state.running.remove(&ticket);
    let undone = state.undoing.remove(&ticket);
    let enqueued = state.enqueuing.remove(&ticket);
    let what = format!("{} of {} on {}", plan.intent, plan.subject, plan.target.node);
    match outcome {
        Outcome::Done { .. } => {
            let text = done_words(state, ticket, plan, enqueued.as_ref().map_or(1, |(_, ids)| ids.len()));
            state.events.ours(Severity::Info, text.clone(), state.now);
            say(state, text);
            for (queue, id) in
                enqueued.into_iter().flat_map(|(q, ids)| ids.into_iter().map(move |i| (q.clone(), i)))
            {
                follow(state, queue, id, TaskPlace::Waiting(None));
            }
        }
        Outcome::NotDone(why) => failed(state, Severity::Warning, format!("{what}: {why}")),
        Outcome::Partly { ran, error } => {
            failed(
                state,
                Severity::Critical,
                format!("{what}: {ran} of {} steps ran, then: {error}", plan.steps.len()),
            );
        }
        Outcome::Unknown(why) => failed(
            state,
            Severity::Critical,
            format!("{what}: UNKNOWN, it was sent and may have run ({why}); look before you try again"),
        ),
    }
    if let Some(of) = undone
        && is_settled(outcome)
    {
        state.undoable.retain(|(t, _)| *t != of);
    }
    // The executor gave up a dialog that was still open: its plan is over.
    for dialog in &mut state.dialogs {
        if let Dialog::Confirm(c) = dialog
            && c.ticket == ticket
        {
            c.plan = PlanState::Refused("it took too long to confirm: ask again".into());
            c.armed = false;
        }
    }
    if !matches!(outcome, Outcome::NotDone(_)) {
        out.push(Effect::Refresh);
    }
}

/// Says what went wrong, and keeps it among the events.
fn failed(state: &mut AppState, severity: Severity, text: String) {
    state.events.ours(severity, text.clone(), state.now);
    fail(state, text);
}

/// True when another try of the undo can change nothing.
fn is_settled(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Done { .. }
            | Outcome::NotDone(
                NotDone::Expired
                    | NotDone::Taken
                    | NotDone::Touched
                    | NotDone::Changed
                    | NotDone::Moved(_)
                    | NotDone::OtherServer
            )
    )
}

fn done_words(state: &mut AppState, ticket: Ticket, plan: &Plan, tasks: usize) -> String {
    let (key, node) = (&plan.subject, &plan.target.node);
    match plan.intent {
        "release" => {
            let lock = LockId { node: node.clone(), db: plan.target.db, key: key.clone() };
            state.locks.marks.remove(&RowId::Lock(lock.clone()));
            state.undoable.push((ticket, lock));
            format!("released {key} on {node}: u puts it back")
        }
        "canary" => canary::sent(state, ticket, plan),
        "undo" if canary::is_removal(plan) => format!("took the test task of {key} on {node} away"),
        "wake" => format!("told who waits that {key} on {node} is free"),
        "undo" => format!("put back {key} on {node}"),
        "expire" => format!("{key} on {node} has a TTL now"),
        "enqueue" if tasks == 1 => format!("enqueued a task on {key} on {node}"),
        "enqueue" => format!("enqueued {tasks} tasks on {key} on {node}"),
        other => format!("{other} of {key} on {node} done"),
    }
}

/// Where a test task is. An end that our worker saw stays: a later look only finds it gone.
pub(super) fn follow(state: &mut AppState, queue: QueueId, task: String, place: TaskPlace) {
    match state.followed.iter_mut().find(|(q, t, _)| *q == queue && *t == task) {
        Some((_, _, TaskPlace::Done | TaskPlace::Failed)) => {}
        Some((_, _, known)) => *known = place,
        None => {
            state.followed.push_back((queue, task, place));
            while state.followed.len() > MAX_FOLLOWED {
                state.followed.pop_front();
            }
        }
    }
}

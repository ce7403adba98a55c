//! A release of many locks, or the undo of one: what the screen knows of it, and its news.

use std::collections::BTreeMap;

use tui_input::Input;

use super::effect::Effect;
use super::messages::{fail, note, say};
use super::state::{AppState, Button, Dialog, RowId};
use crate::act::batch::{BatchEvent, FleetPlan, Item, MOST_LOCKS};
use crate::act::request::ActionCommand;
use crate::act::{Outcome, Ticket};
use crate::domain::{Lock, LockId, Severity};

/// How far a batch is.
#[derive(Clone, PartialEq, Debug)]
pub enum Stage {
    /// The executor looks at its locks; so many were looked at.
    Preparing(usize),
    /// It waits to be confirmed.
    Ready,
    /// It runs.
    Running,
    /// All outcomes are in.
    Ended,
    /// There is no plan; a sentence.
    Refused(String),
}

/// The batch of the session: there is one at a time.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its number.
    pub ticket: Ticket,
    /// `release` or `undo`.
    pub intent: &'static str,
    /// Locks asked for.
    pub asked: usize,
    /// How far it is.
    pub stage: Stage,
    /// What is to be done to each lock; empty until it is prepared.
    pub plan: FleetPlan,
    /// Numbers of the locks that were confirmed, or would be.
    pub chosen: Vec<usize>,
    /// Locks that free themselves soon are left out.
    pub wait_instead: bool,
    /// What became of the locks, by number.
    pub outcomes: BTreeMap<usize, Outcome>,
    /// What a later look found, by number.
    pub afterwards: BTreeMap<usize, String>,
    /// Focus.
    pub button: Button,
    /// Keys count only after it was drawn with its plan.
    pub armed: bool,
    /// On production: how many are released must be typed.
    pub typed: Option<Input>,
    /// Scroll offset of the list of locks.
    pub offset: usize,
}

impl Batch {
    fn new(ticket: Ticket, intent: &'static str, asked: usize, stage: Stage) -> Self {
        let plan = FleetPlan { id: uuid::Uuid::nil(), intent, parts: Vec::new() };
        Self {
            ticket,
            intent,
            asked,
            stage,
            plan,
            chosen: Vec::new(),
            wait_instead: false,
            outcomes: BTreeMap::new(),
            afterwards: BTreeMap::new(),
            button: Button::Cancel,
            armed: false,
            typed: None,
            offset: 0,
        }
    }

    /// True until it is confirmed or given up.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Preparing(_) | Stage::Ready)
    }

    /// On production: the number of locks was typed.
    pub(super) fn is_typed(&self) -> bool {
        self.typed.as_ref().is_none_or(|typed| typed.value() == self.chosen.len().to_string())
    }

    /// True when it may be confirmed at all.
    pub fn can_confirm(&self) -> bool {
        self.stage == Stage::Ready && !self.chosen.is_empty()
    }

    /// Chooses the locks anew: all that have a plan, or those that are not better waited for.
    pub(super) fn choose(&mut self) {
        let soon = if self.wait_instead { self.plan.soon_free().0 } else { Vec::new() };
        self.chosen = self.plan.ready().map(|(at, _)| at).filter(|at| !soon.contains(at)).collect();
    }

    /// Outcomes by their words, the most frequent first: `12 released, 1 changed`.
    pub fn tally(&self) -> String {
        let done = if self.intent == "undo" { "put back" } else { "released" };
        let mut sums: Vec<(usize, &str)> = Vec::new();
        let mut add = |word| match sums.iter_mut().find(|(_, known)| *known == word) {
            Some((count, _)) => *count += 1,
            None => sums.push((1, word)),
        };
        for outcome in self.outcomes.values() {
            add(outcome_word(outcome, done));
        }
        for (at, part) in self.plan.parts.iter().enumerate() {
            match part.plan {
                Err(_) => add("refused"),
                Ok(_) if !self.chosen.contains(&at) => add("left out"),
                Ok(_) => {}
            }
        }
        sums.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        sums.iter().map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }
}

/// An outcome in a word or two; `done` is the word for a good one.
pub fn outcome_word<'a>(outcome: &Outcome, done: &'a str) -> &'a str {
    match outcome {
        Outcome::Done { .. } => done,
        Outcome::NotDone(why) => match why.code() {
            "changed" => "changed hands",
            "gone" => "gone already",
            "taken" => "taken again",
            "touched" => "touched meanwhile",
            "not_sent" => "not sent",
            _ => "refused",
        },
        Outcome::Partly { .. } => "partly done",
        Outcome::Unknown(_) => "UNKNOWN",
    }
}

/// Opens the dialog of a release of these locks.
pub(super) fn open(state: &mut AppState, mut items: Vec<Item>, out: &mut Vec<Effect>) {
    if is_running(state) {
        return fail(state, "a batch is under way: B shows it");
    }
    if items.len() > MOST_LOCKS {
        let all = items.len();
        items.truncate(MOST_LOCKS);
        say(state, format!("a batch takes {MOST_LOCKS} locks at most: these are the first of {all}"));
    }
    let ticket = super::actions::ticket(state);
    let mut batch = Batch::new(ticket, "release", items.len(), Stage::Preparing(0));
    batch.typed = state.settings.production.then(Input::default);
    state.batch = Some(Box::new(batch));
    state.dialogs.push(Dialog::Batch);
    out.push(Effect::Action(ActionCommand::PrepareBatch(ticket, items)));
}

/// `B`: the batch again, as far as it is.
pub(super) fn show(state: &mut AppState) {
    if state.batch.is_some() {
        state.dialogs.push(Dialog::Batch);
    } else {
        say(state, "no batch yet: mark locks with Space or a, then R");
    }
}

/// True while a batch does something.
pub(super) fn is_running(state: &AppState) -> bool {
    state.batch.as_ref().is_some_and(|batch| batch.stage == Stage::Running)
}

/// Confirms the batch of the dialog.
pub(super) fn confirm(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(batch) = state.batch.as_deref_mut().filter(|batch| batch.can_confirm()) else { return };
    batch.stage = Stage::Running;
    batch.offset = 0;
    out.push(Effect::Action(ActionCommand::ExecuteBatch(batch.ticket, batch.chosen.clone())));
    let (ticket, text) = (batch.ticket, format!("release of {} locks ...", batch.chosen.len()));
    state.running.insert(ticket, None);
    say(state, text);
}

/// Gives up a batch that was not confirmed, and closes its dialog.
pub(super) fn close(state: &mut AppState, out: &mut Vec<Effect>) {
    state.dialogs.pop();
    if let Some(batch) = state.batch.take_if(|batch| batch.is_open()) {
        out.push(Effect::Action(ActionCommand::Abandon(batch.ticket)));
    }
    state.batch.take_if(|batch| matches!(batch.stage, Stage::Refused(_)));
}

/// Puts the released batch back, each lock only where its key was not used since.
pub(super) fn undo(state: &mut AppState, of: Ticket, out: &mut Vec<Effect>) {
    if is_running(state) {
        return fail(state, "a batch is under way: B shows it");
    }
    let many = state.undoable_batch.take_if(|(ticket, _)| *ticket == of).map_or(0, |(_, many)| many);
    let ticket = super::actions::ticket(state);
    state.batch = Some(Box::new(Batch::new(ticket, "undo", many, Stage::Running)));
    if !matches!(state.dialogs.last(), Some(Dialog::Batch)) {
        state.dialogs.push(Dialog::Batch);
    }
    state.running.insert(ticket, None);
    say(state, format!("putting back {many} locks, each only if its key was not used since"));
    out.push(Effect::Action(ActionCommand::UndoBatch(ticket, of)));
}

/// News of a batch; those of one that is no longer shown only say what went wrong.
pub(super) fn on_event(state: &mut AppState, ticket: Ticket, event: BatchEvent, out: &mut Vec<Effect>) {
    if let BatchEvent::Note(text) = event {
        return fail(state, text);
    }
    let Some(batch) = state.batch.as_deref_mut().filter(|batch| batch.ticket == ticket) else { return };
    match event {
        BatchEvent::Looked(done) => {
            if let Stage::Preparing(known) = &mut batch.stage {
                *known = done.max(*known);
            }
        }
        BatchEvent::Prepared(result) => on_prepared(state, *result),
        BatchEvent::Outcome(at, outcome) => {
            let lock = batch.plan.parts.get(at).map(|part| part.lock.clone());
            let (done, released) = (matches!(outcome, Outcome::Done { .. }), batch.intent == "release");
            batch.outcomes.insert(at, outcome);
            if let Some(lock) = lock.filter(|_| done && released) {
                state.locks.marks.remove(&RowId::Lock(lock));
            }
        }
        BatchEvent::Ended { undoable } => on_ended(state, undoable, out),
        BatchEvent::Afterwards(at, text) => {
            let lock = batch.plan.parts.get(at).map(|part| part.lock.clone());
            batch.afterwards.insert(at, text.clone());
            if let Some(lock) = lock {
                note(state, format!("{} on {}: {text}", lock.key, lock.node));
            }
        }
        BatchEvent::Watched | BatchEvent::Note(_) => {}
    }
}

fn on_prepared(state: &mut AppState, result: Result<FleetPlan, String>) {
    let Some(batch) = state.batch.as_deref_mut() else { return };
    batch.armed = false;
    match result {
        Ok(plan) => {
            batch.plan = plan;
            batch.choose();
            if matches!(batch.stage, Stage::Preparing(_)) {
                batch.stage = Stage::Ready;
            }
        }
        Err(why) => {
            let ticket = batch.ticket;
            batch.stage = Stage::Refused(why.clone());
            state.running.remove(&ticket);
            fail(state, format!("refused: {why}"));
        }
    }
}

fn on_ended(state: &mut AppState, undoable: usize, out: &mut Vec<Effect>) {
    let Some(batch) = state.batch.as_deref_mut() else { return };
    batch.stage = Stage::Ended;
    let (ticket, id) = (batch.ticket, batch.plan.id);
    let unknown = batch.outcomes.values().any(|o| matches!(o, Outcome::Unknown(_) | Outcome::Partly { .. }));
    let all_done = batch.outcomes.values().all(|o| matches!(o, Outcome::Done { .. }));
    let back = if undoable > 0 { format!("; u puts {undoable} back") } else { String::new() };
    let text = format!("{} of {} locks: {}{back}", batch.intent, batch.plan.parts.len(), batch.tally());
    if undoable > 0 {
        state.undoable_batch = Some((ticket, undoable));
    }
    state.running.remove(&ticket);
    let severity = match (unknown, all_done) {
        (true, _) => Severity::Critical,
        (false, true) => Severity::Info,
        (false, false) => Severity::Warning,
    };
    state.events.ours(severity, format!("{text} (batch {id})"), state.now);
    if severity == Severity::Info {
        say(state, text);
    } else {
        fail(state, text);
    }
    out.push(Effect::Refresh);
}

/// The executor could not be told. An undo can still be asked for again.
pub(super) fn on_undelivered(state: &mut AppState, ticket: Ticket, undo_of: Option<Ticket>, why: &str) {
    state.running.remove(&ticket);
    if let Some(batch) = state.batch.as_deref_mut().filter(|batch| batch.ticket == ticket) {
        batch.stage = Stage::Refused(why.to_owned());
        batch.armed = false;
        state.undoable_batch = undo_of.map(|of| (of, batch.asked)).or(state.undoable_batch);
    }
    fail(state, why);
}

/// The marked locks as shown now, each with the value seen; those that ended are left out.
pub(super) fn marked(state: &AppState) -> Vec<Item> {
    let now = state.now.mono;
    let is_marked = |id: &LockId| state.locks.marks.contains(&RowId::Lock(id.clone()));
    // A marked row may stand for the votes on other nodes too.
    let by_its_row = |lock: &Lock| {
        let quorum = state.shown.quorum_of(lock, now);
        quorum.and_then(|q| q.stands_for(&lock.token, now)).is_some_and(is_marked)
    };
    let shown = state.shown.locks.iter().filter(|lock| is_marked(&lock.id) || by_its_row(lock));
    shown.filter(|lock| !lock.has_ended(now)).map(|lock| item(lock)).collect()
}

/// The votes for the token of this lock, where several primaries hold it.
pub(super) fn votes(state: &AppState, id: &LockId) -> Vec<Item> {
    let now = state.now.mono;
    let lock = super::selection::lock(state, id);
    let quorum = lock.and_then(|lock| Some((lock, state.shown.quorum_of(lock, now)?)));
    quorum.map(|(lock, q)| q.locks_of(&lock.token, now).map(|l| item(l)).collect()).unwrap_or_default()
}

fn item(lock: &Lock) -> Item {
    Item { lock: lock.id.clone(), seen: super::actions::seen(lock) }
}

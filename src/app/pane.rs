//! The worker pane: start (after a question), stop, pause, concurrency.

use std::sync::Arc;

use tui_input::Input;

use super::actions::{follow, ticket};
use super::command::Panel;
use super::confirm::other;
use super::effect::Effect;
use super::forms::push_end;
use super::key::{Key, KeyCode};
use super::messages::{fail, note, say};
use super::run::queue_subject;
use super::state::{AppState, Button, Dialog, RowId, StartGate};
use super::text;
use crate::act::request::TaskPlace;
use crate::domain::QueueId;
use crate::worker::view::WorkerState;
use crate::worker::{Source, WorkerCommand, WorkerView};

/// Most queues a worker of the pane takes from.
const MAX_QUEUES: usize = 32;
/// Most tasks at once that the pane sets.
const MAX_CONCURRENCY: usize = 64;

/// True while it may hold tasks.
pub fn is_alive(worker: &WorkerView) -> bool {
    !matches!(worker.state, WorkerState::Stopped | WorkerState::Failed(_))
}

/// The command its real tasks are run by, if one is configured for the queue or for all.
pub fn exec_for(state: &AppState, queue: &QueueId) -> Option<String> {
    let own = state.settings.queues.iter().find(|c| {
        c.exec.is_some()
            && c.key.as_bytes() == queue.key.as_slice()
            && c.node.as_deref().is_none_or(|n| n == queue.node.as_str())
    });
    own.and_then(|c| c.exec.clone()).or_else(|| state.settings.exec.clone())
}

/// Its share of the places beside other queues of the worker.
fn weight_of(state: &AppState, queue: &QueueId) -> u32 {
    let own = state.settings.queues.iter().find(|c| {
        c.key.as_bytes() == queue.key.as_slice() && c.node.as_deref().is_none_or(|n| n == queue.node.as_str())
    });
    own.map_or(1, |c| c.weight)
}

/// `w` on a queue: opens the pane, and asks to start the worker if none runs.
pub(super) fn open(state: &mut AppState) {
    let Some(queue) = queue_subject(state) else { return fail(state, "no queue is selected") };
    state.worker_open = true;
    let Some(worker) = state.worker.clone().filter(|w| is_alive(w)) else {
        let more = marked(state);
        return ask_start(state, queue, more);
    };
    state.focus = Panel::Worker;
    if !worker.works_on(&queue) {
        let text = format!("the worker runs on {}: stop it with w first", worker.subject());
        state.worker_note = Some(text.clone());
        fail(state, text);
    }
}

/// `w` in the pane: stops the worker, or asks to start it again.
pub(super) fn stop_or_start(state: &mut AppState, out: &mut Vec<Effect>) {
    match state.worker.clone() {
        Some(w) if w.state == WorkerState::Stopping => say(state, "the worker finishes what runs, then ends"),
        Some(w) if is_alive(&w) => {
            out.push(Effect::Worker(WorkerCommand::Stop));
            say(state, format!("stopping the worker on {}: what runs is finished first", w.queue.key));
        }
        Some(w) => ask_start(state, w.queue.clone(), w.queues.iter().map(|q| q.queue.clone()).collect()),
        None => match state.queues.selected.clone() {
            Some(RowId::Queue(queue)) => {
                let more = marked(state);
                ask_start(state, queue, more);
            }
            _ => fail(state, "no queue is selected: choose one in the queues panel"),
        },
    }
}

/// Marked queues go along: one worker shares its places among them.
fn marked(state: &AppState) -> Vec<QueueId> {
    let mut marked: Vec<QueueId> = state
        .queues
        .marks
        .iter()
        .filter_map(|row| match row {
            RowId::Queue(queue) => Some(queue.clone()),
            _ => None,
        })
        .collect();
    marked.sort();
    marked
}

fn ask_start(state: &mut AppState, queue: QueueId, mut more: Vec<QueueId>) {
    let number = ticket(state).0;
    let typed = state.settings.production.then(Input::default);
    more.retain(|other| *other != queue);
    more.truncate(MAX_QUEUES - 1);
    state.start = StartGate { ticket: number, armed: false, force: false, typed, more };
    state.dialogs.push(Dialog::StartWorker(queue, Button::Cancel));
}

/// Space in the pane.
pub(super) fn pause_or_resume(state: &mut AppState, out: &mut Vec<Effect>) {
    match state.worker.as_ref().map(|w| w.state.clone()) {
        Some(WorkerState::Running | WorkerState::Starting | WorkerState::Reconnecting(_)) => {
            out.push(Effect::Worker(WorkerCommand::Pause));
        }
        Some(WorkerState::Paused) => out.push(Effect::Worker(WorkerCommand::Resume)),
        _ => say(state, "no worker runs: w starts one"),
    }
}

/// `+` and `-` in the pane.
pub(super) fn concurrency(state: &mut AppState, by: isize, out: &mut Vec<Effect>) {
    let running = state.worker.as_ref().filter(|w| is_alive(w)).map(|w| w.concurrency);
    let tasks =
        running.unwrap_or(state.settings.concurrency).saturating_add_signed(by).clamp(1, MAX_CONCURRENCY);
    state.settings.concurrency = tasks;
    if running.is_some() {
        out.push(Effect::Worker(WorkerCommand::SetConcurrency(tasks)));
    }
    say(state, format!("{tasks} at once"));
}

/// The worker as last seen.
pub(super) fn on_view(state: &mut AppState, view: Arc<WorkerView>) {
    let before = state.worker.as_ref().map(|w| w.state.clone());
    if before.as_ref() != Some(&view.state) {
        let on = format!("worker on {}", view.subject());
        match &view.state {
            WorkerState::Failed(why) => {
                state.worker_note = Some(why.clone());
                fail(state, format!("{on} ended: {why}"));
            }
            WorkerState::Reconnecting(why) => fail(state, format!("{on} lost its node: {why}")),
            WorkerState::Stopped => say(state, format!("{on} stopped")),
            WorkerState::Running if !matches!(before, Some(WorkerState::Paused)) => {
                note(state, format!("{on} runs"));
            }
            _ => {}
        }
    }
    let ends: Vec<(QueueId, String, bool)> = state
        .followed
        .iter()
        .filter(|(q, _, _)| view.works_on(q))
        .filter_map(|(q, id, _)| {
            let (_, done) = view.ended.iter().find(|(ended, _)| ended == id)?;
            Some((q.clone(), id.clone(), *done))
        })
        .collect();
    for (queue, id, done) in ends {
        follow(state, queue, id, if done { TaskPlace::Done } else { TaskPlace::Failed });
    }
    state.worker_scroll = state.worker_scroll.min(view.log.len().saturating_sub(1));
    state.worker = Some(view);
}

/// The start could not be handed on.
pub(super) fn not_started(state: &mut AppState, why: &str) {
    if let Some(worker) = &state.worker {
        let view = WorkerView { state: WorkerState::Failed(why.to_owned()), ..WorkerView::clone(worker) };
        on_view(state, Arc::new(view));
    }
}

fn start_queue(state: &AppState) -> Option<QueueId> {
    match state.dialogs.last() {
        Some(Dialog::StartWorker(queue, _)) => Some(queue.clone()),
        _ => None,
    }
}

fn is_start_typed(state: &AppState, queue: &QueueId) -> bool {
    state.start.typed.as_ref().is_none_or(|t| t.value() == queue.key.escaped())
}

pub(super) fn on_start_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(queue) = start_queue(state) else { return };
    if key.code == KeyCode::Esc {
        state.dialogs.pop();
        return;
    }
    if !state.start.armed {
        return;
    }
    let right = is_start_typed(state, &queue);
    let Some(Dialog::StartWorker(_, button)) = state.dialogs.last_mut() else { return };
    let plain = !key.ctrl && !key.alt;
    match key.code {
        KeyCode::Tab | KeyCode::BackTab => *button = other(*button),
        KeyCode::Enter if *button == Button::Confirm && right => start(state, &queue, out),
        KeyCode::Enter if state.start.typed.as_ref().is_some_and(|t| !t.value().is_empty()) && !right => {
            say(state, "that is not the queue's key as shown: nothing was done");
        }
        KeyCode::Enter => {
            state.dialogs.pop();
        }
        _ => {
            if let Some(typed) = &mut state.start.typed {
                text::edit(typed, key);
                let right = is_start_typed(state, &queue);
                if let Some(Dialog::StartWorker(_, button)) = state.dialogs.last_mut() {
                    *button = if right { Button::Confirm } else { Button::Cancel };
                }
                return;
            }
            match key.code {
                KeyCode::Left | KeyCode::Right => *button = other(*button),
                KeyCode::Char('y') if plain => start(state, &queue, out),
                KeyCode::Char('f') if plain => state.start.force = !state.start.force,
                KeyCode::Char('n' | 'q') if plain => {
                    state.dialogs.pop();
                }
                _ => {}
            }
        }
    }
}

pub(super) fn on_start_button(state: &mut AppState, button: Button, out: &mut Vec<Effect>) {
    let Some(queue) = start_queue(state) else { return };
    match button {
        Button::Cancel => {
            state.dialogs.pop();
        }
        Button::Confirm if state.start.armed && is_start_typed(state, &queue) => start(state, &queue, out),
        Button::Confirm => {}
    }
}

fn start(state: &mut AppState, queue: &QueueId, out: &mut Vec<Effect>) {
    state.dialogs.pop();
    let sources: Vec<Source> = std::iter::once(queue.clone())
        .chain(std::mem::take(&mut state.start.more))
        .map(|queue| Source {
            push: push_end(state, &queue),
            weight: weight_of(state, &queue),
            exec: exec_for(state, &queue),
            queue,
        })
        .collect();
    let concurrency = state.settings.concurrency.clamp(1, MAX_CONCURRENCY);
    // Shown, and counted as running, from this moment on: its first own view comes later.
    state.worker = Some(Arc::new(WorkerView::starting(&sources, concurrency)));
    state.worker_note = None;
    state.worker_scroll = 0;
    state.worker_open = true;
    state.focus = Panel::Worker;
    let subject = state.worker.as_ref().map_or_else(|| queue.key.to_string(), |w| w.subject());
    say(state, format!("starting the worker on {subject}"));
    let force = state.start.force;
    out.push(Effect::Worker(WorkerCommand::Start { sources, concurrency, force }));
}

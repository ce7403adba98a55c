//! The forms that lead to a confirm dialog: a TTL for a lock that never expires, test tasks for a queue.

use std::time::Duration;

use tui_input::Input;

use super::actions::seen;
use super::effect::Effect;
use super::key::{Key, KeyCode};
use super::messages::fail;
use super::run::{lock_subject, queue_subject};
use super::state::{AppState, Dialog, EnqueueForm, ExpireForm, PlanState};
use super::{confirm, selection, task, text};
use crate::act::Request;
use crate::act::canary::TEST_QUEUE;
use crate::domain::QueueId;
use crate::domain::lock::Ttl;
use crate::domain::queue::PushEnd;

/// Most test tasks at once.
const MAX_TASKS: usize = 1_000;
/// Shortest TTL a lock can be given.
const MIN_TTL: Duration = Duration::from_millis(1);
/// Longest TTL a lock can be given: beyond it, somebody meant something else.
const MAX_TTL: Duration = Duration::from_secs(366 * 86_400);

/// `E`: asks for the TTL.
pub(super) fn open_expire(state: &mut AppState) {
    let Some(id) = lock_subject(state) else { return fail(state, "no lock is selected") };
    let Some(lock) = selection::lock(state, &id) else {
        return fail(state, format!("{} on {} is gone already", id.key, id.node));
    };
    match &lock.ttl {
        Ttl::Never => {
            let seen = seen(lock);
            let form = ExpireForm { lock: id, seen, ttl: Input::new("30s".into()), error: None };
            state.dialogs.push(Dialog::Expire(Box::new(form)));
        }
        Ttl::Left(_) => fail(state, format!("{} has a TTL: E is for locks that never expire", id.key)),
        Ttl::Unknown(why) => {
            let text = format!("{}: its TTL is not known ({why}); E is for locks that never expire", id.key);
            fail(state, text);
        }
    }
}

/// Which end producers of this queue push to.
pub(super) fn push_end(state: &AppState, id: &QueueId) -> PushEnd {
    selection::queue(state, id).map_or(state.settings.push, |q| q.push)
}

/// `t`: a test task in the format of the queue's library; for a plain list the envelope for editing.
pub(super) fn test_task(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(queue) = queue_subject(state) else { return fail(state, "no queue is selected") };
    let family = selection::queue(state, &queue).map_or("list", |q| q.family);
    let named = crate::config::CanaryTask::of(&state.settings.canaries, family, &queue.key).is_some();
    if family == "list"
        && !named
        && !(state.settings.production && queue.key.as_slice() != TEST_QUEUE.as_bytes())
    {
        return open_enqueue(state, queue);
    }
    let push = push_end(state, &queue);
    let application = selection::queue(state, &queue).map(|q| q.application.clone()).unwrap_or_default();
    let id = task::fresh_id(state);
    confirm::open(state, Request::Canary { queue, family, push, application, id }, out);
}

/// `t` in a dialog that refused a canary: the same for the plain list of test tasks, on that node.
pub(super) fn test_queue_instead(state: &mut AppState) {
    let Some(Dialog::Confirm(dialog)) = state.dialogs.last() else { return };
    let (Request::Canary { queue, .. }, PlanState::Refused(_)) = (&dialog.request, &dialog.plan) else {
        return;
    };
    let queue = QueueId { key: TEST_QUEUE.into(), ..queue.clone() };
    state.dialogs.pop();
    open_enqueue(state, queue);
}

fn open_enqueue(state: &mut AppState, queue: QueueId) {
    let payload = task::envelope(&task::fresh_id(state), &state.now.rfc3339());
    let form = EnqueueForm {
        push: push_end(state, &queue),
        queue,
        payload: Input::new(payload),
        count: Input::new("1".into()),
        field: 0,
        error: None,
    };
    state.dialogs.push(Dialog::Enqueue(Box::new(form)));
}

const NOT_JSON: &str = "this is not JSON; Enter again sends it as it is";

pub(super) fn on_enqueue_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Dialog::Enqueue(form)) = state.dialogs.last_mut() else { return };
    match key.code {
        KeyCode::Esc => {
            state.dialogs.pop();
        }
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down => form.field = 1 - form.field.min(1),
        KeyCode::Enter => submit_enqueue(state, out),
        _ => {
            let field = if form.field == 0 { &mut form.payload } else { &mut form.count };
            if text::edit(field, key) {
                form.error = None;
            }
        }
    }
}

fn submit_enqueue(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(Dialog::Enqueue(form)) = state.dialogs.last_mut() else { return };
    let count = form.count.value().trim().parse::<usize>().ok().filter(|n| (1..=MAX_TASKS).contains(n));
    let Some(count) = count else {
        form.error = Some(format!("how many must be a number from 1 to {MAX_TASKS}"));
        form.field = 1;
        return;
    };
    let payload = form.payload.value().to_owned();
    if !task::is_json(&payload) && form.error.as_deref() != Some(NOT_JSON) {
        form.error = Some(NOT_JSON.into());
        return;
    }
    let (queue, push) = (form.queue.clone(), form.push);
    let payloads = task::payloads(state, &payload, count);
    let shown = state.shown.queues.iter().find(|q| q.id == queue);
    let library = shown.map(|q| q.family).filter(|family| *family != "list");
    confirm::open(state, Request::Enqueue { queue, payloads, push, library, force: false }, out);
}

pub(super) fn on_expire_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Dialog::Expire(form)) = state.dialogs.last_mut() else { return };
    match key.code {
        KeyCode::Esc => {
            state.dialogs.pop();
        }
        KeyCode::Enter => match humantime::parse_duration(form.ttl.value().trim()) {
            Ok(ttl) if (MIN_TTL..=MAX_TTL).contains(&ttl) => {
                let request = Request::Expire { lock: form.lock.clone(), seen: form.seen.clone(), ttl };
                confirm::open(state, request, out);
            }
            Ok(_) => form.error = Some("a TTL lies between 1ms and a year".into()),
            Err(_) => form.error = Some("that is no duration: 30s, 5m, 1h 30m".into()),
        },
        _ => {
            if text::edit(&mut form.ttl, key) {
                form.error = None;
            }
        }
    }
}

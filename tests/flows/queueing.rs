//! The enqueue form and the worker pane.

use std::collections::HashSet;
use std::sync::Arc;

use redwarden::act::Request;
use redwarden::act::transfer::TransferTo;
use redwarden::app::command::Panel;
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::state::{Dialog, Settings};
use redwarden::config::QueueConfig;
use redwarden::domain::queue::PushEnd;
use redwarden::worker::view::WorkerState;
use redwarden::worker::{Source, WorkerCommand, WorkerView};

use crate::fixtures::{board, node, queue, rich_board, settings};
use crate::harness::{asked, flow, flow_with, queue_id, writes};

fn json(bytes: &redwarden::domain::Bytes) -> serde_json::Value {
    serde_json::from_slice(bytes.as_slice()).unwrap()
}

#[test]
fn the_envelope_is_a_test_task() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    let (_, request) = asked(&f.press("t <enter>"));
    let Request::Enqueue { queue, payloads, push, force, .. } = request else { panic!() };
    assert_eq!((queue, push, force), (queue_id("a", "queue:idle"), PushEnd::Left, false));
    let [payload] = payloads.as_slice() else { panic!() };
    let task = json(payload);
    assert_eq!(task["kind"], "redwarden.test");
    assert_eq!(task["enqueued_at"], "2026-01-02T03:04:05.000Z");
    assert_eq!((&task["work_ms"], &task["fail"]), (&100.into(), &false.into()));
    assert_eq!(task["id"].as_str().unwrap().len(), 36);
}

#[test]
fn many_at_once_have_ids_of_their_own_and_the_edit_in_common() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    // false} becomes true}
    f.press("t <backspace> <backspace> <backspace> <backspace> <backspace> <backspace> true}");
    let (_, request) = asked(&f.press("<tab> <backspace> 5 0 0 <enter>"));
    let Request::Enqueue { payloads, .. } = request else { panic!() };
    assert_eq!(payloads.len(), 500);
    let ids: HashSet<String> = payloads.iter().map(|p| json(p)["id"].to_string()).collect();
    assert_eq!(ids.len(), 500);
    assert!(payloads.iter().all(|p| json(p)["fail"] == true));
}

#[test]
fn what_is_not_json_is_sent_only_when_asked_twice_and_bad_counts_never() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    assert_eq!(f.press("t <c-u> q <enter>"), []);
    let Some(Dialog::Enqueue(form)) = f.top() else { panic!() };
    assert!(form.error.as_deref().unwrap().contains("not JSON"));
    let (_, request) = asked(&f.press("<enter>"));
    assert!(matches!(&request, Request::Enqueue { payloads, .. } if payloads == &["q".into()]));
    f.press("<esc>");
    for count in ["0", "-1", "1001", "x"] {
        f.press("<c-u>");
        let Some(Dialog::Enqueue(form)) = f.state.dialogs.last_mut() else { panic!() };
        form.field = 1;
        f.press("<c-u>");
        f.type_text(count);
        assert_eq!(f.press("<enter>"), [], "{count}");
    }
    f.press("<esc>");
    assert!(f.state.dialogs.is_empty());
}

#[test]
fn paste_goes_into_the_payload_and_confirms_nothing() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    f.press("t <c-u>");
    assert_eq!(f.send(Event::Paste("{\"id\":\"x\",\n\"a\":1}\x1b\n".into())), []);
    let Some(Dialog::Enqueue(form)) = f.top() else { panic!() };
    assert_eq!(form.payload.value(), "{\"id\":\"x\", \"a\":1} ");
}

fn view(queue: &str, state: WorkerState) -> Event {
    let mut view = WorkerView::starting(&[Source::new(queue_id("a", queue), PushEnd::Left)], 2);
    view.state = state;
    view.running = 1;
    view.counts.done = 3;
    Event::Worker(Arc::new(view))
}

#[test]
fn w_opens_the_pane_and_asks_before_it_starts() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:draining");
    assert_eq!(f.press("w y <tab> <enter>"), [], "keys before the dialog was drawn are swallowed");
    assert!(f.state.worker_open);
    assert!(matches!(f.top(), Some(Dialog::StartWorker(..))));
    assert_eq!(f.send(Event::Paste("y\n".into())), []);
    f.draw();
    assert_eq!(f.press("<enter>"), [], "Enter alone cancels");
    assert!(f.state.dialogs.is_empty());
    f.press("w");
    f.draw();
    let start = Effect::Worker(WorkerCommand::Start {
        sources: vec![Source::new(queue_id("a", "queue:draining"), PushEnd::Left)],
        concurrency: 1,
        force: false,
    });
    assert_eq!(f.press("<tab> <enter>"), [start]);
    assert_eq!(f.state.focus, Panel::Worker);
}

#[test]
fn the_queues_own_exec_is_used_and_production_wants_its_key_typed() {
    let own = QueueConfig {
        key: "queue:idle".into(),
        node: Some("a".into()),
        push: PushEnd::Right,
        exec: Some("run-it".into()),
        weight: 3,
    };
    let other = QueueConfig { node: Some("b".into()), exec: Some("not-it".into()), ..own.clone() };
    let settings =
        Settings { production: true, exec: Some("default".into()), queues: vec![other, own], ..settings() };
    let mut f = flow_with(settings, &rich_board());
    f.select_queue("queue:idle");
    f.press("w");
    f.draw();
    assert_eq!(f.press("y <enter>"), []);
    let effects = f.press("<backspace> queue:idle <enter>");
    assert!(matches!(&effects[..], [Effect::Worker(WorkerCommand::Start { sources, .. })]
            if sources[0].exec.as_deref() == Some("run-it") && sources[0].weight == 3));
}

#[test]
fn marked_queues_go_along_and_dead_letters_come_back() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    f.press("<space>");
    f.select_queue("queue:draining");
    f.press("w");
    f.draw();
    let effects = f.press("<tab> <enter>");
    let [Effect::Worker(WorkerCommand::Start { sources, .. })] = &effects[..] else { panic!("{effects:?}") };
    let keys: Vec<String> = sources.iter().map(|s| s.queue.key.to_string()).collect();
    assert_eq!(keys, ["queue:draining", "queue:idle"]);
    f.select_queue("queue:stalled");
    let (_, request) = asked(&f.press("M"));
    let Request::Transfer(wish) = request else { panic!("{request:?}") };
    assert_eq!((wish.to.clone(), wish.queue.clone()), (TransferTo::Back, queue_id("a", "queue:stalled")));
    assert_eq!(wish.source(), "redwarden:{queue:stalled}:v1:failed".into());
}

#[test]
fn the_pane_has_keys_of_its_own() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:draining");
    f.press("w");
    f.draw();
    f.press("f y");
    f.send(view("queue:draining", WorkerState::Running));
    assert_eq!(f.press("<space>"), [Effect::Worker(WorkerCommand::Pause)]);
    f.send(view("queue:draining", WorkerState::Paused));
    assert_eq!(f.press("<space>"), [Effect::Worker(WorkerCommand::Resume)]);
    assert_eq!(f.press("+"), [Effect::Worker(WorkerCommand::SetConcurrency(3))]);
    assert_eq!(f.press("-"), [Effect::Worker(WorkerCommand::SetConcurrency(1))]);
    assert_eq!(f.press("p"), []);
    assert!(f.state.frozen.is_some(), "p freezes here too");
    f.press("p");
    f.press("<esc>");
    assert!(!f.state.worker_open && f.state.worker.is_some(), "the worker goes on");
    // On another queue: no second worker.
    f.select_queue("queue:idle");
    assert_eq!(f.press("w"), []);
    assert!(f.state.dialogs.is_empty() && f.state.worker_open);
    assert!(f.state.worker_note.as_deref().unwrap().contains("queue:draining"));
    assert_eq!(f.press("w"), [Effect::Worker(WorkerCommand::Stop)]);
    f.send(view("queue:draining", WorkerState::Stopped));
    assert!(f.toast().contains("stopped"));
    assert!(writes(&f.press("w")).is_empty(), "starting again asks again");
    assert!(matches!(f.top(), Some(Dialog::StartWorker(..))));
}

#[test]
fn a_failed_worker_says_why() {
    let mut f = flow(&rich_board());
    f.send(view("queue:idle", WorkerState::Failed("elements look like sidekiq's".into())));
    assert!(f.toast_is_error() && f.toast().contains("sidekiq"));
    assert!(f.state.worker_note.is_some());
}

#[test]
fn pushes_go_to_the_end_of_the_queue_itself() {
    let mut right = queue("queue:right");
    right.0.push = PushEnd::Right;
    let mut f = flow(&board(vec![node("a").queues(vec![right])]));
    let (_, request) = asked(&f.press("3 t <enter>"));
    assert!(matches!(request, Request::Enqueue { push: PushEnd::Right, .. }));
}

//! What came of an action: messages, undo, unknown.

use redwarden::act::request::{ActionCommand, TaskPlace};
use redwarden::act::{ActionEvent, NotDone, Outcome, Request};
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::messages::MAX_MESSAGES;

use crate::fixtures::{rich_board, s};
use crate::harness::{asked, done, flow, queue_id};

#[test]
fn a_release_is_said_and_u_puts_it_back_without_a_question() {
    let mut f = flow(&rich_board());
    let release = f.release("lock:never");
    assert!(f.toast().contains("released lock:never on a") && f.toast().contains("u puts it back"));
    let (undo, request) = asked(&f.press("u"));
    assert_eq!(request, Request::Undo { of: release });
    assert!(f.state.dialogs.is_empty());
    assert_eq!(f.press("u"), [], "the same release is not undone twice at once");
    assert_eq!(f.prepared(undo, &request), [Effect::Action(ActionCommand::Execute(undo))]);
    assert_eq!(f.outcome(undo, &request, done()), [Effect::Refresh]);
    assert!(f.toast().contains("put back lock:never"));
    assert!(f.state.undoable.is_empty() && f.state.running.is_empty());
    assert_eq!(f.press("u"), []);
    assert_eq!(f.toast(), "nothing to undo");
}

#[test]
fn the_newest_release_is_undone_first() {
    let mut f = flow(&rich_board());
    let first = f.release("lock:never");
    let second = f.release("lock:overdue");
    let (undo, request) = asked(&f.press("u"));
    assert_eq!(request, Request::Undo { of: second });
    // It cannot be prepared: it stays, but bars the others no longer.
    f.send(Event::Action(ActionEvent::Prepared(undo, Box::new(Err("node a does not answer".into())))));
    assert!(f.toast_is_error() && f.toast().contains("does not answer"));
    let (undo, request) = asked(&f.press("u"));
    assert_eq!(request, Request::Undo { of: first });
    f.prepared(undo, &request);
    f.outcome(undo, &request, Outcome::NotDone(NotDone::Taken));
    let (_, request) = asked(&f.press("u"));
    assert_eq!(request, Request::Undo { of: second });
}

#[test]
fn not_done_changes_nothing_and_is_no_undoable_release() {
    let mut f = flow(&rich_board());
    let (ticket, request) = f.open_release("lock:never");
    f.press("y");
    f.outcome(ticket, &request, Outcome::NotDone(NotDone::Changed));
    assert!(f.toast_is_error() && f.toast().starts_with("release of lock:never on a: "), "{}", f.toast());
    assert!(f.state.undoable.is_empty() && f.state.running.is_empty());
}

#[test]
fn unknown_is_an_outcome_of_its_own() {
    let mut f = flow(&rich_board());
    let (ticket, request) = f.open_release("lock:never");
    f.press("y");
    let effects = f.outcome(ticket, &request, Outcome::Unknown("no answer in 500ms".into()));
    assert_eq!(effects, [Effect::Refresh], "looked at again, never retried");
    let message = f.state.messages.back().unwrap();
    assert!(
        message.is_error && message.text.contains("UNKNOWN") && message.text.contains("no answer in 500ms")
    );
    assert!(f.state.undoable.is_empty());
    f.send(Event::Action(ActionEvent::Afterwards(ticket, "it is gone now".into())));
    assert_eq!(f.toast(), "it is gone now");
}

#[test]
fn a_plan_that_ended_while_its_dialog_was_open_can_not_be_confirmed() {
    let mut f = flow(&rich_board());
    let (ticket, request) = f.open_release("lock:never");
    f.outcome(ticket, &request, Outcome::NotDone(NotDone::Late));
    assert_eq!(f.press("y"), []);
}

#[test]
fn messages_are_bounded_and_toasts_go() {
    let mut f = flow(&rich_board());
    for n in 0..(MAX_MESSAGES + 50) {
        f.send(Event::Note(format!("note {n}")));
    }
    assert_eq!(f.state.messages.len(), MAX_MESSAGES);
    assert!(f.state.toast.is_none());
    f.press("2 :nonsense <enter>");
    assert!(!f.toast().is_empty());
    f.wait(s(5));
    assert!(!f.toast().is_empty());
    f.wait(s(1));
    assert_eq!(f.toast(), "");
    f.press("@ G g k <c-u>");
    f.press("@");
    assert!(f.state.dialogs.is_empty());
}

#[test]
fn an_enqueued_task_is_followed_to_its_end() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    let (ticket, request) = asked(&f.press("t <tab> <c-u> 3 <enter>"));
    let Request::Enqueue { payloads, .. } = &request else { panic!() };
    let ids: Vec<String> = payloads
        .iter()
        .map(|p| {
            serde_json::from_slice::<serde_json::Value>(p.as_slice()).unwrap()["id"].as_str().unwrap().into()
        })
        .collect();
    f.prepared(ticket, &request);
    f.draw();
    f.press("y");
    f.outcome(ticket, &request, done());
    assert!(f.toast().contains("3 tasks"));
    assert_eq!(f.state.followed.len(), 3);
    let queue = queue_id("a", "queue:idle");
    let place =
        |place| Event::Action(ActionEvent::Followed { queue: queue.clone(), task: ids[1].clone(), place });
    f.send(place(TaskPlace::Waiting(Some(2))));
    assert_eq!(f.state.followed[1].2, TaskPlace::Waiting(Some(2)));
    f.send(place(TaskPlace::Done));
    f.send(place(TaskPlace::Taken));
    assert_eq!(f.state.followed[1].2, TaskPlace::Done, "an end stays");
}

#[test]
fn what_could_not_be_handed_on_leaves_nothing_waiting() {
    let mut f = flow(&rich_board());
    let (ticket, _) = f.open_release("lock:never");
    f.press("y");
    let execute = Effect::Action(ActionCommand::Execute(ticket));
    f.send(Event::Undelivered(execute, "too many actions at once".into()));
    assert!(f.state.running.is_empty() && f.state.undoable.is_empty());
    assert!(f.toast_is_error() && f.toast().contains("too many actions"));
    f.select_queue("queue:idle");
    f.press("w");
    f.draw();
    let start = f.press("y").remove(0);
    f.send(Event::Undelivered(start, "the worker does not listen".into()));
    assert_eq!(f.press("q"), [Effect::Quit], "nothing runs, nothing is asked");
}

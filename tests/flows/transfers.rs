//! Moving and removing tasks: the form, the question, the progress, the stop.

use redwarden::act::request::ActionCommand;
use redwarden::act::transfer::{DrainEnd, Drained, Transfer, TransferEvent, TransferPick, TransferTo};
use redwarden::act::{ActionEvent, NotDone, Outcome, Request, Ticket};
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::state::{Dialog, Settings};
use redwarden::domain::queue::PushEnd;

use crate::fixtures::{rich_board, settings};
use crate::harness::{Flow, asked, flow, flow_with, plan, queue_id};

fn transfer(request: &Request) -> &Transfer {
    let Request::Transfer(wish) = request else { panic!("{request:?}") };
    wish
}

/// The form of a key on a queue, filled in and confirmed: the transfer runs.
fn running(f: &mut Flow, keys: &str) -> (Ticket, Request) {
    f.select_queue("queue:idle");
    let (ticket, request) = asked(&f.press(keys));
    f.prepared(ticket, &request);
    f.draw();
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::Execute(ticket))]);
    (ticket, request)
}

fn news(f: &mut Flow, ticket: Ticket, event: TransferEvent) -> Vec<Effect> {
    f.send(Event::Action(ActionEvent::Transfer(ticket, event)))
}

fn ended(f: &mut Flow, ticket: Ticket, done: u64, total: u64, end: DrainEnd) {
    let drained = Drained { done, total, end, audit_gap: None };
    assert_eq!(news(f, ticket, TransferEvent::Ended(Box::new(drained))), [Effect::Refresh]);
}

#[test]
fn the_form_says_which_tasks_go_where() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    // The list to move to is what must be typed.
    f.press("T <enter>");
    assert!(matches!(f.top(), Some(Dialog::MoveTasks(form)) if form.error.is_some()));
    let (_, request) = asked(&f.press("queue:other <tab> <backspace> all <enter>"));
    let wish = transfer(&request);
    assert_eq!(wish.to, TransferTo::List("queue:other".into(), PushEnd::Left));
    assert_eq!((&wish.queue, &wish.pick), (&queue_id("a", "queue:idle"), &TransferPick::Oldest(u64::MAX)));
    f.press("<esc> <esc>");
    // One oldest, a number that is none, one exact task.
    let (_, request) = asked(&f.press("D <enter>"));
    assert_eq!(
        (&transfer(&request).to, &transfer(&request).pick),
        (&TransferTo::Nowhere, &TransferPick::Oldest(1))
    );
    f.press("<esc> <backspace> 0 <enter>");
    assert!(matches!(f.top(), Some(Dialog::MoveTasks(form)) if form.error.is_some()));
    let (_, request) = asked(&f.press("<tab> bad <enter>"));
    assert_eq!(transfer(&request).pick, TransferPick::Element("bad".into()));
}

#[test]
fn dead_letters_can_be_named_as_the_source() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    f.press("D <backtab>");
    for _ in 0.."queue:idle".len() {
        f.press("<backspace>");
    }
    f.send(Event::Paste("redwarden:{queue:idle}:v1:failed".into()));
    let (_, request) = asked(&f.press("<enter>"));
    assert_eq!(transfer(&request).queue, queue_id("a", "redwarden:{queue:idle}:v1:failed"));
}

#[test]
fn progress_is_shown_and_esc_stops_between_two_batches() {
    let mut f = flow(&rich_board());
    let (ticket, _) = running(&mut f, "T queue:other <tab> <backspace> 350 <enter>");
    assert!(matches!(f.top(), Some(Dialog::Transfer)), "the form is done with");
    assert_eq!(f.press("q <enter> y x"), [], "nothing closes it while it runs");
    news(&mut f, ticket, TransferEvent::Moved { done: 100, total: 350 });
    assert_eq!(f.state.transfer.as_ref().map(|m| (m.done, m.total)), Some((100, Some(350))));
    assert_eq!(f.press("<esc>"), [Effect::Action(ActionCommand::Stop(ticket))]);
    assert_eq!(f.press("<esc>"), [], "once is enough");
    ended(&mut f, ticket, 200, 350, DrainEnd::Stopped);
    assert!(f.toast().contains("stopped: 200 of 350 tasks moved from queue:idle to queue:other"));
    assert!(
        f.state.running.is_empty() && matches!(f.top(), Some(Dialog::Transfer)),
        "it says how far it got"
    );
    f.press("<esc>");
    assert!(f.top().is_none() && f.state.transfer.is_none());
}

#[test]
fn what_went_well_closes_by_itself_and_what_did_not_stays_to_be_read() {
    let mut f = flow(&rich_board());
    let (ticket, _) = running(&mut f, "D <enter>");
    ended(&mut f, ticket, 1, 1, DrainEnd::All);
    assert!(f.top().is_none() && f.toast().contains("1 task removed from queue:idle on a"));
    let (ticket, request) = running(&mut f, "D <backspace> 300 <enter>");
    let end = DrainEnd::Batch(Box::new(plan(&request)), Outcome::Unknown("no answer within 500ms".into()));
    ended(&mut f, ticket, 100, 300, end);
    assert!(f.toast_is_error() && f.toast().contains("100 of 300 tasks") && f.toast().contains("UNKNOWN"));
    assert!(matches!(f.top(), Some(Dialog::Transfer)));
    f.press("<enter>");
    let (ticket, request) = running(&mut f, "D <backspace> 300 <enter>");
    let end = DrainEnd::Batch(Box::new(plan(&request)), Outcome::NotDone(NotDone::Changed));
    ended(&mut f, ticket, 100, 300, end);
    assert!(f.toast_is_error() && matches!(f.top(), Some(Dialog::Transfer)));
}

#[test]
fn what_could_not_be_told_to_the_executor_ends_it() {
    let mut f = flow(&rich_board());
    let (ticket, _) = running(&mut f, "D <enter>");
    f.send(Event::Undelivered(Effect::Action(ActionCommand::Execute(ticket)), "too much to do".into()));
    assert!(f.state.running.is_empty() && f.toast().contains("nothing was done"));
    f.press("<esc>");
    assert!(f.top().is_none());
    let (ticket, _) = running(&mut f, "D <enter>");
    f.press("<esc>");
    f.send(Event::Undelivered(Effect::Action(ActionCommand::Stop(ticket)), "too much to do".into()));
    assert_eq!(f.press("<esc>"), [Effect::Action(ActionCommand::Stop(ticket))], "it can be asked again");
}

#[test]
fn on_production_the_key_is_typed() {
    let mut f = flow_with(Settings { production: true, ..settings() }, &rich_board());
    f.select_queue("queue:idle");
    let (ticket, request) = asked(&f.press("D <enter>"));
    f.prepared(ticket, &request);
    f.draw();
    assert_eq!(f.press("y <enter>"), []);
    let effects = f.press("<backspace> queue:idle <enter>");
    assert_eq!(effects, [Effect::Action(ActionCommand::Execute(ticket))]);
}

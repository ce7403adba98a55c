//! Many locks at once: marks, one plan, one question, a result for each, one undo.

use redwarden::act::batch::{BatchEvent, FleetPlan, Item, Part};
use redwarden::act::request::ActionCommand;
use redwarden::act::{ActionEvent, NotDone, Outcome, Request, Ticket};
use redwarden::app::batch::Stage;
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::state::{Button, Dialog, Settings};
use redwarden::domain::lock::{Holder, Token, Ttl};

use crate::fixtures::{LockBuilder, board, lock, node, s, settings};
use crate::harness::{Flow, done, flow, flow_with, lock_row, plan};

fn three() -> redwarden::domain::snapshot::Board {
    let other = lock("lock:c").holder(Some("web-2")).token("another-token-4711-x");
    board(vec![node("a").locks(vec![lock("lock:a"), lock("lock:b"), other])])
}

fn items(effects: &[Effect]) -> (Ticket, Vec<Item>) {
    match effects {
        [Effect::Action(ActionCommand::PrepareBatch(ticket, items))] => (*ticket, items.clone()),
        other => panic!("{other:?}"),
    }
}

fn keys_of(items: &[Item]) -> Vec<String> {
    items.iter().map(|item| item.lock.key.escaped()).collect()
}

fn fleet_plan(items: &[Item]) -> FleetPlan {
    let part = |item: &Item| {
        let request = Request::Release { lock: item.lock.clone(), seen: item.seen.clone() };
        Part { lock: item.lock.clone(), plan: Ok(plan(&request)) }
    };
    FleetPlan { id: uuid::Uuid::nil(), intent: "release", parts: items.iter().map(part).collect() }
}

fn news(f: &mut Flow, ticket: Ticket, event: BatchEvent) -> Vec<Effect> {
    f.send(Event::Action(ActionEvent::Batch(ticket, event)))
}

/// The dialog of a batch of these locks, drawn.
fn ready(f: &mut Flow, keys: &str) -> (Ticket, Vec<Item>) {
    let effects = f.press(keys);
    let (ticket, items) = items(&effects);
    news(f, ticket, BatchEvent::Prepared(Box::new(Ok(fleet_plan(&items)))));
    f.draw();
    (ticket, items)
}

fn stage(f: &Flow) -> &Stage {
    &f.state.batch.as_ref().unwrap().stage
}

#[test]
fn marked_locks_are_one_plan_and_one_question() {
    let mut f = flow(&three());
    let (ticket, items) = ready(&mut f, "2 g <space> <space> <space> R");
    assert_eq!(keys_of(&items), ["lock:a", "lock:b", "lock:c"]);
    assert_eq!(items[2].seen.token, Token::Known("another-token-4711-x".into()));
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::ExecuteBatch(ticket, vec![0, 1, 2]))]);
    assert_eq!(f.press("y"), [], "there is one execution");
    assert!(matches!(f.top(), Some(Dialog::Batch)) && *stage(&f) == Stage::Running);
    news(&mut f, ticket, BatchEvent::Outcome(0, done()));
    news(&mut f, ticket, BatchEvent::Outcome(1, Outcome::NotDone(NotDone::Changed)));
    news(&mut f, ticket, BatchEvent::Outcome(2, Outcome::Unknown("no answer in time".into())));
    assert_eq!(f.state.locks.marks.len(), 2, "only what was released loses its mark");
    assert!(!f.state.running.is_empty());
    let effects = news(&mut f, ticket, BatchEvent::Ended { undoable: 1 });
    assert_eq!(effects, [Effect::Refresh]);
    assert!(f.state.running.is_empty() && f.toast_is_error());
    assert!(f.toast().contains("1 released") && f.toast().contains("1 UNKNOWN"), "{}", f.toast());
    news(&mut f, ticket, BatchEvent::Afterwards(0, "it was taken by another holder".into()));
    assert_eq!(f.state.batch.as_ref().unwrap().afterwards[&0], "it was taken by another holder");
    // Closed and shown again.
    f.press("<enter>");
    assert!(f.state.dialogs.is_empty());
    f.press("B");
    assert!(matches!(f.top(), Some(Dialog::Batch)));
}

#[test]
fn nothing_confirms_a_batch_before_it_was_drawn_with_its_plan() {
    let mut f = flow(&three());
    let effects = f.press("2 g a R");
    let (ticket, items) = items(&effects);
    f.send(Event::DialogDrawn(ticket.0));
    assert_eq!(f.press("y <tab> <enter>"), []);
    news(&mut f, ticket, BatchEvent::Looked(2));
    assert_eq!(*stage(&f), Stage::Preparing(2));
    news(&mut f, ticket, BatchEvent::Prepared(Box::new(Ok(fleet_plan(&items)))));
    assert_eq!(f.press("y <tab> <enter>"), []);
    assert_eq!(f.send(Event::Paste("y\n".into())), []);
    f.draw();
    f.send(Event::Resize(20, 5));
    assert_eq!(f.press("y"), []);
    f.draw();
    assert_eq!(f.state.batch.as_ref().unwrap().button, Button::Cancel);
    assert_eq!(
        f.press("<tab> <enter>"),
        [Effect::Action(ActionCommand::ExecuteBatch(ticket, vec![0, 1, 2]))]
    );
}

#[test]
fn every_way_back_abandons_the_batch() {
    for keys in ["<enter>", "n", "q", "<esc>", "<tab> <tab> <enter>"] {
        let mut f = flow(&three());
        let (ticket, _) = ready(&mut f, "2 g a R");
        assert_eq!(f.press(keys), [Effect::Action(ActionCommand::Abandon(ticket))], "{keys}");
        assert!(f.state.dialogs.is_empty() && f.state.batch.is_none() && f.state.running.is_empty());
    }
}

#[test]
fn on_production_the_number_of_locks_is_typed() {
    let production = Settings { production: true, ..settings() };
    let mut f = flow_with(production, &three());
    let (ticket, _) = ready(&mut f, "2 g a R");
    assert_eq!(f.press("y 2 <enter>"), [], "y is no answer here, and 2 is not 3");
    assert!(f.toast().contains("not the number"));
    assert_eq!(
        f.press("<backspace> 3 <enter>"),
        [Effect::Action(ActionCommand::ExecuteBatch(ticket, vec![0, 1, 2]))]
    );
}

#[test]
fn locks_that_free_themselves_soon_can_be_left_out() {
    let mut f = flow(&three());
    let effects = f.press("2 g a R");
    let (ticket, items) = items(&effects);
    let mut fleet = fleet_plan(&items);
    fleet.parts[1].plan.as_mut().unwrap().frees_in = Some(s(4));
    fleet.parts[2].plan = Err("it changed hands since it was shown: nothing was done".into());
    news(&mut f, ticket, BatchEvent::Prepared(Box::new(Ok(fleet))));
    f.draw();
    assert_eq!(f.press("w y"), [], "the shorter list must be drawn before it is confirmed");
    f.draw();
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::ExecuteBatch(ticket, vec![0]))]);
    news(&mut f, ticket, BatchEvent::Outcome(0, done()));
    news(&mut f, ticket, BatchEvent::Ended { undoable: 0 });
    assert!(f.toast().contains("1 released, 1 left out, 1 refused"), "{}", f.toast());
}

#[test]
fn u_puts_a_batch_back_and_then_older_single_releases() {
    let mut f = flow(&three());
    let single = f.release("lock:c");
    let (ticket, _) = ready(&mut f, "<esc> 2 g <space> <space> R");
    f.press("y");
    for at in 0..2 {
        news(&mut f, ticket, BatchEvent::Outcome(at, done()));
    }
    news(&mut f, ticket, BatchEvent::Ended { undoable: 2 });
    let effects = f.press("u");
    let [Effect::Action(ActionCommand::UndoBatch(own, of))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(*of, ticket);
    assert_eq!(*stage(&f), Stage::Running);
    let (own, mut back) = (*own, fleet_plan(&[]));
    back.intent = "undo";
    news(&mut f, own, BatchEvent::Prepared(Box::new(Ok(back))));
    news(&mut f, own, BatchEvent::Ended { undoable: 0 });
    // The batch is done with: the release before it is next.
    f.press("<esc>");
    let effects = f.press("u");
    assert!(
        matches!(effects.as_slice(), [Effect::Action(ActionCommand::Prepare(_, Request::Undo { of }))] if *of == single),
        "{effects:?}"
    );
}

#[test]
fn one_batch_at_a_time() {
    let mut f = flow(&three());
    ready(&mut f, "2 g a R");
    f.press("y <esc>");
    assert!(f.state.dialogs.is_empty(), "closed while it runs");
    assert_eq!(f.press("R"), []);
    assert!(f.toast().contains("under way"));
}

#[test]
fn all_listed_rows_or_all_of_one_holder_are_marked() {
    let mut f = flow(&three());
    f.press("2 / web-2 <enter> a");
    assert_eq!(f.state.locks.marks.iter().cloned().collect::<Vec<_>>(), [lock_row("a", "lock:c")]);
    f.press("a");
    assert!(f.state.locks.marks.is_empty(), "again: none");
    f.press("<esc>");
    f.select_lock("lock:a");
    f.press("A");
    assert_eq!(f.state.locks.marks.len(), 2);
    assert!(f.toast().contains("web-1"), "{}", f.toast());
    f.press("<esc>");
    let (_, by_key) = items(&f.press("X"));
    assert_eq!(keys_of(&by_key), ["lock:a", "lock:b"]);
    f.press("<esc>");
    let (_, by_name) = items(&f.press(": release-holder <enter>"));
    assert_eq!(by_key, by_name);
}

fn shared() -> LockBuilder {
    let mut shared = lock("sem").ttl(s(9)).token("one-token-4711-abcdef").holder(Some("web-1 (and 1 more)"));
    let holder =
        |token: &str, words: &str| Holder { token: token.into(), words: words.into(), left: Some(s(9)) };
    shared.0.holders =
        [holder("one-token-4711-abcdef", "web-1"), holder("two-token-4711-abcdef", "web-9")].into();
    shared.0.holders_total = Some(2);
    shared.0.candidates = [("redsync", 60), ("bsm-redislock", 40)].into();
    shared.0.family = "redsync";
    shared
}

#[test]
fn of_several_holders_one_is_chosen() {
    let mut f = flow(&board(vec![node("a").locks(vec![shared()])]));
    let (first, request) = f.open_release("sem");
    let Request::Release { seen, .. } = &request else { panic!() };
    assert_eq!(seen.token, Token::Known("one-token-4711-abcdef".into()));
    let effects = f.press("<down>");
    assert_eq!(effects[0], Effect::Action(ActionCommand::Abandon(first)));
    let (second, other) = crate::harness::asked(&effects);
    let Request::Release { seen, .. } = &other else { panic!() };
    assert_eq!((&seen.token, &seen.ttl), (&Token::Known("two-token-4711-abcdef".into()), &Ttl::Left(s(9))));
    assert_eq!(f.press("y"), [], "the new plan must be drawn first");
    f.prepared(second, &other);
    f.draw();
    // Around, and the family with it.
    let (third, first_again) = crate::harness::asked(&f.press("<down>"));
    assert_eq!(first_again, request);
    f.prepared(third, &first_again);
    f.draw();
    let (fourth, family) = crate::harness::asked(&f.press("<c-f>"));
    assert!(matches!(&family, Request::Release { seen, .. } if seen.family == "bsm-redislock"));
    f.prepared(fourth, &family);
    f.draw();
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::Execute(fourth))]);
}

#[test]
fn a_lock_of_one_holder_and_one_family_leaves_nothing_to_choose() {
    let mut f = flow(&three());
    f.open_release("lock:a");
    assert_eq!(f.press("<down> <up> <c-f>"), []);
    assert!(matches!(f.top(), Some(Dialog::Confirm(_))));
}

#[test]
fn all_of_a_holder_means_that_holder_of_a_shared_lock_only() {
    let mine = lock("lock:z").holder(Some("web-9")).token("third-token-4711-abc");
    let mut f = flow(&board(vec![node("a").locks(vec![shared(), mine])]));
    f.select_lock("lock:z");
    let (_, items) = items(&f.press("X"));
    assert_eq!(keys_of(&items), ["lock:z", "sem"]);
    assert_eq!(items[1].seen.token, Token::Known("two-token-4711-abcdef".into()));
}

//! Confirm dialogs: what confirms, what cancels, what is swallowed.

use redwarden::act::request::ActionCommand;
use redwarden::act::{ActionEvent, Prepared, Request};
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::hit::{Area, Target};
use redwarden::app::key::{Mouse, MouseKind};
use redwarden::app::state::{Button, Dialog, PlanState};
use redwarden::domain::lock::{Token, Ttl};

use crate::fixtures::{HOSTILE, board, lock, node, rich_board, s, settings};
use crate::harness::{asked, flow, flow_with, lock_row, plan, writes};

#[test]
fn release_carries_the_identity_and_the_value_seen() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:never");
    let (_, request) = asked(&f.press("R"));
    let Request::Release { lock, seen } = request else { panic!("{request:?}") };
    assert_eq!(lock_row("a", "lock:never"), redwarden::app::state::RowId::Lock(lock));
    assert_eq!(seen.token, Token::Known("1".into()));
    assert_eq!(seen.ttl, Ttl::Never);
    // The lock changes hands while the dialog is open: the request stays what was seen.
    f.board(&board(vec![node("a").locks(vec![lock_other()])]));
    let Some(Dialog::Confirm(c)) = f.top() else { panic!() };
    let Request::Release { seen, .. } = &c.request else { panic!() };
    assert_eq!(seen.token, Token::Known("1".into()));
}

fn lock_other() -> crate::fixtures::LockBuilder {
    lock("lock:never").token("somebody-else-4711").ttl(s(30))
}

#[test]
fn y_confirms_and_so_does_tab_enter() {
    for keys in ["y", "<tab> <enter>", "<right> <enter>"] {
        let mut f = flow(&rich_board());
        let (ticket, _) = f.open_release("lock:never");
        assert_eq!(f.press(keys), [Effect::Action(ActionCommand::Execute(ticket))], "{keys}");
        assert!(f.state.dialogs.is_empty());
        assert!(f.state.running.contains_key(&ticket));
    }
}

#[test]
fn enter_alone_and_every_way_back_cancel() {
    for keys in ["<enter>", "n", "q", "<esc>", "<tab> <tab> <enter>", "<tab> <esc>"] {
        let mut f = flow(&rich_board());
        let (ticket, _) = f.open_release("lock:never");
        assert_eq!(f.press(keys), [Effect::Action(ActionCommand::Abandon(ticket))], "{keys}");
        assert!(f.state.dialogs.is_empty());
        assert!(f.state.running.is_empty());
    }
}

#[test]
fn a_dialog_that_was_resized_away_confirms_nothing_until_it_is_drawn_again() {
    let mut f = flow(&rich_board());
    let (ticket, _) = f.open_release("lock:never");
    // 20x5 shows only which size is needed; also what coming back from Ctrl-Z sends.
    f.send(Event::Resize(20, 5));
    assert_eq!(f.press("y <tab> <enter>"), []);
    assert_eq!(f.state.dialog_to_arm(), Some(ticket.0));
    f.send(Event::Resize(100, 30));
    assert_eq!(f.press("y"), []);
    f.send(Event::DialogDrawn(ticket.0));
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::Execute(ticket))]);
}

#[test]
fn keys_typed_before_the_dialog_was_drawn_are_swallowed() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:never");
    let (ticket, request) = asked(&f.press("R"));
    assert_eq!(f.press("y <tab> <enter> y"), []);
    // A frame of the dialog without its plan does not count.
    f.send(Event::DialogDrawn(ticket.0));
    f.prepared(ticket, &request);
    assert_eq!(f.press("y <enter> <tab> <enter>"), []);
    let Some(Dialog::Confirm(c)) = f.top() else { panic!() };
    assert_eq!(c.button, Button::Cancel, "early keys move nothing");
    // The number of another dialog does not arm this one.
    f.send(Event::DialogDrawn(ticket.0 + 1));
    assert_eq!(f.press("y"), []);
    f.draw();
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::Execute(ticket))]);
}

#[test]
fn pasted_text_never_confirms() {
    let mut f = flow(&rich_board());
    f.open_release("lock:never");
    for text in ["y", "y\n", "\n", "\t\n", "\x1b[200~y"] {
        assert_eq!(f.send(Event::Paste(text.into())), []);
    }
    assert!(matches!(f.top(), Some(Dialog::Confirm(_))));
    let mut f = flow_with(redwarden::app::state::Settings { production: true, ..settings() }, &rich_board());
    let (ticket, _) = f.open_release("lock:never");
    assert_eq!(f.send(Event::Paste("lock:never\n".into())), []);
    assert_eq!(f.press("<enter>"), [Effect::Action(ActionCommand::Abandon(ticket))]);
}

#[test]
fn paste_outside_text_fields_does_nothing() {
    let mut f = flow(&rich_board());
    assert_eq!(f.send(Event::Paste("RyqqG:quit\n".into())), []);
    assert!(f.state.dialogs.is_empty() && f.state.prompt.is_none());
}

#[test]
fn on_production_the_key_must_be_typed() {
    let production = redwarden::app::state::Settings { production: true, ..settings() };
    let mut f = flow_with(production.clone(), &rich_board());
    let (ticket, _) = f.open_release("lock:never");
    assert_eq!(f.press("y <enter>"), [], "y is text, and a wrong name confirms nothing");
    assert!(f.toast().contains("not the key's name"));
    assert_eq!(f.press("<backspace> lock:never <enter>"), [Effect::Action(ActionCommand::Execute(ticket))]);

    let mut f = flow_with(production.clone(), &rich_board());
    let (ticket, _) = f.open_release("lock:never");
    assert_eq!(f.press("<tab> <enter>"), [Effect::Action(ActionCommand::Abandon(ticket))]);

    // A hostile key is typed as it is shown.
    let mut f = flow_with(production, &board(vec![node("a").locks(vec![lock(HOSTILE)])]));
    let (ticket, request) = asked(&f.press("2 R"));
    f.prepared(ticket, &request);
    f.draw();
    f.type_text(&redwarden::domain::bytes::escape(HOSTILE));
    assert_eq!(f.press("<enter>"), [Effect::Action(ActionCommand::Execute(ticket))]);
}

#[test]
fn read_only_refuses_every_write_and_says_why() {
    for (production, word) in [(false, "--read-only"), (true, "--write")] {
        let settings = redwarden::app::state::Settings { read_only: true, production, ..settings() };
        let mut f = flow_with(settings, &rich_board());
        for keys in
            ["2 R", "2 E", "u", "3 t", "3 w", "4 w", ": release <enter>", "2 : expire <enter>", "2 <enter> R"]
        {
            f.state.toast = None;
            let effects = f.press(keys);
            assert!(writes(&effects).is_empty(), "{keys}: {effects:?}");
            f.press("<esc>");
        }
        f.press("2 R");
        assert!(f.toast_is_error() && f.toast().contains(word), "{}", f.toast());
        assert!(f.state.dialogs.is_empty());
    }
}

#[test]
fn a_refused_plan_cannot_be_confirmed() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:never");
    let (ticket, _) = asked(&f.press("R"));
    f.send(Event::Action(ActionEvent::Prepared(ticket, Box::new(Err("it is gone".into())))));
    f.draw();
    let Some(Dialog::Confirm(c)) = f.top() else { panic!() };
    assert_eq!(c.plan, PlanState::Refused("it is gone".into()));
    assert_eq!(f.press("y <tab> <enter>"), []);
    assert!(f.state.dialogs.is_empty());
}

#[test]
fn a_plan_that_comes_after_cancelling_opens_nothing() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:never");
    let (ticket, request) = asked(&f.press("R"));
    assert_eq!(f.press("<esc>"), [Effect::Action(ActionCommand::Abandon(ticket))]);
    assert_eq!(f.prepared(ticket, &request), []);
    assert!(f.state.dialogs.is_empty());
}

#[test]
fn expire_asks_for_a_ttl_and_then_confirms() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:held");
    assert_eq!(f.press("E"), []);
    assert!(f.toast().contains("never expire"));
    f.select_lock("lock:unreadable");
    f.press("E");
    assert!(f.state.dialogs.is_empty(), "unknown is not never");
    f.select_lock("lock:never");
    assert_eq!(f.press("E <c-u> soon <enter>"), []);
    let Some(Dialog::Expire(form)) = f.top() else { panic!() };
    assert!(form.error.as_deref().unwrap().contains("no duration"));
    let (ticket, request) = asked(&f.press("<c-u> 5m <enter>"));
    assert!(matches!(request, Request::Expire { ttl, .. } if ttl == s(300)));
    f.prepared(ticket, &request);
    f.draw();
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::Execute(ticket))]);
    assert!(f.state.dialogs.is_empty(), "the form goes with its dialog");
}

#[test]
fn a_click_confirms_only_on_the_armed_button() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:never");
    let (ticket, request) = asked(&f.press("R"));
    f.state.hits.push(Area { x: 10, y: 10, width: 9, height: 1 }, Target::Button(Button::Confirm));
    f.state.hits.push(
        Area { x: 0, y: 2, width: 9, height: 1 },
        Target::Row(redwarden::app::command::Panel::Locks, 0),
    );
    let click = |column, row| Event::Mouse(Mouse { kind: MouseKind::Click, column, row });
    assert_eq!(f.send(click(12, 10)), []);
    f.prepared(ticket, &request);
    assert_eq!(f.send(click(12, 10)), []);
    f.draw();
    let cursor = f.state.locks.cursor;
    assert_eq!(f.send(click(1, 2)), []);
    assert_eq!(f.state.locks.cursor, cursor, "the dialog covers the rows");
    assert_eq!(f.send(click(12, 10)), [Effect::Action(ActionCommand::Execute(ticket))]);
}

#[test]
fn details_act_on_their_own_row() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:never");
    f.press("<enter>");
    // Meanwhile the row vanishes from the list and another one is selected.
    f.press("k");
    let (_, request) = asked(&f.press("R"));
    assert!(matches!(&request, Request::Release { lock, .. } if lock.key == "lock:never".into()));
    f.press("<esc> <esc>");
    assert!(f.state.dialogs.is_empty());
}

#[test]
fn force_asks_anew_and_nothing_is_pushed_without_it() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    let (ticket, request) = asked(&f.press("t <enter>"));
    let prepared = Prepared { plan: plan(&request), needs_force: Some("3 clients wait on it".into()) };
    f.send(Event::Action(ActionEvent::Prepared(ticket, Box::new(Ok(prepared)))));
    f.draw();
    assert_eq!(f.press("y <tab>"), []);
    let effects = f.press("f");
    assert_eq!(effects[0], Effect::Action(ActionCommand::Abandon(ticket)));
    let (forced, request) = asked(&effects);
    assert!(matches!(&request, Request::Enqueue { force: true, .. }));
    assert_eq!(f.press("y"), [], "the new plan must be drawn first");
    f.prepared(forced, &request);
    f.draw();
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::Execute(forced))]);
    assert!(f.state.dialogs.is_empty());
}

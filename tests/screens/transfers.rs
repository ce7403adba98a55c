//! Moving and removing tasks: the form, the progress, how it ended.

use redwarden::act::ActionEvent;
use redwarden::act::Ticket;
use redwarden::act::transfer::{DrainEnd, Drained, Transfer, TransferEvent, TransferPick, TransferTo};
use redwarden::app::event::Event;
use redwarden::app::key::KeyCode;
use redwarden::app::state::{AppState, Dialog};
use redwarden::app::transfer::Moving;
use redwarden::app::update::update;
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{NodeId, QueueId};

use crate::fixtures::{HOSTILE, base, rich_board};
use crate::shot::{heard, keys, press, text};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

fn moving() -> AppState {
    let mut state = heard(rich_board());
    let queue = QueueId { node: NodeId::new("a"), db: 0, key: "queue:emails".into() };
    let to = TransferTo::List(HOSTILE.into(), PushEnd::Left);
    let wish = Transfer { queue, push: PushEnd::Left, to, pick: TransferPick::Oldest(1_234) };
    let from = wish.source();
    let moving = Moving { ticket: Ticket(1), wish, from, done: 0, total: None, stopping: false, end: None };
    state.transfer = Some(Box::new(moving));
    state.dialogs.push(Dialog::Transfer);
    state
}

fn news(state: &mut AppState, event: TransferEvent) {
    update(state, Event::Action(ActionEvent::Transfer(Ticket(1), event)), base());
}

#[test]
fn transfer_forms() {
    for size in SIZES {
        let mut state = heard(rich_board());
        keys(&mut state, "3gT");
        insta::assert_snapshot!(format!("transfer_move_{}x{}", size.0, size.1), text(&state, size));
    }
    let mut state = heard(rich_board());
    keys(&mut state, "3gD");
    insta::assert_snapshot!("transfer_drop", text(&state, (80, 24)));
}

#[test]
fn transfer_progress() {
    for size in SIZES {
        let mut state = moving();
        news(&mut state, TransferEvent::Moved { done: 300, total: 1_234 });
        insta::assert_snapshot!(format!("transfer_progress_{}x{}", size.0, size.1), text(&state, size));
    }
    let mut state = moving();
    insta::assert_snapshot!("transfer_begun", text(&state, (80, 24)));
    news(&mut state, TransferEvent::Moved { done: 300, total: 1_234 });
    press(&mut state, KeyCode::Esc);
    insta::assert_snapshot!("transfer_stopping", text(&state, (80, 24)));
    let end = Drained { done: 400, total: 1_234, end: DrainEnd::Stopped, audit_gap: None };
    news(&mut state, TransferEvent::Ended(Box::new(end)));
    insta::assert_snapshot!("transfer_stopped", text(&state, (80, 24)));
}

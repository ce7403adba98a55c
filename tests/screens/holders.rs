//! Whether holders live.

use redwarden::app::command::Panel;
use redwarden::app::key::KeyCode;
use redwarden::app::state::AppState;

use crate::fixtures::{board, lock, node, s};
use crate::shot::{heard, press, select, text};

fn fleet() -> AppState {
    heard(board(vec![node("a").locks(vec![
        lock("lock:gone").gone().ttl(s(700)),
        lock("lock:gone:forever").gone().never(),
        lock("lock:alive").alive(),
        lock("lock:renewed").renewed(),
        lock("lock:unknown"),
        lock("lock:slow").age(s(64)).usually(s(20), s(31)),
    ])]))
}

#[test]
fn a_column_tells_who_is_gone() {
    let state = fleet();
    for size in [(80, 24), (120, 36), (200, 60)] {
        insta::assert_snapshot!(format!("holders_{}x{}", size.0, size.1), text(&state, size));
    }
}

#[test]
fn the_details_tell_the_evidence() {
    let mut state = fleet();
    select(&mut state, Panel::Locks, "lock:gone:forever");
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!(text(&state, (100, 30)));
}

#[test]
fn the_details_tell_what_is_usual() {
    let mut state = fleet();
    select(&mut state, Panel::Locks, "lock:slow");
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!(text(&state, (100, 30)));
}

//! A mixed fleet: groups as headed sections.

use redwarden::app::command::Panel;
use redwarden::app::key::KeyCode;

use crate::groups::mixed_board;
use crate::shot::{heard, keys, press, text};

#[test]
fn a_mixed_fleet_on_a_good_day() {
    let state = heard(mixed_board(true));
    for size in [(80, 24), (120, 36), (200, 60)] {
        insta::assert_snapshot!(format!("groups_well_{}x{}", size.0, size.1), text(&state, size));
    }
}

#[test]
fn a_mixed_fleet_in_trouble() {
    let mut state = heard(mixed_board(false));
    state.focus = Panel::Nodes;
    for size in [(80, 24), (120, 36), (200, 60)] {
        insta::assert_snapshot!(format!("groups_ill_{}x{}", size.0, size.1), text(&state, size));
    }
    state.settings.ascii = true;
    insta::assert_snapshot!("groups_ascii_100x30", text(&state, (100, 30)));
}

#[test]
fn headings_scroll_with_their_nodes_and_go_when_sorted() {
    let mut state = heard(mixed_board(true));
    state.focus = Panel::Nodes;
    state.zoom = true;
    press(&mut state, KeyCode::End);
    insta::assert_snapshot!("groups_at_the_end_100x10", text(&state, (100, 10)));
    keys(&mut state, "s");
    assert!(!text(&state, (100, 30)).contains("cluster"), "another order has no sections");
}

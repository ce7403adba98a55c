//! No size and no bytes break a frame, and a frame costs the same however many rows there are.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use redwarden::app::command::Panel;
use redwarden::app::key::KeyCode;
use redwarden::app::state::AppState;
use redwarden::ui::{ViewCache, render};

use crate::fixtures::{board, lock, node, queue, rich_board, s};
use crate::shot::{draw, heard, keys, lines, press, select};

fn screens() -> Vec<AppState> {
    let plain = heard(rich_board());
    let with = |typed: &str| {
        let mut state = plain.clone();
        keys(&mut state, typed);
        state
    };
    let mut production = with("2R");
    production.settings.production = true;
    let mut detail = plain.clone();
    press(&mut detail, KeyCode::Enter);
    let mut worker = plain.clone();
    worker.worker_open = true;
    vec![
        crate::fixtures::state(),
        plain.clone(),
        production,
        detail,
        worker,
        with("?"),
        with("@"),
        with("2E"),
        with("3t"),
        with("3w"),
        with("/x"),
        with(":q"),
        with("3z"),
        heard(board(Vec::new())),
    ]
}

#[test]
fn every_small_size_is_drawn() {
    for state in screens() {
        let mut cache = ViewCache::new();
        for width in 0..=44 {
            for height in 0..=20 {
                let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
                terminal.draw(|frame| render(frame, &state, &mut cache)).unwrap();
            }
        }
    }
}

#[test]
fn odd_large_sizes_are_drawn() {
    for state in screens() {
        for size in [(500, 9), (41, 300), (300, 100), (40, 10), (1_000, 1)] {
            draw(&state, size);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_stay_harmless(key: Vec<u8>, token: Vec<u8>, name: Vec<u8>, width in 40_u16..130, open: bool) {
        let nodes = vec![node("a").locks(vec![lock(key).token(token).holder(None)]).queues(vec![queue(name)])];
        let mut state = heard(board(nodes));
        select(&mut state, Panel::Locks, "Lock");
        if open {
            press(&mut state, KeyCode::Enter);
        }
        for line in lines(&draw(&state, (width, 30)).0) {
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn only_visible_rows_are_formatted() {
    // Not a timing test: a million rows formatted for every frame would take minutes in a debug build.
    let state = heard(board(vec![
        node("a").locks((0..20_000).map(|i| lock(format!("lock:{i:06}")).ttl(s(60))).collect()),
    ]));
    for _ in 0..200 {
        draw(&state, (200, 60));
    }
}

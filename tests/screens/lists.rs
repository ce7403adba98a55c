//! The lists in every state, at every size.

use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::key::KeyCode;
use redwarden::app::state::AppState;
use redwarden::app::update::update;
use redwarden::config::Theme;
use redwarden::domain::node::Reason;
use redwarden::worker::view::WorkerState;

use crate::fixtures::{base, board, lock, many_locks, node, queue, rich_board, s, settings, state};
use crate::shot::{SIZES, hear, heard, keys, press, select, text, worker};

fn at_all_sizes(name: &str, state: &AppState) {
    for size in SIZES {
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text(state, size));
    }
}

/// A fleet on a good day.
fn calm() -> AppState {
    heard(board(vec![
        node("cache-1")
            .locks(vec![
                lock("lock:orders:42"),
                lock("lock:invoice:2026-01").renewed(),
                lock("report:lock").ttl(s(90)),
            ])
            .queues(vec![queue("queue:mail"), queue("queue:thumbnails").draining()]),
        node("cache-2").locks(vec![lock("lock:sync:7").renewed()]),
    ]))
}

#[test]
fn starting() {
    at_all_sizes("starting", &state());
}

#[test]
fn loading() {
    at_all_sizes("loading", &heard(board(vec![node("a").connecting(), node("b").connecting()])));
}

#[test]
fn first_search() {
    let mut n = node("a");
    n.0.scan.passes = 0;
    n.0.scan.share = Some(0.4);
    insta::assert_snapshot!(text(&heard(board(vec![n])), (80, 24)));
}

#[test]
fn empty() {
    at_all_sizes("empty", &heard(board(vec![node("a")])));
}

#[test]
fn calm_day() {
    at_all_sizes("calm", &calm());
}

#[test]
fn something_of_everything() {
    at_all_sizes("rich", &heard(rich_board()));
}

#[test]
fn all_nodes_down() {
    let nodes = vec![node("a").down(Reason::Timeout), node("b").down(Reason::Wrongpass)];
    insta::assert_snapshot!(text(&heard(board(nodes)), (80, 24)));
}

#[test]
fn a_node_that_went_down_leaves_dim_rows() {
    let nodes = vec![
        node("a").locks(vec![lock("lock:x").never(), lock("lock:y").ttl(s(400))]).down(Reason::Timeout),
        node("b").locks(vec![lock("lock:z")]),
    ];
    insta::assert_snapshot!(text(&heard(board(nodes)), (120, 36)));
}

#[test]
fn stale() {
    let mut state = calm();
    update(&mut state, Event::Tick, base().plus(s(32)));
    insta::assert_snapshot!(text(&state, (120, 36)));
}

#[test]
fn not_permitted() {
    let n = node("a").denied("locks", "SCAN").denied("queues", "SCAN").denied("nodes", "INFO");
    insta::assert_snapshot!(text(&heard(board(vec![n])), (80, 24)));
}

#[test]
fn frozen() {
    let mut state = calm();
    keys(&mut state, "p");
    update(&mut state, Event::Tick, base().plus(s(65)));
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn filtered() {
    let mut state = heard(rich_board());
    keys(&mut state, "2/never");
    insta::assert_snapshot!("filtering_80x24", text(&state, (80, 24)));
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("filtered_80x24", text(&state, (80, 24)));
}

#[test]
fn filtered_to_nothing() {
    let mut state = heard(rich_board());
    keys(&mut state, "2/zzz");
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn command_line() {
    let mut state = calm();
    keys(&mut state, ":re");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn ascii() {
    let mut settings = settings();
    settings.ascii = true;
    settings.theme = Theme::Mono;
    let mut plain = state();
    plain.settings = settings;
    let state = hear(plain, rich_board());
    let shown = text(&state, (120, 36));
    assert!(shown.is_ascii(), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn production_and_read_only() {
    let mut state = state();
    state.settings.production = true;
    state.settings.read_only = true;
    state.settings.profile = Some("eu-live".into());
    insta::assert_snapshot!(text(&hear(state, rich_board()), (80, 24)));
}

#[test]
fn worker_pane() {
    let mut state = heard(rich_board());
    select(&mut state, Panel::Queues, "growing");
    let id = state.shown.queues.iter().find(|q| q.name.contains("growing")).unwrap().id.clone();
    state.worker_open = true;
    insta::assert_snapshot!("worker_none_80x24", text(&state, (80, 24)));
    update(&mut state, Event::Worker(worker(id.clone(), WorkerState::Running)), base());
    state.toast = None;
    state.followed.push_back((id, "4f2a9c01".into(), redwarden::act::request::TaskPlace::Waiting(Some(12))));
    at_all_sizes("worker", &state);
    keys(&mut state, "4z");
    insta::assert_snapshot!("worker_zoomed_120x36", text(&state, (120, 36)));
}

#[test]
fn zoomed() {
    let mut state = heard(rich_board());
    select(&mut state, Panel::Nodes, "\"a\"");
    keys(&mut state, "z");
    insta::assert_snapshot!("zoomed_nodes_200x20", text(&state, (200, 20)));
    keys(&mut state, "z3z");
    insta::assert_snapshot!("zoomed_queues_200x20", text(&state, (200, 20)));
}

#[test]
fn many_rows_scroll_with_the_cursor() {
    let mut state = heard(many_locks(1_000));
    keys(&mut state, "2G");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn sorted_by_ttl_and_marked() {
    let mut state = heard(rich_board());
    keys(&mut state, "2ssss ");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

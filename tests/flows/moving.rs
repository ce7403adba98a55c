//! Selection by identity, marks, order.

use std::time::Duration;

use redwarden::app::command::Panel;

use crate::fixtures::{board, lock, many_locks, node, rich_board, s};
use crate::harness::{flow, lock_row};

#[test]
fn the_selection_follows_its_row_when_rows_come_and_go() {
    let mut f = flow(&board(vec![node("a").locks(vec![lock("lock:b"), lock("lock:d")])]));
    f.select_lock("lock:d");
    f.board(&board(vec![node("a").locks(vec![
        lock("lock:a"),
        lock("lock:b"),
        lock("lock:c"),
        lock("lock:d"),
    ])]));
    assert_eq!(f.state.locks.selected, Some(lock_row("a", "lock:d")));
    assert_eq!(f.state.locks.cursor, 3);
    f.press("s");
    assert_eq!(f.state.locks.selected, Some(lock_row("a", "lock:d")));
}

#[test]
fn when_the_row_vanished_the_nearest_one_is_selected() {
    let mut f = flow(&board(vec![node("a").locks(vec![lock("lock:a"), lock("lock:b"), lock("lock:c")])]));
    f.select_lock("lock:b");
    f.board(&board(vec![node("a").locks(vec![lock("lock:a"), lock("lock:c")])]));
    assert_eq!(f.state.locks.selected, Some(lock_row("a", "lock:c")));
    f.board(&board(vec![node("a").locks(vec![lock("lock:a")])]));
    assert_eq!(f.state.locks.selected, Some(lock_row("a", "lock:a")));
    f.board(&board(vec![node("a")]));
    assert_eq!(f.state.locks.selected, None);
    f.press("j k g G R");
}

#[test]
fn locks_start_worst_first_and_then_by_key() {
    let f = flow(&rich_board());
    let keys = f.lock_keys();
    assert!(keys[0].starts_with("lock:\\x1b"), "{keys:?}");
    assert_eq!(keys[1..4], ["lock:never", "lock:overdue", "lock:unreadable"]);
    assert_eq!(f.queue_keys()[..3], ["queue:growing", "queue:stalled", "queue:denied"]);
    assert_eq!(f.state.nodes.rows.as_slice(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn every_column_sorts_and_unknown_comes_last_in_both_directions() {
    let mut f = flow(&rich_board());
    f.press("3 : s o r t <space> waiting <enter>");
    assert_eq!(f.queue_keys().first().unwrap(), "queue:growing");
    assert_eq!(f.queue_keys().last().unwrap(), "queue:denied");
    f.press("S");
    assert_eq!(f.queue_keys().first().unwrap(), "queue:idle");
    assert_eq!(f.queue_keys().last().unwrap(), "queue:denied");
    for panel in ["1", "2", "3"] {
        f.press(panel);
        let rows = f.state.list(f.state.focus).unwrap().rows.len();
        for _ in 0..12 {
            f.press("s S");
            assert_eq!(f.state.list(f.state.focus).unwrap().rows.len(), rows);
        }
    }
    f.press("2 : sort <space> ttl <enter>");
    assert_eq!(f.lock_keys().first().unwrap(), "lock:expiring");
    assert_eq!(f.lock_keys().last().unwrap(), "lock:unreadable");
}

#[test]
fn marks_are_identities_and_the_cursor_moves_on() {
    let mut f = flow(&board(vec![node("a").locks(vec![lock("lock:a"), lock("lock:b"), lock("lock:c")])]));
    f.press("2 g <space> <space>");
    assert_eq!(f.state.locks.cursor, 2);
    f.board(&board(vec![node("a").locks(vec![lock("lock:0"), lock("lock:a"), lock("lock:c")])]));
    assert_eq!(f.state.locks.marks.len(), 1, "a mark of a row that is gone is dropped");
    assert!(f.state.locks.marks.contains(&lock_row("a", "lock:a")));
    f.press("<esc>");
    assert!(f.state.locks.marks.is_empty());
}

#[test]
fn a_lock_that_ran_out_on_our_clock_leaves_the_list_at_its_time() {
    let mut f =
        flow(&board(vec![node("a").locks(vec![lock("lock:a").ttl(s(3)), lock("lock:b").ttl(s(60))])]));
    let rows = f.state.locks.rows.clone();
    f.wait(s(2));
    assert!(std::sync::Arc::ptr_eq(&rows, &f.state.locks.rows), "nothing ended, nothing is rebuilt");
    f.wait(s(1));
    assert_eq!(f.lock_keys(), ["lock:b"]);
    f.press("p");
    f.wait(s(600));
    assert_eq!(f.lock_keys(), ["lock:b"], "a frozen display stays");
    f.press("p");
    assert!(f.lock_keys().is_empty());
}

#[test]
fn paging_follows_the_size_and_ends_at_the_ends() {
    let mut f = flow(&many_locks(1_000));
    f.press("2 g <c-d>");
    assert_eq!(f.state.locks.cursor, 6);
    f.press("<c-u> <c-u> k");
    assert_eq!(f.state.locks.cursor, 0);
    f.press("G j <pagedown>");
    assert_eq!(f.state.locks.cursor, 999);
    f.press("<home>");
    assert_eq!(f.state.locks.cursor, 0);
    f.press("<end>");
    assert_eq!(f.state.locks.cursor, 999);
}

#[test]
fn panels_go_round_and_the_worker_pane_only_when_open() {
    let mut f = flow(&rich_board());
    f.press("1 <tab> <tab>");
    assert_eq!(f.state.focus, Panel::Queues);
    f.press("<tab>");
    assert_eq!(f.state.focus, Panel::Nodes);
    f.press("4");
    assert!(f.state.worker_open);
    assert_eq!(f.state.focus, Panel::Worker);
    f.press("<tab> <backtab>");
    assert_eq!(f.state.focus, Panel::Worker);
    f.press("<esc>");
    assert!(!f.state.worker_open);
    assert_eq!(f.state.focus, Panel::Queues);
}

#[test]
fn a_hundred_thousand_locks_are_listed_filtered_and_sorted() {
    let mut f = flow(&many_locks(100_000));
    let board = many_locks(100_000);
    let start = std::time::Instant::now();
    f.board(&board);
    let applied = start.elapsed();
    assert_eq!(f.state.locks.rows.len(), 100_000);
    f.press("2 / WEB-7:");
    assert_eq!(f.state.locks.rows.len(), 2_000);
    f.press("<esc> : sort <space> ttl <enter>");
    assert_eq!(f.state.locks.rows.len(), 100_000);
    // No timing assertion: only a figure for whoever looks, and a bound that catches a quadratic step.
    eprintln!("applied 100k locks in {applied:?} (debug build)");
    assert!(start.elapsed() < Duration::from_secs(120));
}

//! Votes for one token are one row; what is done to the row is done to each vote.

use redwarden::act::request::ActionCommand;
use redwarden::app::effect::Effect;
use redwarden::domain::snapshot::Board;

use crate::fixtures::{board, lock, node, s};
use crate::harness::flow;

const TOKEN: &str = "3dcb04b8-2e15-4208-8244-348d3fb4fa6c";

fn fleet() -> Board {
    let held = || lock("lock:x").token(TOKEN).holder(None);
    board(vec![
        node("a").locks(vec![held(), lock("lock:alone")]),
        node("b").locks(vec![held()]),
        node("c").locks(vec![held().ttl(s(4))]),
        node("d"),
        node("e").locks(vec![lock("lock:x").token("another-holder-4711").holder(None)]),
    ])
}

#[test]
fn three_votes_are_one_row_and_a_namesake_is_another() {
    let mut f = flow(&fleet());
    f.press("2");
    assert_eq!(f.lock_keys(), ["lock:alone", "lock:x", "lock:x"]);
    assert_eq!(f.state.counts.locks, 3);
    for (filter, rows) in [
        ("quorum:held", 1),
        ("votes>=3", 1),
        ("node:c", 1),
        ("node:e", 1),
        ("!quorum:held", 2),
        ("quorum:split", 0),
    ] {
        f.press("/ <c-u>");
        f.type_text(filter);
        f.press("<enter>");
        assert_eq!(f.state.locks.rows.len(), rows, "{filter}");
    }
    f.press("/ <c-u> <enter>");
    // Sorted by votes, those of no quorum last.
    f.press(":");
    f.type_text("sort quorum");
    f.press("<enter>");
    assert_eq!(f.lock_keys()[0], "lock:x");
    // A vote that ends leaves the others.
    f.wait(s(10));
    assert_eq!(f.lock_keys().len(), 3);
}

#[test]
fn a_release_is_one_batch_of_all_votes() {
    let mut f = flow(&fleet());
    f.select_lock("lock:x");
    let nodes = |effects: &[Effect]| -> Vec<String> {
        let [Effect::Action(ActionCommand::PrepareBatch(_, items))] = effects else { panic!("{effects:?}") };
        assert!(items.iter().all(|i| i.seen.token.known().unwrap().as_slice() == TOKEN.as_bytes()));
        items.iter().map(|i| i.lock.node.to_string()).collect()
    };
    assert_eq!(nodes(&f.press("R")), ["a", "b", "c"]);
    f.press("<esc>");
    // Marking the row marks its votes.
    f.press("<space>");
    assert_eq!(nodes(&f.press("R")), ["a", "b", "c"]);
}

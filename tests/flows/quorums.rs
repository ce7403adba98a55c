//! Votes for one token are one row; what is done to the row is done to each vote.

use redwarden::act::Request;
use redwarden::domain::snapshot::Board;

use crate::fixtures::{board, lock, node, s};
use crate::harness::{asked, done, flow};

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
fn a_release_asks_for_each_vote() {
    let mut f = flow(&fleet());
    f.select_lock("lock:x");
    let mut nodes = Vec::new();
    let (mut ticket, mut request) = asked(&f.press("R"));
    loop {
        let Request::Release { lock, seen } = &request else { panic!("{request:?}") };
        assert_eq!(seen.token.known().unwrap().as_slice(), TOKEN.as_bytes());
        nodes.push(lock.node.to_string());
        f.prepared(ticket, &request);
        f.draw();
        let mut effects = f.press("y");
        effects.extend(f.outcome(ticket, &request, done()));
        if nodes.len() == 3 {
            break;
        }
        (ticket, request) = asked(
            &effects
                .into_iter()
                .filter(|e| {
                    use redwarden::act::request::ActionCommand;
                    use redwarden::app::effect::Effect;
                    matches!(e, Effect::Action(ActionCommand::Prepare(..)))
                })
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(nodes, ["a", "b", "c"]);
    assert!(f.state.dialogs.is_empty() && f.state.release_queue.is_empty());
}

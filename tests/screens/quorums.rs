//! Locks that several primaries vote on.

use std::sync::Arc;

use redwarden::app::command::Panel;
use redwarden::app::key::KeyCode;
use redwarden::app::state::AppState;
use redwarden::domain::GroupId;
use redwarden::domain::node::Reason;

use crate::fixtures::{HOSTILE, board, lock, node, s};
use crate::shot::{heard, press, select, text};

fn fleet() -> AppState {
    let token = "3dcb04b8-2e15-4208-8244-348d3fb4fa6c";
    let other = "99999999-9b52-4d8e-8c0c-0d7a4c8ad0ab";
    let held = |key, token: &str| lock(key).token(token).holder(None).age(s(60));
    let mut nodes = vec![
        node("eu-1").locks(vec![held("lock:import", token), held("lock:split", token)]),
        node("eu-2").locks(vec![held("lock:import", token), held("lock:split", token)]),
        node("us-1").locks(vec![held("lock:import", token).ttl(s(9)), held("lock:split", other)]),
        node("us-2").locks(vec![held("lock:split", other), held("lock:left", other).never()]),
        node("ap-1").locks(vec![lock(HOSTILE).token(HOSTILE)]).down(Reason::Timeout),
    ];
    for node in &mut nodes {
        node.0.meta.group = Some(GroupId::new("voters"));
    }
    let mut facts = nodes[3].0.facts.as_deref().cloned().unwrap();
    facts.uptime = Some(s(20));
    nodes[3].0.facts = Some(Arc::new(facts));
    heard(board(nodes))
}

#[test]
fn one_row_for_the_votes_of_one_token() {
    let state = fleet();
    for size in [(80, 24), (120, 36), (200, 60)] {
        insta::assert_snapshot!(format!("quorums_{}x{}", size.0, size.1), text(&state, size));
    }
}

#[test]
fn the_votes_stand_in_the_details() {
    for (key, name) in [("lock:import", "held"), ("lock:split", "split")] {
        let mut state = fleet();
        select(&mut state, Panel::Locks, key);
        press(&mut state, KeyCode::Enter);
        insta::assert_snapshot!(format!("quorum_{name}_100x40"), text(&state, (100, 40)));
    }
}

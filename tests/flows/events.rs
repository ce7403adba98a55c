//! The feed of events and the incident report.

use redwarden::act::{NotDone, Outcome};
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::events::MAX_EVENTS;
use redwarden::app::state::Dialog;
use redwarden::domain::node::{Reason, Role};
use redwarden::domain::{NodeSnapshot, Severity};

use crate::fixtures::{HOSTILE, NodeBuilder, board, judged, lock, node, rich_board, s};
use crate::harness::{Flow, flow};

/// The same node at its next look.
fn next(mut builder: NodeBuilder, seq: u64, change: impl FnOnce(&mut NodeSnapshot)) -> NodeBuilder {
    builder.0.seq = seq;
    change(&mut builder.0);
    builder
}

fn facts(node: &mut NodeSnapshot, change: impl FnOnce(&mut redwarden::domain::node::NodeFacts)) {
    let mut facts = node.facts.as_deref().unwrap().clone();
    change(&mut facts);
    node.facts = Some(facts.into());
}

fn told(f: &Flow) -> Vec<(Severity, String)> {
    let who =
        |e: &redwarden::app::events::FleetEvent| e.node.as_ref().map_or("we".into(), ToString::to_string);
    f.state.events.iter().map(|e| (e.severity, format!("{}: {}", who(e), e.text))).collect()
}

fn last(f: &Flow) -> (Severity, String) {
    told(f).pop().expect("an event")
}

#[test]
fn nodes_that_go_come_and_change() {
    let mut f = flow(&board(vec![node("a").connecting(), node("b")]));
    assert_eq!(told(&f), [], "the first look is no news");
    f.board(&board(vec![next(node("a"), 2, |_| {}), node("b")]));
    assert_eq!(told(&f), [], "nor is hearing a node for the first time");
    f.board(&board(vec![next(node("a").suspect(Reason::Timeout), 3, |_| {}), node("b")]));
    assert_eq!(last(&f).0, Severity::Warning);
    f.board(&board(vec![next(node("a").down(Reason::Timeout), 4, |_| {}), node("b")]));
    let (severity, text) = last(&f);
    assert_eq!(severity, Severity::Critical);
    assert!(text.starts_with("a: down: no answer in time"), "{text}");
    f.board(&board(vec![next(node("a").down(Reason::Timeout), 5, |_| {}), node("b")]));
    assert_eq!(told(&f).len(), 2, "being down still is no news");
    f.board(&board(vec![next(node("a").down(Reason::Refused), 6, |_| {}), node("b")]));
    assert!(last(&f).1.contains("connection refused"), "another reason is");
    f.board(&board(vec![next(node("a"), 7, |_| {}), node("b")]));
    assert_eq!(last(&f), (Severity::Info, "a: up again after 1m 35s".into()));
    f.board(&board(vec![
        next(node("a"), 8, |n| facts(n, |f| f.run_id = Some("another".into()))),
        next(node("b"), 2, |n| facts(n, |f| f.role = Some(Role::Replica))),
    ]));
    let tail = told(&f).split_off(4);
    assert_eq!(
        tail,
        [
            (Severity::Warning, "a: restarted: it is another server process".into()),
            (Severity::Warning, "b: role changed: primary became replica".into()),
        ]
    );
    f.board(&board(vec![next(node("b"), 2, |_| {}), node("c")]));
    let texts: Vec<String> = told(&f).into_iter().map(|(_, t)| t).collect();
    assert!(texts.iter().any(|t| t.starts_with("c: watched from now on")));
    assert!(texts.contains(&"a: no longer watched".into()));
}

#[test]
fn verdicts_appear_and_clear_once() {
    let full = |n: &mut NodeSnapshot| {
        facts(n, |f| f.used_memory = f.maxmemory);
        *n = judged(n.clone());
    };
    let mut f = flow(&board(vec![node("a")]));
    f.board(&board(vec![next(node("a"), 2, full)]));
    assert_eq!(told(&f), [(Severity::Critical, "a: memory 100 % of maxmemory".into())]);
    f.board(&board(vec![next(node("a"), 3, full)]));
    assert_eq!(told(&f).len(), 1);
    // While it is away nothing is known of it, so nothing has cleared.
    f.board(&board(vec![next(node("a").down(Reason::Refused), 4, |_| {})]));
    f.board(&board(vec![next(node("a"), 5, full)]));
    let codes: Vec<bool> = told(&f).iter().map(|(_, t)| t.contains("memory")).collect();
    assert_eq!(codes, [true, false, false]);
    f.board(&board(vec![next(node("a"), 6, |_| {})]));
    assert_eq!(last(&f), (Severity::Info, "a: cleared: memory".into()));
}

#[test]
fn what_we_did_is_among_them_without_the_token() {
    let mut f = flow(&rich_board());
    f.release("lock:never");
    assert_eq!(last(&f).0, Severity::Info);
    assert!(last(&f).1.starts_with("we: released lock:never on a"));
    let (ticket, request) = f.open_release("lock:overdue");
    f.press("y");
    f.outcome(ticket, &request, Outcome::NotDone(NotDone::Changed));
    assert!(last(&f).1.starts_with("we: release of lock:overdue on a: "));
    let (ticket, request) = f.open_release("lock:overdue");
    f.press("y");
    f.outcome(ticket, &request, Outcome::Unknown("no answer".into()));
    assert_eq!(last(&f).0, Severity::Critical);
}

#[test]
fn the_feed_is_bounded_and_goes_on_while_frozen() {
    let mut f = flow(&board(vec![node("a")]));
    f.press("p");
    for seq in 2..3_000_u64 {
        let reason = if seq % 2 == 0 { Reason::Refused } else { Reason::Timeout };
        f.board(&board(vec![next(node("a").down(reason), seq, |_| {})]));
    }
    assert_eq!(f.state.events.len(), MAX_EVENTS);
}

#[test]
fn the_dialog_opens_scrolls_copies_saves_and_closes() {
    let mut f = flow(&rich_board());
    f.press("5");
    assert!(matches!(f.state.dialogs.last(), Some(Dialog::Events(0))));
    f.press("j k g G");
    let copied = f.press("y");
    let [Effect::Copy(text)] = copied.as_slice() else { panic!("{copied:?}") };
    assert!(text.starts_with("# Incident report\n"));
    let saved = f.press("S");
    let [Effect::SaveReport { name, .. }] = saved.as_slice() else { panic!("{saved:?}") };
    assert_eq!(name, "incident-20260102T030405Z.md");
    f.send(Event::ReportSaved("/tmp/x.md".into()));
    assert_eq!(f.toast(), "the incident report is in /tmp/x.md");
    f.press("5");
    assert!(f.state.dialogs.is_empty());
    assert!(matches!(f.press(": report <enter>").as_slice(), [Effect::SaveReport { .. }]));
    assert!(matches!(f.press("I").as_slice(), [Effect::SaveReport { .. }]));
    let Some(wish) = f.press("I").pop() else { panic!("no wish") };
    f.send(Event::Undelivered(wish, "the disk is full".into()));
    assert!(f.toast_is_error() && f.toast().contains("disk"));
    f.press(": events <enter>");
    assert!(matches!(f.state.dialogs.last(), Some(Dialog::Events(_))));
}

#[test]
fn the_report_names_what_is_wrong_and_gives_nothing_away() {
    let token = "web-9:31337:5ec2e7-70ken";
    let hostile = lock(HOSTILE).never().token(token);
    let mut f = flow(&board(vec![
        node("a").locks(vec![lock("lock:x|y`z").never().token(token), hostile]),
        node("b").down(Reason::Refused),
    ]));
    f.board(&board(vec![
        next(node("a").suspect(Reason::Timeout), 2, |_| {}),
        node("b").down(Reason::Refused),
    ]));
    f.board(&board(vec![
        next(node("a"), 3, |_| {})
            .locks(vec![lock("lock:x|y`z").never().token(token), lock(HOSTILE).never()]),
        node("b").down(Reason::Refused),
    ]));
    let effects = f.press("I");
    let [Effect::SaveReport { text, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    for part in [
        "Verdict: **critical**, 1 of 2 nodes up.",
        "| `b` | `127.0.0.1:7098` | Down |",
        "connection refused",
        "(try: is the server process running, and on this port?)",
        "`lock:x\\|y'z`",
        "never expires",
        "2 held, 2 with findings.",
        "## Events of the last 1h",
        "`a`: up again",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    for secret in ["web-9", "5ec2e7", "web-1", "0b9f6c1e"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    // What is long past stays out.
    f.wait(s(3700));
    let effects = f.press("I");
    let [Effect::SaveReport { text, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(!text.contains("up again"), "{text}");
}

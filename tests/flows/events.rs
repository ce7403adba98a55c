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
    f.wait(s(300));
    f.board(&board(vec![next(node("a"), 6, |_| {})]));
    assert_eq!(last(&f).0, Severity::Info);
    assert_eq!(
        told(&f).iter().filter(|(_, t)| t == "a: cleared: memory after 5m").count(),
        1,
        "{:?}",
        told(&f)
    );
}

#[test]
fn changes_of_the_configuration_and_failovers() {
    use redwarden::domain::diagnostics::{Diagnostics, Told};
    let config = |n: &mut NodeSnapshot, name: &'static str, value: &str| {
        let mut told = Diagnostics::clone(&n.diagnostics);
        let mut config = told.config.known().cloned().unwrap_or_default();
        config.insert(name, value.into());
        told.config = Told::Known(config);
        n.diagnostics = std::sync::Arc::new(told);
    };
    let mut f = flow(&board(vec![node("a")]));
    f.board(&board(vec![next(node("a"), 2, |n| config(n, "save", "3600 1"))]));
    assert_eq!(told(&f), [], "what is read for the first time is no change");
    f.board(&board(vec![next(node("a"), 3, |n| config(n, "save", ""))]));
    assert_eq!(last(&f), (Severity::Info, "a: config changed: save is \"\" instead of 3600 1".into()));
    // INFO says so at once, also where CONFIG is not permitted or not read again yet.
    f.board(&board(vec![next(node("a"), 4, |n| {
        facts(n, |f| f.maxmemory_policy = Some("allkeys-lru".into()))
    })]));
    let words = "a: config changed: maxmemory-policy is allkeys-lru instead of noeviction";
    assert_eq!(last(&f), (Severity::Info, words.into()));
    let replica = |seq, of: &str| {
        next(node("a"), seq, |n| {
            facts(n, |f| {
                f.maxmemory_policy = Some("allkeys-lru".into());
                f.role = Some(Role::Replica);
                f.primary_address = Some(of.into());
            });
        })
    };
    f.board(&board(vec![replica(5, "10.0.0.1:6379")]));
    assert_eq!(last(&f).1, "a: role changed: primary became replica of 10.0.0.1:6379");
    f.board(&board(vec![replica(6, "10.0.0.2:6379")]));
    assert_eq!(last(&f).1, "a: failover: it follows another primary, 10.0.0.2:6379 instead of 10.0.0.1:6379");
    f.board(&board(vec![next(node("a"), 7, |n| {
        facts(n, |f| f.maxmemory_policy = Some("allkeys-lru".into()));
    })]));
    assert_eq!(last(&f).1, "a: failover: role changed: replica became primary");
    assert_eq!(told(&f).len(), 5, "{:?}", told(&f));
}

#[test]
fn a_report_over_any_span_with_what_the_nodes_told() {
    let mut f = flow(&board(vec![node("a").told().locks(vec![lock("lock:held")]), node("b").told_nothing()]));
    f.board(&board(vec![node("a").told(), next(node("b").down(Reason::Refused), 2, |_| {})]));
    f.wait(s(1_200));
    let report = |f: &mut Flow, keys: &str| {
        let effects = f.press(keys);
        let [Effect::SaveReport { text, .. }] = effects.as_slice() else { panic!("{effects:?}") };
        text.clone()
    };
    let short = report(&mut f, ": report <space> 1 0 m <enter>");
    assert!(short.contains("## Events of the last 10m\n\nNone."), "{short}");
    let long = report(&mut f, ": report <space> 3 0 m <enter>");
    assert!(long.contains("## Events of the last 30m") && long.contains("`b`: down"), "{long}");
    for part in [
        "### Node `a`",
        "- slow log: 128 held: KEYS 250.4 ms at 2026-01-02T03:03:53Z; ZRANGE `leaderboard:2026` 48.2 ms",
        "- latency events: command 250 ms at",
        "- clients: 42 (3 blocked, 80 KiB in output buffers): 30 from 10.0.0.9",
        "- replica 10.0.0.3:6379: online, 63456789 bytes behind, heard 1m 15s ago",
        "- tcp-keepalive: vanished clients",
        ", since 2026-01-02T03:04:05.000Z (try:",
    ] {
        assert!(long.contains(part), "{part} is not in\n{long}");
    }
    assert!(!long.contains("mailer") && !long.contains("web from"), "{long}");
    assert!(long.chars().all(|c| c == '\n' || !c.is_control()), "{long}");
    for bad in [": report <space> 0 s <enter>", ": report <space> s o o n <enter>"] {
        assert!(f.press(bad).is_empty());
        assert!(f.toast_is_error() && f.toast().contains(":report 30m"), "{}", f.toast());
    }
    f.state.settings.report_span = s(60);
    assert!(report(&mut f, "I").contains("## Events of the last 1m\n"));
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

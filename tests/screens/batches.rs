//! The dialog of a batch, as it is prepared, asked, run and told; the choice among holders and families.

use redwarden::act::batch::{BatchEvent, FleetPlan, Part};
use redwarden::act::plan::{Guard, Plan, Target, Undo};
use redwarden::act::{ActionEvent, NotDone, Outcome, Prepared, Ticket};
use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::key::KeyCode;
use redwarden::app::state::{AppState, Dialog};
use redwarden::app::update::update;
use redwarden::domain::lock::Holder;
use redwarden::domain::{Bytes, Command, LockId, NodeId};

use crate::fixtures::{HOSTILE, base, board, lock, node, rich_board, s, state};
use crate::shot::{draw, hear, heard, keys, press, select, text};

fn plan_of(node: &str, key: Bytes, n: usize) -> Plan {
    let mut warnings = vec!["if its holder is alive it goes on without the lock".to_owned()];
    if n.is_multiple_of(3) {
        warnings.push("its value is short or constant and proves no identity: that nobody touched the key since this dialog opened is proven by WATCH".into());
    }
    Plan {
        id: uuid::Uuid::nil(),
        intent: "release",
        target: Target { node: NodeId::new(node), db: 0, run_id: Some("run-a".into()) },
        subject: key.clone(),
        guards: vec![Guard::StringEquals { key: key.clone(), value: "t".into() }],
        unchanged: n.is_multiple_of(3),
        steps: vec![
            Command::new("PUBLISH").arg(format!("redisson_lock__channel:{{{key}}}")).arg("0"),
            Command::new("DEL").arg(key),
        ],
        valid_for: s(30),
        effects: vec!["tells the lock's channel: clients that wait try again at once".into()],
        warnings,
        undo: Undo::Value,
        undo_of: None,
        frees_in: (n == 1).then_some(s(4)),
        batch: None,
    }
}

fn fleet_plan() -> FleetPlan {
    let mut parts: Vec<Part> = (0..14)
        .map(|n| {
            let name = if n < 9 { "a" } else { "b" };
            let key: Bytes = if n == 2 { HOSTILE.into() } else { format!("lock:import:{n}").as_str().into() };
            let lock = LockId { node: NodeId::new(name), db: 0, key: key.clone() };
            Part { lock, plan: Ok(plan_of(name, key, n)) }
        })
        .collect();
    parts[4].plan = Err("it changed hands since it was shown: nothing was done".into());
    FleetPlan { id: uuid::Uuid::nil(), intent: "release", parts }
}

fn ticket(state: &AppState) -> Ticket {
    state.batch.as_ref().unwrap().ticket
}

fn news(state: &mut AppState, event: BatchEvent) {
    let ticket = ticket(state);
    update(state, Event::Action(ActionEvent::Batch(ticket, event)), base());
}

fn asking(mut state: AppState) -> AppState {
    keys(&mut state, "2aR");
    state
}

fn ready() -> AppState {
    let mut state = asking(heard(rich_board()));
    news(&mut state, BatchEvent::Prepared(Box::new(Ok(fleet_plan()))));
    state
}

fn drawn(mut state: AppState) -> AppState {
    let ticket = draw(&state, (80, 24)).1.drawn_ticket().expect("drawn whole");
    update(&mut state, Event::DialogDrawn(ticket), base());
    state
}

fn ended() -> AppState {
    let mut state = drawn(ready());
    keys(&mut state, "y");
    let done = || Outcome::Done { replies: Vec::new(), pttl_before_ms: -1, server_ms: 0 };
    for at in (0..14).filter(|at| *at != 4) {
        let outcome = match at {
            1 => Outcome::NotDone(NotDone::Changed),
            5 => Outcome::NotDone(NotDone::Gone),
            9 => Outcome::Unknown("no answer in time".into()),
            10.. => Outcome::NotDone(NotDone::NotSent("b: connection refused".into())),
            _ => done(),
        };
        news(&mut state, BatchEvent::Outcome(at, outcome));
    }
    news(&mut state, BatchEvent::Ended { undoable: 6 });
    for (at, found) in [
        (0, "the release stuck: the key is free"),
        (3, "it was re-taken by the same token: its holder is alive"),
        (6, "it was taken by another holder"),
    ] {
        news(&mut state, BatchEvent::Afterwards(at, found.into()));
    }
    state
}

#[test]
fn batch_preparing() {
    let mut state = asking(heard(rich_board()));
    news(&mut state, BatchEvent::Looked(3));
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn batch_ready() {
    for size in [(80, 24), (120, 36), (48, 16), (30, 8)] {
        insta::assert_snapshot!(format!("batch_ready_{}x{}", size.0, size.1), text(&ready(), size));
    }
    let mut scrolled = ready();
    keys(&mut scrolled, "G");
    insta::assert_snapshot!("batch_ready_end", text(&scrolled, (80, 24)));
}

#[test]
fn batch_on_production() {
    let mut state = state();
    state.settings.production = true;
    state.settings.profile = Some("eu-live".into());
    let mut state = asking(hear(state, rich_board()));
    news(&mut state, BatchEvent::Prepared(Box::new(Ok(fleet_plan()))));
    let mut state = drawn(state);
    keys(&mut state, "w");
    let mut state = drawn(state);
    keys(&mut state, "1");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn batch_ended() {
    for size in [(80, 24), (120, 36)] {
        insta::assert_snapshot!(format!("batch_ended_{}x{}", size.0, size.1), text(&ended(), size));
    }
}

#[test]
fn batch_refused() {
    let mut state = asking(heard(rich_board()));
    news(&mut state, BatchEvent::Prepared(Box::new(Err("read-only mode: nothing was sent".into()))));
    insta::assert_snapshot!(text(&state, (80, 24)));
}

/// Whatever the size: what can be confirmed shows how many, the warnings and at least the first command.
#[test]
fn no_batch_is_confirmed_whose_warnings_are_not_shown() {
    let mut armable = 0;
    for (width, height) in (30..=120).step_by(10).flat_map(|w| (5..=36).map(move |h| (w, h))) {
        let state = ready();
        let (buffer, cache) = draw(&state, (width, height));
        let shown = crate::shot::lines(&buffer).join("\n");
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        if cache.drawn_ticket().is_some() {
            armable += 1;
            for must in ["13 of 14", "instead?", "13x", "lock:import:0", "Release"] {
                assert!(shown.contains(must), "{width}x{height}: {must}\n{shown}");
            }
        } else {
            assert!(!shown.contains("Release (y)"), "{width}x{height}\n{shown}");
        }
    }
    assert!(armable > 100, "{armable}");
}

#[test]
fn a_choice_of_holders_and_families() {
    let mut shared = lock("reports").token("one-token-4711-abcdef").holder(Some("web-1 (and 2 more)"));
    let holder = |n: u8| Holder {
        token: format!("token-{n}-4711-abcdef").as_str().into(),
        words: format!("client web-{n}, thread 7"),
        left: Some(s(9)),
    };
    shared.0.holders = [holder(1), holder(2), holder(3)].into();
    shared.0.holders_total = Some(3);
    shared.0.candidates = [("redsync", 60), ("bsm-redislock", 40)].into();
    shared.0.family = "redsync";
    let mut state = heard(board(vec![node("a").locks(vec![shared])]));
    select(&mut state, Panel::Locks, "reports");
    keys(&mut state, "R");
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Down);
    let Some(Dialog::Confirm(confirm)) = state.dialogs.last() else { panic!("no dialog") };
    let event = ActionEvent::Prepared(
        confirm.ticket,
        Box::new(Ok(Prepared { plan: plan_of("a", "reports".into(), 2), needs_force: None })),
    );
    update(&mut state, Event::Action(event), base());
    for size in [(80, 24), (120, 36)] {
        insta::assert_snapshot!(format!("choice_{}x{}", size.0, size.1), text(&state, size));
    }
}

#[test]
fn holders_that_are_alive_are_counted() {
    let alive = |locks| {
        let mut state = asking(heard(board(vec![node("a").locks(locks)])));
        news(&mut state, BatchEvent::Prepared(Box::new(Ok(fleet_plan()))));
        text(&state, (120, 36))
    };
    let two = alive(vec![
        lock("lock:import:0").alive(),
        lock("lock:import:1").renewed(),
        // Refused, and thus not released.
        lock("lock:import:4").alive(),
        lock("lock:import:5").gone(),
    ]);
    assert!(two.contains("! 2 have holders that are alive and will go on without the lock"), "{two}");
    let none = alive(vec![lock("lock:import:0"), lock("lock:import:5").gone()]);
    assert!(!none.contains("alive and will go on"), "{none}");
}

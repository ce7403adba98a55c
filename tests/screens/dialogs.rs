//! Every dialog, on the sizes where it matters.

use redwarden::act::plan::{Guard, Target};
use redwarden::act::{ActionEvent, Plan, Prepared, Ticket};
use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::hit::Target as Hit;
use redwarden::app::key::KeyCode;
use redwarden::app::state::{AppState, Button, Dialog};
use redwarden::app::update::update;
use redwarden::domain::{Bytes, Command, NodeId};

use crate::fixtures::{HOSTILE, base, board, lock, node, rich_board, s, state};
use crate::shot::{draw, hear, heard, keys, press, select, text};

fn release_plan(key: Bytes, value: Bytes) -> Prepared {
    Prepared {
        plan: Plan {
            id: uuid::Uuid::nil(),
            intent: "release",
            target: Target { node: NodeId::new("a"), db: 0, run_id: Some("run-a".into()) },
            subject: key.clone(),
            guards: vec![Guard::StringEquals { key: key.clone(), value }],
            unchanged: true,
            steps: vec![Command::new("DEL").arg(key)],
            valid_for: s(30),
            effects: vec!["the key is deleted; whoever waits for the lock can take it".into()],
            warnings: vec!["its holder is not told: if it lives, two may work at once".into()],
            undo: redwarden::act::plan::Undo::Value,
            undo_of: None,
            frees_in: None,
            batch: None,
        },
        needs_force: None,
    }
}

fn prepared(state: &mut AppState, result: Result<Prepared, String>) {
    let ticket = match state.dialogs.last() {
        Some(Dialog::Confirm(c)) => c.ticket,
        other => panic!("no confirm dialog but {other:?}"),
    };
    update(state, Event::Action(ActionEvent::Prepared(ticket, Box::new(result))), base());
}

fn releasing() -> AppState {
    let mut state = heard(rich_board());
    select(&mut state, Panel::Locks, "never");
    keys(&mut state, "R");
    state
}

fn ready() -> AppState {
    let mut state = releasing();
    prepared(&mut state, Ok(release_plan("lock:never".into(), "1".into())));
    state
}

#[test]
fn release_preparing() {
    insta::assert_snapshot!(text(&releasing(), (80, 24)));
}

#[test]
fn release_ready() {
    for size in [(80, 24), (120, 36), (60, 12), (48, 16), (42, 10), (30, 8)] {
        insta::assert_snapshot!(format!("release_ready_{}x{}", size.0, size.1), text(&ready(), size));
    }
}

/// At the usual size, too, and with a token and a guard as long as real ones.
#[test]
fn that_the_holder_lives_is_read_before_a_release() {
    let token = "importer-2:533c8f4c-5018-4f9c-8298-dee56f645a11";
    let lock = lock("lock:import:customers").token(token).never().alive();
    let mut state = heard(board(vec![node("a").locks(vec![lock])]));
    select(&mut state, Panel::Locks, "customers");
    keys(&mut state, "R");
    let mut prepare = release_plan("lock:import:customers".into(), token.into());
    prepare.plan.effects = vec![
        "deletes the key: waiters that poll take it at once; waiters that sleep on a wake-up may go on sleeping".into(),
        "its holder is not told: if it is alive it goes on without the lock".into(),
    ];
    prepared(&mut state, Ok(prepare));
    let screen = text(&state, (80, 24));
    assert!(screen.contains("Release (y)"), "{screen}");
    assert!(screen.contains("its holder is alive: a client named web-1"), "{screen}");
    assert!(screen.contains("a larger terminal shows more"), "nothing was left out here: {screen}");
}

#[test]
fn release_refused() {
    let mut state = releasing();
    prepared(&mut state, Err("node a does not answer: no answer in time".into()));
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn release_on_production() {
    let mut state = state();
    state.settings.production = true;
    state.settings.profile = Some("eu-live".into());
    let mut state = hear(state, rich_board());
    select(&mut state, Panel::Locks, "never");
    keys(&mut state, "R");
    prepared(&mut state, Ok(release_plan("lock:never".into(), "1".into())));
    let ticket = draw(&state, (80, 24)).1.drawn_ticket().expect("drawn whole");
    update(&mut state, Event::DialogDrawn(ticket), base());
    keys(&mut state, "lock:nev");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn release_of_hostile_bytes() {
    let mut state = heard(rich_board());
    select(&mut state, Panel::Locks, "evil");
    keys(&mut state, "R");
    prepared(&mut state, Ok(release_plan(HOSTILE.into(), HOSTILE.into())));
    let shown = text(&state, (80, 24));
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    insta::assert_snapshot!(shown);
}

#[test]
fn a_dialog_counts_as_drawn_only_with_commands_and_buttons() {
    let state = ready();
    let (buffer, cache) = draw(&state, (80, 24));
    assert!(cache.drawn_ticket().is_some());
    let shown = crate::shot::lines(&buffer).join("\n");
    assert!(shown.contains("DEL lock:never") && shown.contains("Cancel"), "{shown}");
    for size in [(30, 8), (40, 10), (1, 1)] {
        let (buffer, cache) = draw(&state, size);
        let shown = crate::shot::lines(&buffer).join("\n");
        assert_eq!(cache.drawn_ticket().is_some(), shown.contains("DEL lock:never"), "{shown}");
    }
    let mut preparing = releasing();
    assert_eq!(draw(&preparing, (80, 24)).1.drawn_ticket(), None);
    prepared(&mut preparing, Err("no".into()));
    assert!(draw(&preparing, (80, 24)).1.drawn_ticket().is_some());
}

/// Whatever the size: what can be confirmed shows the token and every warning; else it says what is needed.
#[test]
fn nothing_is_confirmed_whose_token_or_warnings_are_not_shown() {
    let token = "3f8a61c2-9a7e-4a1f-8a55-0c8a2f0d7b11";
    let mut state = releasing();
    let Some(Dialog::Confirm(confirm)) = state.dialogs.last_mut() else { panic!("no dialog") };
    let redwarden::act::Request::Release { seen, .. } = &mut confirm.request else { panic!("no release") };
    seen.token = redwarden::domain::lock::Token::Known(token.into());
    let mut plan = release_plan("lock:never".into(), token.into());
    plan.plan.warnings.push("it frees itself in 4s: wait instead?".into());
    prepared(&mut state, Ok(plan));
    let mut armable = 0;
    for (width, height) in (36..=100).step_by(8).flat_map(|w| (10..=30).map(move |h| (w, h))) {
        let (buffer, cache) = draw(&state, (width, height));
        let shown = crate::shot::lines(&buffer).join("\n");
        // Wrapped text as one line: without frames and what lies beside them.
        let inside = |line: &str| {
            let parts: Vec<&str> = line.split('│').collect();
            if parts.len() >= 3 { parts[1].trim().to_string() } else { String::new() }
        };
        let words: String = crate::shot::lines(&buffer).iter().map(|l| inside(l)).collect();
        let words: String = words.chars().filter(|c| !c.is_whitespace()).collect();
        if cache.drawn_ticket().is_some() {
            armable += 1;
            for must in [token, "twomayworkatonce", "waitinstead?", "DELlock:never"] {
                assert!(words.contains(must), "{width}x{height}: {must}\n{shown}");
            }
        } else if width >= 40 {
            let (_, rest) = shown.split_once(&format!("{width}x")).expect(&shown);
            let needed: u16 = rest.split(' ').next().unwrap().parse().unwrap();
            assert!(needed > height, "{shown}");
            assert!(draw(&state, (width, needed)).1.drawn_ticket().is_some(), "{shown}");
        }
    }
    assert!(armable > 50, "{armable}");
}

#[test]
fn an_empty_token_is_said_to_be_empty() {
    let mut state = releasing();
    let Some(Dialog::Confirm(confirm)) = state.dialogs.last_mut() else { panic!("no dialog") };
    let redwarden::act::Request::Release { seen, .. } = &mut confirm.request else { panic!("no release") };
    seen.token = redwarden::domain::lock::Token::Known(Bytes::default());
    prepared(&mut state, Ok(release_plan("lock:never".into(), Bytes::default())));
    let shown = text(&state, (100, 30));
    assert!(shown.contains("token seen  (empty)") && shown.contains("still (empty)"), "{shown}");
}

#[test]
fn buttons_and_rows_can_be_hit() {
    let (buffer, cache) = draw(&ready(), (80, 24));
    let find = |what: &str| {
        let lines = crate::shot::lines(&buffer);
        let y = lines.iter().position(|l| l.contains(what)).unwrap();
        let at = lines[y].find(what).unwrap();
        (lines[y][..at].chars().count() as u16, y as u16)
    };
    let (x, y) = find("Cancel ]");
    assert_eq!(cache.hits().at(x, y), Some(Hit::Button(Button::Cancel)));
    let (x, y) = find("Release (y)");
    assert_eq!(cache.hits().at(x, y), Some(Hit::Button(Button::Confirm)));
    assert_eq!(cache.hits().at(0, 3), Some(Hit::Dialog), "what lies below is covered");
    let (_, cache) = draw(&heard(rich_board()), (80, 24));
    assert!((0..24).any(|y| matches!(cache.hits().at(5, y), Some(Hit::Row(Panel::Locks, 0)))));
    assert!((0..80).any(|x| matches!(cache.hits().at(x, 23), Some(Hit::FooterCommand(_)))));
}

#[test]
fn expire() {
    let mut state = heard(rich_board());
    select(&mut state, Panel::Locks, "never");
    keys(&mut state, "E");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

fn enqueueing() -> AppState {
    let mut state = heard(rich_board());
    select(&mut state, Panel::Queues, "growing");
    keys(&mut state, "t");
    state
}

#[test]
fn enqueue() {
    let mut state = enqueueing();
    insta::assert_snapshot!("enqueue_form_80x24", text(&state, (80, 24)));
    press(&mut state, KeyCode::Enter);
    let mut plan = release_plan("queue:growing".into(), "".into()).plan;
    plan.intent = "enqueue";
    plan.guards = vec![Guard::TypeIs { key: "queue:growing".into(), key_type: "list", absent_ok: true }];
    plan.unchanged = false;
    plan.steps =
        vec![Command::new("LPUSH").arg("queue:growing").arg("{\"kind\":\"redwarden.test\",\"id\":\"x\"}")];
    plan.effects = vec!["one task is added; 2 consumers wait for one".into()];
    plan.warnings = Vec::new();
    let why = "its elements look like Celery's: a Celery worker would take the test task and fail on it";
    prepared(&mut state, Ok(Prepared { plan, needs_force: Some(why.into()) }));
    insta::assert_snapshot!("enqueue_needs_force_80x24", text(&state, (80, 24)));
}

#[test]
fn start_worker() {
    let mut state = heard(rich_board());
    select(&mut state, Panel::Queues, "growing");
    keys(&mut state, "w");
    insta::assert_snapshot!("start_worker_80x24", text(&state, (80, 24)));
    state.settings.exec = Some("./handle-task --queue growing".into());
    state.start.force = true;
    insta::assert_snapshot!("start_worker_exec_80x24", text(&state, (80, 24)));
}

#[test]
fn quit() {
    let mut state = heard(rich_board());
    state.running.insert(Ticket(7), None);
    keys(&mut state, "q");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn help() {
    let mut state = heard(rich_board());
    keys(&mut state, "?");
    for size in [(80, 24), (120, 60)] {
        insta::assert_snapshot!(format!("help_{}x{}", size.0, size.1), text(&state, size));
    }
    // In two columns and in one, nothing of it is cut.
    for width in [80, 100, 119, 120, 200] {
        let screen = text(&state, (width, 130));
        for line in redwarden::app::keymap::help_lines() {
            assert!(screen.contains(line.help), "{} is cut at {width}: {screen}", line.help);
        }
    }
}

#[test]
fn canary() {
    use redwarden::act::plan::{Parts, Undo};
    let mut queue = rich_board()
        .iter()
        .flat_map(|n| n.queues.iter())
        .find(|q| q.id.key == "queue:growing".into())
        .map(|q| (**q).clone())
        .unwrap();
    queue.family = "rq";
    queue.id.key = "rq:queue:mail".into();
    queue.name = "mail".into();
    let board = crate::fixtures::board(vec![
        crate::fixtures::node("a").queues(vec![crate::fixtures::QueueBuilder(queue)]),
    ]);
    let mut state = heard(board);
    select(&mut state, Panel::Queues, "mail");
    keys(&mut state, "t");
    let mut refused = state.clone();
    prepared(&mut refused, Err("this profile is production: only a task that [[canary]] in the configuration file calls safe is sent, and none is named for queues of rq".into()));
    insta::assert_snapshot!("canary_refused_80x24", text(&refused, (80, 24)));
    let (key, job) = (Bytes::from("rq:queue:mail"), Bytes::from("rq:job:redwarden-canary-1"));
    let mut ready = release_plan(key.clone(), "1".into());
    ready.plan.intent = "canary";
    ready.plan.unchanged = false;
    ready.plan.guards = vec![
        Guard::TypeIs { key: key.clone(), key_type: "list", absent_ok: true },
        Guard::Absent { key: job.clone() },
    ];
    ready.plan.steps = vec![
        Command::new("HSET").arg(job.clone()).arg("status").arg("queued"),
        Command::new("EXPIRE").arg(job).arg(7200_u64),
        Command::new("RPUSH").arg(key).arg("redwarden-canary-1"),
    ];
    ready.plan.effects = vec!["3 stand before it".into(), "a worker of RQ calls time.sleep".into()];
    ready.plan.warnings = vec!["the queue is paused: the test task waits until it goes on".into()];
    let parts = Parts { guards: vec![], steps: vec![], alone: false, until_ms: None, words: String::new() };
    ready.plan.undo = Undo::Remove(Box::new(parts));
    prepared(&mut state, Ok(ready));
    insta::assert_snapshot!("canary_ready_80x24", text(&state, (80, 24)));
    press(&mut state, KeyCode::Esc);
    let told = ActionEvent::Canary {
        ticket: Ticket(5),
        queue: redwarden::domain::QueueId { node: NodeId::new("a"), db: 0, key: "rq:queue:mail".into() },
        id: "redwarden-canary-1".into(),
        stage: redwarden::act::canary::Stage::Done(Some("w1".into())),
        after: s(2),
    };
    update(&mut state, Event::Action(told), base());
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("canary_detail_100x50", text(&state, (100, 50)));
}

#[test]
fn messages() {
    let mut state = heard(rich_board());
    update(
        &mut state,
        Event::Note("password in a URL on the command line: others can see it in ps".into()),
        base(),
    );
    keys(&mut state, "@");
    insta::assert_snapshot!(text(&state, (80, 24)));
}

#[test]
fn details() {
    let mut state = heard(rich_board());
    for (panel, key, name) in [
        (Panel::Nodes, "\"d\"", "node_down"),
        (Panel::Nodes, "\"f\"", "node_replica"),
        (Panel::Locks, "never", "lock"),
        (Panel::Locks, "evil", "lock_hostile"),
        (Panel::Queues, "growing", "queue"),
    ] {
        select(&mut state, panel, key);
        press(&mut state, KeyCode::Enter);
        insta::assert_snapshot!(format!("detail_{name}_100x30"), text(&state, (100, 30)));
        press(&mut state, KeyCode::Esc);
    }
}

/// A node with all that it tells, on small and large screens, whole and scrolled.
#[test]
fn node_details() {
    use crate::fixtures::{board, lock, node};
    let told = node("a").told().locks(vec![lock("lock:held")]);
    let mut state = heard(board(vec![told, node("b").told_nothing()]));
    select(&mut state, Panel::Nodes, "\"a\"");
    press(&mut state, KeyCode::Enter);
    for size in [(80, 24), (120, 36), (200, 60)] {
        insta::assert_snapshot!(format!("node_{}x{}", size.0, size.1), text(&state, size));
    }
    insta::assert_snapshot!("node_all_100x130", text(&state, (100, 130)));
    state.size = (80, 24);
    keys(&mut state, "G");
    insta::assert_snapshot!("node_end_80x24", text(&state, (80, 24)));
    press(&mut state, KeyCode::Esc);
    select(&mut state, Panel::Nodes, "\"b\"");
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("node_nothing_permitted_100x90", text(&state, (100, 90)));
    for (width, height) in [(1, 1), (30, 8), (40, 10), (139, 12), (300, 90)] {
        let shown = text(&state, (width, height));
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown}");
    }
}

#[test]
fn events() {
    let mut state = heard(rich_board());
    let mut next = crate::fixtures::node("a").down(redwarden::domain::node::Reason::Refused);
    next.0.seq = 2;
    let mut nodes: Vec<_> =
        rich_board().iter().map(|n| crate::fixtures::NodeBuilder((**n).clone())).collect();
    nodes[0] = next;
    update(&mut state, Event::Board(crate::fixtures::board(nodes)), base());
    keys(&mut state, "5");
    insta::assert_snapshot!("events_80x24", text(&state, (80, 24)));
    insta::assert_snapshot!("no_events_40x10", {
        let mut state = heard(crate::fixtures::board(Vec::new()));
        keys(&mut state, "5");
        text(&state, (40, 10))
    });
}

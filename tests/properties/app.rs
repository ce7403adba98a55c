//! Properties of the dashboard's brain.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use redwarden::act::{ActionEvent, NotDone, Outcome, Prepared, Ticket};
use redwarden::app::command::Panel;
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::filter::Filter;
use redwarden::app::key::{Key, KeyCode, Mouse, MouseKind};
use redwarden::app::selection;
use redwarden::app::state::{AppState, Dialog, PlanState};
use redwarden::app::update::update;
use redwarden::domain::snapshot::Board;
use redwarden::domain::{Bytes, NodeId};

use crate::fixtures::{base, board, lock, node, rich_board, s, state};

fn locks_of(keys: &BTreeSet<u8>, never: u8) -> Board {
    let locks = keys
        .iter()
        .map(|k| {
            let b = lock(format!("lock:{k:03}"));
            if k % 3 == never % 3 { b.never() } else { b.ttl(s(10 + u64::from(*k))) }
        })
        .collect();
    board(vec![node("a").locks(locks)])
}

/// Selection, cursor and rows agree.
fn check(state: &AppState) {
    for panel in [Panel::Nodes, Panel::Locks, Panel::Queues] {
        let list = state.list(panel).unwrap();
        let len = match panel {
            Panel::Nodes => state.shown.nodes.len(),
            Panel::Locks => state.shown.locks.len(),
            _ => state.shown.queues.len(),
        };
        assert!(list.rows.iter().all(|i| (*i as usize) < len));
        assert_eq!(list.rows.iter().collect::<BTreeSet<_>>().len(), list.rows.len());
        assert_eq!(list.selected.is_some(), !list.rows.is_empty());
        assert!(list.rows.is_empty() || list.cursor < list.rows.len());
        if list.selected.is_some() {
            assert_eq!(selection::id_at(state, panel, list.cursor), list.selected);
        }
    }
}

fn plan() -> redwarden::act::Plan {
    redwarden::act::Plan {
        id: uuid::Uuid::nil(),
        intent: "release",
        target: redwarden::act::plan::Target { node: NodeId::new("a"), db: 0, run_id: None },
        subject: Bytes::from("lock:never"),
        guards: Vec::new(),
        unchanged: false,
        steps: Vec::new(),
        valid_for: s(10),
        effects: Vec::new(),
        warnings: Vec::new(),
        undo: redwarden::act::plan::Undo::No(""),
        undo_of: None,
        frees_in: None,
        batch: None,
    }
}

fn key() -> impl Strategy<Value = Key> {
    let code = prop_oneof![
        6 => prop::sample::select("jkgGRuEtwyYcnqfdzspSr+-=@m:/?12345 hl".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        3 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Backspace, KeyCode::Delete,
            KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End,
            KeyCode::PageUp, KeyCode::PageDown, KeyCode::F(1),
        ]),
    ];
    (code, prop::bool::weighted(0.1), prop::bool::weighted(0.02)).prop_map(|(code, ctrl, alt)| Key {
        code,
        ctrl,
        alt,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let ticket = (1u64..8).prop_map(Ticket);
    prop_oneof![
        12 => key().prop_map(Event::Key),
        1 => ".{0,20}".prop_map(Event::Paste),
        1 => (0u16..90, 0u16..30, 0..3u8).prop_map(|(column, row, k)| {
            let kind = [MouseKind::Click, MouseKind::WheelDown, MouseKind::WheelUp][usize::from(k)];
            Event::Mouse(Mouse { kind, column, row })
        }),
        1 => (0u16..300, 0u16..100).prop_map(|(c, r)| Event::Resize(c, r)),
        1 => Just(Event::Board(rich_board())),
        1 => (prop::collection::btree_set(0u8..40, 0..20), any::<u8>()).prop_map(|(k, n)| Event::Board(locks_of(&k, n))),
        1 => Just(Event::Tick),
        1 => ".{0,20}".prop_map(Event::Note),
        2 => (1u64..8).prop_map(Event::DialogDrawn),
        2 => (ticket.clone(), any::<bool>()).prop_map(|(t, ok)| {
            let result = if ok { Ok(Prepared { plan: plan(), needs_force: None }) } else { Err("no".into()) };
            Event::Action(ActionEvent::Prepared(t, Box::new(result)))
        }),
        1 => ticket.prop_map(|t| {
            Event::Action(ActionEvent::Outcome(t, Box::new(plan()), Outcome::NotDone(NotDone::Gone)))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_selection_survives_any_row_change(
        boards in prop::collection::vec((prop::collection::btree_set(0u8..60, 0..40), any::<u8>()), 1..12),
        moves in prop::collection::vec(0usize..60, 12),
        sorts in prop::collection::vec(any::<bool>(), 12),
    ) {
        let mut state = state();
        state.focus = Panel::Locks;
        for (((keys, never), to), sort) in boards.into_iter().zip(moves).zip(sorts) {
            let before = state.locks.selected.clone();
            update(&mut state, Event::Board(locks_of(&keys, never)), base());
            check(&state);
            if let Some(before) = before && selection::exists(&state, &before) {
                prop_assert_eq!(state.locks.selected.as_ref(), Some(&before));
            }
            selection::select(&mut state, Panel::Locks, to);
            check(&state);
            if sort {
                let selected = state.locks.selected.clone();
                update(&mut state, Event::Key(Key::char('s')), base());
                prop_assert_eq!(&state.locks.selected, &selected);
            }
        }
    }

    #[test]
    fn no_events_panic_and_nothing_runs_that_was_not_drawn(events in prop::collection::vec(event(), 1..120)) {
        let mut state = state();
        let mut now = base();
        for event in events {
            now = now.plus(Duration::from_millis(700));
            let armed = match state.dialogs.last() {
                Some(Dialog::Confirm(c)) => c.armed && matches!(c.plan, PlanState::Ready(_)),
                _ => false,
            };
            let is_key = matches!(event, Event::Key(_) | Event::Mouse(_));
            let undoing = state.undoing.clone();
            for effect in update(&mut state, event, now) {
                if let Effect::Action(redwarden::act::request::ActionCommand::Execute(t)) = effect {
                    prop_assert!((armed && is_key) || undoing.contains_key(&t));
                }
            }
            check(&state);
        }
    }

    #[test]
    fn filters_never_panic(text in "(\\PC|[<>=!:\" ]|age|ttl|state|node){0,30}", panel in 0..4u8) {
        let panel = [Panel::Nodes, Panel::Locks, Panel::Queues, Panel::Worker][usize::from(panel)];
        let _ = Filter::parse(panel, &text);
        let mut state = state();
        update(&mut state, Event::Board(rich_board()), base());
        state.focus = Panel::Locks;
        update(&mut state, Event::Key(Key::char('/')), base());
        for c in text.chars() {
            update(&mut state, Event::Key(Key::char(c)), base());
        }
        check(&state);
    }

    #[test]
    fn keys_of_any_bytes_are_listed_copied_and_found(key in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut state = state();
        let shown = Bytes::from(key.clone()).escaped();
        update(&mut state, Event::Board(board(vec![node("a").locks(vec![lock(key)])])), base());
        state.focus = Panel::Locks;
        for k in ['Y', 'y', 'R'] {
            for effect in update(&mut state, Event::Key(Key::char(k)), base()) {
                if let Effect::Copy(text) = effect {
                    prop_assert!(!text.chars().any(char::is_control));
                }
            }
        }
        state.dialogs.clear();
        if !shown.contains('"') {
            update(&mut state, Event::Key(Key::char('/')), base());
            update(&mut state, Event::Paste(format!("\"{shown}\"")), base());
            prop_assert_eq!(state.locks.rows.len(), 1);
        }
    }
}

//! A queue's charts, and tasks as a peek saw them.

use std::sync::Arc;

use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::key::KeyCode;
use redwarden::app::state::AppState;
use redwarden::app::update::update;
use redwarden::decode::{Redactor, decode};
use redwarden::domain::Queue;
use redwarden::domain::queue::{RateSource, Rates};
use redwarden::family::TaskSet;
use redwarden::peek::{Peek, Task};

use crate::fixtures::{base, before, rich_board, s, state};
use crate::shot::{draw, heard, press, select, text};

/// The first queue of the board after ten minutes in which it filled and was drained.
fn session() -> AppState {
    let mut state = state();
    let key = heard(rich_board()).shown.queues[0].id.key.escaped();
    for n in 0..120_u32 {
        let at = before(base(), s(600 - u64::from(n) * 5));
        let mut board = rich_board();
        let slots = Arc::make_mut(&mut board.nodes);
        let holds = |q: &Arc<Queue>| q.id.key.escaped() == key;
        let slot = slots.iter().position(|s| s.queues.iter().any(holds)).unwrap();
        let mut snapshot = (*slots[slot]).clone();
        let mut queues: Vec<_> = snapshot.queues.iter().cloned().collect();
        let at_first = queues.iter().position(holds).unwrap();
        let mut queue = (*queues[at_first]).clone();
        queue.read_at = at;
        queue.waiting = Some(u64::from(if n < 60 { n * 40 } else { 4800 - n * 40 }));
        queue.rates = Rates {
            incoming: Some(if n < 60 { 20.0 } else { 2.0 }),
            outgoing: Some(12.0),
            net: Some(if n < 60 { 8.0 } else { -10.0 }),
            source: RateSource::Counters,
        };
        queues[at_first] = Arc::new(queue);
        snapshot.queues = Arc::new(queues);
        slots[slot] = Arc::new(snapshot);
        update(&mut state, Event::Board(board), at);
    }
    update(&mut state, Event::Tick, base());
    select(&mut state, Panel::Queues, &key);
    state
}

#[test]
fn charts_of_a_session() {
    let mut state = session();
    press(&mut state, KeyCode::Enter);
    for size in [(80, 24), (120, 36), (200, 60), (30, 8)] {
        state.size = size;
        insta::assert_snapshot!(format!("charts_{}x{}", size.0, size.1), text(&state, size));
    }
    state.settings.ascii = true;
    state.size = (120, 36);
    let shown = text(&state, (120, 36));
    assert!(shown.is_ascii(), "{shown}");
    let (buffer, _) = draw(&state, (120, 36));
    assert_eq!(buffer.area.width, 120);
}

fn peeked() -> AppState {
    let mut state = heard(rich_board());
    let key = state.shown.queues[0].id.key.escaped();
    select(&mut state, Panel::Queues, &key);
    crate::shot::keys(&mut state, "v");
    state
}

fn task(id: Option<&str>, parts: &[(&str, &[u8])]) -> Task {
    let show =
        |(name, bytes): &(&str, &[u8])| ((*name).to_owned(), decode(bytes, true, &Redactor::default()));
    Task { id: id.map(str::to_owned), parts: parts.iter().map(show).collect() }
}

#[test]
fn peek_before_and_after_its_answer() {
    let mut state = peeked();
    insta::assert_snapshot!("peek_waits", text(&state, (80, 24)));
    let queue = state.shown.queues[0].id.clone();
    let json = br#"{"id":"7f","to":"bob@example.net","password":"hunter2","items":[{"sku":"a-1","n":2},{"sku":"b-2","n":1},{"sku":"c-3","n":9}],"note":"a\u001b[31mred"}"#;
    let peek = Peek {
        set: TaskSet::Waiting,
        sets: vec![TaskSet::Waiting, TaskSet::InFlight, TaskSet::Retry, TaskSet::Failed],
        count: Some(1284),
        shared: false,
        first: vec![
            task(None, &[("", json)]),
            task(Some("job-9"), &[("name", b"mail"), ("data", b"\x80\x04]\x94(K\x01K\x02e.")]),
        ],
        last: vec![task(None, &[("", b"plain \xff bytes")])],
        at: before(base(), s(3)),
    };
    update(&mut state, Event::Peeked(queue.clone(), TaskSet::Waiting, Ok(Arc::new(peek))), base());
    for size in [(80, 24), (120, 36), (30, 8)] {
        insta::assert_snapshot!(format!("peek_{}x{}", size.0, size.1), text(&state, size));
    }
    let failed = Peek {
        set: TaskSet::Failed,
        sets: vec![TaskSet::Waiting, TaskSet::Failed],
        count: Some(2),
        shared: true,
        first: vec![task(
            Some("job-7"),
            &[("name", b"mail"), ("failedReason", b"connect ECONNREFUSED 10.0.0.7:25")],
        )],
        last: Vec::new(),
        at: before(base(), s(1)),
    };
    let mut other = peeked();
    let peek = Peek { set: TaskSet::Waiting, shared: false, first: Vec::new(), ..failed.clone() };
    update(&mut other, Event::Peeked(queue.clone(), TaskSet::Waiting, Ok(Arc::new(peek))), base());
    crate::shot::keys(&mut other, "l");
    update(&mut other, Event::Peeked(queue.clone(), TaskSet::Failed, Ok(Arc::new(failed))), base());
    insta::assert_snapshot!("peek_failed_tasks", text(&other, (80, 24)));
    update(&mut state, Event::Peeked(queue, TaskSet::Waiting, Err("a: no answer in time".into())), base());
    insta::assert_snapshot!("peek_failed", text(&state, (80, 24)));
}

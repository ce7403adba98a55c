//! Taking in boards with 100,000 locks on the task of the screen: merge, filter, sort, judge. From nothing, with so many
//! of them changed, on one node and as votes of a Redlock on five; and what a second without a board costs.
//!
//! `cargo bench --bench apply`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use redwarden::app::event::Event;
use redwarden::app::key::{Key, KeyCode};
use redwarden::app::state::AppState;
use redwarden::app::update::update;
use redwarden::domain::group::{GroupKind, GroupSnapshot};
use redwarden::domain::lock_list::Edit;
use redwarden::domain::snapshot::Board;
use redwarden::domain::{GroupId, Lock, NodeId, NodeSnapshot, Stamp};

#[path = "../support/fixtures.rs"]
mod fixtures;

const LOCKS: usize = 100_000;

/// The next board: this many locks were read again, spread over all.
fn changed(board: &Board, many: usize, round: usize) -> Board {
    let each = many / board.nodes.len();
    let nodes = board.nodes.iter().map(|node| {
        let step = (node.locks.len() / each.max(1)).max(1);
        let places = (0..each).map(|i| (i * step + round * 7919 % step) % node.locks.len());
        let mut places: Vec<usize> = places.collect();
        places.sort_unstable();
        places.dedup();
        let again = places.iter().filter_map(|at| node.locks.get(*at));
        let again = again.map(|lock| Edit::Put(Arc::new(Lock::clone(lock)))).collect::<Vec<_>>();
        Arc::new(NodeSnapshot {
            seq: node.seq + 1,
            locks: node.locks.edited(again),
            ..NodeSnapshot::clone(node)
        })
    });
    Board { nodes: Arc::new(nodes.collect()), groups: board.groups.clone() }
}

/// The same locks as votes on five nodes of one group.
fn redlock() -> Board {
    let one = fixtures::many_locks(LOCKS / 5).nodes[0].locks.clone();
    let nodes = ["a", "b", "c", "d", "e"].map(|name| {
        let mut node = fixtures::node(name);
        node.0.meta.group = Some(GroupId::new("g"));
        let here = |lock: &Arc<Lock>| {
            let mut lock = Lock::clone(lock);
            lock.id.node = NodeId::new(name);
            Arc::new(lock)
        };
        node.0.locks = one.iter().map(here).collect();
        node
    });
    let mut board = fixtures::board(nodes.into());
    let group = GroupSnapshot::unheard(GroupId::new("g"), GroupKind::Independent);
    board.groups = Arc::new(vec![Arc::new(group)]);
    board
}

fn typed(state: &mut AppState, keys: &str) {
    for key in keys.chars() {
        let key = if key == '\r' { Key::plain(KeyCode::Enter) } else { Key::char(key) };
        update(state, Event::Key(key), fixtures::base());
    }
}

/// Time of `update` alone, over boards that follow each other.
fn boards(state: &mut AppState, board: &Board, many: usize, rounds: u64, pass: Duration) -> Duration {
    let (mut board, mut now, mut spent) = (board.clone(), state.now, Duration::ZERO);
    for round in 0..rounds {
        board = changed(&board, many, round as usize);
        now = now.plus(pass);
        spent += timed(state, Event::Board(board.clone()), now);
    }
    spent
}

fn timed(state: &mut AppState, event: Event, now: Stamp) -> Duration {
    let began = Instant::now();
    black_box(update(black_box(state), event, now));
    began.elapsed()
}

fn apply(c: &mut Criterion) {
    for (layout, first) in [("one node", fixtures::many_locks(LOCKS)), ("Redlock on 5", redlock())] {
        let mut group = c.benchmark_group(format!("100k locks, {layout}"));
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        group.bench_function("first board", |b| {
            b.iter_custom(|rounds| {
                let new = |_| timed(&mut fixtures::state(), Event::Board(first.clone()), fixtures::base());
                (0..rounds).map(new).sum()
            });
        });
        let mut state = fixtures::state();
        update(&mut state, Event::Board(first.clone()), fixtures::base());
        for (name, many) in [("150 changed", 150), ("5,000 changed", 5_000)] {
            group.bench_function(name, |b| {
                b.iter_custom(|rounds| boards(&mut state, &first, many, rounds, Duration::ZERO));
            });
        }
        group.bench_function("150 changed, a second later", |b| {
            b.iter_custom(|rounds| boards(&mut state, &first, 150, rounds, Duration::from_secs(1)));
        });
        group.bench_function("a second without a board", |b| {
            b.iter_custom(|rounds| {
                let tick = |_| {
                    let now = state.now.plus(Duration::from_secs(1));
                    timed(&mut state, Event::Tick, now)
                };
                (0..rounds).map(tick).sum()
            });
        });
        typed(&mut state, "2/web-7:\r");
        group.bench_function("150 changed, filtered", |b| {
            b.iter_custom(|rounds| boards(&mut state, &first, 150, rounds, Duration::ZERO));
        });
        typed(&mut state, "/\r");
        group.bench_function("another order", |b| {
            b.iter_custom(|rounds| {
                let key = |_| timed(&mut state, Event::Key(Key::char('s')), fixtures::base());
                (0..rounds).map(key).sum()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, apply);
criterion_main!(benches);

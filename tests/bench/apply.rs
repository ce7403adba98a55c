//! Taking in a look at a node with 100,000 locks: merge, filter, sort, judge.
//!
//! `cargo bench --bench apply`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use redwarden::app::event::Event;
use redwarden::app::key::{Key, KeyCode};
use redwarden::app::update::update;

#[path = "../support/fixtures.rs"]
mod fixtures;

const LOCKS: usize = 100_000;

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("board of 100k locks");
    group.sample_size(30);
    let board = fixtures::many_locks(LOCKS);
    for (name, filter) in [("all", ""), ("filtered", "/web-7:\r")] {
        let mut state = fixtures::state();
        update(&mut state, Event::Board(fixtures::many_locks(LOCKS)), fixtures::base());
        update(&mut state, Event::Key(Key::char('2')), fixtures::base());
        for key in filter.chars() {
            let key = if key == '\r' { Key::plain(KeyCode::Enter) } else { Key::char(key) };
            update(&mut state, Event::Key(key), fixtures::base());
        }
        group.bench_function(name, |b| {
            b.iter_batched(
                || board.clone(),
                |board| update(black_box(&mut state), Event::Board(board), fixtures::base()),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, apply);
criterion_main!(benches);

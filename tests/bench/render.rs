//! A frame at a thousand, a hundred thousand and a million locks: it must cost the same.
//!
//! `cargo bench --bench render`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use redwarden::app::event::Event;
use redwarden::app::key::Key;
use redwarden::app::update::update;
use redwarden::ui::{ViewCache, render};

#[path = "../support/fixtures.rs"]
mod fixtures;

fn frame(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    for (name, locks) in [("1k", 1_000), ("100k", 100_000), ("1M", 1_000_000)] {
        let mut state = fixtures::state();
        update(&mut state, Event::Resize(120, 36), fixtures::base());
        update(&mut state, Event::Board(fixtures::many_locks(locks)), fixtures::base());
        for (place, keys) in [("first row", "2g"), ("last row", "2G")] {
            for key in keys.chars() {
                update(&mut state, Event::Key(Key::char(key)), fixtures::base());
            }
            let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
            let mut cache = ViewCache::new();
            group.bench_function(BenchmarkId::new(place, name), |b| {
                b.iter(|| {
                    // What was drawn last is forgotten: every cell is drawn and compared anew.
                    terminal.clear().unwrap();
                    terminal.draw(|frame| render(frame, black_box(&state), &mut cache)).unwrap();
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, frame);
criterion_main!(benches);

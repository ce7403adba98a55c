//! Draws a state into a test terminal and gives its text or its styles.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::key::{Key, KeyCode};
use redwarden::app::state::AppState;
use redwarden::app::update::update;
use redwarden::domain::QueueId;
use redwarden::domain::queue::PushEnd;
use redwarden::domain::snapshot::Board;
use redwarden::ui::{ViewCache, render};
use redwarden::worker::view::{LineKind, WorkerLine, WorkerState};
use redwarden::worker::{Counts, RunningTask, Source, WorkerView};

use crate::fixtures::{base, before, s, state};

/// The sizes every list state is drawn at.
pub const SIZES: [(u16, u16); 4] = [(80, 24), (120, 36), (200, 60), (30, 8)];

/// A state that has heard this board.
pub fn heard(board: Board) -> AppState {
    hear(state(), board)
}

/// The state after this board.
pub fn hear(mut state: AppState, board: Board) -> AppState {
    update(&mut state, Event::Board(board), base());
    state
}

/// Types keys, one by one.
pub fn keys(state: &mut AppState, typed: &str) {
    for c in typed.chars() {
        update(state, Event::Key(Key::char(c)), base());
    }
}

/// Presses a key without a letter.
pub fn press(state: &mut AppState, code: KeyCode) {
    update(state, Event::Key(Key::plain(code)), base());
}

/// Draws at this size.
pub fn draw(state: &AppState, (width, height): (u16, u16)) -> (Buffer, ViewCache) {
    let mut cache = ViewCache::with_zone(TimeZone::UTC);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| render(frame, state, &mut cache)).unwrap();
    (terminal.backend().buffer().clone(), cache)
}

/// The text of a frame, without blanks at the ends of lines.
pub fn text(state: &AppState, size: (u16, u16)) -> String {
    lines(&draw(state, size).0).join("\n")
}

/// The lines of a buffer.
pub fn lines(buffer: &Buffer) -> Vec<String> {
    (0..buffer.area.height)
        .map(|y| {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip == 0 {
                    line.push_str(symbol);
                }
                skip = if skip > 0 {
                    skip - 1
                } else {
                    unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1)
                };
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// Every run of cells that is not plain: its style, then its text.
pub fn styled_lines(buffer: &Buffer) -> String {
    let mut out = Vec::new();
    for y in 0..buffer.area.height {
        let mut runs: Vec<(String, String)> = Vec::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = format!("{:?}/{:?}/{:?}", cell.fg, cell.bg, cell.modifier);
            match runs.last_mut() {
                Some((last, text)) if *last == style => text.push_str(cell.symbol()),
                _ => runs.push((style, cell.symbol().to_owned())),
            }
        }
        let told: Vec<String> = runs
            .into_iter()
            .filter(|(style, text)| !text.trim().is_empty() && style != "Reset/Reset/NONE")
            .map(|(style, text)| {
                format!("[{}] {}", style.replace("/Reset/", " ").replace("Modifier", ""), text.trim())
            })
            .collect();
        if !told.is_empty() {
            out.push(format!("{y:>2}: {}", told.join("  ")));
        }
    }
    out.join("\n")
}

/// A worker with a log.
pub fn worker(queue: QueueId, state: WorkerState) -> Arc<WorkerView> {
    let line =
        |ago: u64, kind, text: &str| WorkerLine { at: before(base(), s(ago)), kind, text: text.into() };
    let source = |queue: QueueId, weight| Source { weight, ..Source::new(queue, PushEnd::Left) };
    let other = QueueId { key: "queue:reports".into(), ..queue.clone() };
    let mut view = WorkerView::starting(&[source(queue, 3), source(other, 1)], 4);
    view.queues[0].state = state.clone();
    view.queues[1].state = WorkerState::Reconnecting("connection refused".into());
    view.queues[0].running = 2;
    view.queues[0].counts.done = 1_204;
    view.state = state;
    view.running = 2;
    view.now = vec![
        RunningTask { queue: 0, label: "task 77b0e1d2".into(), attempt: 2, since: before(base(), s(184)) },
        RunningTask { queue: 0, label: "task a3c5f790".into(), attempt: 1, since: before(base(), s(1)) },
    ];
    view.counts = Counts {
        done: 1_204,
        failed: 3,
        retried: 2,
        dead: 1,
        timeouts: 1,
        recovered: 2,
        run_twice: 0,
        unreplicated: 0,
    };
    view.p50 = Some(Duration::from_millis(12));
    view.p95 = Some(Duration::from_millis(340));
    for (ms, n) in [(2, 40), (8, 610), (25, 480), (90, 60), (250, 12), (900, 4), (2500, 1)] {
        (0..n).for_each(|_| view.run_times.add(Duration::from_millis(ms)));
    }
    for (ms, n) in [(8, 300), (90, 700), (900, 150), (45_000, 3)] {
        (0..n).for_each(|_| view.wait_times.add(Duration::from_millis(ms)));
    }
    view.log = VecDeque::from(vec![
        line(9, LineKind::Note, "recovered 2 tasks of a worker that died"),
        line(8, LineKind::Taken, "task 4f2a9c01 taken"),
        line(7, LineKind::Done, "task 4f2a9c01 done in 12ms"),
        line(4, LineKind::Taken, "task 77b0e1d2 taken"),
        line(3, LineKind::Failed, "task 77b0e1d2 failed: asked to fail; attempt 2 in 1s"),
        line(1, LineKind::Taken, "task a3c5f790 taken"),
    ]);
    Arc::new(view)
}

/// The first selected row of a panel whose text contains this.
pub fn select(state: &mut AppState, panel: Panel, key: &str) {
    let digit = match panel {
        Panel::Nodes => '1',
        Panel::Locks => '2',
        Panel::Queues => '3',
        Panel::Worker => '4',
    };
    keys(state, &digit.to_string());
    press(state, KeyCode::Home);
    for _ in 0..200 {
        let id = state.list(panel).unwrap().selected.clone();
        if id.is_some_and(|id| format!("{id:?}").contains(key)) {
            return;
        }
        press(state, KeyCode::Down);
    }
    panic!("no row {key}");
}

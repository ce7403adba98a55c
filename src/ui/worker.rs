//! The worker pane: what it does, how well, where our test tasks are, and its live log.

mod figures;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::format;
use super::panel::{put_line, title_line};
use super::scene::Scene;
use super::text;
use super::view::{ViewCache, area_of};
use crate::act::request::TaskPlace;
use crate::app::command::Panel;
use crate::app::hit::Target;
use crate::worker::WorkerView;
use crate::worker::view::{LineKind, WorkerState};

/// Draws the pane.
pub fn draw(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>, cache: &mut ViewCache) {
    if area.height == 0 {
        return;
    }
    cache.hits.push(area_of(area), Target::Panel(Panel::Worker));
    let look = scene.look;
    let view = scene.state.worker.as_deref();
    let facts = view.map_or_else(|| vec![Span::styled("not started", look.dim())], |v| headline(scene, v));
    title_line(scene, Panel::Worker, "4", "Worker", facts, Rect { height: 1, ..area }, frame);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let width = usize::from(area.width.saturating_sub(4)).max(1);
    if let Some(note) = &scene.state.worker_note {
        for part in text::wrap(note, width) {
            lines.push(Line::styled(part, look.warning()));
        }
    }
    let room = usize::from(area.height - 1);
    match view {
        None => {
            let words = "No worker runs. Press w on a queue: it takes redwarden test tasks and leaves every other task alone, unless an exec command is configured.";
            lines.extend(text::wrap(words, width).into_iter().map(|l| Line::styled(l, look.dim())));
        }
        Some(view) => {
            lines.push(figures::counts(look, view, width));
            lines.push(figures::times(look, view));
            // The log keeps at least half of the pane.
            let mut spare = (room / 2).saturating_sub(lines.len());
            for part in [figures::queues(look, view), figures::running(scene, view)] {
                let shown = part.len().min(spare);
                spare -= shown;
                lines.extend(part.into_iter().take(shown));
            }
            let chart = figures::histograms(look, view);
            if chart.len() <= spare {
                lines.extend(chart);
            }
        }
    }
    let tasks = scene.state.followed.iter().rev().take(if room > 8 { 3 } else { 1 });
    for (queue, id, place) in tasks {
        let style = match place {
            TaskPlace::Failed => look.warning(),
            TaskPlace::Unknown => look.dim(),
            _ => look.plain(),
        };
        let on = text::cut(&queue.key.escaped(), 24, text::Cut::Middle, look.ellipsis());
        lines.push(Line::from(vec![
            Span::styled(format!("{on}: "), look.dim()),
            Span::styled(followed(id, *place), style),
        ]));
    }
    lines.truncate(room);
    let left = room - lines.len();
    if let Some(view) = view {
        lines.extend(log(scene, view, left));
    }
    for (i, line) in lines.iter().enumerate() {
        let room = area.width.saturating_sub(4);
        put_line(frame, area.x + 3, area.y + 1 + i as u16, room, line, look.ellipsis());
    }
}

/// How many lines the pane would fill.
pub fn wanted_rows(scene: &Scene<'_>) -> u16 {
    let log = scene
        .state
        .worker
        .as_ref()
        .map_or(1, |v| v.log.len().clamp(3, 200) + 2 + v.queues.len().min(8) + v.now.len().min(8));
    log as u16 + 1 + scene.state.followed.len().min(3) as u16
}

fn headline(scene: &Scene<'_>, view: &WorkerView) -> Vec<Span<'static>> {
    let look = scene.look;
    let dots = look.ellipsis();
    let (state, style) = match &view.state {
        WorkerState::Starting => (format!("starting{dots}"), look.accent()),
        WorkerState::Running => ("running".into(), look.good()),
        WorkerState::Paused => ("paused".into(), look.warning()),
        WorkerState::Stopping => (format!("stopping{dots}"), look.warning()),
        WorkerState::Stopped => ("stopped".into(), look.dim()),
        WorkerState::Reconnecting(why) => (format!("! reconnecting: {why}"), look.warning()),
        WorkerState::Failed(why) => {
            (format!("{} failed: {why}", look.sign(crate::domain::Severity::Critical)), look.critical())
        }
    };
    let queue = text::cut_bytes(&view.queue.key, 32, text::Cut::Middle, dots);
    let more = match view.queues.len() {
        0 | 1 => String::new(),
        n => format!(" +{}", n - 1),
    };
    let mut spans = vec![
        Span::styled(format!("{queue} on {}{more}", view.queue.node), look.plain()),
        Span::styled(state, style),
    ];
    if !matches!(view.state, WorkerState::Stopped | WorkerState::Failed(_)) {
        spans.push(Span::styled(format!("{} of {} busy", view.running, view.concurrency), look.plain()));
    }
    let runs = match &view.exec {
        Some(exec) => Span::styled(
            format!(
                "REAL TASKS by {}",
                crate::domain::bytes::escape_text(&text::cut(exec, 30, text::Cut::End, dots))
            ),
            look.warning(),
        ),
        None => Span::styled("test tasks only", look.dim()),
    };
    spans.push(runs);
    spans
}

/// Where a test task is, as a sentence.
pub fn followed(id: &str, place: TaskPlace) -> String {
    let id: String = id.chars().take(36).collect();
    let id = crate::domain::bytes::escape_text(&id);
    match place {
        TaskPlace::Waiting(None) => format!("test task {id} waits"),
        TaskPlace::Waiting(Some(0)) => format!("test task {id} waits, next in line"),
        TaskPlace::Waiting(Some(n)) => format!("test task {id} waits, {} before it", format::count(n)),
        TaskPlace::Taken => format!("test task {id} was taken"),
        TaskPlace::Done => format!("test task {id} is done"),
        TaskPlace::Failed => format!("test task {id} failed"),
        TaskPlace::Unknown => format!("test task {id}: not known where"),
    }
}

/// The last lines of the log, newest at the bottom.
fn log(scene: &Scene<'_>, view: &WorkerView, room: usize) -> Vec<Line<'static>> {
    let look = scene.look;
    let most = view.log.len().saturating_sub(room);
    let end = view.log.len() - scene.state.worker_scroll.min(most);
    let start = end.saturating_sub(room);
    view.log
        .iter()
        .skip(start)
        .take(end - start)
        .map(|line| {
            let (sign, style) = match line.kind {
                LineKind::Taken => (if look.ascii { ">" } else { "→" }, look.plain()),
                LineKind::Done => (look.sign(crate::domain::Severity::Info), look.plain()),
                LineKind::Failed => ("!", look.warning()),
                LineKind::Note => (" ", look.dim()),
            };
            Line::from(vec![
                Span::styled(format::clock(line.at.wall, scene.zone), look.dim()),
                Span::styled(format!(" {sign} "), style),
                Span::styled(line.text.clone(), style),
            ])
        })
        .collect()
}

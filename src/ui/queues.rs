//! Rows of the Queues panel.

use super::format;
use super::look::Look;
use super::nodes::known_or;
use super::scene::Scene;
use super::table::{Cell, Column, Row, figure, optional, text};
use super::text::{Cut, cut};
use crate::app::state::RowId;
use crate::domain::queue::{Drain, Oldest};
use crate::domain::{Queue, Severity};

/// Columns, most telling first.
pub const COLUMNS: &[Column] = &[
    text("STATE", Some("state"), 17, 28, 30),
    text("QUEUE", Some("key"), 12, 64, 19),
    text("NODE", Some("node"), 6, 16, 13),
    Column { max: 9, ..figure("WAITING", Some("waiting"), 7, 18) },
    text("TREND", None, 12, 12, 12),
    figure("IN", Some("in"), 7, 17),
    figure("OUT", Some("out"), 7, 16),
    figure("NET", Some("net"), 8, 11),
    Column { max: 8, ..figure("OLDEST", Some("oldest"), 7, 14) },
    optional(figure("TAKEN", None, 6, 7)),
    optional(figure("FAILED", None, 6, 6)),
    optional(figure("RETRY", None, 6, 5)),
    optional(figure("LATER", None, 6, 4)),
    optional(figure("WORKERS", None, 7, 3)),
    optional(text("KIND", None, 6, 9, 3)),
    text("RATES FROM", None, 16, 50, 2),
];

/// One queue as a row.
pub fn row(scene: &Scene<'_>, queue: &Queue) -> Row {
    let look = scene.look;
    let drain = queue.drain(&scene.state.settings.rules, scene.now.mono);
    let severity = severity(queue, drain);
    let rate = |r: Option<f64>| known_or(look, r.map(format::rate));
    let cells = vec![
        Cell::new(words(scene, queue, drain), look.severity(severity)).or(in_short(scene, queue, drain)),
        Cell::new(cut(&queue.name, 110, Cut::Middle, look.ellipsis()), look.strong()).middle(),
        Cell::new(queue.id.node.as_str(), look.plain()).middle(),
        known_or(look, queue.waiting.map(format::count_or_compact)),
        Cell::new(look.trend(&queue.history, 12), look.dim()),
        rate(queue.rates.incoming),
        rate(queue.rates.outgoing),
        known_or(look, queue.rates.net.map(format::change)),
        oldest(look, queue, scene),
        known_or(look, queue.in_flight.map(format::compact)),
        known_or(look, queue.failed.map(format::compact)),
        known_or(look, queue.retry.map(format::compact)),
        known_or(look, queue.scheduled.map(format::compact)),
        known_or(look, queue.workers.map(format::compact)),
        // Nothing for a plain list, so that the column is there only where libraries are.
        Cell::new(if queue.family == "list" { "" } else { queue.family }, look.plain()),
        Cell::new(queue.rates.source.words(), look.dim()),
    ];
    Row {
        severity,
        cells,
        note: None,
        marked: scene.state.queues.marks.contains(&RowId::Queue(queue.id.clone())),
        stale: scene.is_stale(&queue.id.node),
    }
}

/// How much its verdict weighs.
pub fn severity(queue: &Queue, drain: Drain) -> Severity {
    match drain {
        Drain::Growing(_) | Drain::Stalled => Severity::Warning,
        _ if queue.workers == Some(0)
            && queue.waiting.is_some_and(|n| n > 0)
            && queue.paused != Some(true) =>
        {
            Severity::Warning
        }
        Drain::Unknown if queue.waiting.is_none() => Severity::Unknown,
        Drain::Unknown | Drain::Idle | Drain::Drains(_) | Drain::Steady => Severity::Info,
    }
}

/// The verdict as a person would say it.
pub fn words(scene: &Scene<'_>, queue: &Queue, drain: Drain) -> String {
    if queue.paused == Some(true) {
        return "paused".into();
    }
    if queue.lacks_consumers(&scene.state.settings.rules, scene.now.mono) {
        return match queue.lacks_consumers_since() {
            Some(at) => {
                format!("no consumers since {}", format::minute(at.wall, scene.now.wall, scene.zone))
            }
            None => "no consumers".into(),
        };
    }
    match drain {
        Drain::Idle => "idle".into(),
        Drain::Steady => "steady".into(),
        Drain::Growing(per_s) => format!("growing {}, will not drain", format::rate(per_s)),
        Drain::Drains(eta) => {
            let about = format::about(eta);
            let soon = eta.as_secs() < 86_400;
            match scene.now.wall.checked_add(eta).filter(|_| soon) {
                Some(at) => format!("drains in {about} ({})", format::minute(at, scene.now.wall, scene.zone)),
                None => format!("drains in {about}"),
            }
        }
        Drain::Stalled => match queue.no_progress_since {
            Some(since) => format!("stalled for {}", format::about(scene.now.since(since))),
            None => "stalled".into(),
        },
        Drain::Unknown if queue.waiting.is_none() => "depth unknown".into(),
        Drain::Unknown => format!("watching{}", scene.look.ellipsis()),
    }
}

/// The verdict without the hour.
fn in_short(scene: &Scene<'_>, queue: &Queue, drain: Drain) -> String {
    if queue.paused == Some(true) {
        return words(scene, queue, drain);
    }
    if queue.lacks_consumers(&scene.state.settings.rules, scene.now.mono) {
        return "no consumers".into();
    }
    match drain {
        Drain::Drains(eta) => format!("drains in {}", format::about(eta)),
        Drain::Growing(per_s) => format!("growing {}", format::rate(per_s)),
        _ => words(scene, queue, drain),
    }
}

/// Age of the oldest waiting task.
pub fn oldest(look: Look, queue: &Queue, scene: &Scene<'_>) -> Cell {
    match (&queue.oldest, queue.oldest_age(scene.now.mono)) {
        (Oldest::Empty, _) => Cell::new("-", look.dim()),
        (Oldest::At { .. }, Some(age)) => Cell::new(format::duration(age), look.plain()),
        (Oldest::AtLeast { .. }, Some(age)) => {
            Cell::new(format!("{}{}", look.at_least(), format::duration(age)), look.plain())
        }
        _ => Cell::new("?", look.dim()),
    }
}

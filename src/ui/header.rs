//! The two lines on top: is the fleet well, and why not; then the figures of the fleet and the modes in force.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::format;
use super::scene::Scene;
use super::table::put_spans;
use super::text;
use crate::domain::Severity;

/// Lines of the header.
pub const HEIGHT: u16 = 2;

/// Draws the header.
pub fn draw(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let look = scene.look;
    let clock = format::clock(scene.state.now.wall, scene.zone);
    let right = vec![Span::styled(clock, look.strong())];
    line(scene, area, 0, &verdict(scene, area.width), &right, frame);
    let flags = flags(scene);
    let taken = flags.iter().map(|s| text::width(&s.content)).sum::<usize>() + 1;
    let room = usize::from(area.width).saturating_sub(taken);
    line(scene, area, 1, &figures(scene, room), &flags, frame);
}

/// A line with something at its right edge, which is never cut while it fits at all.
fn line(
    scene: &Scene<'_>,
    area: Rect,
    row: u16,
    left: &[Span<'static>],
    right: &[Span<'static>],
    frame: &mut Frame<'_>,
) {
    if row >= area.height {
        return;
    }
    let mark = scene.look.ellipsis();
    let right_width = right.iter().map(|s| text::width(&s.content)).sum::<usize>() as u16;
    let gap = u16::from(right_width > 0);
    let room = area.width.saturating_sub(right_width + gap);
    put_spans(frame.buffer_mut(), area.x, area.y + row, room, left, mark);
    let x = area.right().saturating_sub(right_width).max(area.x);
    put_spans(frame.buffer_mut(), x, area.y + row, area.right() - x, right, mark);
}

/// The verdict word and as many reasons as fit.
fn verdict(scene: &Scene<'_>, width: u16) -> Vec<Span<'static>> {
    let look = scene.look;
    let verdict = &scene.state.verdict;
    let (word, style) = if scene.is_waiting() {
        (" WAITING ", look.dim().add_modifier(Modifier::REVERSED))
    } else {
        match verdict.worst {
            None | Some(Severity::Info) => {
                (" OK ", look.good().add_modifier(Modifier::REVERSED | Modifier::BOLD))
            }
            Some(Severity::Unknown) => (" UNKNOWN ", Style::new().add_modifier(Modifier::REVERSED)),
            Some(Severity::Warning) => {
                (" WARNING ", look.warning().add_modifier(Modifier::REVERSED | Modifier::BOLD))
            }
            Some(Severity::Critical) => (" CRITICAL ", look.danger_flag()),
        }
    };
    let mut spans = vec![Span::styled(word, style), Span::raw(" ")];
    if scene.is_waiting() {
        spans.push(Span::styled("for the first answers", look.dim()));
        return spans;
    }
    let reasons: Vec<_> = verdict.reasons.iter().filter(|f| f.severity > Severity::Info).collect();
    if reasons.is_empty() {
        let words = if scene.is_incomplete() {
            "so far; the keys are still being searched"
        } else {
            "nothing needs you"
        };
        spans.push(Span::styled(words, look.plain()));
        return spans;
    }
    // Clock, gaps and the word are taken off; what does not fit is counted.
    let mut left = usize::from(width).saturating_sub(text::width(word) + 1 + 9 + 6);
    for (i, finding) in reasons.iter().enumerate() {
        let gap = if i == 0 { 0 } else { text::width(look.dot()) };
        let needs = text::width(&finding.message) + 2 + gap;
        if i > 0 && needs > left {
            spans.push(Span::styled(format!("  +{}", reasons.len() - i), look.strong()));
            break;
        }
        if i > 0 {
            spans.push(Span::styled(look.dot(), look.dim()));
        }
        let more = if i + 1 < reasons.len() { 0 } else { 4 };
        let message =
            text::cut(&finding.message, (left + more).saturating_sub(2), text::Cut::End, look.ellipsis());
        spans
            .push(Span::styled(format!("{} ", look.sign(finding.severity)), look.severity(finding.severity)));
        spans
            .push(Span::styled(message, if i == 0 { look.severity(finding.severity) } else { look.plain() }));
        left = left.saturating_sub(needs);
    }
    spans
}

/// Nodes, stuck locks, growing queues, age of the data, interval.
fn figures(scene: &Scene<'_>, room: usize) -> Vec<Span<'static>> {
    let look = scene.look;
    let counts = &scene.state.counts;
    let (up, total) = scene.state.shown.up_of_total();
    let up_style = if up == total { look.plain() } else { look.critical() };
    let mut items =
        vec![vec![Span::styled("nodes ", look.dim()), Span::styled(format!("{up}/{total} up"), up_style)]];
    let mut add = |n: usize, words: &'static str, style: Style| {
        let style = if n == 0 { look.plain() } else { style };
        items.push(vec![Span::styled(format!("{words} "), look.dim()), Span::styled(scene.found(n), style)]);
    };
    add(counts.never_expires, "stuck", look.critical());
    add(counts.growing, "growing", look.warning());
    if counts.stalled > 0 {
        add(counts.stalled, "stalled", look.warning());
    }
    if let Some(age) = scene.data_age() {
        let old = age > scene.state.settings.rules.stale_after;
        let age = Span::styled(
            format!("{} old", format::duration(age)),
            if old { look.warning() } else { look.plain() },
        );
        items.push(vec![Span::styled("data ", look.dim()), age]);
    }
    items.push(vec![
        Span::styled("every ", look.dim()),
        Span::styled(format::interval(scene.state.interval), look.plain()),
    ]);
    let mut out = vec![Span::raw(" ")];
    let mut used = 1;
    for (i, item) in items.into_iter().enumerate() {
        let gap = if i == 0 { 0 } else { text::width(look.dot()) };
        used += gap + item.iter().map(|s| text::width(&s.content)).sum::<usize>();
        // Whole facts or none: half a figure misleads.
        if i > 0 && used > room {
            break;
        }
        if i > 0 {
            out.push(Span::styled(look.dot(), look.dim()));
        }
        out.extend(item);
    }
    out
}

/// Modes that change what keys do or what is seen.
fn flags(scene: &Scene<'_>) -> Vec<Span<'static>> {
    let look = scene.look;
    let settings = &scene.state.settings;
    let mut out: Vec<Span<'static>> = Vec::new();
    let push = |out: &mut Vec<Span<'static>>, words: String, style| {
        if !out.is_empty() {
            out.push(Span::raw(" "));
        }
        out.push(Span::styled(format!(" {words} "), style));
    };
    if let Some(since) = scene.state.frozen {
        let age = format::duration(scene.state.now.since(since));
        push(&mut out, format!("FROZEN {age}"), look.flag());
    }
    if settings.read_only {
        push(&mut out, "READ-ONLY".into(), look.flag());
    }
    if let Some(profile) = &settings.profile
        && !settings.production
    {
        push(&mut out, crate::domain::bytes::escape_text(profile), look.strong());
    }
    out
}

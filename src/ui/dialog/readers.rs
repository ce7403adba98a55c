//! Dialogs to be read: help, messages, details. They scroll.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{inner_width, open, outer_width};
use crate::app::command::Panel;
use crate::app::keymap;
use crate::app::state::RowId;
use crate::domain::Severity;
use crate::ui::panel::put_line;
use crate::ui::scene::Scene;
use crate::ui::sheet::{Sheet, beside};
use crate::ui::view::ViewCache;
use crate::ui::{detail as details, format, text};

/// Columns of the help, if there are so many: in two columns nothing is cut then, nor 2 below that.
const HELP: u16 = 120;

/// Shows lines from an offset, clamped so that the last screenful stays full.
pub(super) fn read(
    scene: &Scene<'_>,
    title: &str,
    lines: &[Line<'static>],
    offset: usize,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    read_in(scene, title, lines, offset, outer_width(area), area, frame, cache);
}

/// [`read`] in a dialog of this width.
#[allow(clippy::too_many_arguments, reason = "what a frame is drawn with")]
fn read_in(
    scene: &Scene<'_>,
    title: &str,
    lines: &[Line<'static>],
    offset: usize,
    width: u16,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let look = scene.look;
    let room = usize::from(area.height.saturating_sub(2));
    let max = lines.len().saturating_sub(room);
    cache.scroll_max = max;
    let offset = offset.min(max);
    let title = if max > 0 {
        let last = (offset + room).min(lines.len());
        format!("{title}  {}-{last} of {}", offset + 1, lines.len())
    } else {
        title.to_owned()
    };
    let height = (lines.len().min(room) + 2) as u16;
    let inner = open(scene, &title, look.accent(), (width, height), area, frame, cache);
    for (i, line) in lines.iter().skip(offset).take(usize::from(inner.height)).enumerate() {
        put_line(frame, inner.x, inner.y + i as u16, inner.width, line, look.ellipsis());
    }
}

pub(super) fn detail(
    scene: &Scene<'_>,
    id: &RowId,
    offset: usize,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let title = match id {
        RowId::Node(_) => "Node",
        RowId::Lock(_) => "Lock",
        RowId::Queue(_) => "Queue",
    };
    // Two columns may be wider than what is easy to read in one.
    let wide = area.width.saturating_sub(2).min(180);
    let is_wide = matches!(id, RowId::Node(_)) && wide >= details::TWO_COLUMNS + 4;
    let outer = if is_wide { wide } else { outer_width(area) };
    let lines = details::lines(scene, id, outer.saturating_sub(4).max(1));
    read_in(scene, title, &lines, offset, outer, area, frame, cache);
}

pub(super) fn messages(
    scene: &Scene<'_>,
    offset: usize,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let look = scene.look;
    let width = usize::from(inner_width(area));
    let mut lines = Vec::new();
    for message in &scene.state.messages {
        let (sign, style) = if message.is_error { ("!", look.warning()) } else { (" ", look.plain()) };
        for (i, part) in text::wrap(&message.text, width.saturating_sub(11)).into_iter().enumerate() {
            let front = if i == 0 { format::clock(message.at.wall, scene.zone) } else { " ".repeat(8) };
            lines.push(Line::from(vec![
                Span::styled(front, look.dim()),
                Span::styled(format!(" {} ", if i == 0 { sign } else { " " }), style),
                Span::styled(part, style),
            ]));
        }
    }
    if lines.is_empty() {
        lines.push(Line::styled(
            "Nothing was said yet. Actions and their outcomes are listed here.",
            look.dim(),
        ));
    }
    let room = usize::from(area.height.saturating_sub(2));
    let most = lines.len().saturating_sub(room);
    read(scene, "Messages", &lines, most.saturating_sub(offset.min(most)), area, frame, cache);
}

pub(super) fn events(
    scene: &Scene<'_>,
    offset: usize,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let look = scene.look;
    let width = usize::from(inner_width(area));
    let mut lines = Vec::new();
    for event in scene.state.events.iter() {
        let style = look.severity(event.severity);
        let who = event.who().map_or_else(String::new, |who| format!("{who}: "));
        let parts = text::wrap(&format!("{who}{}", event.text), width.saturating_sub(11));
        for (i, part) in parts.into_iter().enumerate() {
            let front = if i == 0 { format::clock(event.at.wall, scene.zone) } else { " ".repeat(8) };
            // Our own doing carries its own sign.
            let sign = if event.who().is_none() { ">" } else { look.sign(event.severity) };
            lines.push(Line::from(vec![
                Span::styled(front, look.dim()),
                Span::styled(format!(" {} ", if i == 0 { sign } else { " " }), style),
                Span::styled(part, if event.severity > Severity::Info { style } else { look.plain() }),
            ]));
        }
    }
    if lines.is_empty() {
        let words =
            "Nothing happened yet. Nodes that go and come, verdicts and our own actions are listed here.";
        lines.extend(text::wrap(words, width).into_iter().map(|l| Line::styled(l, look.dim())));
    }
    let room = usize::from(area.height.saturating_sub(2));
    let most = lines.len().saturating_sub(room);
    read(scene, "Events", &lines, most.saturating_sub(offset.min(most)), area, frame, cache);
}

pub(super) fn help(
    scene: &Scene<'_>,
    offset: usize,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let outer = area.width.saturating_sub(2).min(HELP);
    let width = outer.saturating_sub(4).max(1);
    if width >= HELP - 6 {
        let lines = two_columns(scene, width);
        return read_in(scene, "Help", &lines, offset, outer, area, frame, cache);
    }
    let lines = groups(scene, inner_width(area)).concat();
    read(scene, "Help", &lines, offset, area, frame, cache);
}

fn two_columns(scene: &Scene<'_>, width: u16) -> Vec<Line<'static>> {
    let half = (width - 2) / 2;
    let groups = groups(scene, half);
    let total: usize = groups.iter().map(Vec::len).sum();
    let (mut left, mut right): (Vec<Line<'static>>, Vec<Line<'static>>) = (Vec::new(), Vec::new());
    for group in groups {
        // Whole groups stay together.
        let side = if right.is_empty() && left.len() + group.len() / 2 <= total / 2 {
            &mut left
        } else {
            &mut right
        };
        side.extend(group);
    }
    beside(left, right, half, 2)
}

/// Help in groups, each with an empty line at its end.
fn groups(scene: &Scene<'_>, width: u16) -> Vec<Vec<Line<'static>>> {
    let look = scene.look;
    let lines = keymap::help_lines();
    let named: [(&str, &[Panel]); 5] = [
        ("On a lock", &[Panel::Locks]),
        ("On a queue", &[Panel::Queues]),
        ("In the worker pane", &[Panel::Worker]),
        ("In a list", &[Panel::Nodes, Panel::Locks, Panel::Queues]),
        ("Everywhere", &[]),
    ];
    let mut out = Vec::new();
    for (name, panels) in named {
        let mut sheet = Sheet::new(look, width);
        sheet.heading(name);
        for line in lines.iter().filter(|l| l.panels == panels) {
            entry(scene, line, width, &mut sheet);
        }
        sheet.blank();
        if sheet.lines.len() > 2 {
            out.push(sheet.lines);
        }
    }
    let mut sheet = Sheet::new(look, width);
    sheet.heading("Elsewhere");
    let known = |l: &&keymap::HelpLine| !named.iter().any(|(_, p)| *p == l.panels);
    for line in lines.iter().filter(known) {
        entry(scene, line, width, &mut sheet);
    }
    sheet.blank();
    if sheet.lines.len() > 2 {
        out.push(sheet.lines);
    }
    let mut sheet = Sheet::new(look, width);
    sheet.heading("Signs");
    for (severity, words) in [
        (Severity::Critical, "act now"),
        (Severity::Warning, "look at it"),
        (Severity::Info, "fine"),
        (Severity::Unknown, "not known; never shown as 0"),
    ] {
        sheet.item(look.sign(severity), look.severity(severity), words, look.plain());
    }
    sheet.item(look.at_least(), look.plain(), "at least: its beginning was not seen", look.plain());
    sheet.item("W", look.warning(), "writes to a server; asks first, refused when read-only", look.plain());
    sheet.blank();
    sheet.text("Mouse: click selects, a second click opens, the wheel scrolls. Hold Shift to select text with the terminal.", look.dim());
    out.push(sheet.lines);
    out
}

fn entry(scene: &Scene<'_>, line: &keymap::HelpLine, width: u16, sheet: &mut Sheet) {
    let look = scene.look;
    let keys = text::cut(&line.keys, 16, text::Cut::End, look.ellipsis());
    let name = format!(":{}", line.name);
    let help = text::cut(line.help, usize::from(width).saturating_sub(20), text::Cut::End, look.ellipsis());
    let mut spans = vec![
        Span::styled(format!("{keys:<17}"), look.accent()),
        Span::styled(if line.writes { "W " } else { "  " }, look.warning()),
        Span::styled(help, look.plain()),
    ];
    let used: usize = spans.iter().map(|s| text::width(&s.content)).sum();
    let left = usize::from(width).saturating_sub(used);
    if left > text::width(&name) + 1 {
        spans.push(Span::styled(format!("{name:>left$}"), look.dim()));
    }
    sheet.lines.push(Line::from(spans));
}

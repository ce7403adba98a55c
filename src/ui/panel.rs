//! A list panel: its title with counts and what limits them, then the table, or a sentence instead of rows.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::format;
use super::groups::{self, ListLine};
use super::scene::Scene;
use super::searched;
use super::table::{self, Column, Row, Table};
use super::text;
use super::view::{ViewCache, area_of};
use super::{locks, nodes, queues};
use crate::app::columns;
use crate::app::command::Panel;
use crate::app::hit::Target;
use crate::app::state::{ListState, RowId};
use crate::domain::node::{NodeState, Reason};

/// A pass over the keys that takes longer is told: new keys are found that late.
const SLOW_SEARCH: std::time::Duration = std::time::Duration::from_secs(3);

/// Lines above the rows.
pub const HEAD: u16 = 2;

/// Draws one of the three lists.
pub fn draw(scene: &Scene<'_>, panel: Panel, area: Rect, frame: &mut Frame<'_>, cache: &mut ViewCache) {
    let Some(list) = scene.state.list(panel) else { return };
    if area.height == 0 {
        return;
    }
    cache.hits.push(area_of(area), Target::Panel(panel));
    let focused = scene.state.focus == panel;
    title(scene, panel, list, Rect { height: 1, ..area }, frame);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if body.height == 0 {
        return;
    }
    if list.rows.is_empty() {
        let lines = instead_of_rows(scene, panel, list);
        let width = usize::from(body.width.saturating_sub(4));
        let wrapped = lines.iter().flat_map(|l| text::wrap(l, width));
        for (i, line) in wrapped.take(usize::from(body.height)).enumerate() {
            frame.buffer_mut().set_string(body.x + 3, body.y + i as u16, line, scene.look.dim());
        }
        return;
    }
    let height = usize::from(body.height - 1);
    let lines = groups::lines(scene, panel, list);
    let total = lines.as_ref().map_or(list.rows.len(), Vec::len);
    let line_at = |at: usize| match &lines {
        Some(lines) => lines.get(at).cloned(),
        None => (at < total).then_some(ListLine::Row(at)),
    };
    let is_cursor = |line: &ListLine| *line == ListLine::Row(list.cursor);
    let cursor = lines.as_ref().map_or(Some(list.cursor), |l| l.iter().position(is_cursor)).unwrap_or(0);
    let mut offset = table::window(cache.offset(panel), cursor, total, height);
    // A group's first node does not stand on top without its heading.
    if offset == cursor && height > 1 && offset > 0 && matches!(line_at(offset - 1), Some(ListLine::Group(_)))
    {
        offset -= 1;
    }
    cache.set_offset(panel, offset);
    let mut rows: Vec<Row> = Vec::with_capacity(height);
    for line in (offset..total.min(offset + height)).filter_map(line_at) {
        let place = Rect { y: body.y + 1 + rows.len() as u16, height: 1, ..body };
        match line {
            ListLine::Group(id) => rows.push(groups::heading(scene, id.as_ref())),
            ListLine::Row(position) => {
                let index = list.rows.get(position).copied().unwrap_or(u32::MAX);
                let Some(row) = row(scene, panel, index as usize) else { continue };
                rows.push(row);
                cache.hits.push(area_of(place), Target::Row(panel, position));
            }
        }
    }
    let names = columns::names(panel);
    Table {
        columns: columns_of(panel),
        rows,
        offset,
        total,
        cursor: list.selected.is_some().then_some(cursor),
        focused,
        sort: (names.get(list.sort.column).map(|(name, _)| *name), list.sort.descending),
    }
    .draw(scene.look, body, frame.buffer_mut());
}

fn columns_of(panel: Panel) -> &'static [Column] {
    match panel {
        Panel::Nodes => nodes::COLUMNS,
        Panel::Locks => locks::COLUMNS,
        Panel::Queues | Panel::Worker => queues::COLUMNS,
    }
}

fn row(scene: &Scene<'_>, panel: Panel, index: usize) -> Option<Row> {
    let shown = &scene.state.shown;
    match panel {
        Panel::Nodes => {
            let node = shown.nodes.get(index)?;
            let id = RowId::Node(node.snapshot.meta.id.clone());
            Some(Row { marked: scene.state.nodes.marks.contains(&id), ..nodes::row(scene, node) })
        }
        Panel::Locks => shown.locks.get(index).map(|l| locks::row(scene, l)),
        Panel::Queues => shown.queues.get(index).map(|q| queues::row(scene, q)),
        Panel::Worker => None,
    }
}

/// The title line: number, name, counts, then what limits the list, on a rule.
pub fn title(scene: &Scene<'_>, panel: Panel, list: &ListState, area: Rect, frame: &mut Frame<'_>) {
    let look = scene.look;
    let counts = &scene.state.counts;
    let shown = &scene.state.shown;
    let number = |n: usize| format::count(n as u64);
    let mut facts: Vec<Span<'static>> = Vec::new();
    let add = |facts: &mut Vec<Span<'static>>, n: usize, words: &str, style: Style| {
        if n > 0 {
            facts.push(Span::styled(format!("{} {words}", number(n)), style));
        }
    };
    let all = match panel {
        Panel::Nodes => {
            let (up, total) = shown.up_of_total();
            let style = if up == total { look.plain() } else { look.strong() };
            facts.push(Span::styled(format!("{up} of {total} up"), style));
            total
        }
        Panel::Locks => {
            facts.push(Span::styled(scene.found(counts.locks), look.plain()));
            let words = if counts.never_expires == 1 { "never expires" } else { "never expire" };
            add(&mut facts, counts.never_expires, words, look.critical());
            add(&mut facts, counts.overdue, "overdue", look.warning());
            add(&mut facts, counts.unknown_locks, "unknown", look.dim());
            counts.locks
        }
        Panel::Queues | Panel::Worker => {
            facts.push(Span::styled(scene.found(shown.queues.len()), look.plain()));
            add(&mut facts, counts.growing, "growing", look.warning());
            add(&mut facts, counts.stalled, "stalled", look.warning());
            add(&mut facts, counts.unknown_queues, "unknown", look.dim());
            shown.queues.len()
        }
    };
    if !list.filter.is_empty() {
        let kept =
            format!("/{} shows {}", list.filter, number(list.rows.len().min(all.max(list.rows.len()))));
        facts.push(Span::styled(crate::domain::bytes::escape_text(&kept), look.accent()));
    }
    add(&mut facts, list.marks.len(), "marked", look.accent());
    facts.extend(limits(scene, panel).into_iter().map(|l| Span::styled(l, look.warning())));
    let (digit, name) = match panel {
        Panel::Nodes => ("1", "Nodes"),
        Panel::Locks => ("2", "Locks"),
        Panel::Queues => ("3", "Queues"),
        Panel::Worker => ("4", "Worker"),
    };
    title_line(scene, panel, digit, name, facts, area, frame);
}

/// Draws a title: accented when its panel has the focus.
pub fn title_line(
    scene: &Scene<'_>,
    panel: Panel,
    digit: &str,
    name: &str,
    facts: Vec<Span<'static>>,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let look = scene.look;
    let focused = scene.state.focus == panel;
    let rule = if focused { look.accent() } else { look.dim() };
    let head = if focused { look.accent().patch(look.strong()) } else { look.strong() };
    let mut spans = vec![
        Span::styled(if focused { look.pointer() } else { look.rule() }, rule),
        Span::styled(format!("{digit} "), rule),
        Span::styled(name.to_owned(), head),
    ];
    for (i, fact) in facts.into_iter().enumerate() {
        spans.push(Span::styled(if i == 0 { "  " } else { look.dot() }, look.dim()));
        spans.push(fact);
    }
    spans.push(Span::raw(" "));
    let used: usize = spans.iter().map(|s| text::width(&s.content)).sum();
    let left = usize::from(area.width).saturating_sub(used);
    spans.push(Span::styled(look.rule().repeat(left), rule));
    table::put_spans(frame.buffer_mut(), area.x, area.y, area.width, &spans, look.ellipsis());
}

fn pane_of(panel: Panel) -> &'static str {
    match panel {
        Panel::Nodes => "nodes",
        Panel::Locks => "locks",
        Panel::Queues | Panel::Worker => "queues",
    }
}

/// What keeps the list from being complete or fresh, in few words.
fn limits(scene: &Scene<'_>, panel: Panel) -> Vec<String> {
    let mut out = Vec::new();
    let snapshots = || scene.state.shown.nodes.iter().map(|n| &*n.snapshot);
    for node in snapshots() {
        for denied in node.denied.iter().filter(|d| d.pane == pane_of(panel) && !d.is_diagnostic()) {
            out.push(format!("{} not permitted on {}", denied.command, node.meta.id));
        }
        let details = node.denied.iter().filter(|d| d.is_diagnostic()).count();
        if panel == Panel::Nodes && details > 0 {
            out.push(format!("details not permitted on {}", node.meta.id));
        }
    }
    if panel == Panel::Nodes {
        return out;
    }
    if let Some(first) = snapshots().find(|n| n.status.state == NodeState::Up && n.scan.passes == 0) {
        let share =
            first.scan.share.map(|s| format!(" {:.0} %", s.clamp(0.0, 1.0) * 100.0)).unwrap_or_default();
        out.push(format!("first search{share}"));
    } else if let Some(slowest) =
        snapshots().filter_map(|n| n.scan.pass_time).max().filter(|t| *t > SLOW_SEARCH)
    {
        out.push(format!("new keys within {}", format::duration(slowest)));
    }
    out.extend(searched::notes(snapshots()));
    if let Some(node) = snapshots().find(|n| n.scan.truncated) {
        out.push(format!("truncated on {}", node.meta.id));
    }
    if let Some(node) = snapshots().find(|n| n.scan.error.is_some()) {
        out.push(format!("no key search on {}", node.meta.id));
    }
    let holds = |node: &crate::domain::NodeSnapshot| match panel {
        Panel::Locks => !node.locks.is_empty(),
        _ => !node.queues.is_empty(),
    };
    let stale = snapshots().filter(|n| scene.is_stale(&n.meta.id) && holds(n));
    if let Some(age) = stale.map(|n| scene.age(n)).max() {
        out.push(format!("dim rows are {} old", format::duration(age)));
    }
    out
}

/// Why there are no rows, and what to do about it.
fn instead_of_rows(scene: &Scene<'_>, panel: Panel, list: &ListState) -> Vec<String> {
    let state = scene.state;
    let shown = &state.shown;
    let dots = scene.look.ellipsis();
    let (what, all) = match panel {
        Panel::Nodes => ("node", shown.nodes.len()),
        Panel::Locks => ("lock", state.counts.locks),
        _ => ("queue", shown.queues.len()),
    };
    if !list.filter.is_empty() && all > 0 {
        return vec![format!(
            "No {what} matches /{}. Esc clears the filter and shows all {}.",
            crate::domain::bytes::escape_text(&list.filter),
            format::count(all as u64)
        )];
    }
    let asked = shown.nodes.len();
    if asked == 0 {
        return vec![format!("Starting{dots}")];
    }
    if scene.is_waiting() {
        return vec![format!("Asking {asked} {}{dots}", if asked == 1 { "node" } else { "nodes" })];
    }
    let snapshots = || shown.nodes.iter().map(|n| &*n.snapshot);
    if !snapshots().any(|n| n.status.state == NodeState::Up) {
        return vec![format!("No node answers, so no {what}s are known.")];
    }
    let denied: Vec<String> = snapshots()
        .flat_map(|n| n.denied.iter().filter(|d| d.pane == pane_of(panel)).map(move |d| (n, d)))
        .map(|(n, d)| format!("{} on {}", d.command, n.meta.id))
        .collect();
    if !denied.is_empty() {
        return vec![
            format!("Not permitted: {}.", denied.join(", ")),
            "The README lists the ACL rights for watching.".into(),
        ];
    }
    if let Some(error) =
        snapshots().find_map(|n| n.scan.error.as_ref().map(|e| format!("{}: {e}", n.meta.id)))
    {
        return vec![format!("The keys could not be listed. {error}")];
    }
    if snapshots().any(|n| n.status.state == NodeState::Up && n.scan.passes == 0) {
        return vec![format!("Looking through the keys{dots}")];
    }
    let (patterns, kind, option) = match panel {
        Panel::Locks => (&state.settings.lock_patterns, "string", "--lock-pattern"),
        _ => (&state.settings.queue_patterns, "list", "--queue-pattern"),
    };
    let patterns: Vec<String> = patterns.iter().map(|p| crate::domain::bytes::escape_text(p)).collect();
    let mut lines = vec![format!("No {what}s: no {kind} key matches {}.", patterns.join("  "))];
    if snapshots().any(|n| n.status.reason == Some(Reason::Connecting)) {
        lines.push("Some nodes were not heard yet.".into());
    } else if snapshots().any(|n| n.scan.passes == 0) {
        lines.push(format!("Some nodes never answered: what {what}s they hold is not known."));
    }
    lines.push(format!("Watch others with {option} GLOB."));
    lines
}

/// One line of text in an area, cut to it.
pub fn put_line(frame: &mut Frame<'_>, x: u16, y: u16, room: u16, line: &Line<'_>, mark: char) {
    table::put_spans(frame.buffer_mut(), x, y, room, &line.spans, mark);
}

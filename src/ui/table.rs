//! The one table: a window of already chosen rows, columns that fit by priority, a gutter with pointer, mark and
//! sign, and a scrollbar of its own. Only what is seen is ever formatted.

mod columns;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use super::look::Look;
use super::text::{self, Cut};
use crate::domain::Severity;
use columns::{GAP, NARROW, fit, gap};

/// Pointer or mark, sign, space.
const GUTTER: u16 = 3;

/// Which side a cell keeps to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Text.
    Left,
    /// Figures.
    Right,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Heading.
    pub title: &'static str,
    /// Name of the sort column it shows, if one sorts by it.
    pub sort: Option<&'static str>,
    /// Least columns; with equal `max` its place never moves.
    pub min: u16,
    /// Most columns.
    pub max: u16,
    /// Columns with a lower rank go first when it gets narrow.
    pub rank: u8,
    /// Side.
    pub align: Align,
    /// Left out while no visible row knows anything for it.
    pub optional: bool,
}

/// A left-aligned column whose width follows what is seen.
pub const fn text(title: &'static str, sort: Option<&'static str>, min: u16, max: u16, rank: u8) -> Column {
    Column { title, sort, min, max, rank, align: Align::Left, optional: false }
}

/// A right-aligned column of fixed width.
pub const fn figure(title: &'static str, sort: Option<&'static str>, width: u16, rank: u8) -> Column {
    Column { title, sort, min: width, max: width, rank, align: Align::Right, optional: false }
}

/// The same, left out while no visible row knows anything for it.
pub const fn optional(column: Column) -> Column {
    Column { optional: true, ..column }
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    style: Style,
    cut: Cut,
    short: Option<String>,
}

impl Cell {
    /// A cell in this style, cut at its end.
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, cut: Cut::End, short: None }
    }

    /// Says less, but whole words, where the text does not fit.
    #[must_use]
    pub fn or(self, short: impl Into<String>) -> Self {
        Self { short: Some(short.into()), ..self }
    }

    /// What is shown in so many columns.
    fn fitting(&self, width: u16) -> &str {
        match &self.short {
            Some(short) if text::width(&self.text) > usize::from(width) => short,
            _ => &self.text,
        }
    }

    /// Cut in the middle instead.
    #[must_use]
    pub fn middle(self) -> Self {
        Self { cut: Cut::Middle, ..self }
    }
}

/// A row as drawn.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its sign.
    pub severity: Severity,
    /// One cell for each column.
    pub cells: Vec<Cell>,
    /// Replaces the cells from this column on by one text up to the edge.
    pub note: Option<(usize, Vec<Span<'static>>)>,
    /// Marked by the user.
    pub marked: bool,
    /// Stale: all of it dim.
    pub stale: bool,
}

/// What a table is drawn from.
#[derive(Debug)]
pub struct Table<'a> {
    /// Columns in order.
    pub columns: &'a [Column],
    /// The visible rows.
    pub rows: Vec<Row>,
    /// Position of the first visible row.
    pub offset: usize,
    /// All rows there are.
    pub total: usize,
    /// Position of the selected row among all.
    pub cursor: Option<usize>,
    /// The panel has the focus.
    pub focused: bool,
    /// Name of the sort column, and its direction.
    pub sort: (Option<&'static str>, bool),
}

/// First row to show, so that the cursor stays in view and moves the window as little as possible.
pub fn window(offset: usize, cursor: usize, total: usize, height: usize) -> usize {
    if height == 0 || total <= height {
        return 0;
    }
    let cursor = cursor.min(total - 1);
    let lowest = (cursor + 1).saturating_sub(height);
    offset.clamp(lowest, cursor).min(total - height)
}

impl Table<'_> {
    /// Draws heading and rows.
    pub fn draw(&self, look: Look, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.height == 0 || area.width <= GUTTER + 1 {
            return;
        }
        // The last column belongs to the scrollbar, also when there is none: nothing jumps when it comes.
        let inner = Rect { width: area.width - 1, ..area };
        let places = self.places(look, inner.width - GUTTER);
        self.draw_heading(look, inner, &places, buf);
        for (i, row) in self.rows.iter().enumerate().take(usize::from(area.height - 1)) {
            let line = Rect { y: area.y + 1 + i as u16, height: 1, ..inner };
            self.draw_row(look, row, self.cursor == Some(self.offset + i), line, &places, buf);
        }
        self.draw_scrollbar(look, area, buf);
    }

    /// Column number, x within the inner area, width; only of the columns that fit.
    fn places(&self, look: Look, room: u16) -> Vec<(usize, u16, u16)> {
        let natural: Vec<u16> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let seen = self
                    .rows
                    .iter()
                    .filter(|r| r.note.as_ref().is_none_or(|(from, _)| i < *from))
                    .filter_map(|r| r.cells.get(i))
                    .map(|c| text::width(if room < NARROW { c.fitting(0) } else { &c.text }))
                    .max();
                let heading = text::width(&self.heading(look, column));
                let want = u16::try_from(seen.unwrap_or(0).max(heading)).unwrap_or(u16::MAX);
                // In steps of two, so that a letter more does not move all that follows.
                let stepped =
                    if column.min == column.max { want } else { want.div_ceil(2).saturating_mul(2) };
                stepped.clamp(column.min, column.max)
            })
            .collect();
        let told = |i: usize| {
            let known = |c: &Cell| !matches!(c.text.as_str(), "" | "?");
            self.rows.iter().any(|r| r.cells.get(i).is_some_and(known))
        };
        let shown: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(i, c)| !c.optional || told(*i))
            .map(|(i, _)| i)
            .collect();
        let widths = fit(self.columns, shown, &natural, room);
        let mut x = GUTTER;
        let mut places = Vec::new();
        for (n, (i, width)) in widths.into_iter().enumerate() {
            if n > 0 {
                x += gap(self.columns, i, room);
            }
            places.push((i, x, width));
            x += width;
        }
        places
    }

    fn heading(&self, look: Look, column: &Column) -> String {
        match self.sort {
            (Some(name), descending) if column.sort == Some(name) => {
                format!("{} {}", column.title, look.arrow(descending))
            }
            _ => column.title.to_owned(),
        }
    }

    fn draw_heading(&self, look: Look, area: Rect, places: &[(usize, u16, u16)], buf: &mut Buffer) {
        for (i, x, width) in places {
            let Some(column) = self.columns.get(*i) else { continue };
            let sorted = column.sort.is_some() && column.sort == self.sort.0;
            let style = if sorted && self.focused { look.accent() } else { look.dim() };
            let shown = aligned(&self.heading(look, column), *width, column.align, Cut::End, look.ellipsis());
            buf.set_stringn(area.x + x, area.y, shown, usize::from(*width), style);
        }
    }

    fn draw_row(
        &self,
        look: Look,
        row: &Row,
        selected: bool,
        area: Rect,
        places: &[(usize, u16, u16)],
        buf: &mut Buffer,
    ) {
        let base = if row.stale { look.dim() } else { Style::new() };
        let gutter = match (selected, row.marked) {
            (_, true) => Span::styled(look.mark(), look.accent()),
            (true, false) if self.focused => Span::styled(look.pointer(), look.accent()),
            (true, false) => Span::styled(look.pointer(), look.dim()),
            (false, false) => Span::raw(" "),
        };
        buf.set_span(area.x, area.y, &gutter, 1);
        buf.set_string(area.x + 1, area.y, look.sign(row.severity), look.severity(row.severity).patch(base));
        let note_from = row.note.as_ref().map_or(usize::MAX, |(from, _)| *from);
        for (i, x, width) in places.iter().filter(|(i, _, _)| *i < note_from) {
            let (Some(column), Some(cell)) = (self.columns.get(*i), row.cells.get(*i)) else { continue };
            let shown = aligned(cell.fitting(*width), *width, column.align, cell.cut, look.ellipsis());
            buf.set_stringn(area.x + x, area.y, shown, usize::from(*width), cell.style.patch(base));
        }
        if let Some((from, spans)) = &row.note {
            let left = places
                .iter()
                .find(|(i, _, _)| i >= from)
                .map_or_else(|| places.last().map_or(GUTTER, |(_, x, w)| x + w + GAP), |(_, x, _)| *x);
            put_spans(buf, area.x + left, area.y, area.width.saturating_sub(left), spans, look.ellipsis());
        }
        if selected && self.focused {
            // Dim and reversed together cannot be read on many terminals.
            // One calm bar: only the sign keeps its colour.
            let style = Style::new().add_modifier(Modifier::REVERSED).remove_modifier(Modifier::DIM);
            buf.set_style(area, style);
            let bar = Style::new().fg(Color::Reset);
            buf.set_style(Rect { width: 1, ..area }, bar);
            buf.set_style(Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area }, bar);
        }
    }

    fn draw_scrollbar(&self, look: Look, area: Rect, buf: &mut Buffer) {
        let height = usize::from(area.height - 1);
        if height == 0 || self.total <= height {
            return;
        }
        let (track, thumb) = look.scrollbar();
        let size = (height * height / self.total).max(1);
        let last = self.total - height;
        let top = (self.offset.min(last) * (height - size) + last / 2) / last;
        for i in 0..height {
            let (sign, style) = if (top..top + size).contains(&i) {
                (thumb, if self.focused { look.accent() } else { look.dim() })
            } else {
                (track, look.dim())
            };
            buf.set_string(area.right() - 1, area.y + 1 + i as u16, sign, style);
        }
    }
}

/// Writes spans in at most `room` columns; the last one that does not fit is cut with `mark`.
pub fn put_spans(buf: &mut Buffer, x: u16, y: u16, room: u16, spans: &[Span<'_>], mark: char) {
    let mut left = usize::from(room);
    let mut x = x;
    for span in spans {
        if left == 0 {
            return;
        }
        let shown = text::cut(&span.content, left, Cut::End, mark);
        let used = text::width(&shown);
        buf.set_stringn(x, y, &shown, left, span.style);
        if used < text::width(&span.content) {
            return;
        }
        left -= used;
        x += used as u16;
    }
}

fn aligned(content: &str, width: u16, align: Align, how: Cut, mark: char) -> String {
    let width = usize::from(width);
    let shown = text::cut(content, width, how, mark);
    let pad = " ".repeat(width.saturating_sub(text::width(&shown)));
    match align {
        Align::Left => shown + &pad,
        Align::Right => pad + &shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_cursor_is_always_in_the_window(
            offset in 0_usize..2_000, cursor in 0_usize..1_000, total in 0_usize..1_000, height in 0_usize..60,
        ) {
            let first = window(offset, cursor, total, height);
            if total > 0 && height > 0 {
                let cursor = cursor.min(total - 1);
                prop_assert!(first <= cursor && cursor < first + height);
                prop_assert!(first + height.min(total) <= total);
            }
        }
    }
}

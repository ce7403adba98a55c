//! Lines of labelled facts, wrapped with a hanging indent: details, dialogs, help.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::look::Look;
use super::text::{Cut, width, wrap};

/// Columns of a label.
const LABEL: usize = 12;

/// Collects lines of at most a given width.
#[derive(Debug)]
pub struct Sheet {
    look: Look,
    width: usize,
    /// The lines so far.
    pub lines: Vec<Line<'static>>,
}

impl Sheet {
    /// An empty sheet.
    pub fn new(look: Look, width: u16) -> Self {
        Self { look, width: usize::from(width.max(1)), lines: Vec::new() }
    }

    /// Columns of its lines.
    pub fn width(&self) -> u16 {
        u16::try_from(self.width).unwrap_or(u16::MAX)
    }

    /// A heading, with an empty line before it unless it is the first.
    pub fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.blank();
        }
        self.text(text, self.look.accent());
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    /// A paragraph.
    pub fn text(&mut self, text: &str, style: Style) {
        for line in wrap(text, self.width) {
            self.lines.push(Line::styled(line, style));
        }
    }

    /// A line whose columns are aligned: cut at the edge, not wrapped.
    pub fn line(&mut self, text: &str, style: Style) {
        self.lines
            .push(Line::styled(super::text::cut(text, self.width, Cut::End, self.look.ellipsis()), style));
    }

    /// Columns for the value of a field.
    pub fn value_width(&self) -> usize {
        self.width.saturating_sub(LABEL)
    }

    /// A paragraph behind a sign or bullet.
    pub fn item(&mut self, sign: &str, sign_style: Style, text: &str, style: Style) {
        let indent = width(sign) + 1;
        for (i, line) in wrap(text, self.width.saturating_sub(indent + 2)).into_iter().enumerate() {
            let front = if i == 0 { format!("{sign} ") } else { " ".repeat(indent) };
            self.lines.push(Line::from(vec![
                Span::raw("  "),
                Span::styled(front, sign_style),
                Span::styled(line, style),
            ]));
        }
    }

    /// A label and its value.
    pub fn field(&mut self, label: &str, value: &str, style: Style) {
        for (i, line) in wrap(value, self.width.saturating_sub(LABEL)).into_iter().enumerate() {
            let front = format!("{:<LABEL$}", if i == 0 { label } else { "" });
            self.lines
                .push(Line::from(vec![Span::styled(front, self.look.dim()), Span::styled(line, style)]));
        }
    }

    /// A label and a value that may be unknown.
    pub fn known(&mut self, label: &str, value: Option<String>) {
        match value {
            Some(value) => self.field(label, &value, Style::new()),
            None => self.field(label, "?", self.look.dim()),
        }
    }
}

/// Two columns of lines; the left one is `half` wide, and `gap` columns lie between.
pub fn beside(
    mut left: Vec<Line<'static>>,
    mut right: Vec<Line<'static>>,
    half: u16,
    gap: u16,
) -> Vec<Line<'static>> {
    let rows = left.len().max(right.len());
    left.resize(rows, Line::default());
    right.resize(rows, Line::default());
    left.into_iter()
        .zip(right)
        .map(|(mut l, r)| {
            let used: usize = l.spans.iter().map(|s| width(&s.content)).sum();
            let pad = usize::from(half + gap).saturating_sub(used);
            let style = l.style;
            l.spans.iter_mut().for_each(|s| s.style = style.patch(s.style));
            l.style = Style::new();
            l.spans.push(Span::raw(" ".repeat(pad)));
            let style = r.style;
            l.spans.extend(r.spans.into_iter().map(|s| Span::styled(s.content, style.patch(s.style))));
            l
        })
        .collect()
}

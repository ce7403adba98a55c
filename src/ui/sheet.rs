//! Lines of labelled facts, wrapped with a hanging indent: details, dialogs, help.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::look::Look;
use super::text::{width, wrap};

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

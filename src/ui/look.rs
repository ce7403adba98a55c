//! How things look: roles to styles for each theme, and the signs with their ASCII stand-ins.
//!
//! Meaning never hangs on colour alone: every role that warns also has a sign. Only the terminal's 16 colours are
//! used, without grey and white, which vanish on some palettes; "less important" is the DIM attribute.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

use crate::config::Theme;
use crate::domain::Severity;

/// Theme and character set of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    theme: Theme,
    /// Only ASCII.
    pub ascii: bool,
}

impl Look {
    /// The look for these settings.
    pub fn new(theme: Theme, ascii: bool) -> Self {
        Self { theme, ascii }
    }

    fn colour(self, dark: Color, light: Color) -> Style {
        match self.theme {
            Theme::Dark => Style::new().fg(dark),
            Theme::Light => Style::new().fg(light),
            Theme::Mono => Style::new(),
        }
    }

    /// Act now.
    pub fn critical(self) -> Style {
        self.colour(Color::Red, Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Look at it. Yellow cannot be read on a light background.
    pub fn warning(self) -> Style {
        match self.theme {
            Theme::Mono => Style::new().add_modifier(Modifier::UNDERLINED),
            _ => self.colour(Color::Yellow, Color::Magenta),
        }
    }

    /// All is well; said rarely.
    pub fn good(self) -> Style {
        self.colour(Color::Green, Color::Green)
    }

    /// Unknown, stale, less important.
    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The one accent: what has the focus, what can be pressed.
    pub fn accent(self) -> Style {
        match self.theme {
            Theme::Mono => Style::new().add_modifier(Modifier::BOLD),
            _ => self.colour(Color::Cyan, Color::Blue),
        }
    }

    /// Plain text.
    pub fn plain(self) -> Style {
        Style::new()
    }

    /// Plain text that matters.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// A flag such as READ-ONLY.
    pub fn flag(self) -> Style {
        self.accent().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// A flag that warns, such as PRODUCTION.
    pub fn danger_flag(self) -> Style {
        self.critical().add_modifier(Modifier::REVERSED)
    }

    /// The style of a weight.
    pub fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Critical => self.critical(),
            Severity::Warning => self.warning(),
            Severity::Unknown => self.dim(),
            Severity::Info => self.plain(),
        }
    }

    /// The sign of a weight: a letter's width, readable without colour.
    pub fn sign(self, severity: Severity) -> &'static str {
        match (severity, self.ascii) {
            (Severity::Critical, false) => "✖",
            (Severity::Critical, true) => "X",
            (Severity::Warning, _) => "!",
            (Severity::Unknown, _) => "?",
            (Severity::Info, false) => "·",
            (Severity::Info, true) => ".",
        }
    }

    fn pick<T>(self, unicode: T, ascii: T) -> T {
        if self.ascii { ascii } else { unicode }
    }

    /// From here to there.
    pub fn to(self) -> &'static str {
        self.pick("→", "->")
    }

    /// Before what hangs on the line above.
    pub fn branch(self) -> &'static str {
        self.pick("└ ", "`-")
    }

    /// Stands for what was cut from a text.
    pub fn ellipsis(self) -> char {
        self.pick('…', '~')
    }

    /// "At least", before a lower bound.
    pub fn at_least(self) -> &'static str {
        self.pick("≥", ">=")
    }

    /// Between two facts on a line.
    pub fn dot(self) -> &'static str {
        self.pick(" · ", " | ")
    }

    /// In front of the selected row.
    pub fn pointer(self) -> &'static str {
        self.pick("▸", ">")
    }

    /// In front of a marked row.
    pub fn mark(self) -> &'static str {
        self.pick("●", "*")
    }

    /// Order of the sort column.
    pub fn arrow(self, descending: bool) -> &'static str {
        match (descending, self.ascii) {
            (false, false) => "▲",
            (true, false) => "▼",
            (false, true) => "^",
            (true, true) => "v",
        }
    }

    /// A horizontal rule.
    pub fn rule(self) -> &'static str {
        self.pick("─", "-")
    }

    /// Scrollbar: track and thumb.
    pub fn scrollbar(self) -> (&'static str, &'static str) {
        self.pick(("│", "┃"), ("|", "#"))
    }

    /// Border of dialogs and of the production frame.
    pub fn border(self) -> border::Set<'static> {
        const ASCII: border::Set<'static> = border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        };
        self.pick(border::ROUNDED, ASCII)
    }

    /// Bars of a sparkline, lowest first.
    fn bars(self) -> [char; 8] {
        self.pick(['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'], ['_', '.', '-', '~', '=', '+', '*', '#'])
    }

    /// The last `columns` values as a sparkline from zero, right-aligned. A zero is a miss, shown as a cross.
    pub fn sparkline(self, values: &[u64], columns: usize) -> String {
        let shown = values.get(values.len().saturating_sub(columns)..).unwrap_or_default();
        let top = shown.iter().copied().max().unwrap_or(0);
        let miss = self.pick('×', 'x');
        let bars = shown.iter().map(|v| if *v == 0 { miss } else { self.bar(*v, 0, top) });
        " ".repeat(columns.saturating_sub(shown.len())).chars().chain(bars).collect()
    }

    /// The last `columns` values as a trend, right-aligned: its lowest bar is the lowest value, unless all lie within a
    /// tenth of each other. So a deep queue that drains slowly is seen to fall, and one that rests is a quiet line.
    pub fn trend(self, values: &[u64], columns: usize) -> String {
        let shown = values.get(values.len().saturating_sub(columns)..).unwrap_or_default();
        let top = shown.iter().copied().max().unwrap_or(0);
        let low = shown.iter().copied().min().unwrap_or(0);
        let floor = low.min(top - top / 10);
        let flat = top == low;
        let bars = shown.iter().map(|v| if flat { self.bars()[0] } else { self.bar(*v, floor, top) });
        " ".repeat(columns.saturating_sub(shown.len())).chars().chain(bars).collect()
    }

    /// [`Look::trend`] of figures of which some are not known: a cross.
    pub fn history(self, values: &[Option<u64>], columns: usize) -> String {
        let shown = values.get(values.len().saturating_sub(columns)..).unwrap_or_default();
        let known: Vec<u64> = shown.iter().copied().flatten().collect();
        let bars: Vec<char> = self.trend(&known, known.len()).chars().collect();
        let mut bars = bars.into_iter();
        let miss = self.pick('×', 'x');
        shown.iter().filter_map(|v| if v.is_some() { bars.next() } else { Some(miss) }).collect()
    }

    fn bar(self, value: u64, floor: u64, top: u64) -> char {
        let span = u128::from(top.saturating_sub(floor).max(1));
        let step = (u128::from(value.saturating_sub(floor)) * 8).div_ceil(span).clamp(1, 8);
        self.bars()[usize::try_from(step).unwrap_or(8) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparklines_scale_to_their_top() {
        let look = Look::new(Theme::Dark, false);
        assert_eq!(look.sparkline(&[1, 4, 8], 5), "  ▁▄█");
        assert_eq!(look.sparkline(&[5, 0, 5], 3), "█×█");
        assert_eq!(look.sparkline(&[9, 9, 9, 9], 2), "██");
        assert_eq!(look.sparkline(&[u64::MAX, 1], 2), "█▁");
        assert_eq!(Look::new(Theme::Dark, true).sparkline(&[1, 0, 8], 3), "_x#");
    }

    #[test]
    fn trends_show_slow_change_and_stay_quiet_at_rest() {
        let look = Look::new(Theme::Dark, false);
        assert_eq!(look.trend(&[0, 0], 3), " ▁▁");
        assert_eq!(look.trend(&[37, 37, 37], 3), "▁▁▁");
        assert_eq!(look.trend(&[3_000, 2_900, 2_800, 2_600, 2_500], 5), "█▇▅▂▁");
        assert_eq!(look.trend(&[1_000, 999], 2), "██");
        assert_eq!(look.trend(&[u64::MAX, 0], 2), "█▁");
        assert_eq!(look.trend(&[], 2), "  ");
        assert_eq!(look.history(&[Some(1), None, Some(8), Some(8)], 3), "×▁▁");
        assert_eq!(look.history(&[Some(0), None, Some(8)], 9), "▁×█");
        assert_eq!(look.history(&[None, None], 9), "××");
    }
}

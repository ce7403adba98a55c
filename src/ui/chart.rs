//! Charts of a queue over the session: its depth, and what goes in and out.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

use super::format;
use super::look::Look;
use super::scene::Scene;
use super::text::width;
use crate::app::series::Point;
use crate::domain::QueueId;

/// Narrower ones stand below each other.
const SIDE_BY_SIDE: u16 = 90;
/// Columns between two charts.
const GAP: u16 = 2;

/// One line of a chart: name, style, marker and its points.
struct Curve<'a> {
    name: &'a str,
    style: Style,
    marker: Marker,
    points: Vec<(f64, f64)>,
}

/// The charts as lines of this width; none before there are two looks.
pub fn lines(scene: &Scene<'_>, id: &QueueId, width: u16) -> Vec<Line<'static>> {
    let look = scene.look;
    let until = scene.state.view_time();
    let series = scene.state.series.of(id);
    let points: Vec<Point> =
        series.map_or(&[][..], |s| s.points()).iter().filter(|p| p.at.mono <= until.mono).copied().collect();
    let Some(first) = points.first().filter(|_| points.len() > 1 && width >= 24) else { return Vec::new() };
    let begin = first.at;
    let at = |of: fn(&Point) -> Option<f64>| -> Vec<(f64, f64)> {
        let x = |p: &Point| p.at.mono.saturating_duration_since(begin.mono).as_secs_f64();
        points.iter().filter_map(|p| Some((x(p), of(p)?))).collect()
    };
    let depth =
        [Curve { name: "waiting", style: look.accent(), marker: Marker::Braille, points: at(|p| p.depth) }];
    // Told apart by their marks, too: not every screen has colours.
    let rates = [
        Curve { name: "in/s", style: look.good(), marker: Marker::Braille, points: at(|p| p.incoming) },
        Curve { name: "out/s", style: look.warning(), marker: Marker::Dot, points: at(|p| p.outgoing) },
    ];
    let span = points.last().map_or(Duration::ZERO, |p| p.at.mono.saturating_duration_since(begin.mono));
    let height = match scene.state.size.1 {
        0..30 => 7,
        30..50 => 10,
        _ => 14,
    };
    if width < SIDE_BY_SIDE {
        let upper = chart(look, &depth, span, (width, height));
        return upper.into_iter().chain(chart(look, &rates, span, (width, height))).collect();
    }
    let half = (width - GAP) / 2;
    let right = chart(look, &rates, span, (half, height));
    chart(look, &depth, span, (half, height))
        .into_iter()
        .zip(right)
        .map(|(mut left, right)| {
            left.spans.push(Span::raw(" ".repeat(usize::from(GAP))));
            left.spans.extend(right.spans);
            left
        })
        .collect()
}

/// One chart, its names above it.
fn chart(
    look: Look,
    curves: &[Curve<'_>],
    span: Duration,
    (width_of, height): (u16, u16),
) -> Vec<Line<'static>> {
    let highest = curves.iter().flat_map(|c| &c.points).map(|p| p.1).fold(0.0, f64::max);
    let top = if highest > 0.0 { highest } else { 1.0 };
    let seconds = span.as_secs_f64().max(1.0);
    let label = number(top);
    let blank = " ".repeat(label.len().saturating_sub(1));
    let datasets = curves.iter().map(|c| {
        let dataset = Dataset::default().marker(c.marker).style(c.style).data(&c.points);
        dataset.graph_type(if c.marker == Marker::Dot { GraphType::Scatter } else { GraphType::Line })
    });
    let x = Axis::default()
        .bounds([0.0, seconds])
        .style(look.dim())
        .labels([format!("{} ago", format::duration(span)), "now".to_owned()]);
    let y = Axis::default().bounds([0.0, top]).style(look.dim()).labels([format!("{blank}0"), label]);
    let area = Rect::new(0, 0, width_of, height);
    let mut buffer = Buffer::empty(area);
    Chart::new(datasets.collect()).x_axis(x).y_axis(y).legend_position(None).render(area, &mut buffer);
    let mut lines = vec![names(look, curves, width_of)];
    lines.extend((0..height).map(|row| line(look, &buffer, row)));
    lines
}

/// A depth is whole, a rate small.
fn number(n: f64) -> String {
    if n >= 100.0 || n.fract() == 0.0 {
        format::count_or_compact(n.round() as u64)
    } else {
        format!("{n:.1}")
    }
}

/// Names and last values, in the style of their curves.
fn names(look: Look, curves: &[Curve<'_>], columns: u16) -> Line<'static> {
    let mut spans = Vec::new();
    for curve in curves {
        let last = curve.points.last().map_or("?".to_owned(), |p| number(p.1));
        let sign = match (curve.marker, look.ascii) {
            (_, true) if curve.marker == Marker::Dot => "o",
            (_, true) => "*",
            (Marker::Dot, _) => "\u{2022}",
            _ => "\u{2500}",
        };
        spans.push(Span::styled(format!("{sign} {} {last}  ", curve.name), curve.style));
    }
    let used: usize = spans.iter().map(|s| width(&s.content)).sum();
    spans.push(Span::raw(" ".repeat(usize::from(columns).saturating_sub(used))));
    Line::from(spans)
}

/// One row of the drawing as a line.
fn line(look: Look, buffer: &Buffer, row: u16) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for column in 0..buffer.area.width {
        let Some(cell) = buffer.cell((column, row)) else { continue };
        let symbol = if look.ascii { plain(cell.symbol()) } else { cell.symbol() };
        match spans.last_mut() {
            Some(last) if last.style == cell.style() => last.content.to_mut().push_str(symbol),
            _ => spans.push(Span::styled(symbol.to_owned(), cell.style())),
        }
    }
    Line::from(spans)
}

/// Signs that every terminal has.
fn plain(symbol: &str) -> &str {
    match symbol {
        "\u{2502}" => "|",
        "\u{2500}" => "-",
        "\u{2514}" => "+",
        "\u{2022}" => "o",
        other if other.is_ascii() => other,
        _ => "*",
    }
}

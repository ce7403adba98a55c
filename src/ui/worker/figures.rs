//! Figures of the worker pane: what became of tasks, how long they waited and ran, its queues, what runs now.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::ui::detail::or_unknown;
use crate::ui::format;
use crate::ui::look::Look;
use crate::ui::scene::Scene;
use crate::ui::text;
use crate::worker::histogram::{BOUNDS, Histogram};
use crate::worker::view::{WorkerState, WorkerView};

/// Longest bar of a histogram, columns.
const BAR: u64 = 24;

struct Figures {
    spans: Vec<Span<'static>>,
    label: Style,
}

impl Figures {
    fn new(look: Look) -> Self {
        Self { spans: Vec::new(), label: look.dim() }
    }

    fn add(&mut self, label: &str, value: String, style: Style) {
        if !self.spans.is_empty() {
            self.spans.push(Span::raw("   "));
        }
        self.spans.push(Span::styled(format!("{label} "), self.label));
        self.spans.push(Span::styled(value, style));
    }

    fn width(&self) -> usize {
        self.spans.iter().map(|s| text::width(&s.content)).sum()
    }
}

/// What became of tasks. Where there is no room for all, those that are zero are left out.
pub(super) fn counts(look: Look, view: &WorkerView, width: usize) -> Line<'static> {
    let counts = &view.counts;
    let alarm = |n: u64| if n > 0 { look.warning() } else { look.plain() };
    let all = [
        ("done", counts.done, look.strong()),
        ("failed", counts.failed, alarm(counts.failed)),
        ("retried", counts.retried, look.plain()),
        ("dead", counts.dead, alarm(counts.dead)),
        ("timeouts", counts.timeouts, alarm(counts.timeouts)),
        ("recovered", counts.recovered, look.plain()),
        ("run twice", counts.run_twice, alarm(counts.run_twice)),
        ("not replicated", counts.unreplicated, alarm(counts.unreplicated)),
    ];
    let line = |whole: bool| {
        let mut figures = Figures::new(look);
        for (label, n, style) in all {
            if n > 0 || matches!(label, "done" | "failed") || (whole && label != "not replicated") {
                figures.add(label, format::count(n), style);
            }
        }
        figures
    };
    let whole = line(true);
    Line::from(if whole.width() <= width { whole } else { line(false) }.spans)
}

/// How long tasks ran and waited, as percentiles and small charts.
pub(super) fn times(look: Look, view: &WorkerView) -> Line<'static> {
    let chart = |histogram: &Histogram| {
        let Some((first, last)) = histogram.span() else { return ("-".to_string(), look.dim()) };
        let bars = look.trend(&histogram.counts[first..=last], last - first + 1);
        let from = if first == 0 { "0".into() } else { format::latency(BOUNDS[first - 1]) };
        let to = BOUNDS.get(last).map_or_else(|| "longer".into(), |b| format::latency(*b));
        (format!("{from} {bars} {to}"), look.plain())
    };
    let mut figures = Figures::new(look);
    let (ran, style) = chart(&view.run_times);
    figures.add("ran", ran, style);
    figures.add("p50", or_unknown(view.p50), look.plain());
    figures.add("p95", or_unknown(view.p95), look.plain());
    let (waited, style) = chart(&view.wait_times);
    figures.add("waited", waited, style);
    Line::from(figures.spans)
}

/// One line for each queue, where there are several.
pub(super) fn queues(look: Look, view: &WorkerView) -> Vec<Line<'static>> {
    if view.queues.len() < 2 {
        return Vec::new();
    }
    let line = |queue: &crate::worker::QueueView| {
        let (state, style) = match &queue.state {
            WorkerState::Starting => ("starting".into(), look.accent()),
            WorkerState::Running => (format!("{} running", queue.running), look.plain()),
            WorkerState::Paused => ("paused".into(), look.warning()),
            WorkerState::Stopping => ("stopping".into(), look.warning()),
            WorkerState::Stopped => ("stopped".into(), look.dim()),
            WorkerState::Reconnecting(why) => (format!("! reconnecting: {why}"), look.warning()),
            WorkerState::Failed(why) => (format!("! failed: {why}"), look.critical()),
        };
        let name = format!("{} on {}", queue.queue.key, queue.queue.node);
        let name = text::cut(&name, 36, text::Cut::Middle, look.ellipsis());
        let mut figures = Figures::new(look);
        figures.add("queue", format!("{name:<24}"), look.plain());
        figures.add("weight", queue.weight.to_string(), look.plain());
        figures.add("done", format::count(queue.counts.done), look.plain());
        if queue.counts.failed > 0 {
            figures.add("failed", format::count(queue.counts.failed), look.warning());
        }
        figures.spans.push(Span::styled(format!("   {state}"), style));
        Line::from(figures.spans)
    };
    view.queues.iter().map(line).collect()
}

/// What runs now and since when, longest first.
pub(super) fn running(scene: &Scene<'_>, view: &WorkerView) -> Vec<Line<'static>> {
    let look = scene.look;
    let several = view.queues.len() > 1;
    let line = |task: &crate::worker::RunningTask| {
        let mut figures = Figures::new(look);
        figures.add("running", task.label.clone(), look.plain());
        let since = format::clock(task.since.wall, scene.zone);
        figures.add("for", format::duration(scene.state.now.since(task.since)), look.plain());
        figures.add("since", since, look.dim());
        if task.attempt > 1 {
            figures.add("attempt", task.attempt.to_string(), look.warning());
        }
        if let Some(queue) = view.queues.get(task.queue).filter(|_| several) {
            let key = text::cut_bytes(&queue.queue.key, 24, text::Cut::Middle, look.ellipsis());
            figures.add("of", key, look.dim());
        }
        Line::from(figures.spans)
    };
    view.now.iter().map(line).collect()
}

/// Both histograms side by side, one line a class; none while nothing ran.
pub(super) fn histograms(look: Look, view: &WorkerView) -> Vec<Line<'static>> {
    let spans = [view.run_times.span(), view.wait_times.span()];
    let first = spans.iter().flatten().map(|s| s.0).min();
    let last = spans.iter().flatten().map(|s| s.1).max();
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let bar = |histogram: &Histogram, class: usize| {
        let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
        let n = histogram.counts[class];
        let columns = if n == 0 { 0 } else { (n * BAR).div_ceil(most) };
        let drawn = if look.ascii { "#" } else { "█" }.repeat(columns as usize);
        let count = if n == 0 { String::new() } else { format::count_or_compact(n) };
        format!("{:<width$}", format!("{drawn} {count}"), width = BAR as usize + 9)
    };
    let mut lines = vec![Line::styled(
        format!("{:>9}  {:<width$}{}", "up to", "ran", "waited in the queue", width = BAR as usize + 9),
        look.dim(),
    )];
    lines.extend((first..=last).map(|class| {
        let up_to = BOUNDS.get(class).map_or_else(|| "longer".into(), |b| format::latency(*b));
        Line::from(vec![
            Span::styled(format!("{up_to:>9}  "), look.dim()),
            Span::styled(bar(&view.run_times, class), look.plain()),
            Span::styled(bar(&view.wait_times, class), look.plain()),
        ])
    }));
    lines
}

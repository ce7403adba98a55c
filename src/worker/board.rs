//! Bookkeeping of what the pane shows: counters, run times, the bounded log. Published at most 20 times a second.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::view::{LineKind, WorkerLine, WorkerState, WorkerView};
use crate::domain::Stamp;

/// Lines kept in the live log.
const LOG_LINES: usize = 500;
/// Run times the percentiles rest on.
const RUN_TIMES: usize = 1000;
/// Ended test tasks kept for those who follow one.
const ENDED: usize = 500;

/// Gets each line as it is written.
pub(super) type OnLine = Box<dyn FnMut(&WorkerLine) + Send>;
/// Where views go; latest wins.
pub(super) type Views = watch::Sender<Option<Arc<WorkerView>>>;

/// The view while it is being written.
pub(super) struct Board {
    pub(super) view: WorkerView,
    times: VecDeque<Duration>,
    views: Option<Views>,
    on_line: Option<OnLine>,
    dirty: bool,
}

impl Board {
    pub(super) fn new(view: WorkerView, views: Option<Views>, on_line: Option<OnLine>) -> Self {
        Self { view, times: VecDeque::new(), views, on_line, dirty: true }
    }

    pub(super) fn state(&mut self, state: WorkerState) {
        if self.view.state != state {
            self.view.state = state;
            self.dirty = true;
        }
    }

    /// Writes a line; the text must be escaped already.
    pub(super) fn line(&mut self, kind: LineKind, text: String) {
        let line = WorkerLine { at: Stamp::now(), kind, text };
        if let Some(on_line) = &mut self.on_line {
            on_line(&line);
        }
        push_bounded(&mut self.view.log, line, LOG_LINES);
        self.dirty = true;
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.line(LineKind::Note, text.into());
    }

    pub(super) fn counts(&mut self, running: usize, concurrency: usize) {
        if (self.view.running, self.view.concurrency) != (running, concurrency) {
            (self.view.running, self.view.concurrency) = (running, concurrency);
            self.dirty = true;
        }
    }

    /// A task ended and was removed.
    pub(super) fn ended(&mut self, id: Option<&str>, done: bool, took: Duration) {
        if done {
            self.view.done += 1;
        } else {
            self.view.failed += 1;
        }
        push_bounded(&mut self.times, took, RUN_TIMES);
        if let Some(id) = id {
            push_bounded(&mut self.view.ended, (id.to_string(), done), ENDED);
        }
        self.dirty = true;
    }

    /// Something changed since the last [`Board::publish`].
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Shows the view to whoever watches, if something changed.
    pub(super) fn publish(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let mut sorted: Vec<Duration> = self.times.iter().copied().collect();
        sorted.sort_unstable();
        self.view.p50 = percentile(&sorted, 50);
        self.view.p95 = percentile(&sorted, 95);
        if let Some(views) = &self.views {
            views.send_replace(Some(Arc::new(self.view.clone())));
        }
    }
}

/// Nearest rank.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn push_bounded<T>(ring: &mut VecDeque<T>, item: T, max: usize) {
    if ring.len() >= max {
        ring.pop_front();
    }
    ring.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_run_times_that_were_seen() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&times, 95), Some(Duration::from_millis(95)));
        assert_eq!(percentile(&times[..1], 95), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}

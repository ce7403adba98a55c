//! Bookkeeping of what the pane shows: counters, run times, the bounded log. Published at most 20 times a second.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::view::{Counts, LineKind, RunningTask, WorkerLine, WorkerState, WorkerView};
use crate::domain::Stamp;

/// Lines kept in the live log.
const LOG_LINES: usize = 500;
/// Run times the percentiles rest on.
const RUN_TIMES: usize = 1000;
/// Running tasks shown.
const NOW: usize = 32;
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
    now: BTreeMap<(usize, u64), RunningTask>,
    views: Option<Views>,
    on_line: Option<OnLine>,
    dirty: bool,
}

impl Board {
    pub(super) fn new(view: WorkerView, views: Option<Views>, on_line: Option<OnLine>) -> Self {
        Self { view, times: VecDeque::new(), now: BTreeMap::new(), views, on_line, dirty: true }
    }

    /// State of one queue; true when it is another one than before.
    pub(super) fn lane_state(&mut self, lane: usize, state: WorkerState) -> bool {
        let shown = &mut self.view.queues[lane].state;
        let changed = *shown != state;
        *shown = state;
        self.dirty |= changed;
        changed
    }

    pub(super) fn state(&mut self, state: WorkerState) {
        self.dirty |= self.view.state != state;
        self.view.state = state;
    }

    /// Writes a line; the text must be escaped already. Said of one queue, where there are several.
    pub(super) fn line(&mut self, lane: Option<usize>, kind: LineKind, text: String) {
        let queues = &self.view.queues;
        let text = match lane.filter(|_| queues.len() > 1) {
            Some(lane) if queues.iter().any(|q| q.queue.node != queues[0].queue.node) => {
                format!("{} on {}: {text}", queues[lane].queue.key, queues[lane].queue.node)
            }
            Some(lane) => format!("{}: {text}", queues[lane].queue.key),
            None => text,
        };
        let line = WorkerLine { at: Stamp::now(), kind, text };
        if let Some(on_line) = &mut self.on_line {
            on_line(&line);
        }
        push_bounded(&mut self.view.log, line, LOG_LINES);
        self.dirty = true;
    }

    /// Counts something of a queue.
    pub(super) fn count(&mut self, lane: usize, add: impl FnOnce(&mut Counts)) {
        add(&mut self.view.queues[lane].counts);
        self.dirty = true;
    }

    /// A task starts; `number` tells it from the others of its queue.
    pub(super) fn started(&mut self, lane: usize, number: u64, label: String, attempt: u32) {
        self.view.queues[lane].running += 1;
        self.now.insert((lane, number), RunningTask { queue: lane, label, attempt, since: Stamp::now() });
        self.dirty = true;
    }

    /// It does not run any more.
    pub(super) fn stopped(&mut self, lane: usize, number: u64) {
        let running = &mut self.view.queues[lane].running;
        *running = running.saturating_sub(1);
        self.now.remove(&(lane, number));
        self.dirty = true;
    }

    /// A task waited so long before its first run.
    pub(super) fn waited(&mut self, waited: Duration) {
        self.view.wait_times.add(waited);
    }

    /// A run ended.
    pub(super) fn took(&mut self, took: Duration) {
        self.view.run_times.add(took);
        push_bounded(&mut self.times, took, RUN_TIMES);
        self.dirty = true;
    }

    /// A test task will not run again.
    pub(super) fn ended(&mut self, id: &str, done: bool) {
        push_bounded(&mut self.view.ended, (id.to_string(), done), ENDED);
    }

    /// Something changed since the last [`Board::publish`].
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Shows the view to whoever watches, if something changed.
    pub(super) fn publish(&mut self, (running, concurrency): (usize, usize)) {
        self.dirty |= (self.view.running, self.view.concurrency) != (running, concurrency);
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        (self.view.running, self.view.concurrency) = (running, concurrency);
        self.view.counts = Counts::default();
        for queue in &self.view.queues {
            self.view.counts.add(&queue.counts);
        }
        let mut sorted: Vec<Duration> = self.times.iter().copied().collect();
        sorted.sort_unstable();
        self.view.p50 = percentile(&sorted, 50);
        self.view.p95 = percentile(&sorted, 95);
        self.view.now = self.now.values().cloned().collect();
        self.view.now.sort_by_key(|task| task.since.mono);
        self.view.now.truncate(NOW);
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

//! Depth and rates of each queue over the session, for the chart of its details. Bounded: as the session gets longer
//! points are merged, and beyond a number of queues no more are followed.

use std::collections::BTreeMap;

use crate::domain::{FleetView, Queue, QueueId, Stamp};

/// Points of one queue; then pairs are merged.
const MOST_POINTS: usize = 240;
/// Queues followed.
const MOST_QUEUES: usize = 1000;

/// One point, the mean of some looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When its first look was.
    pub at: Stamp,
    /// Tasks waiting; `None` is unknown.
    pub depth: Option<f64>,
    /// Pushed per second.
    pub incoming: Option<f64>,
    /// Taken per second.
    pub outgoing: Option<f64>,
    looks: u32,
}

impl Point {
    fn of(queue: &Queue) -> Self {
        Self {
            at: queue.read_at,
            depth: queue.waiting.map(|n| n as f64),
            incoming: queue.rates.incoming,
            outgoing: queue.rates.outgoing,
            looks: 1,
        }
    }

    /// The mean of both; what is unknown in one is what the other says.
    fn merged(self, later: Self) -> Self {
        let looks = self.looks + later.looks;
        let (a, b) = (f64::from(self.looks), f64::from(later.looks));
        let mean = |x: Option<f64>, y: Option<f64>| match (x, y) {
            (Some(x), Some(y)) => Some((x * a + y * b) / (a + b)),
            (x, y) => x.or(y),
        };
        Self {
            at: self.at,
            depth: mean(self.depth, later.depth),
            incoming: mean(self.incoming, later.incoming),
            outgoing: mean(self.outgoing, later.outgoing),
            looks,
        }
    }
}

/// What one queue did.
#[derive(Clone, Debug, Default)]
pub struct Series {
    points: Vec<Point>,
    /// Looks in a full point.
    each: u32,
    last: Option<Stamp>,
}

impl Series {
    /// Oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    fn push(&mut self, point: Point) {
        self.last = Some(point.at);
        match self.points.last_mut() {
            Some(last) if last.looks < self.each => *last = last.merged(point),
            _ => self.points.push(point),
        }
        if self.points.len() > MOST_POINTS {
            let pair = |pair: &[Point]| match pair {
                [a, b] => Some(a.merged(*b)),
                rest => rest.first().copied(),
            };
            self.points = self.points.chunks(2).filter_map(pair).collect();
            self.each = self.each.max(1) * 2;
        }
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct QueueSeries {
    by_queue: BTreeMap<QueueId, Series>,
}

impl QueueSeries {
    /// Takes new looks in.
    pub fn observe(&mut self, fleet: &FleetView) {
        for queue in &fleet.queues {
            let full = self.by_queue.len() >= MOST_QUEUES;
            match self.by_queue.get_mut(&queue.id) {
                Some(series) if series.last.is_some_and(|at| at.mono >= queue.read_at.mono) => {}
                Some(series) => series.push(Point::of(queue)),
                None if !full => {
                    let mut series = Series::default();
                    series.push(Point::of(queue));
                    self.by_queue.insert(queue.id.clone(), series);
                }
                None => {}
            }
        }
        if self.by_queue.len() >= MOST_QUEUES {
            // Queues that are gone make room.
            let there: std::collections::HashSet<&QueueId> = fleet.queues.iter().map(|q| &q.id).collect();
            self.by_queue.retain(|id, _| there.contains(id));
        }
    }

    /// What this queue did; `None` where it is not followed.
    pub fn of(&self, id: &QueueId) -> Option<&Series> {
        self.by_queue.get(id)
    }
}

//! What is kept of a session for the charts.

use std::sync::Arc;
use std::time::Duration;

use redwarden::app::series::QueueSeries;
use redwarden::domain::FleetView;

use crate::fixtures::{base, rich_board};

#[test]
fn a_long_session_is_kept_whole_in_few_points() {
    let mut view = FleetView::build(&rich_board());
    let id = view.queues[0].id.clone();
    let mut series = QueueSeries::default();
    let mut at = base();
    for n in 1..=20_000_u64 {
        at = at.plus(Duration::from_secs(1));
        let mut queue = (*view.queues[0]).clone();
        queue.read_at = at;
        queue.waiting = (n % 10 != 0).then_some(n);
        queue.rates.incoming = None;
        queue.rates.outgoing = Some(2.0);
        view.queues = vec![Arc::new(queue)];
        series.observe(&view);
        // The same look again adds nothing.
        series.observe(&view);
        assert!(series.of(&id).unwrap().points().len() <= 240);
    }
    let points = series.of(&id).unwrap().points();
    assert!(points.len() > 80, "{}", points.len());
    let (first, last) = (points[0], points[points.len() - 1]);
    assert_eq!(first.at.mono.duration_since(base().mono), Duration::from_secs(1));
    // Means of many looks: the first of the beginning, the last of the end; unknown depths are left out.
    assert!(first.depth.unwrap() < 300.0 && last.depth.unwrap() > 19_500.0, "{first:?} {last:?}");
    assert_eq!((last.incoming, last.outgoing), (None, Some(2.0)));
}

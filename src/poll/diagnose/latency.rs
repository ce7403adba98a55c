//! LATENCY LATEST: spikes that the server's latency monitor recorded.

use std::time::Duration;

use super::{cut, refused, unsigned};
use crate::domain::Reply;
use crate::domain::diagnostics::{LatencyEvent, Told};

/// Kinds of events that are kept; a Redis has about twenty.
const MOST: usize = 40;

pub(super) fn parse(reply: &Reply) -> Told<Vec<LatencyEvent>> {
    let Some(events) = reply.as_array() else { return refused(reply, "LATENCY|LATEST") };
    let mut told: Vec<LatencyEvent> = events.iter().take(MOST).filter_map(event).collect();
    told.sort_by_key(|e| std::cmp::Reverse(e.most));
    Told::Known(told)
}

/// Name, time of the last one, its length, the longest ever. Newer servers add more, which is not needed.
fn event(reply: &Reply) -> Option<LatencyEvent> {
    let fields = reply.as_array()?;
    Some(LatencyEvent {
        event: cut(super::text(fields.first())?.as_slice(), 40),
        at: unsigned(fields.get(1))?,
        latest: Duration::from_millis(unsigned(fields.get(2))?),
        most: Duration::from_millis(unsigned(fields.get(3))?),
    })
}

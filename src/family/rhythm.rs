//! Over which looks a rate is told. Of a queue whose tasks come or go in batches, a window that is shorter than the time
//! between two batches would show growing and draining in turn: there whole rounds are taken.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::Sample;

/// Looks are kept for so many windows: batches that are further apart are not known for a rhythm.
const WINDOWS: u32 = 6;
/// So many looks are enough, where they are close together.
const MOST: usize = 256;
/// Batches are at least this part of a window apart; closer ones are smoothed by the window itself.
const APART: u32 = 4;

/// Forgets looks that no rate needs any more.
pub(super) fn trim(looks: &mut VecDeque<Sample>, window: Duration) {
    let Some(now) = looks.back().map(|last| last.at) else { return };
    while let Some(first) = looks.front().map(|first| now.since(first.at))
        && (first > window * WINDOWS || (looks.len() > MOST && first > window))
    {
        looks.pop_front();
    }
}

/// The looks that a rate is told of: those within the window, or whole rounds of batches.
pub(super) fn span(looks: &VecDeque<Sample>, window: Duration) -> Range<usize> {
    let taken = |s: &Sample| match (s.popped, s.events) {
        (Some(popped), _) => popped > 0,
        (None, Some(events)) => events.popped > 0 || s.net < 0,
        (None, None) => s.net < 0,
    };
    let pushed = |s: &Sample| match (s.pushed, s.events) {
        (Some(pushed), _) => pushed > 0,
        (None, Some(events)) => events.pushed > 0 || s.net > 0,
        (None, None) => s.net > 0,
    };
    let Some(last) = looks.back() else { return 0..0 };
    let rounds = [rounds(looks, window, taken), rounds(looks, window, pushed)];
    // The slower side decides.
    rounds.into_iter().flatten().min_by_key(|range| range.end).unwrap_or_else(|| {
        let first = looks.iter().position(|s| last.at.since(s.at) <= window);
        first.unwrap_or(0)..looks.len()
    })
}

/// From behind the first batch up to the last one; from the beginning on while only one is known. `None`: they come too
/// close together, or the next one is long overdue.
fn rounds(
    looks: &VecDeque<Sample>,
    window: Duration,
    is_batch: impl Fn(&Sample) -> bool,
) -> Option<Range<usize>> {
    let batches: Vec<usize> = (0..).zip(looks).filter(|(_, look)| is_batch(look)).map(|(at, _)| at).collect();
    let (first, last) = (*batches.first()?, *batches.last()?);
    let at = |index: usize| looks.get(index).map(|look| look.at);
    let open = looks.back()?.at.since(at(last)?);
    if first == last {
        let known = at(first)?.since(at(0)?);
        return (open <= known && known > window / APART).then_some(0..looks.len());
    }
    let gap = |pair: &[usize]| match pair {
        [a, b] => Some(at(*b)?.since(at(*a)?)),
        _ => None,
    };
    let widest = batches.windows(2).filter_map(gap).max()?;
    let look = Duration::try_from_secs_f64(looks.back()?.seconds).unwrap_or_default();
    let apart = widest > (window / APART).max(look * 3);
    (apart && open <= widest * 2).then_some(first + 1..last + 1)
}

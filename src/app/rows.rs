//! The row index of each list: which rows, in which order. Rebuilt only when data, filter or sort changes.

use std::sync::Arc;
use std::time::Instant;

use super::columns::{self, At, Column, SortKey};
use super::command::Panel;
use super::filter::Filter;
use super::selection;
use super::state::{AppState, ListState, RowId, Sort};

/// Rebuilds the lists of all panels.
pub fn rebuild_all(state: &mut AppState) {
    for panel in [Panel::Nodes, Panel::Locks, Panel::Queues] {
        rebuild(state, panel);
    }
}

/// Rebuilds one list: the selection stays on its row, or goes to the nearest one when that row went away.
pub fn rebuild(state: &mut AppState, panel: Panel) {
    let shown = state.shown.clone();
    let rules = state.settings.rules.clone();
    let at = At { rules: &rules, now: state.view_time().mono, fleet: &shown };
    let Some(list) = state.list_mut(panel) else { return };
    // Only texts that parse are put in force.
    let filter = Filter::parse(panel, &list.filter).unwrap_or_default();
    let sort = list.sort;
    let selected = list.selected.clone();
    let mut next_end: Option<Instant> = None;
    let built = match panel {
        Panel::Nodes => build(
            columns::NODES,
            sort,
            at,
            shown.nodes.iter().enumerate(),
            |n| filter.node(n, at),
            |n| matches!(&selected, Some(RowId::Node(id)) if *id == n.snapshot.meta.id),
        ),
        Panel::Locks => build(
            columns::LOCKS,
            sort,
            at,
            shown.locks.iter().map(|l| &**l).enumerate(),
            |l| {
                let Some(left) = l.ttl_left(at.now) else {
                    return !shown.is_folded(l, at.now) && filter.lock(l, at);
                };
                if left.is_zero() || shown.is_folded(l, at.now) || !filter.lock(l, at) {
                    return false;
                }
                let end = at.now.checked_add(left);
                next_end = match (next_end, end) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                true
            },
            |l| matches!(&selected, Some(RowId::Lock(id)) if *id == l.id),
        ),
        Panel::Queues => build(
            columns::QUEUES,
            sort,
            at,
            shown.queues.iter().map(|q| &**q).enumerate(),
            |q| filter.queue(q, at),
            |q| matches!(&selected, Some(RowId::Queue(id)) if *id == q.id),
        ),
        Panel::Worker => return,
    };
    list.next_end = next_end;
    put(list, built);
    selection::settle(state, panel);
}

/// Drops locks whose TTL ran out on our clock, if there are any; a frozen display stays.
pub fn drop_ended(state: &mut AppState) {
    let now = state.view_time().mono;
    if state.locks.next_end.is_some_and(|end| end <= now) {
        rebuild(state, Panel::Locks);
    }
}

struct Built {
    rows: Vec<u32>,
    /// Where the selected row stands now.
    selected: Option<usize>,
}

fn build<'a, T: 'a>(
    columns: &[Column<T>],
    sort: Sort,
    at: At<'_>,
    items: impl Iterator<Item = (usize, &'a T)>,
    mut keep: impl FnMut(&T) -> bool,
    is_selected: impl Fn(&T) -> bool,
) -> Built {
    let key = columns.get(sort.column).or_else(|| columns.first()).map(|c| c.key);
    let mut selected = None;
    let mut keyed: Vec<(SortKey<'a>, u32)> = Vec::new();
    for (index, item) in items {
        if !keep(item) {
            continue;
        }
        let index = index as u32;
        if selected.is_none() && is_selected(item) {
            selected = Some(index);
        }
        let key = match key.map_or(SortKey::Position, |k| k(item, at)) {
            SortKey::Position => SortKey::Number(u64::from(index)),
            key => key,
        };
        keyed.push((key, index));
    }
    // The fleet's lists are sorted by key, so that the index is the tie-break: a total order.
    keyed.sort_unstable_by(|a, b| a.0.compare(b.0, sort.descending).then(a.1.cmp(&b.1)));
    let rows: Vec<u32> = keyed.into_iter().map(|(_, index)| index).collect();
    let selected = selected.and_then(|index| rows.iter().position(|r| *r == index));
    Built { rows, selected }
}

fn put(list: &mut ListState, built: Built) {
    list.rows = Arc::new(built.rows);
    match built.selected {
        Some(at) => list.cursor = at,
        None => list.selected = None,
    }
}

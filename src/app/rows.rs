//! The row index of each list: which rows, in which order. Made anew when data, filter or sort changes; of the locks,
//! which may be very many, only those that changed are looked at, filtered and put in their places.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use super::columns::{self, At, Column, SortKey};
use super::command::Panel;
use super::filter::Filter;
use super::selection;
use super::state::{AppState, ListState, Sort};
use crate::domain::fleet::standing::{Standing, Standings};
use crate::domain::lock_list::Changes;
use crate::domain::{FleetView, Lock};

/// What depends on time alone (a lock is overdue now, or older than a filter asks for) is looked at so often.
const RENEW: Duration = Duration::from_secs(1);

/// Follows from the fleet that was shown before to the one that is shown now.
pub fn follow(state: &mut AppState, before: &FleetView) {
    list(state, Panel::Nodes);
    list(state, Panel::Queues);
    let changes = before.changes_to(&state.shown);
    // To put many in their places is dearer than to sort all.
    let many = changes.come.len() * 4 > state.shown.locks.len();
    if many || is_time(state) {
        judge_all(state);
        return list(state, Panel::Locks);
    }
    if changes.is_empty() {
        return;
    }
    let now = state.view_time().mono;
    state.standings = state.standings.next(&changes, &state.shown, &state.settings.rules, now);
    change_locks(state, &changes, before.locks.len());
}

/// Looks again at what depends on time alone, once that is due. Where nothing came of it the list stays as it is.
pub fn follow_time(state: &mut AppState) {
    if !is_time(state) {
        return;
    }
    let before = std::mem::take(&mut state.standings);
    judge_all(state);
    let timed = columns::LOCKS.get(state.locks.sort.column).is_some_and(|c| c.timed)
        || in_force(Panel::Locks, &state.locks).is_timed();
    if timed || !before.iter().eq(state.standings.iter()) {
        list(state, Panel::Locks);
    }
}

/// Rebuilds one list after its filter or its order changed.
pub fn rebuild(state: &mut AppState, panel: Panel) {
    if panel == Panel::Locks && is_time(state) {
        judge_all(state);
    }
    list(state, panel);
}

/// A lock has run out, or a second is over.
fn is_time(state: &AppState) -> bool {
    let now = state.view_time().mono;
    let standings = &state.standings;
    standings.next_end().is_some_and(|end| end <= now)
        || standings.judged_at().is_none_or(|at| now.saturating_duration_since(at) >= RENEW || now < at)
}

fn judge_all(state: &mut AppState) {
    let now = state.view_time().mono;
    state.standings = Standings::of(&state.shown, &state.settings.rules, now);
}

/// Makes one list anew: the selection stays on its row, or goes to the nearest one when that row went away.
fn list(state: &mut AppState, panel: Panel) {
    let (shown, rules) = (state.shown.clone(), state.settings.rules.clone());
    let at = At { rules: &rules, now: state.view_time().mono, fleet: &shown };
    let Some(known) = state.list(panel) else { return };
    let (filter, sort) = (in_force(panel, known), known.sort);
    let rows = match panel {
        Panel::Nodes => {
            let kept = (0..).zip(&shown.nodes).filter(|(_, n)| filter.node(n, at));
            sorted(columns::NODES, sort, at, kept)
        }
        Panel::Locks => {
            let all = (0..).zip(shown.locks.iter().zip(state.standings.iter()));
            let listed = all.filter(|(_, (lock, standing))| is_listed(*standing) && filter.lock(lock, at));
            sorted(columns::LOCKS, sort, at, listed.map(|(index, (lock, _))| (index, &**lock)))
        }
        Panel::Queues => {
            let all = (0..).zip(shown.queues.iter().map(|q| &**q));
            sorted(columns::QUEUES, sort, at, all.filter(|(_, q)| filter.queue(q, at)))
        }
        Panel::Worker => return,
    };
    put(state, panel, rows);
}

/// Only texts that parse are put in force.
fn in_force(panel: Panel, list: &ListState) -> Filter {
    Filter::parse(panel, &list.filter).unwrap_or_default()
}

fn is_listed(standing: Standing) -> bool {
    matches!(standing, Standing::Listed(_))
}

/// [`list`] of the locks where only some changed since there were so many.
fn change_locks(state: &mut AppState, changes: &Changes, before: usize) {
    let (shown, rules) = (state.shown.clone(), state.settings.rules.clone());
    let at = At { rules: &rules, now: state.view_time().mono, fleet: &shown };
    let filter = in_force(Panel::Locks, &state.locks);
    let sort = state.locks.sort;
    let moved = changes.moved(before);
    let stay = state.locks.rows.iter().filter_map(|row| *moved.get(*row as usize)?);
    let stay: Vec<u32> = stay.collect();
    let come = changes.come.iter().filter_map(|index| {
        let lock = shown.locks.get(*index as usize)?;
        let listed = state.standings.get(*index as usize).is_some_and(is_listed);
        (listed && filter.lock(lock, at)).then_some((*index, &**lock))
    });
    let come = sorted(columns::LOCKS, sort, at, come);
    let key = |index: u32| {
        let lock: Option<&Lock> = shown.locks.get(index as usize).map(|l| &**l);
        lock.map_or(SortKey::Unknown, |lock| key_of(columns::LOCKS, sort, at, index, lock))
    };
    let mut rows = Vec::with_capacity(stay.len() + come.len());
    let mut rest = stay.as_slice();
    for index in come {
        let new = key(index);
        let is_before = |row: &u32| order((key(*row), *row), (new, index), sort) == Ordering::Less;
        let (earlier, later) = rest.split_at(rest.partition_point(is_before));
        rows.extend_from_slice(earlier);
        rows.push(index);
        rest = later;
    }
    rows.extend_from_slice(rest);
    put(state, Panel::Locks, rows);
}

fn key_of<'a, T>(columns: &[Column<T>], sort: Sort, at: At<'_>, index: u32, item: &'a T) -> SortKey<'a> {
    let column = columns.get(sort.column).or_else(|| columns.first());
    match column.map_or(SortKey::Position, |c| (c.key)(item, at)) {
        SortKey::Position => SortKey::Number(u64::from(index)),
        key => key,
    }
}

/// The fleet's lists are sorted by key, so that the index is the tie-break: a total order.
fn order(a: (SortKey<'_>, u32), b: (SortKey<'_>, u32), sort: Sort) -> Ordering {
    a.0.compare(b.0, sort.descending).then(a.1.cmp(&b.1))
}

fn sorted<'a, T: 'a>(
    columns: &[Column<T>],
    sort: Sort,
    at: At<'_>,
    items: impl Iterator<Item = (u32, &'a T)>,
) -> Vec<u32> {
    let keyed = items.map(|(index, item)| (key_of(columns, sort, at, index, item), index));
    let mut keyed: Vec<(SortKey<'a>, u32)> = keyed.collect();
    keyed.sort_unstable_by(|a, b| order(*a, *b, sort));
    keyed.into_iter().map(|(_, index)| index).collect()
}

fn put(state: &mut AppState, panel: Panel, rows: Vec<u32>) {
    let selected = state.list(panel).and_then(|list| list.selected.as_ref());
    let index = selected.and_then(|id| selection::index_of(&state.shown, id));
    let cursor = index.and_then(|index| rows.iter().position(|row| *row as usize == index));
    let Some(list) = state.list_mut(panel) else { return };
    list.rows = Arc::new(rows);
    match cursor {
        Some(at) => list.cursor = at,
        None => list.selected = None,
    }
    selection::settle(state, panel);
}

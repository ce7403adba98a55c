//! Cursor and marks by identity, with the nearest row where the selected one went away.

use std::sync::Arc;

use super::command::Panel;
use super::state::{AppState, Dialog, RowId};
use crate::domain::fleet::FleetNode;
use crate::domain::{FleetView, Lock, LockId, NodeId, Queue, QueueId};

/// Panel that lists this kind of row.
pub fn panel_of(row: &RowId) -> Panel {
    match row {
        RowId::Node(_) => Panel::Nodes,
        RowId::Lock(_) => Panel::Locks,
        RowId::Queue(_) => Panel::Queues,
    }
}

/// Identity of the row at this position of a list.
pub fn id_at(state: &AppState, panel: Panel, position: usize) -> Option<RowId> {
    let index = *state.list(panel)?.rows.get(position)? as usize;
    match panel {
        Panel::Nodes => state.shown.nodes.get(index).map(|n| RowId::Node(n.snapshot.meta.id.clone())),
        Panel::Locks => state.shown.locks.get(index).map(|l| RowId::Lock(l.id.clone())),
        Panel::Queues => state.shown.queues.get(index).map(|q| RowId::Queue(q.id.clone())),
        Panel::Worker => None,
    }
}

/// Selects the row at this position, or the last one.
pub fn select(state: &mut AppState, panel: Panel, position: usize) {
    let Some(last) = state.list(panel).map(|l| l.rows.len().saturating_sub(1)) else { return };
    let position = position.min(last);
    let id = id_at(state, panel, position);
    if let Some(list) = state.list_mut(panel) {
        list.cursor = position;
        list.selected = id;
    }
}

/// After a rebuild: selects the nearest row if none is selected.
pub fn settle(state: &mut AppState, panel: Panel) {
    if let Some(list) = state.list(panel)
        && list.selected.is_none()
    {
        let cursor = list.cursor;
        select(state, panel, cursor);
    }
}

/// Where the fleet's own list has this row.
pub fn index_of(fleet: &FleetView, id: &RowId) -> Option<usize> {
    match id {
        RowId::Node(id) => fleet.nodes.iter().position(|n| n.snapshot.meta.id == *id),
        RowId::Lock(id) => fleet.locks.position(id),
        RowId::Queue(id) => fleet.queues.iter().position(|q| q.id == *id),
    }
}

/// Moves the cursor by so many rows.
pub fn move_by(state: &mut AppState, panel: Panel, rows: isize) {
    if let Some(list) = state.list(panel) {
        let to = list.cursor.saturating_add_signed(rows);
        select(state, panel, to);
    }
}

/// Selects this row if it is listed.
pub fn select_id(state: &mut AppState, panel: Panel, id: &RowId) {
    let row = |index| state.list(panel)?.rows.iter().position(|row| *row as usize == index);
    if let Some(position) = index_of(&state.shown, id).and_then(row) {
        select(state, panel, position);
    }
}

/// Marks of rows that are gone are dropped: a key that comes back later was not marked. Of locks only those are looked
/// for that are not as they were before.
pub fn prune_marks(state: &mut AppState, before: &FleetView) {
    if !state.locks.marks.is_empty() {
        let gone = before.locks.changes_to(&state.shown.locks).gone;
        let gone = gone.iter().filter_map(|at| before.locks.get(*at as usize));
        let gone = gone.map(|lock| &lock.id).filter(|id| lock(state, id).is_none());
        let gone: Vec<RowId> = gone.cloned().map(RowId::Lock).collect();
        for id in &gone {
            state.locks.marks.remove(id);
        }
    }
    for panel in [Panel::Nodes, Panel::Queues] {
        let Some(list) = state.list_mut(panel) else { continue };
        if list.marks.is_empty() {
            continue;
        }
        let mut marks = std::mem::take(&mut list.marks);
        marks.retain(|id| exists(state, id));
        if let Some(list) = state.list_mut(panel) {
            list.marks = marks;
        }
    }
}

/// True while the shown fleet has this row.
pub fn exists(state: &AppState, id: &RowId) -> bool {
    match id {
        RowId::Node(id) => node(state, id).is_some(),
        RowId::Lock(id) => lock(state, id).is_some(),
        RowId::Queue(id) => queue(state, id).is_some(),
    }
}

/// The row that commands act on: the one whose details are open, else the selected one.
pub fn subject(state: &AppState) -> Option<RowId> {
    match state.dialogs.last() {
        Some(Dialog::Detail(id, _)) => Some(id.clone()),
        _ => state.list(state.focus)?.selected.clone(),
    }
}

/// The panel whose keys count: the one of the open details, else the focused one.
pub fn panel(state: &AppState) -> Panel {
    match state.dialogs.last() {
        Some(Dialog::Detail(id, _)) => panel_of(id),
        _ => state.focus,
    }
}

/// A lock of the shown fleet.
pub fn lock<'a>(state: &'a AppState, id: &LockId) -> Option<&'a Arc<Lock>> {
    state.shown.lock(id)
}

/// A queue of the shown fleet.
pub fn queue<'a>(state: &'a AppState, id: &QueueId) -> Option<&'a Arc<Queue>> {
    state.shown.queue(id)
}

/// A node of the shown fleet.
pub fn node<'a>(state: &'a AppState, id: &NodeId) -> Option<&'a FleetNode> {
    state.shown.nodes.iter().find(|n| n.snapshot.meta.id == *id)
}

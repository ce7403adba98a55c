//! A list: its rows, what is selected and marked, order and filter.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::{LockId, NodeId, QueueId};

/// Identity of any row: the selection follows it, never an index.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum RowId {
    /// A node.
    Node(NodeId),
    /// A lock.
    Lock(LockId),
    /// A queue.
    Queue(QueueId),
}

/// Sort column of a panel, as an index into the panel's columns, and its direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sort {
    /// Column number.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// State of a list panel.
#[derive(Clone, Debug, Default)]
pub struct ListState {
    /// Indices into the shown fleet's list, filtered and sorted. Rebuilt only when data, filter or sort changes.
    pub rows: Arc<Vec<u32>>,
    /// Selected row by identity.
    pub selected: Option<RowId>,
    /// Where the selected row stands in `rows`; the nearest row when it went away.
    pub cursor: usize,
    /// Marked rows.
    pub marks: HashSet<RowId>,
    /// Order.
    pub sort: Sort,
    /// Filter text in force.
    pub filter: String,
}

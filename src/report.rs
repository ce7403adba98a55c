//! The same facts without a screen: JSON, tables and the one line of `check`. Functions here return text; only
//! `main` prints it.

pub mod check;
pub mod json;
mod json_group;
pub mod table;

/// Which lists a report holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sections {
    /// Nodes.
    pub nodes: bool,
    /// Locks.
    pub locks: bool,
    /// Queues.
    pub queues: bool,
}

impl Sections {
    /// All of them.
    pub const ALL: Self = Self { nodes: true, locks: true, queues: true };
}

//! Pollers: one task for each node, each with its own connection, back-off and budget.

pub mod backoff;
pub mod fleet;
pub mod poller;

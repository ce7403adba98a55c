//! Pollers: one task for each server, each with its own connection, back-off and budget, so that one dead or
//! frozen node never delays another. They publish immutable snapshots; the latest wins.

mod asides;
pub mod backoff;
mod changes;
mod claims;
mod connections;
mod cost;
mod database;
mod diagnose;
mod dirty;
mod discover;
mod due;
pub mod fleet;
mod follow;
mod history;
mod holders;
pub mod info;
pub mod keys;
pub mod liveness;
mod look;
mod memory;
mod patience;
mod poller;
mod prefixes;
mod push;
mod refusals;
mod roster;
mod sample;
mod search;
mod sight;
mod workers;

pub use fleet::Fleet;
pub use follow::Nodes;

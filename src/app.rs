//! The dashboard's state and its only mutator, [`update::update`]: synchronous, no I/O, time passed in.

pub mod columns;
pub mod command;
pub mod counts;
pub mod critical;
pub mod effect;
pub mod event;
pub mod hit;
pub mod key;
pub mod state;
pub mod update;

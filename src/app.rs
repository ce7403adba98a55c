//! The dashboard's state and its only mutator, [`update::update`]: synchronous, no I/O, time passed in.

pub mod command;
pub mod effect;
pub mod event;
pub mod key;
pub mod state;

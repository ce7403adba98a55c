//! The dashboard's state and its only mutator, [`update::update`]: synchronous, no I/O, time passed in.

pub mod actions;
pub mod columns;
pub mod command;
pub mod confirm;
pub mod copy;
pub mod counts;
pub mod critical;
pub mod dialogs;
pub mod effect;
pub mod event;
pub mod filter;
pub mod forms;
pub mod hit;
pub mod key;
pub mod keymap;
pub mod messages;
pub mod mouse;
pub mod pane;
pub mod prompt;
pub mod rows;
pub mod run;
pub mod selection;
pub mod state;
pub mod task;
pub mod text;
pub mod update;

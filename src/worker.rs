//! The embedded worker: takes tasks from one queue without ever losing one.

pub mod view;

pub use view::{WorkerCommand, WorkerView};

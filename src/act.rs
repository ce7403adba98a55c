//! Actions: a request names an identity and what was seen, a plan is data, an executor runs it, an outcome comes back.

pub mod audit;
pub mod batch;
pub mod canary;
mod execute;
pub mod executor;
pub mod follow;
mod found;
pub mod inspect;
pub mod outcome;
pub mod plan;
mod prepare;
mod put_back;
pub mod request;
pub mod route;
mod scripts;
pub mod services;
mod session;
pub mod transfer;
mod undo;

pub use audit::Audit;
pub use batch::{BatchEvent, FleetPlan};
pub use executor::{execute, prepare, spawn, spawn_with};
pub use inspect::{QueueInspection, inspect_queue};
pub use outcome::{NotDone, Outcome};
pub use plan::{Guard, Plan};
pub use prepare::PreparedAction;
pub use request::{ActionCommand, ActionEvent, Prepared, Request, Seen, TaskPlace, Ticket};
pub use services::Services;

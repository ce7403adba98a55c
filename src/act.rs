//! Actions: a request names an identity and what was seen, a plan is data, an executor runs it, an outcome comes back.

pub mod audit;
pub mod executor;
pub mod inspect;
pub mod outcome;
pub mod plan;
pub mod request;

pub use inspect::{QueueInspection, inspect_queue};
pub use outcome::{NotDone, Outcome};
pub use plan::{Guard, Plan};
pub use request::{ActionEvent, Prepared, Request, Seen, Ticket};

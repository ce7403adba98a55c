//! The only module that knows the `redis` crate: dialling, the handshake, reads, scans and the execution of plans.
//!
//! A [`Reader`] cannot express a write. A [`Writer`] needs a [`WritePermit`], and in read-only mode none exists.

pub mod connect;
pub mod denials;
pub mod dial;
pub mod error;
pub mod link;
mod no_touch;
pub mod permit;
pub mod push;
pub mod reader;
pub mod run_plan;
pub mod script;
pub mod topology;
pub mod writer;

pub use connect::{ClientRole, connect};
pub use error::CallError;
pub use permit::WritePermit;
pub use push::{PushLink, Pushed, Refusal};
pub use reader::Reader;
pub use run_plan::{Means, Ran, run_plan};
pub use writer::Writer;

//! Pollers against real servers: liveness, locks, queues, rates, what is not permitted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod acl;
mod diagnostics;
mod holders;
mod liveness;
mod locks;
mod push;
mod queues;
mod quorums;

#[path = "../support/fleet.rs"]
mod fleet;

pub(crate) use fleet::*;

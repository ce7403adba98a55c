//! Actions and connections against real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

#[path = "../support/act.rs"]
mod support;

#[path = "../support/reshard.rs"]
mod reshard;

#[path = "../support/proxy.rs"]
mod proxy;

#[path = "../support/tls.rs"]
mod tls;

#[path = "../support/listener.rs"]
mod listener;

mod batch;
mod canary;
mod cluster;
mod connect;
mod enqueue;
mod executor;
mod failed_jobs;
mod launching;
mod plans;
mod race;
mod transfer;
mod undo;
mod wake_ups;

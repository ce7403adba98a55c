//! Pollers against real servers: liveness, locks, queues, rates, what is not permitted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod acl;
mod clusters;
mod databases;
mod diagnostics;
mod events;
mod gaps;
mod habits;
mod holders;
mod liveness;
mod locks;
mod push;
mod push_links;
mod queues;
mod quorums;
mod rates;
mod replica_search;
mod sentinels;
mod slow_search;

#[path = "../support/fleet.rs"]
mod fleet;

#[path = "../support/proxy.rs"]
mod proxy;

#[path = "../support/listener.rs"]
mod listener;

#[path = "../support/stall_proxy.rs"]
mod stall_proxy;

#[path = "../support/tls.rs"]
mod tls;

pub(crate) use fleet::*;

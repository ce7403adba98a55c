//! Event scripts through `update`: keys and boards in, state and effects out. No terminal, no Redis.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "../support/fixtures.rs"]
mod fixtures;
#[path = "../support/keys.rs"]
mod keys;

mod batches;
mod canary;
mod confirming;
mod events;
mod filtering;
mod harness;
mod moving;
mod outcomes;
mod peeking;
mod prompting;
mod queueing;
mod quorums;
mod registry;
mod screen;
mod series;
mod transfers;

//! What the screen shows: snapshots of states by sizes, styles where they carry meaning, escape output, and that no
//! size and no bytes break it.
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

mod dialogs;
mod escape_output;
mod holders;
mod lists;
mod quorums;
mod robust;
mod shot;
mod styles;

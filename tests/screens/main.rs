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

#[path = "../support/groups.rs"]
mod groups;

#[path = "../support/fixtures.rs"]
mod fixtures;

mod batches;
mod dialogs;
mod escape_output;
mod groups_in_lists;
mod holders;
mod lists;
mod queue_detail;
mod quorums;
mod robust;
mod shot;
mod styles;
mod transfers;

//! Properties: the selection survives any change, no event and no filter text panics.
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

mod app;
mod decode;
mod decode_fuzz;
mod filters;
mod lists;

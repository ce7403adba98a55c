//! Configuration: sources and their order, bad files, secrets, and the template.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod bad;
mod fleet;
mod layers;
mod support;
mod template;

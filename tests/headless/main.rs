//! The headless commands as a script sees them: the real binary, real servers, exit codes, stdout and stderr.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod acl;
mod canary;
mod facts;
mod peek;
mod quorums;
mod release;
mod release_many;
#[path = "../support/reshard.rs"]
mod reshard;
#[path = "../support/shell.rs"]
mod shell;
mod topology;
mod transfer;
mod wait;
mod wait_more;
mod work;

use std::process::Command;
use std::time::{Duration, Instant};

use redwarden::launcher::Server;

pub(crate) use shell::{Shell, ran};

/// redis-cli's answer, trimmed.
pub(crate) fn cli(server: &Server, args: &[&str]) -> String {
    let port = server.port().to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

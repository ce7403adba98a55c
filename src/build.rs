//! Tells the binary its commit, for `redwarden -V`. Nothing else happens at build time.
#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-changed=.git/logs/HEAD");
    println!("cargo::rerun-if-env-changed=REDWARDEN_COMMIT");
    if std::env::var_os("REDWARDEN_COMMIT").is_some() {
        return;
    }
    // Outside a checkout (a crate from the registry) there is no commit to tell.
    let asked = Command::new("git").args(["rev-parse", "--short=10", "HEAD"]).output();
    if let Ok(answer) = asked
        && answer.status.success()
    {
        println!("cargo::rustc-env=REDWARDEN_COMMIT={}", String::from_utf8_lossy(&answer.stdout).trim());
    }
}

//! Programs in Rust of the tests' own, a project apart: built once, into the build directory.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::path::{Path, PathBuf};
use std::process::Command;

use redwarden::launcher::Server;

use super::driver::{Driver, Process, finish};

/// The built program.
pub(crate) struct Rust {
    program: PathBuf,
}

impl Rust {
    /// Builds the project in `dir`, with what its lock file names; its program is called `program`.
    pub(crate) fn with(dir: &Path, program: &str) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust");
        let mut cargo = Command::new(env!("CARGO"));
        // Cargo itself lets one process build at a time.
        cargo.args(["build", "--quiet", "--locked", "--target-dir"]).arg(&target).current_dir(dir);
        finish(&mut cargo);
        Self { program: target.join("debug").join(program) }
    }

    /// Answers lines.
    pub(crate) fn driver(&self, server: &Server, library: &str) -> Driver {
        Driver::spawn(self.command(server, library, "driver"))
    }

    /// Works until it is ended, at the latest with the value that is returned.
    pub(crate) fn worker(&self, server: &Server, library: &str) -> Process {
        Process::spawn(self.command(server, library, "worker"))
    }

    fn command(&self, server: &Server, library: &str, role: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args([library, role]).env("REDIS_URL", server.url());
        command
    }
}

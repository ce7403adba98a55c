//! An interpreter of the tests' own with the packages it needs: made once from a file that pins them, and what runs there.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::path::{Path, PathBuf};
use std::process::Command;

use redwarden::launcher::Server;

use super::driver::{Driver, Process};

/// An interpreter with its packages, and the directory of the programs that use them.
pub(crate) struct Runtime {
    interpreter: PathBuf,
    programs: PathBuf,
    environment: Vec<(&'static str, String)>,
    without: &'static [&'static str],
}

impl Runtime {
    /// Programs find these variables, and not those that would lead them to packages from elsewhere.
    pub(crate) fn new(
        interpreter: PathBuf,
        programs: &Path,
        environment: Vec<(&'static str, String)>,
        without: &'static [&'static str],
    ) -> Self {
        Self { interpreter, programs: programs.to_path_buf(), environment, without }
    }

    /// Runs a program to its end; what it printed.
    pub(crate) fn run(&self, program: &Path, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{errors}", program.display(), output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// One of its programs, which answers lines.
    pub(crate) fn driver(&self, server: &Server, program: &str, arguments: &[&str]) -> Driver {
        Driver::spawn(self.at(server, program, "driver", arguments))
    }

    /// The same program as a worker; it ends with the value that is returned.
    pub(crate) fn worker(&self, server: &Server, program: &str, arguments: &[&str]) -> Process {
        Process::spawn(self.at(server, program, "worker", arguments))
    }

    fn at(&self, server: &Server, program: &str, role: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.programs.join(program));
        command.arg(role).args(arguments).current_dir(&self.programs);
        command.env("REDIS_PORT", server.port().to_string());
        command.env("REDIS_URL", format!("redis://127.0.0.1:{}/0", server.port()));
        command
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg(program).envs(self.environment.iter().map(|(name, value)| (name, value)));
        for name in self.without {
            command.env_remove(name);
        }
        command
    }
}

/// Where the packages of a kind are kept under the build directory.
pub(crate) fn home(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(kind)
}

/// True when the packages stand in the directory as they were pinned.
pub(crate) fn is_made(dir: &Path, pinned: &[u8]) -> bool {
    std::fs::read(dir.join("installed")).is_ok_and(|made| made == pinned)
}

/// Makes the directory anew unless it is made as pinned. Tests of one library in several processes make it once.
pub(crate) fn make_once(kind: &str, name: &str, pinned: &[u8], make: impl FnOnce(&Path)) -> PathBuf {
    let home = home(kind);
    std::fs::create_dir_all(&home).unwrap();
    let dir = home.join(name);
    // It ends with the process that holds it.
    let lock = std::fs::File::create(home.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !is_made(&dir, pinned) {
        let _ = std::fs::remove_dir_all(&dir);
        make(&dir);
        std::fs::write(dir.join("installed"), pinned).unwrap();
    }
    dir
}

/// A file that must be there.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

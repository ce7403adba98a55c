//! Node of the tests' own: packages at the versions of a committed lock file, fetched once, and programs that use them.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::path::{Path, PathBuf};
use std::process::Command;

use redwarden::launcher::Server;

use super::driver::{Driver, Process, finish};

/// The packages that a lock file names.
pub(crate) struct Node {
    modules: PathBuf,
    programs: PathBuf,
}

impl Node {
    /// The packages for `manifest`, a directory with `package.json` and `package-lock.json` beside the programs. They
    /// are fetched under the build directory when they are not there or the lock file changed.
    pub(crate) fn with(manifest: &Path) -> Self {
        let read = |file: &str| {
            let path = manifest.join(file);
            std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        let (package, locked) = (read("package.json"), read("package-lock.json"));
        let name = manifest.file_name().unwrap().to_str().unwrap();
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
        std::fs::create_dir_all(&home).unwrap();
        let dir = home.join(name);
        let ready = dir.join("installed.json");
        // Tests of one library in several processes fetch it once. The lock ends with the process that holds it.
        let lock = std::fs::File::create(home.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        if std::fs::read(&ready).ok().as_ref() != Some(&locked) {
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("package.json"), &package).unwrap();
            std::fs::write(dir.join("package-lock.json"), &locked).unwrap();
            let mut npm = Command::new("npm");
            // Nothing of the packages runs while they are fetched, and nothing is built.
            npm.args([
                "ci",
                "--omit=optional",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ]);
            finish(npm.current_dir(&dir));
            std::fs::write(&ready, &locked).unwrap();
        }
        drop(lock);
        Self { modules: dir.join("node_modules"), programs: manifest.parent().unwrap().to_path_buf() }
    }

    /// The packages if they are there already: for those that can do without.
    pub(crate) fn made(manifest: &Path) -> Option<Self> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node").join(manifest.file_name()?);
        let locked = std::fs::read(manifest.join("package-lock.json")).ok()?;
        let made = std::fs::read(dir.join("installed.json")).ok()? == locked;
        let programs = manifest.parent()?.to_path_buf();
        made.then(|| Self { modules: dir.join("node_modules"), programs })
    }

    /// Runs a program to its end; what it printed.
    pub(crate) fn run(&self, program: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("node");
        command.arg(program).args(arguments).env("NODE_PATH", &self.modules).env_remove("NODE_OPTIONS");
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{errors}", program.display(), output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// A program beside the directory of the manifest that answers lines.
    pub(crate) fn driver(&self, server: &Server, program: &str, arguments: &[&str]) -> Driver {
        Driver::spawn(self.command(server, program, "driver", arguments))
    }

    /// The same program as a worker; it ends with the value that is returned.
    pub(crate) fn worker(&self, server: &Server, program: &str, arguments: &[&str]) -> Process {
        Process::spawn(self.command(server, program, "worker", arguments))
    }

    fn command(&self, server: &Server, program: &str, role: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.arg(self.programs.join(program)).arg(role).args(arguments);
        command.env("REDIS_PORT", server.port().to_string()).env("NODE_PATH", &self.modules);
        command.env_remove("NODE_OPTIONS").current_dir(&self.programs);
        command
    }
}

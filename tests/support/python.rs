//! Python of the tests' own: an environment for each file of pinned packages, made once, and programs that run there.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::path::{Path, PathBuf};
use std::process::Command;

use redwarden::launcher::Server;

use super::driver::{Driver, Process, finish};

/// An environment with the packages that a file names.
pub(crate) struct Python {
    dir: PathBuf,
    programs: PathBuf,
}

impl Python {
    /// The environment for `requirements`, a file with a line `package==version` for each package, those that
    /// others need included. It is made under the build directory when it is not there or the file changed.
    pub(crate) fn with(requirements: &Path) -> Self {
        let text = std::fs::read(requirements).unwrap_or_else(|e| panic!("{}: {e}", requirements.display()));
        let name = requirements.file_stem().unwrap().to_str().unwrap();
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        std::fs::create_dir_all(&home).unwrap();
        let dir = home.join(name);
        let ready = dir.join("installed.txt");
        // Tests of one library in several processes make it once. The lock ends with the process that holds it.
        let lock = std::fs::File::create(home.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        if std::fs::read(&ready).ok().as_ref() != Some(&text) {
            let _ = std::fs::remove_dir_all(&dir);
            finish(Command::new("python3").args(["-m", "venv"]).arg(&dir));
            let mut pip = Command::new(dir.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "-r"]);
            finish(pip.arg(requirements));
            finish(Command::new(dir.join("bin/python")).args(["-m", "pip", "check"]));
            std::fs::write(&ready, &text).unwrap();
        }
        drop(lock);
        Self { dir, programs: requirements.parent().unwrap().to_path_buf() }
    }

    /// The environment if it is there already: for those that can do without.
    pub(crate) fn made(requirements: &Path) -> Option<Self> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python").join(requirements.file_stem()?);
        let made = std::fs::read(dir.join("installed.txt")).ok()? == std::fs::read(requirements).ok()?;
        made.then(|| Self { dir, programs: requirements.parent().unwrap().to_path_buf() })
    }

    /// Runs a program to its end; what it printed.
    pub(crate) fn run(&self, program: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new(self.dir.join("bin/python"));
        let output =
            command.arg(program).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{errors}", program.display(), output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// A program in the directory of the requirements that answers lines.
    pub(crate) fn driver(&self, server: &Server, program: &str, arguments: &[&str]) -> Driver {
        Driver::spawn(self.command(server, program, "driver", arguments))
    }

    /// The same program as a worker; it ends with the value that is returned.
    pub(crate) fn worker(&self, server: &Server, program: &str, arguments: &[&str]) -> Process {
        Process::spawn(self.command(server, program, "worker", arguments))
    }

    fn command(&self, server: &Server, program: &str, role: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.dir.join("bin/python"));
        command.arg(self.programs.join(program)).arg(role).args(arguments);
        command.env("REDIS_URL", format!("redis://127.0.0.1:{}/0", server.port()));
        // Nothing is left beside the sources, and nothing of another Python is found.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        command.current_dir(&self.programs);
        command
    }
}

//! Python of the tests' own: an environment for each file of pinned packages, made once, and programs that run there.
//!
//! A program has two roles: `driver` answers questions of the test by the library's own means, `worker` is the
//! library's own worker. They meet in a server that the test started.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use redwarden::launcher::Server;
use serde_json::Value;

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
        let mut command = self.command(server, program, "driver", arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Driver { process: Process(child), stdin, stdout }
    }

    /// The same program as a worker; it ends with the value that is returned.
    pub(crate) fn worker(&self, server: &Server, program: &str, arguments: &[&str]) -> Process {
        let mut command = self.command(server, program, "worker", arguments);
        Process(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
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

/// Runs a command to its end; shows what it said if it fails.
fn finish(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| {
        panic!("{command:?}: {e}; `sh .ci/install` installs what these tests need");
    });
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}\n`sh .ci/install` installs what these tests need; the packages come from PyPI",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A program that answers.
pub(crate) struct Driver {
    process: Process,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Driver {
    /// Calls a command with arguments.
    pub(crate) fn ask(&mut self, command: &str, arguments: &[Value]) -> Value {
        let line: Vec<Value> = std::iter::once(command.into()).chain(arguments.iter().cloned()).collect();
        writeln!(self.stdin, "{}", Value::Array(line)).expect("the driver lives");
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{answer}: {e}"));
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            panic!("{command}: {error}");
        }
        answer["ok"].take()
    }

    /// Asks again until the answer is as expected.
    pub(crate) fn until(&mut self, command: &str, expected: &Value) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.ask(command, &[]);
            if answer == *expected {
                return;
            }
            assert!(Instant::now() < deadline, "{command} never was {expected}, but {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A child of ours, asked to end and then made to.
pub(crate) struct Process(Child);

impl Process {
    /// Ends it at once, as a crash would.
    pub(crate) fn kill(mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.0),
            rustix::process::Signal::TERM,
        );
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

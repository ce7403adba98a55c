//! Programs of real libraries that the tests start: they answer lines of JSON, or they work until they are ended.
//!
//! A program has two roles: `driver` answers questions of the test by the library's own means, `worker` is the
//! library's own worker. They meet in a server that the test started.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Runs a command to its end; shows what it said if it fails.
pub(crate) fn finish(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| {
        panic!("{command:?}: {e}; `sh .ci/install` installs what these tests need");
    });
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}\n`sh .ci/install` installs what these tests need; the packages come from PyPI and npm",
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
    /// Starts it.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { process: Process(child), stdin, stdout }
    }

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

    /// True when the process ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.0.kill();
        let _ = self.process.0.wait();
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
    /// Starts a program that says nothing on stdout.
    pub(crate) fn spawn(mut command: Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// True when it ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }

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

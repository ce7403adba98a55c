//! One server process of ours.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{LaunchError, find_server, free_port, wire};
use crate::config::Endpoint;

/// A server that did not get its port ends by itself within this time.
const STRANGER_WITHIN: Duration = Duration::from_secs(2);

/// A server process of ours. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
    binary: PathBuf,
    args: Vec<String>,
}

impl Server {
    /// Starts a server without persistence on a free loopback port; `args` are added to its command line.
    pub fn start(args: &[&str]) -> Result<Self, LaunchError> {
        Self::start_in(&std::env::temp_dir(), args)
    }

    /// [`Server::start`] with its directory made inside `parent`.
    pub fn start_in(parent: &Path, args: &[&str]) -> Result<Self, LaunchError> {
        Self::start_on(parent, free_port, |dir, port| Ok(data_args(dir, port, args)))
    }

    /// Starts a server on a port that `pick` gives; `args` makes its whole command line from its directory and port.
    pub(super) fn start_on(
        parent: &Path,
        pick: impl Fn() -> std::io::Result<u16>,
        args: impl Fn(&Path, u16) -> std::io::Result<Vec<String>>,
    ) -> Result<Self, LaunchError> {
        let binary = find_server()?;
        let mut last = None;
        // Another process may take the port between our look and the server's bind.
        for _ in 0..5 {
            let port = pick()?;
            let dir = tempfile::Builder::new().prefix("redwarden-").tempdir_in(parent)?;
            let args = args(dir.path(), port)?;
            let child = spawn(&binary, &args)?;
            let mut server = Self { child, port, dir, binary: binary.clone(), args };
            match server.wait_up(0) {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(LaunchError::NotInstalled))
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A plain endpoint to it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::tcp("127.0.0.1", self.port)
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port and directory, after [`Server::kill`].
    pub fn restart(&mut self) -> Result<(), LaunchError> {
        let said = std::fs::metadata(self.dir.path().join("log")).map_or(0, |m| m.len() as usize);
        self.child = spawn(&self.binary, &self.args)?;
        self.wait_up(said)
    }

    /// Freezes it (SIGSTOP): it accepts and never answers.
    #[cfg(unix)]
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    #[cfg(unix)]
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Waits until it answers anything (also an error such as NOAUTH), and what answers is ours: another process may
    /// have taken the port, and then ours ends a moment later. `from`: where in its log this start begins.
    fn wait_up(&mut self, from: usize) -> Result<(), LaunchError> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut answers_since = None;
        loop {
            if wire::call(self.port, &["PING"]).is_ok() {
                let since = *answers_since.get_or_insert_with(Instant::now);
                if self.listens(from) || since.elapsed() > STRANGER_WITHIN {
                    return Ok(());
                }
            }
            let ended = self.child.try_wait()?.is_some();
            if ended || Instant::now() > deadline {
                let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(3).collect();
                return Err(LaunchError::NotUp { port: self.port, log: tail.join(" | ") });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// True once its log says what it says only after it has got its port.
    fn listens(&self, from: usize) -> bool {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let log = log.get(from..).unwrap_or_default();
        ["Server initialized", "Sentinel ID is", "Ready to accept connections"]
            .iter()
            .any(|s| log.contains(s))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The command line of a server with data: no persistence, loopback only.
pub(super) fn data_args(dir: &Path, port: u16, more: &[&str]) -> Vec<String> {
    let log = dir.join("log").display().to_string();
    let (port, dir) = (port.to_string(), dir.display().to_string());
    ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
        .iter()
        .chain(&["--logfile", &log, "--dir", &dir])
        .chain(more)
        .map(ToString::to_string)
        .collect()
}

fn spawn(binary: &Path, args: &[String]) -> std::io::Result<Child> {
    let mut command = Command::new(binary);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in crate::config::secrets::SECRET_VARIABLES {
        command.env_remove(name);
    }
    command.spawn()
}

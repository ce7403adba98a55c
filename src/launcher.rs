//! Starts private throw-away Redis or Valkey servers on loopback. Serves the demo and the tests.
//!
//! Only children of ours are ever stopped, each through its own handle.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::config::Endpoint;

/// Why no server runs.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Neither server is installed.
    #[error(
        "neither redis-server nor valkey-server is on PATH: install one (Debian/Ubuntu: apt-get install redis-server; macOS: brew install redis)"
    )]
    NotInstalled,
    /// A file or process could not be made.
    #[error("could not start a server: {0}")]
    Io(#[from] std::io::Error),
    /// It ended by itself or never answered.
    #[error("the server on port {port} did not come up: {log}")]
    NotUp {
        /// Its port.
        port: u16,
        /// The end of its log.
        log: String,
    },
}

/// A server process of ours. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
    binary: PathBuf,
    args: Vec<String>,
}

/// Finds `redis-server`, else `valkey-server`, on PATH; `REDWARDEN_SERVER` names another binary.
pub fn find_server() -> Result<PathBuf, LaunchError> {
    if let Some(path) = std::env::var_os("REDWARDEN_SERVER").filter(|p| !p.is_empty()) {
        return Ok(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["redis-server", "valkey-server"]
        .iter()
        .map(|name| format!("{name}{}", std::env::consts::EXE_SUFFIX))
        .flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(&name)))
        .find(|candidate| candidate.is_file())
        .ok_or(LaunchError::NotInstalled)
}

/// A loopback port nobody listens on right now.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Server {
    /// Starts a server without persistence on a free loopback port; `args` are added to its command line.
    pub fn start(args: &[&str]) -> Result<Self, LaunchError> {
        Self::start_in(&std::env::temp_dir(), args)
    }

    /// [`Server::start`] with its directory made inside `parent`.
    pub fn start_in(parent: &Path, args: &[&str]) -> Result<Self, LaunchError> {
        let binary = find_server()?;
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let mut last = None;
        // Another process may take the port between our look and the server's bind.
        for _ in 0..5 {
            let port = free_port()?;
            let dir = tempfile::Builder::new().prefix("redwarden-").tempdir_in(parent)?;
            let child = spawn(&binary, port, dir.path(), &args)?;
            let mut server = Self { child, port, dir, binary: binary.clone(), args: args.clone() };
            match server.wait_up() {
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
        self.child = spawn(&self.binary, self.port, self.dir.path(), &self.args)?;
        self.wait_up()
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

    /// Waits until it answers anything (also an error such as NOAUTH).
    fn wait_up(&mut self) -> Result<(), LaunchError> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if answers(self.port) {
                return Ok(());
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
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(binary: &Path, port: u16, dir: &Path, args: &[String]) -> std::io::Result<Child> {
    let mut command = Command::new(binary);
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--daemonize", "no", "--logfile", "log", "--dir"])
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for name in crate::config::secrets::SECRET_VARIABLES {
        command.env_remove(name);
    }
    command.spawn()
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
    let mut answer = [0_u8; 7];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read(&mut answer).is_ok_and(|n| n > 0)
        && (answer[0] == b'+' || answer[0] == b'-')
}

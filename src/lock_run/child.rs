//! The command under the lock: started without our secrets, signals passed on, ended on request.

use std::process::ExitStatus;

use tokio::process::{Child, Command};

use super::{LockRunError, LockRunOptions};
use crate::config::secrets::SECRET_VARIABLES;
use crate::domain::bytes::{escape, escape_text};

/// A signal that asks to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Signal {
    Term,
    Int,
    Hup,
    Quit,
}

impl Signal {
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Hup => 1,
            Self::Int => 2,
            Self::Quit => 3,
            Self::Term => 15,
        }
    }
}

/// The signals that ask us to end.
#[cfg(unix)]
pub(super) struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
    hup: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.term.recv() => Signal::Term,
            Some(()) = self.int.recv() => Signal::Int,
            Some(()) = self.hup.recv() => Signal::Hup,
            Some(()) = self.quit.recv() => Signal::Quit,
            else => std::future::pending().await,
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Int,
            Err(_) => std::future::pending().await,
        }
    }
}

pub(super) struct Running {
    child: Child,
}

pub(super) fn spawn(options: &LockRunOptions, token: &str) -> Result<Running, LockRunError> {
    let Some((program, args)) = options.command.split_first() else {
        return Err(LockRunError::Usage("no command to run: put it after --".into()));
    };
    let mut command = Command::new(program);
    // Should this process fail, the command must not go on without anybody renewing its lock.
    command.args(args).kill_on_drop(true);
    for name in SECRET_VARIABLES.into_iter().chain(options.secret_variables.iter().map(String::as_str)) {
        command.env_remove(name);
    }
    command.env("REDWARDEN_LOCK_TOKEN", token);
    match key_for_environment(options) {
        Some(key) => command.env("REDWARDEN_LOCK_KEY", key),
        None => command.env_remove("REDWARDEN_LOCK_KEY"),
    };
    match command.spawn() {
        Ok(child) => Ok(Running { child }),
        Err(error) => Err(LockRunError::Spawn {
            program: escape(program.as_encoded_bytes()),
            why: escape_text(&error.to_string()),
            code: if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 },
        }),
    }
}

/// The exact key; `None` where the environment can't hold it.
fn key_for_environment(options: &LockRunOptions) -> Option<std::ffi::OsString> {
    let bytes = options.key.as_slice();
    if bytes.contains(&0) {
        return None;
    }
    #[cfg(unix)]
    return Some(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).to_os_string());
    #[cfg(not(unix))]
    return options.key.as_utf8().map(Into::into);
}

impl Running {
    /// Waits for its end; may be called again.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Passes a signal on. Keys such as Ctrl-C reach the command from the terminal itself: not twice.
    pub(super) fn forward(&self, signal: Signal) {
        use std::io::IsTerminal;
        if matches!(signal, Signal::Int | Signal::Quit) && std::io::stdin().is_terminal() {
            return;
        }
        self.send(signal);
    }

    pub(super) fn terminate(&self) {
        self.send(Signal::Term);
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.start_kill();
    }

    #[cfg(unix)]
    fn send(&self, signal: Signal) {
        use rustix::process::{Pid, kill_process};
        let signal = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Hup => rustix::process::Signal::HUP,
            Signal::Quit => rustix::process::Signal::QUIT,
        };
        // An id is there only while it is not reaped, so the number can't be somebody else's.
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    /// Ctrl-C reaches it by itself here; a gentler end does not exist.
    #[cfg(not(unix))]
    fn send(&self, _signal: Signal) {}
}

/// Exit code of a command; 128 + n when signal n ended it.
pub(super) fn code_of(status: Option<&ExitStatus>) -> u8 {
    let Some(status) = status else { return super::UNAVAILABLE };
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(status) {
        return code_of_signal(signal);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

pub(super) fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

//! Libraries that Debian packages: programs in the interpreter that the system has.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::path::PathBuf;
use std::process::Command;

use redwarden::launcher::Server;

use super::driver::{Driver, Process};
use super::locks::beside;

/// An interpreter, and where the programs for it are.
pub(crate) struct Debian {
    interpreter: &'static str,
    programs: PathBuf,
}

impl Debian {
    /// Ruby with a library.
    pub(crate) fn ruby(library: &str) -> Self {
        Self::with("ruby", &["-e", &format!("require '{library}'")], beside("ruby"))
    }

    /// PHP with its extension for Redis and a library.
    pub(crate) fn php(library: &str) -> Self {
        let probe = format!("class_exists('Redis') && @include '{library}/autoload.php' or exit(1);");
        Self::with("php", &["-r", &probe], beside("php"))
    }

    /// The interpreter with a library that `probe` finds, an argument list that ends well only then.
    fn with(interpreter: &'static str, probe: &[&str], programs: PathBuf) -> Self {
        let found = Command::new(interpreter).args(probe).output();
        assert!(
            found.as_ref().is_ok_and(|o| o.status.success()),
            "{interpreter} {probe:?}: {found:?}; the README names Debian's packages that these tests need"
        );
        Self { interpreter, programs }
    }

    /// A program that answers lines.
    pub(crate) fn driver(&self, server: &Server, program: &str, arguments: &[&str]) -> Driver {
        Driver::spawn(self.command(server, program, "driver", arguments))
    }

    /// A program that works until it is ended, at the latest with the value that is returned.
    pub(crate) fn worker(&self, server: &Server, program: &str, arguments: &[&str]) -> Process {
        Process::spawn(self.command(server, program, "worker", arguments))
    }

    fn command(&self, server: &Server, program: &str, role: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.interpreter);
        command.arg(self.programs.join(program)).arg(role).args(arguments).current_dir(&self.programs);
        command.env("REDIS_PORT", server.port().to_string()).env("REDIS_URL", server.url());
        command
    }
}

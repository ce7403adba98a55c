//! The headless commands: the same facts and the same plans as the dashboard, for scripts. stdout is data, stderr
//! is talk; both go through the writers given, so that only `main` prints.

pub mod peek;
pub mod place;
pub mod push;
pub mod release;
pub mod release_many;
pub mod run;
pub mod transfer;
pub mod wait;
pub mod watch;
pub mod work;

use std::io::Write;

/// Where a command writes.
pub struct Out<'a> {
    /// Data.
    pub data: &'a mut dyn Write,
    /// Talk: questions, warnings, reasons.
    pub talk: &'a mut dyn Write,
    /// A person is there to answer: both ends are terminals.
    pub interactive: bool,
}

impl Out<'_> {
    /// One line of talk. A closed stderr is no reason to fail.
    pub fn say(&mut self, line: impl AsRef<str>) {
        let _ = writeln!(self.talk, "{}", line.as_ref());
    }
}

/// Exit code: done, or all is well.
pub const EXIT_OK: u8 = 0;
/// Exit code: not done, and why was said.
pub const EXIT_NOT_DONE: u8 = 1;
/// Exit code: usage.
pub const EXIT_USAGE: u8 = 2;
/// Exit code: sent, and no answer came.
pub const EXIT_UNKNOWN: u8 = 3;

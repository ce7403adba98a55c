//! A terminal for the real program: a pty, a vt100 screen fed by a reader thread, keys, resize, signals.
//!
//! Nothing here sleeps for a result: a test waits until the screen shows what it expects, and a time-out
//! dumps what the screen showed instead.
#![allow(dead_code, unreachable_pub, reason = "shared: each test binary uses its own part")]

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use redwarden::app::key::{Key, KeyCode};

/// Long enough for a busy machine; only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// What came out of the program so far.
struct Shown {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

/// The real program in a terminal of its own. Dropping it kills it.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    home: tempfile::TempDir,
}

/// A command that knows nothing of the developer's own settings.
pub fn command(program: &str, home: &tempfile::TempDir) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.env_clear();
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env("HOME", home.path());
    command.env("TMPDIR", home.path());
    command.env("XDG_CONFIG_HOME", home.path().join("config"));
    command.env("XDG_STATE_HOME", home.path().join("state"));
    command.cwd(home.path());
    command
}

impl Terminal {
    /// Starts redwarden at 120x36.
    pub fn redwarden(args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = command(env!("CARGO_BIN_EXE_redwarden"), &home);
        command.args(args);
        Self::run(command, home)
    }

    /// Starts any command at 120x36.
    pub fn run(command: CommandBuilder, home: tempfile::TempDir) -> Self {
        let size = PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let mut output = pair.master.try_clone_reader().unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(cells(size.rows), cells(size.cols), 0);
        let shown = Arc::new((Mutex::new(Shown { parser, raw: Vec::new() }), Condvar::new()));
        let feed = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 16_384];
            // An error is the terminal's end, as its end is.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                // A test that failed while it held the lock has said so already.
                let mut shown = feed.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                shown.parser.process(&buffer[..n]);
                shown.raw.extend_from_slice(&buffer[..n]);
                drop(shown);
                feed.1.notify_all();
            }
        });
        Self { child, master: pair.master, keyboard, shown, home }
    }

    /// Its HOME, TMPDIR and XDG directories are in here.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// What the screen shows now.
    pub fn text(&self) -> String {
        self.shown.0.lock().unwrap().parser.screen().contents()
    }

    /// Waits until the screen is as wished; what it showed is in the panic otherwise.
    pub fn wait_until(&self, what: &str, wish: impl Fn(&vt100::Screen) -> bool) {
        self.wait(what, |shown| wish(shown.parser.screen()));
    }

    /// Types these keys until the screen is as wished: a dialog counts keys only a moment after it was drawn.
    pub fn insist(&mut self, keys: &str, what: &str, wish: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            self.send(keys);
            if self.is_soon(Duration::from_secs(2), |shown| wish(shown.parser.screen())) {
                return;
            }
        }
        self.wait_until(what, wish);
    }

    /// Waits until the program has sent these very bytes, such as an escape sequence.
    pub fn wait_raw(&self, bytes: &str) {
        self.wait(bytes, |shown| shown.raw.windows(bytes.len()).any(|w| w == bytes.as_bytes()));
    }

    /// Has the program sent these very bytes so far?
    pub fn has_sent(&self, bytes: &str) -> bool {
        self.shown.0.lock().unwrap().raw.windows(bytes.len()).any(|w| w == bytes.as_bytes())
    }

    fn wait(&self, what: &str, wish: impl Fn(&Shown) -> bool) {
        assert!(
            self.is_soon(DEADLINE, wish),
            "never saw: {}\n--- the screen instead ---\n{}\n---",
            what.escape_debug(),
            self.text()
        );
    }

    /// True as soon as the wish is fulfilled, false when it was not within that time.
    fn is_soon(&self, within: Duration, wish: impl Fn(&Shown) -> bool) -> bool {
        let shown = self.shown.0.lock().unwrap();
        !self.shown.1.wait_timeout_while(shown, within, |shown| !wish(shown)).unwrap().1.timed_out()
    }

    /// Waits until this text is somewhere on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until this text is nowhere on the screen.
    pub fn wait_gone(&self, text: &str) {
        self.wait_until(&format!("gone: {text}"), |screen| !screen.contents().contains(text));
    }

    /// Types bytes as they stand.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.keyboard.write_all(bytes.as_ref()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Presses a key.
    pub fn press(&mut self, key: Key) {
        self.send(encode(key));
    }

    /// Changes the terminal's size; the program gets SIGWINCH.
    pub fn resize(&self, cols: u16, rows: u16) {
        self.shown.0.lock().unwrap().parser.screen_mut().set_size(cells(rows), cells(cols));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// Process id of the program.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Is it still running?
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; the screen:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// After its end: the terminal is as it was before.
    pub fn assert_restored(&self) {
        self.wait_until("the terminal restored", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        // The screen is given back before the line discipline: under a shell the program may still be between the two.
        let deadline = Instant::now() + DEADLINE;
        loop {
            let modes = self.local_modes();
            if ["ICANON", "ECHO", "ISIG"]
                .iter()
                .all(|mode| modes.split(['(', ' ', '|', ')']).any(|m| m == *mode))
            {
                return;
            }
            assert!(Instant::now() < deadline, "the terminal is still raw: {modes}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The line discipline's local modes, as text.
    pub fn local_modes(&self) -> String {
        self.master.get_termios().map(|t| format!("{:?}", t.local_flags)).unwrap_or_default()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(rustix::process::Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).unwrap()
}

/// What a terminal sends for a key.
pub fn encode(key: Key) -> Vec<u8> {
    let mut bytes = if key.alt { vec![0x1b] } else { Vec::new() };
    let rest: Vec<u8> = match key.code {
        KeyCode::Char(c) if key.ctrl => vec![c.to_ascii_lowercase() as u8 & 0x1f],
        KeyCode::Char(c) => c.to_string().into_bytes(),
        KeyCode::Enter => b"\r".to_vec(),
        KeyCode::Esc => b"\x1b".to_vec(),
        KeyCode::Tab => b"\t".to_vec(),
        KeyCode::BackTab => b"\x1b[Z".to_vec(),
        KeyCode::Backspace => b"\x7f".to_vec(),
        KeyCode::Delete => b"\x1b[3~".to_vec(),
        KeyCode::Up => b"\x1b[A".to_vec(),
        KeyCode::Down => b"\x1b[B".to_vec(),
        KeyCode::Right => b"\x1b[C".to_vec(),
        KeyCode::Left => b"\x1b[D".to_vec(),
        KeyCode::Home => b"\x1b[H".to_vec(),
        KeyCode::End => b"\x1b[F".to_vec(),
        KeyCode::PageUp => b"\x1b[5~".to_vec(),
        KeyCode::PageDown => b"\x1b[6~".to_vec(),
        KeyCode::F(1) => b"\x1bOP".to_vec(),
        KeyCode::F(n) => panic!("F{n} is bound to nothing"),
    };
    bytes.extend(rest);
    bytes
}

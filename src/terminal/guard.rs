//! Takes the screen and gives it back exactly once, whatever way the program ends.
//!
//! One flag says whether the screen is ours; [`TerminalGuard`]'s drop, the panic hook and suspending all go through
//! it. [`Screen`] swallows what is written while the screen is not ours, so that a frame drawn after a background
//! task's panic cannot land on the shell's screen.

use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::sync::Notify;

/// True while the screen is ours.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// True while mouse events are captured.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// Told by the panic hook.
static PANICKED: Notify = Notify::const_new();
static HOOK: Once = Once::new();

/// Why the screen could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Input or output is a pipe or a file.
    #[error(
        "{0} is not a terminal, and the dashboard needs one: for scripts and pipes use `redwarden snapshot`, `nodes`, `locks`, `queues` or `check` (each takes --format json)"
    )]
    NotATerminal(&'static str),
    /// The terminal refused.
    #[error("could not take over the terminal: {0}")]
    Io(#[from] io::Error),
}

/// The screen is ours while this lives.
#[derive(Debug)]
pub struct TerminalGuard {
    _private: (),
}

/// Takes the screen: raw mode, alternate screen, bracketed paste, hidden cursor and, with `mouse`, mouse events.
/// Installs the panic hook once. Nothing may print from here until the guard is dropped.
pub fn enter(mouse: bool) -> Result<TerminalGuard, TerminalError> {
    if !io::stdin().is_terminal() {
        return Err(TerminalError::NotATerminal("standard input"));
    }
    if !io::stdout().is_terminal() {
        return Err(TerminalError::NotATerminal("standard output"));
    }
    HOOK.call_once(install_hook);
    MOUSE.store(mouse, Ordering::SeqCst);
    take()?;
    Ok(TerminalGuard { _private: () })
}

impl TerminalGuard {
    /// A ratatui terminal over [`Screen`].
    pub fn terminal(&self) -> io::Result<Terminal<CrosstermBackend<Screen>>> {
        Terminal::new(CrosstermBackend::new(Screen::default()))
    }

    /// Starts or stops taking mouse events; without them the terminal's own selection works.
    pub fn capture_mouse(&self, on: bool) -> io::Result<()> {
        if !ENTERED.load(Ordering::SeqCst) || MOUSE.swap(on, Ordering::SeqCst) == on {
            return Ok(());
        }
        if on {
            crossterm::execute!(io::stdout(), EnableMouseCapture)
        } else {
            crossterm::execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Draws everything anew with the next frame; returns the size, columns and rows. Not `Terminal::clear`: that
    /// asks the terminal where its cursor is and fails where nobody answers.
    pub fn repaint(&self, terminal: &mut Terminal<CrosstermBackend<Screen>>) -> io::Result<(u16, u16)> {
        let size = terminal.size()?;
        terminal.resize(ratatui::layout::Rect::new(0, 0, size.width, size.height))?;
        Ok((size.width, size.height))
    }

    /// Rings the terminal's bell.
    pub fn bell(&self) -> io::Result<()> {
        let mut screen = Screen::default();
        screen.write_all(b"\x07")?;
        screen.flush()
    }

    /// Gives the screen back, stops this process as Ctrl-Z does, and takes the screen again when it is continued.
    /// The caller pauses the input first and draws everything anew afterwards (`Terminal::resize`).
    #[cfg(unix)]
    pub async fn suspend(&self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        // Listening before the stop: the stop may reach this thread a moment late, so the only safe sign that we
        // were continued is SIGCONT itself.
        let mut continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
        give_back();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        continued.recv().await;
        take()
    }

    /// Windows has no job control: nothing happens.
    #[cfg(not(unix))]
    pub async fn suspend(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        give_back();
    }
}

/// False once the terminal is gone: its other end was closed.
pub fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// Resolves once some thread or task panicked while the screen was ours: the screen is given back and the report is
/// printed already, the program should end.
pub async fn panicked() {
    PANICKED.notified().await;
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    let entered = crossterm::execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)
        .and_then(|()| {
            if MOUSE.load(Ordering::SeqCst) {
                crossterm::execute!(io::stdout(), EnableMouseCapture)
            } else {
                Ok(())
            }
        });
    if entered.is_err() {
        give_back();
    }
    entered
}

/// Gives the screen back, once; true when it was ours. Errors are of no use here: the terminal may be gone.
fn give_back() -> bool {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return false;
    }
    let mut out = io::stdout();
    if MOUSE.load(Ordering::SeqCst) {
        let _ = crossterm::execute!(out, DisableMouseCapture);
    }
    let _ = crossterm::execute!(out, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    true
}

/// Only gives the screen back and wakes the run loop; the report comes from the hook that was there before.
fn install_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if give_back() {
            PANICKED.notify_one();
        }
        before(info);
    }));
}

/// Standard output while the screen is ours; swallows everything otherwise.
#[derive(Debug)]
pub struct Screen {
    out: io::BufWriter<Stdout>,
}

impl Default for Screen {
    fn default() -> Self {
        Self { out: io::BufWriter::with_capacity(64 * 1024, io::stdout()) }
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if ENTERED.load(Ordering::SeqCst) { self.out.write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if ENTERED.load(Ordering::SeqCst) { self.out.flush() } else { Ok(()) }
    }
}

//! Signals as events, so that they take the same ordered way out as `q`.

use tokio::sync::mpsc;

use crate::app::event::Event;

/// Listens for the signals that end or stop the program, until the channel closes.
/// SIGTERM, SIGHUP and SIGINT ask to end without questions; SIGTSTP is treated as a typed Ctrl-Z.
#[cfg(unix)]
pub fn spawn(tx: mpsc::Sender<Event>) -> std::io::Result<tokio::task::JoinHandle<()>> {
    use crate::app::key::Key;
    use tokio::signal::unix::{SignalKind, signal};

    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut stop = signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?;
    Ok(tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                _ = term.recv() => Event::Terminate,
                _ = hup.recv() => Event::Terminate,
                _ = int.recv() => Event::Terminate,
                _ = stop.recv() => Event::Key(Key::ctrl('z')),
                () = tx.closed() => return,
            };
            if tx.send(event).await.is_err() {
                return;
            }
        }
    }))
}

/// Listens for Ctrl-C and the closing of the console, until the channel closes.
#[cfg(windows)]
pub fn spawn(tx: mpsc::Sender<Event>) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    let mut close = tokio::signal::windows::ctrl_close()?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = ctrl_c.recv() => {}
                _ = close.recv() => {}
                () = tx.closed() => return,
            }
            if tx.send(Event::Terminate).await.is_err() {
                return;
            }
        }
    }))
}

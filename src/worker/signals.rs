//! SIGTERM, SIGINT and SIGHUP for the headless worker: the first one drains, the next one ends what runs.

use tokio::sync::mpsc;

use super::WorkerCommand;

/// Sends [`WorkerCommand::Stop`] for each signal to end. Call it inside the runtime, once.
#[cfg(unix)]
pub fn stop_on_signals(commands: mpsc::Sender<WorkerCommand>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut hup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
                _ = hup.recv() => {}
            }
            if commands.send(WorkerCommand::Stop).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Sends [`WorkerCommand::Stop`] for each Ctrl-C. Call it inside the runtime, once.
#[cfg(not(unix))]
pub fn stop_on_signals(commands: mpsc::Sender<WorkerCommand>) -> std::io::Result<()> {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if commands.send(WorkerCommand::Stop).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

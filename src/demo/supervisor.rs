//! The supervisor process: owns the servers, the simulated clients and the directory, for as long as its stdin is open.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::sync::oneshot;

use super::DemoNode;
use super::fleet::{Fleet, Incident};
use super::stage;

/// What the supervisor tells the dashboard, as one line of JSON on its stdout.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// All servers answer and the clients play.
    Up {
        /// The servers.
        nodes: Vec<DemoNode>,
        /// Everything the demo writes is in here.
        dir: PathBuf,
    },
    /// It gave up.
    Failed {
        /// Why.
        error: String,
    },
}

/// Main function of the supervisor's process. Ends when stdin does, or on SIGTERM, SIGINT or SIGHUP.
pub fn supervise() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&e.to_string()),
    };
    let code = runtime.block_on(run());
    // A server that is just being started must not be left to itself: blocking tasks are waited for.
    drop(runtime);
    code
}

async fn run() -> ExitCode {
    // Both before the first server: whoever asks us to end while servers start gets a clean end.
    let lifeline = lifeline();
    let signals = match end_signals() {
        Ok(signals) => signals,
        Err(e) => return fail(&e.to_string()),
    };
    let wish = super::supervised().unwrap_or_default();
    let mut fleet = match tokio::task::spawn_blocking(move || Fleet::start(wish.stage)).await {
        Ok(Ok(fleet)) => fleet,
        Ok(Err(e)) => return fail(&e.to_string()),
        Err(e) => return fail(&e.to_string()),
    };
    let mut play = tokio::task::JoinSet::new();
    for (place, scene) in fleet.scenes() {
        stage::seed(&place, &scene).await;
        for role in scene {
            play.spawn(stage::play(place.clone(), role));
        }
    }
    if tell(&fleet.line()).is_ok() {
        let mut end = std::pin::pin!(async {
            tokio::select! {
                _ = lifeline => {}
                () = signals => {}
            }
        });
        for (after, incident) in Incident::plot(wish.failover) {
            tokio::select! {
                () = &mut end => break,
                () = tokio::time::sleep(after) => fleet.suffer(incident),
            }
        }
        end.await;
    }
    play.abort_all();
    drop(fleet);
    ExitCode::SUCCESS
}

/// Done when the dashboard is gone. A thread of its own, because a read of a pipe can't be given up.
fn lifeline() -> oneshot::Receiver<()> {
    let (cut, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut scrap = [0_u8; 64];
        // Nothing is ever written to it; an error ends it as well as its end.
        while std::io::stdin().lock().read(&mut scrap).is_ok_and(|n| n > 0) {}
        let _ = cut.send(());
    });
    receiver
}

#[cfg(unix)]
fn end_signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut hup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            _ = hup.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn end_signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn tell(line: &Line) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn fail(error: &str) -> ExitCode {
    let _ = tell(&Line::Failed { error: error.to_string() });
    ExitCode::FAILURE
}

//! `redwarden lock run`: holds a lock while a command runs, and never longer than it is known to be ours.
//!
//! The lock is `SET key uuid NX PX ttl`, renewed every third of its TTL by compare-and-pexpire and released by
//! compare-and-delete. The token is unique for each run, so a script that runs late touches nobody else's lock.

mod child;
mod lease;

use std::ffi::OsString;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::act::NotDone;
use crate::act::audit::{Audit, AuditedRun, OpenRun, RunEnd, digest};
use crate::config::Endpoint;
use crate::domain::{Bytes, NodeId};
use crate::redis_io::WritePermit;
use child::{Running, Signals};
use lease::{Acquired, Lease, Released, Renewed};

/// Exit code when the lock was not acquired: `EX_TEMPFAIL`, "try again later".
pub const NOT_ACQUIRED: u8 = 75;
/// Exit code when the lock was lost and `kill_on_loss` was asked for: `EX_PROTOCOL`.
pub const LOST: u8 = 76;
/// Exit code when the node could not be reached or refused: `EX_UNAVAILABLE`.
pub const UNAVAILABLE: u8 = 69;
/// A lock shorter than this can't be renewed in time.
pub const SHORTEST_TTL: Duration = Duration::from_millis(100);
/// How long a command that is told to end (SIGTERM) may take before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// What to hold and what to run.
#[derive(Clone, Debug)]
pub struct LockRunOptions {
    /// The node's name, for the audit file.
    pub node: NodeId,
    /// Where the run is written down, before it starts and when it ended.
    pub audit: Audit,
    /// The lock's key.
    pub key: Bytes,
    /// Its TTL, at least [`SHORTEST_TTL`]; renewed every third of it.
    pub ttl: Duration,
    /// How long to try to get it; `None`: once.
    pub wait: Option<Duration>,
    /// End the command when the lock is lost: SIGTERM, after 5 s SIGKILL.
    pub kill_on_loss: bool,
    /// Program and arguments; run directly, not by a shell.
    pub command: Vec<OsString>,
    /// Deadline of a connect and of each call.
    pub timeout: Duration,
    /// Environment variables with secrets that the command must not inherit, beside
    /// [`SECRET_VARIABLES`](crate::config::secrets::SECRET_VARIABLES).
    pub secret_variables: Vec<String>,
}

/// Why the command was not run to its end under the lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockRunError {
    /// No command, or a TTL too short.
    #[error("{0}")]
    Usage(String),
    /// Read-only mode.
    #[error("read-only mode: a lock is a write, so nothing was sent and the command was not run")]
    ReadOnly,
    /// The audit file cannot be written.
    #[error("{0}, and the command was not run")]
    NoAudit(String),
    /// Somebody else holds it.
    #[error("{key} is held by another{waited}: the command was not run")]
    NotAcquired {
        /// The lock.
        key: Bytes,
        /// ` after waiting 30s`, or nothing.
        waited: String,
    },
    /// The node could not be reached, or refused.
    #[error("{key} could not be acquired ({why}): the command was not run")]
    Unavailable {
        /// The lock.
        key: Bytes,
        /// Why, escaped.
        why: String,
    },
    /// The command could not be started; the lock was released again.
    #[error("{program} could not be started: {why}")]
    Spawn {
        /// The program, escaped.
        program: String,
        /// Why, escaped.
        why: String,
        /// 127 not found, 126 otherwise.
        code: u8,
    },
    /// The lock was lost, and the command was ended for it or ended while it was lost.
    #[error("the lock {key} was lost while the command ran ({why})")]
    Lost {
        /// The lock.
        key: Bytes,
        /// Why, escaped.
        why: String,
    },
    /// A signal came while waiting for the lock.
    #[error("signal {0} while waiting for the lock: the command was not run")]
    Interrupted(i32),
}

impl LockRunError {
    /// Exit code: 2 usage, 69 node unavailable, read-only or no audit file, 75 not acquired, 76 lost (with `--kill-on-loss`),
    /// 126 or 127 the command could not be started, 128 + n signal n while waiting.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::ReadOnly | Self::NoAudit(_) | Self::Unavailable { .. } => UNAVAILABLE,
            Self::NotAcquired { .. } => NOT_ACQUIRED,
            Self::Spawn { code, .. } => *code,
            Self::Lost { .. } => LOST,
            Self::Interrupted(signal) => child::code_of_signal(*signal),
        }
    }
}

type Renewal = Pin<Box<dyn Future<Output = (Lease, Renewed)> + Send>>;

/// Acquires the lock, runs the command, renews meanwhile, releases, and returns the command's exit code
/// (128 + n when signal n ended it). SIGTERM, SIGINT, SIGHUP and SIGQUIT are passed to the command, which is waited for.
///
/// The command inherits stdin, stdout and stderr; it finds the lock in `REDWARDEN_LOCK_KEY` and `REDWARDEN_LOCK_TOKEN`.
/// A lost lock is told through `say`; the command goes on unless `kill_on_loss` is set. `say` gets escaped sentences.
pub async fn run(
    endpoint: &Endpoint,
    options: LockRunOptions,
    permit: Option<WritePermit>,
    mut say: impl FnMut(&str),
) -> Result<u8, LockRunError> {
    if options.command.is_empty() {
        return Err(LockRunError::Usage("no command to run: put it after --".into()));
    }
    if options.ttl < SHORTEST_TTL {
        return Err(LockRunError::Usage(format!(
            "a TTL of {} is too short: at least {}",
            humantime::format_duration(options.ttl),
            humantime::format_duration(SHORTEST_TTL)
        )));
    }
    let permit = permit.ok_or(LockRunError::ReadOnly)?;
    let mut signals = Signals::listen().map_err(|e| LockRunError::Unavailable {
        key: options.key.clone(),
        why: format!("signals can't be heard: {e}"),
    })?;
    let lease = Lease::new(endpoint.clone(), options.key.clone(), options.ttl, options.timeout, permit);
    let record =
        begin(endpoint, &options, &lease).await.map_err(|why| LockRunError::NoAudit(why.to_string()))?;
    let held = under_lock(lease, &options, &mut signals, &mut say).await;
    if let Err(gap) = record.end(end_of(&held)).await {
        say(&gap);
    }
    let held = held?;
    match held.lost {
        Some(why) if options.kill_on_loss => Err(LockRunError::Lost { key: options.key, why }),
        _ => Ok(held.code),
    }
}

/// How the command ended that ran under the lock.
struct Held {
    code: u8,
    /// Why the lock was lost meanwhile.
    lost: Option<String>,
    /// Why it could not be released, or only perhaps.
    unreleased: Option<String>,
}

/// Writes down that the lock is about to be taken. The command may hold secrets: only its digest is written.
async fn begin(endpoint: &Endpoint, options: &LockRunOptions, lease: &Lease) -> Result<OpenRun, NotDone> {
    let command: Vec<_> = options.command.iter().map(|word| word.to_string_lossy()).collect();
    let mut facts = serde_json::Map::new();
    facts.insert("exec".into(), digest(command.join(" ").as_bytes()).into());
    let run = AuditedRun {
        intent: "lock-run",
        node: options.node.clone(),
        db: endpoint.db,
        key: options.key.clone(),
        commands: vec![lease.set_command()],
        facts,
    };
    options.audit.begin(run).await
}

fn end_of(held: &Result<Held, LockRunError>) -> RunEnd {
    let mut facts = serde_json::Map::new();
    let (outcome, detail) = match held {
        Ok(Held { code, lost, unreleased }) => {
            facts.insert("exit_code".into(), (*code).into());
            let ended = format!("the command ended with exit code {code}");
            match (lost, unreleased) {
                (Some(why), _) => ("lost", format!("{ended}; the lock was lost: {why}")),
                (None, Some(why)) => ("unknown", format!("{ended}; the lock could not be released: {why}")),
                (None, None) => ("done", ended),
            }
        }
        Err(error @ LockRunError::NotAcquired { .. }) => ("not_acquired", error.to_string()),
        Err(error) => ("not_done", error.to_string()),
    };
    RunEnd { outcome, detail: Some(detail), facts }
}

/// Takes the lock, runs the command, lets go of the lock.
async fn under_lock(
    mut lease: Lease,
    options: &LockRunOptions,
    signals: &mut Signals,
    say: &mut impl FnMut(&str),
) -> Result<Held, LockRunError> {
    let until = acquire(&mut lease, options, signals).await?;
    match child::spawn(options, lease.token()) {
        Ok(running) => Ok(hold(lease, until, running, options, signals, say).await),
        Err(error) => {
            lease.release().await;
            Err(error)
        }
    }
}

/// Tries until it has the lock, the waiting time is over, or a signal comes. Returns until when it is surely ours.
async fn acquire(
    lease: &mut Lease,
    options: &LockRunOptions,
    signals: &mut Signals,
) -> Result<Instant, LockRunError> {
    let give_up = Instant::now() + options.wait.unwrap_or_default();
    let mut pause = Duration::from_millis(50);
    loop {
        let error = match lease.acquire().await {
            Acquired::Until(until) => return Ok(until),
            Acquired::Held => LockRunError::NotAcquired {
                key: options.key.clone(),
                waited: options
                    .wait
                    .map(|wait| format!(" after waiting {}", humantime::format_duration(wait)))
                    .unwrap_or_default(),
            },
            Acquired::Unknown(why) => LockRunError::Unavailable { key: options.key.clone(), why },
            Acquired::Refused(why) => {
                return Err(LockRunError::Unavailable { key: options.key.clone(), why });
            }
        };
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            lease.forget().await;
            return Err(error);
        }
        // Jitter, so that many waiters do not ask in step; the last try comes at the very end.
        let nap = pause.mul_f64(0.5 + fastrand::f64()).min(left);
        pause = (pause * 2).min(Duration::from_millis(500));
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            signal = signals.next() => {
                lease.forget().await;
                return Err(LockRunError::Interrupted(signal.number()));
            }
        }
    }
}

/// Renews until the command ends, then releases.
async fn hold(
    lease: Lease,
    mut until: Instant,
    mut running: Running,
    options: &LockRunOptions,
    signals: &mut Signals,
    say: &mut impl FnMut(&str),
) -> Held {
    let third = options.ttl / 3;
    let again = (options.ttl / 10).min(Duration::from_millis(500));
    let mut renew_at = Instant::now() + third;
    let mut resting = Some(lease);
    let mut renewal: Option<Renewal> = None;
    let mut lost: Option<String> = None;
    let mut silent = false;
    let mut kill_at: Option<Instant> = None;
    let status = loop {
        let mut lost_now = None;
        tokio::select! {
            status = running.wait() => break status,
            signal = signals.next() => running.forward(signal),
            () = sleep_until(kill_at) => {
                kill_at = None;
                running.kill();
            }
            () = tokio::time::sleep_until(renew_at), if lost.is_none() && resting.is_some() => {
                renewal = resting.take().map(|lease| Box::pin(lease.renew()) as Renewal);
            }
            (lease, renewed) = answer(&mut renewal) => {
                renewal = None;
                resting = Some(lease);
                match renewed {
                    Renewed::Until(new) => {
                        until = new;
                        renew_at = Instant::now() + third;
                        if std::mem::take(&mut silent) {
                            say(&format!("the lock {} is renewed again", options.key));
                        }
                    }
                    Renewed::Lost(why) => lost_now = Some(why),
                    Renewed::Unknown(why) => {
                        renew_at = Instant::now() + again;
                        if !std::mem::replace(&mut silent, true) {
                            say(&format!("the lock {} could not be renewed yet ({why}); trying again", options.key));
                        }
                    }
                }
            }
            () = tokio::time::sleep_until(until), if lost.is_none() => {
                lost_now = Some("no renewal was answered before its TTL ran out".into());
            }
        }
        if let Some(why) = lost_now.filter(|_| lost.is_none()) {
            say(&format!("the lock {} is lost: {why}", options.key));
            if options.kill_on_loss {
                say("ending the command, as --kill-on-loss asks");
                running.terminate();
                kill_at = Some(Instant::now() + GRACE);
            }
            lost = Some(why);
        }
    };
    // A renewal on its way is waited for, so that it can't come after the release on another connection.
    let lease = match renewal {
        Some(renewal) => Some(renewal.await.0),
        None => resting,
    };
    let mut unreleased = None;
    if let Some(mut lease) = lease {
        match lease.release().await {
            Released::NotOurs(why) if lost.is_none() => {
                say(&format!("the lock {} was lost before the command ended: {why}", options.key));
                lost = Some(why);
            }
            Released::Unknown(why) if lost.is_none() => {
                say(&format!(
                    "the lock {} could not be released ({why}): it ends by itself within {}",
                    options.key,
                    humantime::format_duration(options.ttl)
                ));
                unreleased = Some(why);
            }
            Released::Done | Released::NotOurs(_) | Released::Unknown(_) => {}
        }
    }
    Held { code: child::code_of(status.as_ref().ok()), lost, unreleased }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn answer(renewal: &mut Option<Renewal>) -> (Lease, Renewed) {
    match renewal {
        Some(renewal) => renewal.await,
        None => std::future::pending().await,
    }
}

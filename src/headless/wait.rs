//! `redwarden wait`: for deploy scripts, until a queue is short enough or a lock is free.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::place::{Candidate, candidates};
use super::release::refuse;
use super::{EXIT_OK, Out};
use crate::cli::{Wait, WaitFor, Where};
use crate::config::{Config, NodeConfig, QueueConfig};
use crate::domain::node::NodeState;
use crate::domain::snapshot::Board;
use crate::domain::{Bytes, FleetView, NodeId, Queue, Reply};
use crate::family::{Dialect, Read};
use crate::poll::Fleet;

/// The time ran out before the condition was met.
pub const EXIT_TIMEOUT: u8 = 1;
/// The time ran out, and whether the condition was met could not be read.
pub const EXIT_UNKNOWN: u8 = 3;

/// What was seen at the last look.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The condition holds; in words.
    Met(String),
    /// It does not; in words.
    NotYet(String),
    /// It can't be told; why.
    Unknown(String),
}

/// Waits until the condition was seen to hold once. 0: met, 1: the time ran out, 2: usage, 3: the time ran out and
/// the condition could not be read.
pub async fn wait(config: Arc<Config>, wish: Wait, out: &mut Out<'_>) -> u8 {
    let begun = Instant::now();
    let deadline = begun + wish.timeout;
    let seen = match &wish.until {
        WaitFor::QueueBelow { key, below } => queue_below(config, &wish, key, *below, deadline).await,
        WaitFor::LockFree { key } => {
            let nodes = crate::poll::fleet::discover(&config).await;
            match lock_free(&config, &nodes, &wish, key, deadline).await {
                Ok(seen) => seen,
                Err(error) => return refuse(&error, out),
            }
        }
    };
    let took = humantime::format_duration(Duration::from_millis(begun.elapsed().as_millis() as u64));
    match seen {
        Seen::Met(what) => {
            out.say(format!("{what} (after {took})"));
            EXIT_OK
        }
        Seen::NotYet(what) => {
            out.say(format!("not met within {}: {what}", humantime::format_duration(wish.timeout)));
            EXIT_TIMEOUT
        }
        Seen::Unknown(why) => {
            out.say(format!("unknown after {}: {why}", humantime::format_duration(wish.timeout)));
            EXIT_UNKNOWN
        }
    }
}

/// Watches as the dashboard does, so that queues of libraries count, too: all their priorities, and whatever else
/// the family knows as waiting.
async fn queue_below(config: Arc<Config>, wish: &Wait, key: &Bytes, below: u64, deadline: Instant) -> Seen {
    let mut config = Config::clone(&config);
    // Locks are not asked about: their search would cost the server something for nothing.
    config.lock_patterns = Vec::new();
    if let Some(name) = key.as_utf8() {
        // Watched also while it is empty, and without waiting for the search to come by.
        config.queues.push(QueueConfig {
            key: name.to_string(),
            node: wish.place.node.clone(),
            push: config.push,
            exec: None,
            weight: 1,
        });
    }
    let fleet = Fleet::spawn(Arc::new(config));
    let mut board = fleet.board();
    loop {
        let now = Board::clone(&board.borrow_and_update());
        let seen = if fleet.is_found() {
            judge(&FleetView::build(&now), &wish.place, key, below)
        } else {
            Seen::Unknown("the topology was not found".into())
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if matches!(seen, Seen::Met(_)) || left.is_zero() {
            return seen;
        }
        let _ = tokio::time::timeout(left.min(Duration::from_millis(200)), board.changed()).await;
    }
}

/// A queue is meant by its key or by its name in its library. Every one that is meant must be below.
fn judge(fleet: &FleetView, place: &Where, key: &Bytes, below: u64) -> Seen {
    let here = |node: &NodeId| place.node.as_deref().is_none_or(|name| node.as_str() == name);
    let meant: Vec<_> = fleet.nodes.iter().filter(|n| here(&n.snapshot.meta.id)).collect();
    if meant.is_empty() {
        return Seen::Unknown("no such node is watched".into());
    }
    for node in meant {
        let snapshot = &node.snapshot;
        if snapshot.status.state != NodeState::Up {
            return Seen::Unknown(format!("{} does not answer", snapshot.meta.id));
        }
        if snapshot.scan.passes == 0 {
            // Not searched to the end: a library's queue of this name may be still unknown.
            let why = snapshot.scan.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
            return Seen::Unknown(format!("{} was not searched to the end{why}", snapshot.meta.id));
        }
    }
    let is_meant = |queue: &Queue| {
        (queue.id.key == *key || queue.name.as_bytes() == key.as_slice())
            && here(&queue.id.node)
            && place.db.is_none_or(|db| queue.id.db == db)
    };
    let queues: Vec<&Arc<Queue>> = fleet.queues.iter().filter(|q| is_meant(q)).collect();
    let mut most = None;
    for queue in &queues {
        match queue.waiting {
            None => {
                let why = queue.problem.as_ref().map_or_else(|| "not read yet".into(), ToString::to_string);
                return Seen::Unknown(format!("{key} on {}: {why}", queue.id.node));
            }
            Some(waiting) => most = most.max(Some((waiting, queue.id.node.clone()))),
        }
    }
    match most {
        None => Seen::Unknown(format!("no queue is called {key}")),
        Some((n, _)) if n < below => Seen::Met(format!("{key}: {n} wait, below {below}")),
        Some((n, node)) => Seen::NotYet(format!("{key} on {node}: {n} wait")),
    }
}

/// A lock is free when its key does not exist: one `TYPE` an interval on connections that are kept.
async fn lock_free(
    config: &Config,
    nodes: &[NodeConfig],
    wish: &Wait,
    key: &Bytes,
    deadline: Instant,
) -> Result<Seen, super::place::PlaceError> {
    let mut held: Option<Vec<Candidate>> = None;
    loop {
        let seen = match held.take() {
            None => {
                let mut problems = Vec::new();
                let found = candidates(config, nodes, &wish.place, key, &mut problems).await?;
                let seen = state_of(key, found.iter().map(|c| (&c.node, c.exists)), problems.first());
                // A node that could not be asked is dialled again next time.
                held = problems.is_empty().then_some(found);
                seen
            }
            Some(mut found) => {
                let mut problem = None;
                for candidate in &mut found {
                    let read = candidate.reader.read(&[Read::Type(key.clone())], Dialect::default()).await;
                    match read.as_deref() {
                        Ok([Reply::Status(kind)]) => candidate.exists = kind != "none",
                        Ok([Reply::Error(error)]) => problem = Some(format!("{}: {error}", candidate.node)),
                        Ok(_) => problem = Some(format!("{}: not understood", candidate.node)),
                        Err(error) => problem = Some(format!("{}: {error}", candidate.node)),
                    }
                }
                let seen = state_of(key, found.iter().map(|c| (&c.node, c.exists)), problem.as_ref());
                held = problem.is_none().then_some(found);
                seen
            }
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if matches!(seen, Seen::Met(_)) || left.is_zero() {
            return Ok(seen);
        }
        tokio::time::sleep(left.min(config.interval)).await;
    }
}

fn state_of<'a>(
    key: &Bytes,
    mut nodes: impl Iterator<Item = (&'a NodeId, bool)>,
    problem: Option<&String>,
) -> Seen {
    let mut asked = 0;
    if let Some((node, _)) = nodes.by_ref().inspect(|_| asked += 1).find(|(_, exists)| *exists) {
        return Seen::NotYet(format!("{key} is held on {node}"));
    }
    match problem {
        Some(problem) => Seen::Unknown(problem.clone()),
        None if asked == 0 => Seen::Unknown("no primary answered".into()),
        None => Seen::Met(format!("{key} is free")),
    }
}

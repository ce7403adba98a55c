//! All pollers together: starts one task for each node, keeps the board, sets the pace.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::claims::Claims;
use super::connections::Connections;
use super::liveness::Liveness;
use super::memory::Memory;
use super::peers::Peers;
use super::poller::Poller;
use super::roster::Roster;
use crate::config::endpoint::{Directory, Routes, route};
use crate::config::{Config, Endpoint, NodeConfig};
use crate::domain::node::NodeState;
use crate::domain::snapshot::{Board, Cost, History, Live, ScanProgress};
use crate::domain::{GroupId, GroupSnapshot, LockList, NodeMeta, NodeSnapshot, Stamp};
use crate::family::Registry;

/// Closing sockets of our own takes no longer.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// What is usual for locks and which stand now is written down so often.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// How often to look, and how often an extra look was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pace {
    pub(super) interval: Duration,
    pub(super) refreshes: u64,
}

/// What all pollers share.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) registry: Registry,
    pub(super) pace: watch::Sender<Pace>,
    pub(super) claims: Claims,
    /// Changes are pushed where that is to be had.
    pub(super) live: bool,
    pub(super) connections: Connections,
    pub(super) memory: Memory,
    pub(super) peers: Peers,
    board: watch::Sender<Board>,
}

impl Shared {
    /// Median of the clocks of all servers of this group that are up, against ours: those whose locks depend on each
    /// other. Without a group it is the median of the whole fleet. `None` with fewer than two.
    pub(super) fn clock_median_ms(&self, group: Option<&GroupId>) -> Option<i64> {
        let board = self.board.borrow();
        let mut servers = std::collections::HashSet::new();
        let mut offsets: Vec<i64> = board
            .iter()
            .filter(|s| s.status.state == NodeState::Up)
            .filter(|s| group.is_none() || s.meta.group.as_ref() == group)
            .filter(|s| {
                let run_id = s.facts.as_ref().and_then(|f| f.run_id.as_deref());
                run_id.is_none_or(|id| servers.insert(id))
            })
            .filter_map(|s| s.clock_offset_ms)
            .collect();
        offsets.sort_unstable();
        let (low, high) =
            (offsets.get((offsets.len().checked_sub(1)?) / 2)?, offsets.get(offsets.len() / 2)?);
        (offsets.len() >= 2).then(|| i64::midpoint(*low, *high))
    }

    /// The board as it stands.
    pub(super) fn now(&self) -> Board {
        self.board.borrow().clone()
    }

    /// Puts the groups on the board.
    fn publish_groups(&self, groups: Vec<GroupSnapshot>) {
        self.board.send_if_modified(|board| {
            let same = board.groups.iter().map(|g| &**g).eq(&groups);
            if !same {
                board.groups = Arc::new(groups.into_iter().map(Arc::new).collect());
            }
            !same
        });
    }

    /// Puts a look in its node's place on the board.
    pub(super) fn publish(&self, snapshot: NodeSnapshot) {
        self.board.send_modify(|board| {
            let slots = Arc::make_mut(&mut board.nodes);
            if let Some(slot) = slots.iter_mut().find(|s| s.meta.id == snapshot.meta.id) {
                *slot = Arc::new(snapshot);
            }
        });
    }
}

/// The running pollers. Dropping it ends them.
pub struct Fleet {
    shared: Arc<Shared>,
    nodes: watch::Receiver<Arc<Vec<NodeConfig>>>,
    found: watch::Receiver<bool>,
    _task: AbortOnDrop,
    _memory: AbortOnDrop,
}

/// A task that ends with its owner.
pub(super) struct AbortOnDrop(pub(super) tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Fleet {
    /// Starts a poller for each node, and follows the topology where one is configured. Must be called within a
    /// tokio runtime. Each node has one connection only: for who looks once or a few times.
    pub fn spawn(config: Arc<Config>) -> Self {
        Self::start(config, false)
    }

    /// [`Fleet::spawn`] with a second connection to each node on which it pushes what changes: for who goes on
    /// watching.
    pub fn spawn_live(config: Arc<Config>) -> Self {
        Self::start(config, true)
    }

    /// Writes down what is usual for locks and which stand now, for the next time. The disk may be slow.
    pub async fn save_memory(&self) {
        let shared = self.shared.clone();
        let _ = tokio::task::spawn_blocking(move || shared.memory.save(&shared.now())).await;
    }

    fn start(config: Arc<Config>, live: bool) -> Self {
        let (pace, _) = watch::channel(Pace { interval: config.interval, refreshes: 0 });
        let (board, _) = watch::channel(Board::default());
        let registry = Registry::new(&config);
        let mut roster = Roster::new(config.clone());
        let memory = Memory::new(config.remember.then_some(config.state_dir.as_path()), live);
        let shared = Arc::new(Shared {
            config,
            registry,
            pace,
            claims: Claims::default(),
            live,
            connections: Connections::default(),
            memory,
            peers: Peers::default(),
            board,
        });
        let memory = tokio::spawn(remember(shared.clone()));
        let known = roster.known();
        let (publish_nodes, nodes) = watch::channel(Arc::new(known.nodes));
        let (publish_found, found) = watch::channel(roster.is_fixed());
        let mut pollers = Pollers { shared: shared.clone(), tasks: JoinSet::new(), running: Vec::new() };
        pollers.set_nodes(&nodes.borrow());
        shared.publish_groups(known.groups);
        let task = tokio::spawn(async move {
            if roster.is_fixed() {
                // Keeps the pollers' tasks alive until the fleet is dropped.
                std::future::pending::<()>().await;
            }
            let mut tries: u32 = 0;
            loop {
                let complete = roster.discover().await;
                let mut known = roster.known();
                if **publish_nodes.borrow() != known.nodes {
                    pollers.set_nodes(&known.nodes);
                    publish_nodes.send_replace(Arc::new(known.nodes));
                }
                let seen = pollers.shared.board.borrow().nodes.clone();
                roster.judge(&mut known.groups, &seen, Stamp::now());
                pollers.shared.publish_groups(known.groups);
                tries = tries.saturating_add(1);
                // The rules over groups need nodes that were heard, or are known not to answer.
                let heard = seen.iter().all(|n| n.status.state != NodeState::Suspect);
                publish_found.send_if_modified(|found| {
                    let give_up = tries >= pollers.shared.config.rules.down_after;
                    !std::mem::replace(found, *found || ((complete || give_up) && heard)) && *found
                });
                let wait = if *publish_found.borrow() { roster.every() } else { Duration::from_millis(200) };
                tokio::time::sleep(wait).await;
            }
        });
        Self { shared, nodes, found, _task: AbortOnDrop(task), _memory: AbortOnDrop(memory) }
    }

    /// The nodes as known now, with how to reach them; those found by discovery too.
    pub fn nodes(&self) -> watch::Receiver<Arc<Vec<NodeConfig>>> {
        self.nodes.clone()
    }

    /// Where the nodes are, also those that discovery finds later.
    pub fn directory(&self) -> Directory {
        let nodes = self.nodes.clone();
        Arc::new(move |id| nodes.borrow().iter().find(|n| n.meta.id == *id).map(|n| n.endpoint.clone()))
    }

    /// Which node a cluster means by an address, also those that discovery finds later.
    pub fn routes(&self) -> Routes {
        let nodes = self.nodes.clone();
        Arc::new(move |address| route(&nodes.borrow(), address))
    }

    /// True once discovery, if there is any, has answered or was given up for now.
    pub fn is_found(&self) -> bool {
        *self.found.borrow()
    }

    /// The board; latest wins.
    pub fn board(&self) -> watch::Receiver<Board> {
        self.shared.board.subscribe()
    }

    /// Look at all nodes now and search all keys once more.
    pub fn refresh(&self) {
        self.shared.pace.send_modify(|pace| pace.refreshes += 1);
    }

    /// Closes the connections for pushes, before this process is stopped: a server would keep for them what nobody
    /// reads. Waits at most a moment.
    pub async fn sleep(&self) {
        self.shared.connections.sleep(CLOSE_WITHIN).await;
    }

    /// Opens them again and looks at all nodes.
    pub fn wake(&self) {
        self.shared.connections.wake();
        self.shared.pace.send_modify(|_| {});
    }

    /// Look this often from now on.
    pub fn set_interval(&self, interval: Duration) {
        self.shared.pace.send_modify(|pace| pace.interval = interval);
    }
}

/// Reads what was written down, and writes it anew every minute. Both off the tasks that look at servers.
async fn remember(shared: Arc<Shared>) {
    let with = |act: fn(&Shared)| {
        let shared = shared.clone();
        tokio::task::spawn_blocking(move || act(&shared))
    };
    let _ = with(|shared| shared.memory.load()).await;
    loop {
        tokio::time::sleep(SAVE_EVERY).await;
        let _ = with(|shared| shared.memory.save(&shared.now())).await;
    }
}

/// The nodes an action may go to: the configured ones and those that discovery finds now.
pub async fn discover(config: &Arc<Config>) -> Vec<NodeConfig> {
    let mut roster = Roster::new(config.clone());
    if !roster.is_fixed() {
        roster.discover().await;
    }
    roster.known().nodes
}

/// The tasks themselves.
struct Pollers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    /// The nodes of each server, and its task.
    running: Vec<(Vec<NodeConfig>, AbortHandle)>,
}

impl Pollers {
    /// Makes these the nodes that are watched: new ones start, missing ones end, the others go on undisturbed.
    fn set_nodes(&mut self, nodes: &[NodeConfig]) {
        let servers = by_server(nodes);
        self.running.retain(|(server, task)| {
            let stays = servers.contains(server);
            if !stays {
                task.abort();
            }
            stays
        });
        let now = Stamp::now();
        let running = |meta: &NodeMeta| self.running.iter().any(|(s, _)| s.iter().any(|n| n.meta == *meta));
        self.shared.claims.set_order(nodes);
        self.shared.peers.set(nodes);
        self.shared.board.send_modify(|board| {
            let slots = nodes.iter().map(|node| {
                let kept = board.iter().find(|s| s.meta == node.meta && running(&node.meta));
                kept.cloned().unwrap_or_else(|| Arc::new(unheard(&node.meta, now)))
            });
            board.nodes = Arc::new(slots.collect());
        });
        for server in servers {
            if self.running.iter().any(|(running, _)| *running == server) {
                continue;
            }
            let Some(poller) = Poller::new(&server, self.shared.clone(), now) else { continue };
            // Jittered start: a large fleet is not asked in one instant, a small one is there at once.
            let spread = (nodes.len() as u64).saturating_mul(4).min(200);
            let shared = self.shared.clone();
            let task = self.tasks.spawn(async move {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=spread))).await;
                shared.memory.ready().await;
                // Boxed: a task that runs for long needs not be moved as a whole.
                Box::pin(poller.run()).await;
            });
            self.running.push((server, task));
        }
    }
}

/// Nodes that differ only in their database are one server: one connection, one PING and one INFO for all of them.
fn by_server(nodes: &[NodeConfig]) -> Vec<Vec<NodeConfig>> {
    let mut out: Vec<Vec<NodeConfig>> = Vec::new();
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for node in nodes {
        let same = |other: &NodeConfig| {
            Endpoint { db: 0, ..other.endpoint.clone() } == Endpoint { db: 0, ..node.endpoint.clone() }
        };
        let candidates = places.entry(node.endpoint.address.to_string()).or_default();
        let found =
            candidates.iter().copied().find(|i| out.get(*i).and_then(|s| s.first()).is_some_and(same));
        if let Some(server) = found.and_then(|i| out.get_mut(i)) {
            server.push(node.clone());
        } else {
            candidates.push(out.len());
            out.push(vec![node.clone()]);
        }
    }
    out
}

/// A node nobody has heard of yet.
fn unheard(meta: &NodeMeta, now: Stamp) -> NodeSnapshot {
    NodeSnapshot {
        meta: meta.clone(),
        seq: 0,
        taken_at: now,
        status: Liveness::new(1, now).status().clone(),
        rtt: None,
        rtt_history: [].into(),
        history: History::default(),
        facts: None,
        facts_at: None,
        diagnostics: Arc::default(),
        clock_offset_ms: None,
        health: [].into(),
        denied: Vec::new(),
        locks: LockList::default(),
        queues: Arc::default(),
        scan: ScanProgress::default(),
        cost: Cost::default(),
        live: Live::default(),
    }
}

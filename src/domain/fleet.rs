//! The fleet as one value: what the screen, the headless commands and `check` all read.

mod merged;
mod once;
pub mod standing;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use self::merged::Source;
use self::once::Once;
use self::standing::Standings;
use super::lock_list::Changes;
use super::node::NodeState;
use super::quorum::{self, Quorum, Roll, Walk};
use super::snapshot::Board;
use super::{
    Bytes, Finding, GroupId, GroupSnapshot, Lock, LockId, LockList, NodeSnapshot, Queue, QueueId, Rules,
    Severity,
};

/// Every node once, with all locks and queues. Built from a board; holds no time of its own.
#[derive(Clone, Debug, Default)]
pub struct FleetView {
    /// Nodes in configuration order; a second address of the same server (same run_id) is merged into the first.
    pub nodes: Vec<FleetNode>,
    /// Clusters, primaries that Sentinels watch, and named groups, in the order of their nodes.
    pub groups: Vec<Arc<GroupSnapshot>>,
    /// Locks of all primaries, sorted by key, then node.
    pub locks: LockList,
    /// Queues of all primaries, sorted by key, then node.
    pub queues: Vec<Arc<Queue>>,
    /// Keys that several independent primaries vote on, sorted by key.
    pub quorums: Vec<Arc<Quorum>>,
    /// What `locks` were made from.
    sources: Vec<Source>,
    /// What `quorums` were made from beside the locks.
    roll: Roll,
}

/// A node and the other names under which the same server is configured.
#[derive(Clone, Debug)]
pub struct FleetNode {
    /// The look.
    pub snapshot: Arc<NodeSnapshot>,
    /// Other configured addresses of the same server.
    pub aliases: Vec<String>,
    /// The looks under these other addresses or at these other databases.
    pub others: Vec<Arc<NodeSnapshot>>,
}

impl FleetNode {
    /// Findings of the server: those of its first look, and what only the looks at its other databases found.
    pub fn findings(&self, rules: &Rules, now: Instant) -> Vec<Finding> {
        let mut out = self.snapshot.findings(rules, now);
        for other in &self.others {
            for finding in other.findings(rules, now) {
                if !out.iter().any(|f| f.code == finding.code) {
                    let message = format!("{}: {}", other.meta.id, finding.message);
                    out.push(Finding { message, ..finding });
                }
            }
        }
        out
    }
}

/// The fleet's verdict: the worst finding and all reasons, worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `None`: all is well.
    pub worst: Option<Severity>,
    /// Sentences, worst first.
    pub reasons: Vec<Finding>,
}

impl Verdict {
    /// The word JSON and `check` use: ok, warning, critical or unknown.
    pub fn code(&self) -> &'static str {
        match self.worst {
            None | Some(Severity::Info) => "ok",
            Some(Severity::Unknown) => "unknown",
            Some(Severity::Warning) => "warning",
            Some(Severity::Critical) => "critical",
        }
    }
}

impl FleetView {
    /// Merges a board: aliases folded, locks and queues of all nodes in one sorted list each.
    pub fn build(board: &Board) -> Self {
        Self::default().next(board)
    }

    /// What [`FleetView::build`] makes of a newer board: what did not change since this one is taken over.
    #[must_use]
    pub fn next(&self, board: &Board) -> Self {
        // Server process -> where its first address stands in `nodes`, and its databases seen so far.
        let once = Once::of(board);
        let mut seen: HashMap<&str, (usize, Vec<u32>)> = HashMap::new();
        let mut nodes: Vec<FleetNode> = Vec::new();
        let mut sources: Vec<Source> = Vec::new();
        let mut queues: Vec<Arc<Queue>> = Vec::new();
        for snapshot in board {
            let up = snapshot.status.state == NodeState::Up;
            let run_id = snapshot.facts.as_ref().and_then(|f| f.run_id.as_deref()).filter(|_| up);
            let mut counted_already = false;
            if let Some((first, dbs)) = run_id.and_then(|id| seen.get_mut(id)) {
                if let Some(node) = nodes.get_mut(*first) {
                    node.aliases.push(format!("{} ({})", snapshot.meta.id, snapshot.meta.address));
                    node.others.push(snapshot.clone());
                }
                counted_already = dbs.contains(&snapshot.meta.db);
                dbs.push(snapshot.meta.db);
            } else {
                if let Some(id) = run_id {
                    seen.insert(id, (nodes.len(), vec![snapshot.meta.db]));
                }
                nodes.push(FleetNode { snapshot: snapshot.clone(), aliases: Vec::new(), others: Vec::new() });
            }
            if !counted_already && !once.is_past(&snapshot.meta.id, board) {
                sources.push(Source::of(snapshot, &once));
                queues.extend(snapshot.queues.iter().cloned());
            }
        }
        if board.nodes.len() > 1 {
            queues.sort_by(|a, b| (&a.id.key, &a.id.node, a.id.db).cmp(&(&b.id.key, &b.id.node, b.id.db)));
        }
        once.leave_one(&mut queues);
        let locks = merged::next((&self.sources, &self.locks), &sources, &once);
        let roll = Roll::of(&nodes, &board.groups);
        let quorums = quorum::next((&self.quorums, &self.roll, &self.locks), &roll, &locks);
        Self { nodes, groups: board.groups.to_vec(), locks, queues, quorums, sources, roll }
    }

    /// Nodes that are up, and all nodes.
    pub fn up_of_total(&self) -> (usize, usize) {
        let up = self.nodes.iter().filter(|n| n.snapshot.status.state == NodeState::Up).count();
        (up, self.nodes.len())
    }

    /// The group of this name.
    pub fn group(&self, id: &GroupId) -> Option<&Arc<GroupSnapshot>> {
        self.groups.iter().find(|g| g.id == *id)
    }

    /// The lock of this identity.
    pub fn lock(&self, id: &LockId) -> Option<&Arc<Lock>> {
        self.locks.get(self.locks.position(id)?)
    }

    /// The queue of this identity.
    pub fn queue(&self, id: &QueueId) -> Option<&Arc<Queue>> {
        let from = self.queues.partition_point(|q| q.id.key < id.key);
        self.queues.get(from..)?.iter().take_while(|q| q.id.key == id.key).find(|q| q.id == *id)
    }

    /// The quorum that this lock is a vote of.
    pub fn quorum_of(&self, lock: &Lock, now: Instant) -> Option<&Quorum> {
        quorum::of(&self.quorums, lock, now)
    }

    /// True where a list shows this lock by the row of another one: votes for one token are one row.
    pub fn is_folded(&self, lock: &Lock, now: Instant) -> bool {
        Walk::new(&self.quorums).is_folded(lock, now)
    }

    /// What is different in a newer fleet's locks; those of a quorum change together.
    pub fn changes_to(&self, newer: &Self) -> Changes {
        let changes = self.locks.changes_to(&newer.locks);
        if self.quorums.is_empty() && newer.quorums.is_empty() {
            return changes;
        }
        let gone = changes.gone.iter().filter_map(|at| self.locks.get(*at as usize));
        let come = changes.come.iter().filter_map(|at| newer.locks.get(*at as usize));
        let mut keys: BTreeSet<&Bytes> = gone.chain(come).map(|lock| &lock.id.key).collect();
        keys.extend(quorum::changed(&self.quorums, &newer.quorums));
        Changes {
            gone: keys.iter().flat_map(|key| self.locks.places_of_key(key)).map(|at| at as u32).collect(),
            come: keys.iter().flat_map(|key| newer.locks.places_of_key(key)).map(|at| at as u32).collect(),
        }
    }

    /// The verdict at this moment. Locks and queues of one kind are summed up in one sentence.
    pub fn verdict(&self, rules: &Rules, now: Instant) -> Verdict {
        self.verdict_of(&Standings::of(self, rules, now), rules, now)
    }

    /// [`FleetView::verdict`] of locks that were judged already.
    pub fn verdict_of(&self, standings: &Standings, rules: &Rules, now: Instant) -> Verdict {
        let mut reasons: Vec<Finding> = Vec::new();
        // Of equal weight what holds for a whole group comes before its nodes.
        for group in &self.groups {
            reasons.extend(
                group
                    .findings()
                    .into_iter()
                    .filter(|f| f.severity > Severity::Info)
                    .map(|f| Finding { message: format!("{}: {}", group.id, f.message), ..f }),
            );
        }
        for node in &self.nodes {
            let name = &node.snapshot.meta.id;
            reasons.extend(
                node.findings(rules, now)
                    .into_iter()
                    .filter(|f| f.severity > Severity::Info)
                    .map(|f| Finding { message: format!("{name}: {}", f.message), ..f }),
            );
        }
        let mut locks = Sums::default();
        for (at, brief) in standings.iter().enumerate().filter_map(|(at, s)| Some((at, s.brief()?))) {
            let key = || self.locks.get(at).map(|lock| lock.id.key.escaped()).unwrap_or_default();
            for code in brief.codes() {
                locks.add(Finding::new(brief.severity, code, ""), key);
            }
        }
        reasons.extend(locks.findings("lock"));
        let mut quorums = Sums::default();
        for (quorum, worst) in standings.quorums() {
            if worst.severity > Severity::Info {
                quorums.add(worst.saying(""), || quorum.key.escaped());
            }
        }
        reasons.extend(quorums.findings("lock"));
        let mut queues = Sums::default();
        for queue in &self.queues {
            if let Some(worst) = queue.findings(rules, now).pop() {
                queues.add(worst, || queue.name.clone());
            }
        }
        reasons.extend(queues.findings("queue"));
        reasons.sort_by_key(|f| std::cmp::Reverse(f.severity));
        Verdict { worst: reasons.first().map(|f| f.severity).filter(|s| *s > Severity::Info), reasons }
    }
}

/// The first finding of each code, what it is about, and how many there are.
#[derive(Default)]
struct Sums(Vec<(Finding, String, usize)>);

impl Sums {
    fn add(&mut self, found: Finding, subject: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|(known, ..)| known.code == found.code) {
            Some((.., count)) => *count += 1,
            None => self.0.push((found, subject(), 1)),
        }
    }

    /// One sentence for each code, naming the first subject and how many more.
    fn findings(self, kind: &str) -> impl Iterator<Item = Finding> {
        self.0.into_iter().map(move |(first, subject, count)| {
            let what = first.code.replace('-', " ");
            let message = match count {
                1 => format!("{kind} {subject}: {what}"),
                n => format!("{n} {kind}s: {what} ({subject}, ...)"),
            };
            Finding { message, ..first }
        })
    }
}

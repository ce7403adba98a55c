//! Collects the votes out of what the nodes hold.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Electorate, Quorum, Vote};
use crate::domain::fleet::FleetNode;
use crate::domain::group::GroupKind;
use crate::domain::lock::Token;
use crate::domain::node::{NodeState, Role};
use crate::domain::{Bytes, GroupSnapshot, Lock, LockList, NodeId, NodeSnapshot, Severity};

/// A search of all keys that takes less than this is as good as a look at the key itself.
const SEARCHED_AT_ONCE: Duration = Duration::from_secs(2);
/// A server whose start is told to be later by this was started again; what is told is rounded, and on its way.
const RESTART: Duration = Duration::from_secs(3);
const NOT_SEARCHED: &str = "not searched whole yet";

/// Where a server votes, and whether it may.
#[derive(Clone, Debug)]
struct Booth {
    electorate: Electorate,
    /// Position of the server's node in the fleet.
    server: usize,
    snapshot: Arc<NodeSnapshot>,
}

/// Who votes: what quorums are made from beside the locks.
#[derive(Clone, Debug, Default)]
pub(in crate::domain) struct Roll {
    booths: HashMap<NodeId, Booth>,
    /// Electorates of two servers or more, one node of each.
    voters: HashMap<Electorate, Vec<NodeId>>,
}

/// All quorums of the fleet, sorted by key. Of those that there were, only those are made anew of which a vote may have
/// changed.
pub(in crate::domain) fn next(
    (before, old_roll, old_locks): (&[Arc<Quorum>], &Roll, &LockList),
    roll: &Roll,
    locks: &LockList,
) -> Vec<Arc<Quorum>> {
    if roll.voters.is_empty() {
        return Vec::new();
    }
    if !roll.is_like(old_roll) {
        let all: Vec<&Arc<Lock>> = locks.iter().collect();
        return all.chunk_by(|a, b| a.id.key == b.id.key).flat_map(|run| roll.quorums(run)).collect();
    }
    let changes = old_locks.changes_to(locks);
    let gone = changes.gone.iter().filter_map(|at| old_locks.get(*at as usize));
    let come = changes.come.iter().filter_map(|at| locks.get(*at as usize));
    let mut keys: BTreeSet<&Bytes> = gone.chain(come).map(|lock| &lock.id.key).collect();
    if !roll.is_searched_at_once() {
        keys.extend(before.iter().filter(|q| q.is_pending()).map(|q| &q.key));
    }
    let (mut all, mut rest) = (Vec::with_capacity(before.len()), before);
    for key in keys {
        let (earlier, later) = rest.split_at(rest.partition_point(|q| q.key < *key));
        all.extend_from_slice(earlier);
        all.extend(roll.quorums(&locks.of_key(key).collect::<Vec<_>>()));
        rest = later.get(later.iter().take_while(|q| q.key == *key).count()..).unwrap_or_default();
    }
    all.extend_from_slice(rest);
    all
}

/// Keys of the quorums that are not the same in both lists, which are sorted by key.
pub(in crate::domain) fn changed<'a>(
    before: &'a [Arc<Quorum>],
    after: &'a [Arc<Quorum>],
) -> impl Iterator<Item = &'a Bytes> {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    std::iter::from_fn(move || {
        loop {
            match (before.peek(), after.peek()) {
                (Some(a), Some(b)) if Arc::ptr_eq(a, b) => {
                    before.next();
                    after.next();
                }
                (Some(a), Some(b)) if a.key > b.key => return after.next().map(|q| &q.key),
                (Some(_), _) => return before.next().map(|q| &q.key),
                (None, _) => return after.next().map(|q| &q.key),
            }
        }
    })
}

impl Roll {
    pub(in crate::domain) fn of(nodes: &[FleetNode], groups: &[Arc<GroupSnapshot>]) -> Self {
        let mut roll = Self::default();
        for (server, node) in nodes.iter().enumerate() {
            for snapshot in std::iter::once(&node.snapshot).chain(&node.others) {
                if let Some(electorate) = electorate(snapshot, groups) {
                    let booth = Booth { electorate, server, snapshot: snapshot.clone() };
                    roll.booths.insert(snapshot.meta.id.clone(), booth);
                }
            }
        }
        let mut ordered: Vec<(&NodeId, &Booth)> = roll.booths.iter().collect();
        ordered.sort_by_key(|(id, booth)| (booth.server, *id));
        for (id, booth) in ordered {
            let all = roll.voters.entry(booth.electorate.clone()).or_default();
            if !all.iter().any(|other| roll.booths.get(other).is_some_and(|b| b.server == booth.server)) {
                all.push(id.clone());
            }
        }
        roll.voters.retain(|_, all| all.len() > 1);
        roll
    }

    /// True when a key that is not listed is not there, on each voter: no vote becomes known by time alone.
    fn is_searched_at_once(&self) -> bool {
        let of = |booth: &Booth| Search::of(&booth.snapshot);
        self.booths.values().map(of).all(|search| search.whole && !search.slow)
    }

    /// True when the same servers vote, and of each the same is known that makes a vote.
    fn is_like(&self, other: &Self) -> bool {
        self.booths.len() == other.booths.len()
            && self.booths.iter().all(|(id, a)| other.booths.get(id).is_some_and(|b| a.is_like(b)))
    }

    /// The quorums of one key, of which these are all locks: none, one, or one of each electorate.
    fn quorums(&self, run: &[&Arc<Lock>]) -> Vec<Arc<Quorum>> {
        let mut found = Vec::new();
        let mut places: Vec<&Electorate> = Vec::new();
        // Runs are short: one lock for each node at most.
        for booth in run.iter().filter_map(|l| self.booths.get(&l.id.node)) {
            if !places.contains(&&booth.electorate) {
                places.push(&booth.electorate);
            }
        }
        for place in places {
            let Some(ids) = self.voters.get(place) else { continue };
            let here = |l: &&Arc<Lock>| self.booths.get(&l.id.node).is_some_and(|b| b.electorate == *place);
            let standing: Vec<&Arc<Lock>> = run.iter().copied().filter(here).collect();
            let on_two = |counts: fn(&Lock) -> bool| {
                standing
                    .iter()
                    .enumerate()
                    .any(|(i, a)| counts(a) && standing.iter().skip(i + 1).any(|b| a.token == b.token))
            };
            let telling = |lock: &Lock| lock.token.proves_identity();
            let is_quorum = match place {
                Electorate::Group(_) => {
                    standing.iter().any(|lock| may_vote(lock) && telling(lock))
                        || on_two(may_vote)
                        || on_two(telling)
                }
                Electorate::Watched(_) => on_two(telling),
            };
            let Some(first) = run.first().filter(|_| is_quorum) else { continue };
            let votes = ids.iter().filter_map(|id| {
                let booth = self.booths.get(id)?;
                let own =
                    |l: &&&Arc<Lock>| self.booths.get(&l.id.node).is_some_and(|b| b.server == booth.server);
                Some(vote(&booth.snapshot, standing.iter().find(own).copied(), &standing))
            });
            let votes = votes.collect();
            found.push(Arc::new(Quorum { key: first.id.key.clone(), electorate: place.clone(), votes }));
        }
        found
    }
}

impl Booth {
    fn is_like(&self, other: &Self) -> bool {
        let (a, b) = (&*self.snapshot, &*other.snapshot);
        let status = |n: &NodeSnapshot| (n.status.state, n.status.reason);
        // It is told in whole seconds.
        let started = |n: &NodeSnapshot| {
            let (uptime, at) = n.facts.as_ref().and_then(|f| f.uptime).zip(n.facts_at)?;
            at.mono.checked_sub(uptime)
        };
        let same_start = match (started(a), started(b)) {
            (Some(a), Some(b)) => a.max(b).saturating_duration_since(a.min(b)) < RESTART,
            (a, b) => a == b,
        };
        (&self.electorate, self.server, status(a)) == (&other.electorate, other.server, status(b))
            && same_start
            && Search::of(a) == Search::of(b)
    }
}

/// What is known of a node's keys as a whole.
#[derive(PartialEq)]
struct Search {
    /// All were seen at least once, and none was left out.
    whole: bool,
    /// Each pass takes its time.
    slow: bool,
}

impl Search {
    fn of(node: &NodeSnapshot) -> Self {
        let scan = &node.scan;
        let refused = node.denied.iter().any(|d| d.pane == "locks" && d.severity() > Severity::Info);
        Self {
            whole: scan.passes > 0 && scan.error.is_none() && !scan.truncated && !refused,
            slow: scan.pass_time.is_some_and(|pass| pass >= SEARCHED_AT_ONCE),
        }
    }
}

impl Quorum {
    /// A vote of it will be known by time alone.
    fn is_pending(&self) -> bool {
        self.votes.iter().any(|v| matches!(&v.answer, Answer::Unknown(why) if why == NOT_SEARCHED))
    }
}

/// Libraries that take one key on several servers. What looks like no library's may be a Redlock of somebody's own.
const REDLOCKS: [&str; 14] = [
    "aioredlock",
    "madelson",
    "node-redlock",
    "pottery",
    "redis-semaphore",
    "redlock-net",
    "redlock-py",
    "redlock-pypi",
    "redlock-rb",
    "redlock4j",
    "redsync",
    "rslock",
    "setnx",
    "unknown",
];

/// In a configured group other things stand than Redlocks: a job's lock or a count on one server is no vote.
fn may_vote(lock: &Lock) -> bool {
    let plain = |id: &str| matches!(id, "setnx" | "unknown");
    let of = |id: &str| REDLOCKS.contains(&id);
    let perhaps = || lock.candidates.iter().any(|(id, _)| of(id) && !plain(id));
    &*lock.key_type == "string" && (of(lock.family) || perhaps())
}

/// Where this node votes; `None`: not at all.
fn electorate(node: &NodeSnapshot, groups: &[Arc<GroupSnapshot>]) -> Option<Electorate> {
    let role = node.facts.as_ref().and_then(|f| f.role);
    if matches!(role, Some(Role::Replica | Role::Sentinel)) {
        return None;
    }
    let Some(id) = &node.meta.group else { return Some(Electorate::Watched(node.meta.db)) };
    let Some(group) = groups.iter().find(|g| g.id == *id) else { return Some(Electorate::Group(id.clone())) };
    match group.kind {
        GroupKind::Independent => Some(Electorate::Group(id.clone())),
        GroupKind::Cluster => None,
        GroupKind::Sentinel => {
            let primary = group.sentinel().and_then(|s| s.primary.as_ref());
            (primary == Some(&node.meta.id)).then_some(Electorate::Watched(node.meta.db))
        }
    }
}

fn vote(node: &NodeSnapshot, lock: Option<&Arc<Lock>>, standing: &[&Arc<Lock>]) -> Vote {
    let uptime = node.facts.as_ref().and_then(|f| f.uptime).zip(node.facts_at);
    let answer = match (why_unknown(node, standing), lock) {
        (Some(why), _) => Answer::Unknown(why),
        (None, Some(lock)) => match &lock.token {
            Token::Unknown(why) => Answer::Unknown(format!("its value could not be read: {why}")),
            _ => Answer::Holds(lock.clone()),
        },
        (None, None) if !is_searched(node, standing) => Answer::Unknown(NOT_SEARCHED.into()),
        (None, None) => Answer::Free,
    };
    Vote { node: node.meta.id.clone(), answer, uptime }
}

fn why_unknown(node: &NodeSnapshot, standing: &[&Arc<Lock>]) -> Option<String> {
    match (node.status.state, node.status.reason) {
        (NodeState::Up, _) => None,
        // It missed a look: what was seen there a moment ago still counts.
        (NodeState::Suspect, _) if standing.iter().any(|l| l.id.node == node.meta.id) => None,
        (_, Some(reason)) => Some(reason.words().to_owned()),
        (_, None) => Some("it does not answer".to_owned()),
    }
}

/// A key that is not listed there is known not to be there: the whole keyspace was searched since it was seen
/// elsewhere.
fn is_searched(node: &NodeSnapshot, standing: &[&Arc<Lock>]) -> bool {
    let search = Search::of(node);
    let first = standing.iter().map(|l| l.first_seen.mono).min();
    let since = first.map(|at| node.taken_at.mono.saturating_duration_since(at)).unwrap_or_default();
    search.whole && (!search.slow || node.scan.pass_time.is_some_and(|pass| since >= pass))
}

//! Collects the votes out of what the nodes hold.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Electorate, Quorum, Vote};
use crate::domain::fleet::FleetNode;
use crate::domain::group::GroupKind;
use crate::domain::lock::Token;
use crate::domain::node::{NodeState, Role};
use crate::domain::{GroupSnapshot, Lock, NodeId, NodeSnapshot, Severity};

/// A search of all keys that takes less than this is as good as a look at the key itself.
const SEARCHED_AT_ONCE: Duration = Duration::from_secs(2);

/// Where a server votes, and whether it may.
struct Booth<'a> {
    electorate: Electorate,
    /// Position of the server's node in the fleet.
    server: usize,
    snapshot: &'a NodeSnapshot,
}

/// All quorums of the fleet, sorted by key; `locks` are sorted by key.
pub(in crate::domain) fn find(
    nodes: &[FleetNode],
    groups: &[Arc<GroupSnapshot>],
    locks: &[Arc<Lock>],
) -> Vec<Quorum> {
    let mut booths: HashMap<&NodeId, Booth<'_>> = HashMap::new();
    let mut voters: HashMap<&Electorate, Vec<&NodeId>> = HashMap::new();
    for (server, node) in nodes.iter().enumerate() {
        for snapshot in std::iter::once(&node.snapshot).chain(&node.others) {
            if let Some(electorate) = electorate(snapshot, groups) {
                booths.insert(&snapshot.meta.id, Booth { electorate, server, snapshot });
            }
        }
    }
    let mut ordered: Vec<(&NodeId, &Booth<'_>)> = booths.iter().map(|(id, booth)| (*id, booth)).collect();
    ordered.sort_by_key(|(id, booth)| (booth.server, *id));
    for (id, booth) in ordered {
        let all = voters.entry(&booth.electorate).or_default();
        if !all.iter().any(|other| booths.get(other).is_some_and(|b| b.server == booth.server)) {
            all.push(id);
        }
    }
    voters.retain(|_, all| all.len() > 1);
    if voters.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let grouped = voters.keys().any(|electorate| matches!(electorate, Electorate::Group(_)));
    let runs = locks.chunk_by(|a, b| a.id.key == b.id.key);
    for run in runs.filter(|run| grouped || run.len() > 1) {
        let mut places: Vec<&Electorate> =
            run.iter().filter_map(|l| booths.get(&l.id.node).map(|b| &b.electorate)).collect();
        // Runs are short: one lock for each node at most.
        let mut seen: Vec<&Electorate> = Vec::new();
        places.retain(|place| {
            let first = !seen.contains(place);
            if first {
                seen.push(place);
            }
            first
        });
        for place in places {
            let here = |l: &&Arc<Lock>| booths.get(&l.id.node).is_some_and(|b| b.electorate == *place);
            let standing: Vec<&Arc<Lock>> = run.iter().filter(here).collect();
            let shared = standing.iter().enumerate().any(|(i, a)| {
                let mut rest = standing.iter().skip(i + 1);
                a.token.proves_identity() && rest.any(|b| a.token == b.token)
            });
            let Some(ids) = voters.get(place).filter(|_| shared || matches!(place, Electorate::Group(_)))
            else {
                continue;
            };
            let votes = ids.iter().filter_map(|id| {
                let booth = booths.get(id)?;
                let own = |l: &&&Arc<Lock>| booths.get(&l.id.node).is_some_and(|b| b.server == booth.server);
                Some(vote(booth.snapshot, standing.iter().find(own).copied(), &standing))
            });
            let Some(key) = run.first().map(|l| l.id.key.clone()) else { continue };
            found.push(Quorum { key, electorate: place.clone(), votes: votes.collect() });
        }
    }
    found
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
        (None, None) if !is_searched(node, standing) => Answer::Unknown("not searched whole yet".into()),
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
    let scan = &node.scan;
    let first = standing.iter().map(|l| l.first_seen.mono).min();
    let since = first.map(|at| node.taken_at.mono.saturating_duration_since(at)).unwrap_or_default();
    let refused = node.denied.iter().any(|d| d.pane == "locks" && d.severity() > Severity::Info);
    scan.passes > 0
        && scan.error.is_none()
        && !scan.truncated
        && !refused
        && scan.pass_time.is_none_or(|pass| pass < SEARCHED_AT_ONCE || since >= pass)
}

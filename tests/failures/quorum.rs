//! Redlock quorums as rules: who votes, what the votes come to, and what is not known.

use std::sync::Arc;

use redwarden::domain::group::{GroupKind, GroupSnapshot};
use redwarden::domain::lock::Token;
use redwarden::domain::node::{Reason, Role};
use redwarden::domain::quorum::{Answer, QuorumState, QuorumVerdict};
use redwarden::domain::snapshot::Board;
use redwarden::domain::{FleetView, GroupId, Severity};

use super::fixtures::{LockBuilder, NodeBuilder, base, board, lock, node, s};

const A: &str = "3dcb04b8-2e15-4208-8244-348d3fb4fa6c";
const B: &str = "99999999-9b52-4d8e-8c0c-0d7a4c8ad0ab";

/// A voter with this lock, or free.
fn voter(name: &str, held: Option<&str>) -> NodeBuilder {
    let mut n = node(name).locks(held.map(|t| lock("lock:x").token(t).age(s(60))).into_iter().collect());
    n.0.meta.group = Some(GroupId::new("redlock"));
    n
}

fn ungrouped(mut n: NodeBuilder) -> NodeBuilder {
    n.0.meta.group = None;
    n
}

fn voters(held: [Option<&str>; 5]) -> Vec<NodeBuilder> {
    ["n1", "n2", "n3", "n4", "n5"].iter().zip(held).map(|(name, held)| voter(name, held)).collect()
}

fn verdict(nodes: Vec<NodeBuilder>) -> Option<QuorumVerdict> {
    let view = FleetView::build(&board(nodes));
    assert!(view.quorums.len() <= 1, "{:?}", view.quorums);
    view.quorums.first()?.verdict(base().mono)
}

fn told(nodes: Vec<NodeBuilder>) -> (QuorumState, usize, usize) {
    let v = verdict(nodes).expect("a quorum");
    (v.state, v.votes, v.voters)
}

fn codes(v: &QuorumVerdict) -> Vec<(&'static str, Severity)> {
    v.findings.iter().map(|f| (f.code, f.severity)).collect()
}

#[test]
fn votes_of_a_configured_group() {
    use QuorumState::{Held, Minority, Split};
    for (held, state, votes) in [
        ([Some(A); 5], Held, 5),
        ([Some(A), Some(A), Some(A), None, None], Held, 3),
        ([None, Some(A), Some(A), Some(A), Some(B)], Held, 3),
        ([Some(A), Some(A), Some(B), Some(B), None], Split, 2),
        ([Some(A), Some(B), None, None, None], Split, 1),
        ([None, None, None, None, Some(A)], Minority, 1),
        // In a configured group a constant counts too.
        ([Some("1"), Some("1"), Some("1"), None, None], Held, 3),
    ] {
        assert_eq!(told(voters(held)), (state, votes, 5), "{held:?}");
    }
    let split = verdict(voters([Some(A), Some(A), Some(B), Some(B), None])).unwrap();
    assert_eq!(codes(&split), [("quorum-split", Severity::Warning)]);
    assert!(verdict(voters([None; 5])).is_none());
}

#[test]
fn in_a_group_other_locks_than_redlocks_are_no_votes() {
    let alone = |family: &'static str, token: &str, key_type: &str| {
        let mut held = lock("lock:x").token(token).age(s(60));
        (held.0.family, held.0.key_type) = (family, key_type.into());
        held.0.candidates = [(family, 98)].into();
        verdict(vec![voter("n1", None).locks(vec![held]), voter("n2", None), voter("n3", None)])
    };
    assert!(alone("bullmq", A, "string").is_none());
    assert!(alone("redisson", A, "hash").is_none());
    // Nobody draws such a token for a Redlock.
    assert!(alone("setnx", "1", "string").is_none());
    for family in ["setnx", "redsync"] {
        let left = alone(family, A, "string").expect("a vote");
        assert_eq!((left.state, left.votes), (QuorumState::Minority, 1), "{family}");
    }
}

#[test]
fn a_try_that_goes_on_is_no_fault_and_one_for_ever_is() {
    let of = |first: LockBuilder, second: Option<&str>| {
        let nodes = vec![voter("n1", None).locks(vec![first]), voter("n2", second), voter("n3", None)];
        codes(&verdict(nodes).unwrap())
    };
    let young = lock("lock:x").token(A).age(s(1));
    assert_eq!(of(young.clone(), None), [("quorum-minority", Severity::Info)]);
    assert_eq!(of(young.clone(), Some(B)), [("quorum-split", Severity::Info)]);
    assert_eq!(of(young.age(s(60)), Some(B)), [("quorum-split", Severity::Warning)]);
    let for_ever = lock("lock:x").token(A).age(s(60)).never();
    assert_eq!(of(for_ever, None), [("quorum-minority", Severity::Warning)]);
}

#[test]
fn votes_that_cannot_be_read_are_unknown_and_never_free() {
    let mut nodes = voters([Some(A), Some(A), None, None, None]);
    nodes[4] = voter("n5", Some(A)).down(Reason::Timeout);
    assert_eq!(told(nodes), (QuorumState::Unknown, 2, 5));
    // Searched not at all, in part, or without the right to.
    for spoil in [
        (|n: &mut NodeBuilder| n.0.scan.passes = 0) as fn(&mut NodeBuilder),
        |n| n.0.scan.truncated = true,
        |n| n.0.scan.error = Some("SCAN failed".into()),
        |n| n.0.scan.pass_time = Some(s(3600)),
    ] {
        let mut nodes = voters([Some(A), Some(A), None, None, None]);
        spoil(&mut nodes[2]);
        let v = verdict(nodes).unwrap();
        assert_eq!(v.state, QuorumState::Unknown);
        assert_eq!(codes(&v), [("quorum-unknown", Severity::Unknown), ("voter-unknown", Severity::Info)]);
    }
    // Three of five suffice, whatever the others say.
    let mut nodes = voters([Some(A), Some(A), Some(A), None, None]);
    nodes[4] = voter("n5", None).down(Reason::Refused);
    assert_eq!(told(nodes), (QuorumState::Held, 3, 5));
}

#[test]
fn a_restarted_voter_that_forgot_is_told() {
    let mut nodes = voters([Some(A), Some(A), Some(A), None, None]);
    let mut facts = nodes[3].0.facts.as_deref().cloned().unwrap();
    facts.uptime = Some(s(20));
    nodes[3].0.facts = Some(Arc::new(facts.clone()));
    let v = verdict(nodes).unwrap();
    assert_eq!(codes(&v), [("voter-restarted", Severity::Warning)]);
    assert!(v.findings[0].message.starts_with("n4 restarted 20s ago"), "{:?}", v.findings);
    // One that remembers, and one that restarted before the lock was taken.
    let mut nodes = voters([Some(A), Some(A), Some(A), None, None]);
    nodes[0].0.facts = Some(Arc::new(facts.clone()));
    facts.uptime = Some(s(61));
    nodes[3].0.facts = Some(Arc::new(facts));
    assert_eq!(codes(&verdict(nodes).unwrap()), []);
}

#[test]
fn ttls_of_the_votes_are_compared() {
    let of = |ttls: [Option<u64>; 3]| {
        let nodes = ["n1", "n2", "n3"].iter().zip(ttls).map(|(name, ttl)| {
            let held = lock("lock:x").token(A).age(s(60));
            let mut n = node(name).locks(vec![ttl.map_or(held.clone().never(), |ttl| held.ttl(s(ttl)))]);
            n.0.meta.group = Some(GroupId::new("redlock"));
            n
        });
        verdict(nodes.collect()).unwrap()
    };
    let close = of([Some(60), Some(60), Some(59)]);
    assert_eq!((close.ttl_spread, codes(&close)), (Some(s(1)), vec![]));
    let apart = of([Some(60), Some(60), Some(20)]);
    assert_eq!(
        (apart.ttl_spread, codes(&apart)),
        (Some(s(40)), vec![("quorum-ttls-differ", Severity::Info)])
    );
    assert_eq!(codes(&of([Some(60), Some(60), None])), [("quorum-ttls-differ", Severity::Warning)]);
    assert_eq!(of([None; 3]).ttl_spread, None);
}

#[test]
fn without_a_group_the_same_telling_token_makes_a_quorum() {
    let at = |name: &str, token: Option<&str>| ungrouped(voter(name, token));
    // All of those watched, or most of them: held for any choice of voters.
    let most = vec![at("a", Some(A)), at("b", Some(A)), at("c", None)];
    assert_eq!(told(most), (QuorumState::Held, 2, 3));
    // Who votes is not known: neither held nor a fault.
    let few = vec![at("a", Some(A)), at("b", Some(A)), at("c", None), at("d", None), at("e", None)];
    let v = verdict(few).unwrap();
    assert_eq!((v.state, v.votes, v.voters), (QuorumState::Unknown, 2, 5));
    assert_eq!(codes(&v), [("quorum-unknown", Severity::Info)]);
    // Wherever else they vote, none of the two can have most.
    let split = vec![at("a", Some(A)), at("b", Some(A)), at("c", Some(B)), at("d", Some(B))];
    assert_eq!(told(split), (QuorumState::Split, 2, 4));
    // Equal names with tokens of their own, and constants that prove nothing.
    assert!(verdict(vec![at("a", Some(A)), at("b", Some(B))]).is_none());
    assert!(verdict(vec![at("a", Some("1")), at("b", Some("1"))]).is_none());
    assert!(verdict(vec![at("a", Some(A)), at("b", None)]).is_none());
    // A lone token beside a quorum is a lock of its own.
    let view = FleetView::build(&board(vec![at("a", Some(A)), at("b", Some(A)), at("c", Some(B))]));
    let folded: Vec<bool> = view.locks.iter().map(|l| view.is_folded(l, base().mono)).collect();
    assert_eq!(folded, [false, true, false]);
    assert!(view.quorum_of(&view.locks[2], base().mono).is_none());
}

#[test]
fn replicas_aliases_and_clusters_never_vote() {
    let at = |name: &str, token: Option<&str>| ungrouped(voter(name, token));
    let mut replica = at("b", Some(A));
    let mut facts = replica.0.facts.as_deref().cloned().unwrap();
    facts.role = Some(Role::Replica);
    replica.0.facts = Some(Arc::new(facts));
    assert!(verdict(vec![at("a", Some(A)), replica]).is_none());
    // The same server under two names, at one database and at two.
    let alias = |db| {
        let mut n = at("b", Some(A));
        let mut facts = n.0.facts.as_deref().cloned().unwrap();
        facts.run_id = Some("run-a".into());
        n.0.facts = Some(Arc::new(facts));
        n.0.meta.db = db;
        n
    };
    for db in [0, 1] {
        assert!(verdict(vec![at("a", Some(A)), alias(db)]).is_none());
        let group = |mut n: NodeBuilder| {
            n.0.meta.group = Some(GroupId::new("redlock"));
            n
        };
        let three = vec![group(at("a", Some(A))), group(alias(db)), group(at("c", None))];
        let v = verdict(three).unwrap();
        assert_eq!((v.state, v.votes, v.voters), (QuorumState::Minority, 1, 2), "db {db}");
    }
    let cluster = |nodes: Vec<NodeBuilder>, kind| {
        let groups = vec![Arc::new(GroupSnapshot::unheard(GroupId::new("redlock"), kind))];
        Board { groups: Arc::new(groups), ..board(nodes) }
    };
    let nodes = || vec![voter("a", Some(A)), voter("b", Some(A))];
    assert_eq!(FleetView::build(&cluster(nodes(), GroupKind::Independent)).quorums.len(), 1);
    for kind in [GroupKind::Cluster, GroupKind::Sentinel] {
        assert!(FleetView::build(&cluster(nodes(), kind)).quorums.is_empty(), "{kind:?}");
    }
}

#[test]
fn ended_votes_count_no_more() {
    let of = |ttl| {
        let mut n = node("n1").locks(vec![lock("lock:x").token(A).ttl(s(ttl))]);
        n.0.meta.group = Some(GroupId::new("redlock"));
        n
    };
    let view = FleetView::build(&board(vec![of(3), voter("n2", Some(A)), voter("n3", None)]));
    let quorum = &view.quorums[0];
    assert_eq!(quorum.verdict(base().mono).unwrap().votes, 2);
    let later = base().plus(s(10)).mono;
    assert_eq!(quorum.verdict(later).unwrap().state, QuorumState::Minority);
    assert_eq!(quorum.stands_for(&Token::Known(A.into()), later).unwrap().node.as_str(), "n2");
    assert!(quorum.verdict(base().plus(s(60)).mono).is_none());
    assert!(matches!(quorum.votes[2].answer, Answer::Free));
}

//! The rules over groups, on boards: what they say, hysteresis, unknown stays unknown.

use std::sync::Arc;

use redwarden::domain::group::{GroupFacts, GroupKind, Member};
use redwarden::domain::group_health::{GROUP_RULES, GroupTracker};
use redwarden::domain::snapshot::Board;
use redwarden::domain::{GroupId, GroupSnapshot, NodeId, NodeSnapshot, Rules, Severity};

use super::fixtures::{base, s};
use super::groups::mixed_board;

/// A group that is looked at every two seconds.
struct Watched {
    tracker: GroupTracker,
    group: GroupSnapshot,
    nodes: Vec<Arc<NodeSnapshot>>,
    at: redwarden::domain::Stamp,
}

impl Watched {
    fn new(index: usize, expected: Option<u32>) -> Self {
        let board: Board = mixed_board(true);
        let group = GroupSnapshot::clone(&board.groups[index]);
        let nodes = board.iter().filter(|n| n.meta.group.as_ref() == Some(&group.id)).cloned().collect();
        Self { tracker: GroupTracker::new(expected), group, nodes, at: base() }
    }

    fn look(&mut self) -> Vec<(&'static str, Severity, String)> {
        self.at = self.at.plus(s(2));
        let found = self.tracker.observe(&self.group, &self.nodes, &Rules::default(), self.at);
        found.iter().map(|f| (f.code, f.severity, f.message.clone())).collect()
    }

    /// After three rounds.
    fn settled(&mut self) -> Vec<(&'static str, Severity, String)> {
        let _ = (self.look(), self.look());
        self.look()
    }

    fn says(&mut self, code: &str) -> Option<(Severity, String)> {
        self.settled().into_iter().find(|(c, _, _)| *c == code).map(|(_, severity, words)| (severity, words))
    }

    fn cluster(&mut self, change: impl FnOnce(&mut redwarden::domain::group::ClusterFacts)) {
        let GroupFacts::Cluster(facts) = &mut self.group.facts else { panic!("no cluster") };
        change(facts);
    }

    fn sentinel(&mut self, change: impl FnOnce(&mut redwarden::domain::group::SentinelFacts)) {
        let GroupFacts::Sentinel(facts) = &mut self.group.facts else { panic!("no Sentinels") };
        change(facts);
    }
}

#[test]
fn a_good_day_has_nothing_to_act_on() {
    for group in 0..2 {
        let found = Watched::new(group, None).settled();
        assert!(found.iter().all(|(_, severity, _)| *severity == Severity::Info), "{found:?}");
    }
}

#[test]
fn what_is_wrong_with_a_cluster() {
    let mut w = Watched::new(0, Some(4));
    let few = Some((Severity::Warning, "3 primaries serve slots, 4 are expected".to_owned()));
    assert_eq!(w.says("masters"), few);
    w.cluster(|c| c.is_ok = Some(false));
    assert!(
        w.look()
            .iter()
            .any(|(code, severity, _)| (*code, *severity) == ("cluster-state", Severity::Critical)),
        "at once"
    );
    w.cluster(|c| c.is_ok = None);
    assert_eq!(w.says("cluster-state"), None, "unknown is not down");
    w.cluster(|c| c.slots_pfail = Some(10));
    assert_eq!(w.says("slots-uncovered").unwrap().0, Severity::Warning);
    w.cluster(|c| c.shards[2].primary.as_mut().unwrap().is_online = Some(false));
    let failed = (Severity::Critical, "the primary of 5461 slots failed (10923-16383)".to_owned());
    assert_eq!(w.says("slots-uncovered"), Some(failed));
    w.cluster(|c| c.shards[2].slots.clear());
    let gap = (Severity::Critical, "5461 slots are served by nobody (10923-16383)".to_owned());
    assert_eq!(w.says("slots-uncovered"), Some(gap));
    w.cluster(|c| c.shards[0].replicas.clear());
    let bare = (Severity::Warning, "no replica could take over from 10.0.0.1:7000".to_owned());
    assert_eq!(w.says("no-replica"), Some(bare));
    w.cluster(|c| c.dissenters = vec![NodeId::new("x")]);
    assert_eq!(w.says("views-differ").unwrap().1, "x tell another slot map than most");
}

/// Each reason why Redis calls a cluster down is told by its own words.
#[test]
fn why_a_cluster_is_down() {
    let mut w = Watched::new(0, None);
    w.cluster(|c| c.is_ok = Some(false));
    let by = w.group.told.as_ref().unwrap().by.clone();
    let down = |w: &mut Watched| w.says("cluster-state").unwrap().1;
    let said = format!(
        "the cluster is down: {by} says so although each slot has a primary: it was cut off from most of them or just came back"
    );
    assert_eq!(down(&mut w), said);
    w.cluster(|c| c.slots_pfail = Some(10_923));
    let said = format!(
        "the cluster is down: {by} does not reach the primary of 10923 slots, and without most primaries none is replaced"
    );
    assert_eq!(down(&mut w), said);
    w.cluster(|c| c.slots_fail = Some(5461));
    assert_eq!(
        down(&mut w),
        "the cluster is down: the primary of 5461 slots failed and no replica took over"
    );
    w.cluster(|c| c.shards[2].slots.clear());
    assert_eq!(down(&mut w), "the cluster is down: 10923 of 16384 slots are assigned");
}

#[test]
fn a_cluster_that_never_had_replicas_is_meant_so() {
    let mut w = Watched::new(0, None);
    w.cluster(|c| c.shards.iter_mut().for_each(|s| s.replicas.clear()));
    assert_eq!(w.says("no-replica"), None);
    let mut w = Watched::new(0, None);
    w.look();
    w.cluster(|c| c.shards.iter_mut().for_each(|s| s.replicas.clear()));
    assert_eq!(w.says("no-replica").unwrap().1, "no replica could take over from 10.0.0.1:7000 and 2 more");
}

#[test]
fn what_is_wrong_with_a_watched_primary() {
    let mut w = Watched::new(1, None);
    w.look();
    w.sentinel(|f| f.flags = vec!["s_down".into()]);
    assert_eq!(w.says("primary-down").unwrap().0, Severity::Warning);
    w.sentinel(|f| f.flags = vec!["o_down".into(), "failover_in_progress".into()]);
    assert_eq!(w.says("primary-down").unwrap().0, Severity::Critical);
    w.sentinel(|f| f.sentinels.iter_mut().skip(1).for_each(|s| s.answered = false));
    let from_here = (Severity::Warning, "only 1 of 3 Sentinels answer, the quorum is 2".to_owned());
    assert_eq!(w.says("quorum"), Some(from_here), "they hear each other");
    w.sentinel(|f| f.ckquorum = None);
    assert_eq!(w.says("quorum").unwrap().0, Severity::Critical);
    w.sentinel(|f| f.ckquorum = Some(Err("1 usable Sentinels".into())));
    assert_eq!(w.says("quorum").unwrap().1, "no failover is possible: 1 usable Sentinels");
    w.sentinel(|f| f.replicas = vec![Member { node: NodeId::new("r"), is_online: Some(false) }]);
    assert!(w.says("no-replica").unwrap().1.ends_with("1 known, none is online"));
    w.sentinel(|f| f.sentinels[0].primary = Some(NodeId::new("other")));
    assert!(w.says("views-differ").unwrap().1.contains("names other as the primary"));
}

#[test]
fn no_primary_and_two_primaries() {
    use redwarden::domain::node::Role;
    let with_roles = |first: Role, second: Role| {
        let mut w = Watched::new(1, None);
        for (node, role) in w.nodes.iter_mut().zip([first, second]) {
            let node = Arc::make_mut(node);
            let mut facts = node.facts.as_deref().unwrap().clone();
            facts.role = Some(role);
            node.facts = Some(Arc::new(facts));
        }
        w.says("masters")
    };
    assert_eq!(with_roles(Role::Primary, Role::Replica), None);
    let two = with_roles(Role::Primary, Role::Primary).unwrap();
    assert_eq!(
        two,
        (Severity::Critical, "2 nodes claim to be its primary: 10.0.1.1:6379, 10.0.1.2:6379".into())
    );
    assert_eq!(
        with_roles(Role::Replica, Role::Replica),
        Some((Severity::Critical, "no node takes writes".into()))
    );
}

#[test]
fn nothing_flickers_and_silence_is_told() {
    let mut w = Watched::new(1, None);
    w.look();
    w.sentinel(|f| f.ckquorum = Some(Err("no".into())));
    assert!(w.look().is_empty() && w.look().is_empty());
    assert_eq!(w.look().len(), 1, "after three rounds");
    w.sentinel(|f| f.ckquorum = Some(Ok(())));
    assert_eq!((w.look().len(), w.look().len(), w.look().len()), (1, 1, 0));
    w.group.trouble = Some("a: refused".into());
    assert_eq!(
        w.says("topology-unknown").unwrap(),
        (Severity::Warning, "nobody tells its nodes any more (a: refused)".into())
    );
    let mut new = GroupSnapshot::unheard(GroupId::new("g"), GroupKind::Cluster);
    new.trouble = Some("a: refused".into());
    let found = GroupTracker::default().observe(&new, &[], &Rules::default(), base());
    assert_eq!(found[0].severity, Severity::Unknown, "never told");
    new.denied = vec!["CLUSTER|INFO".into()];
    assert!(new.findings().iter().any(|f| f.code == "not-permitted" && f.severity == Severity::Unknown));
}

#[test]
fn the_readme_lists_the_codes() {
    let readme = include_str!("../../README.md");
    for rule in GROUP_RULES {
        assert!(readme.contains(&format!("`{}`", rule.code)), "{}", rule.code);
        assert!(!rule.remedy.is_empty());
    }
}

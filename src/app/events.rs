//! What happened to the fleet, and what we did: one bounded feed, made from one board after the other.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::group_events::GroupWatch;
use crate::domain::node::{NodeState, Reason, Role};
use crate::domain::stamp::short;
use crate::domain::{FleetView, GroupId, NodeId, NodeSnapshot, Rules, Severity, Stamp};

/// Events kept.
pub const MAX_EVENTS: usize = 2_000;

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetEvent {
    /// When.
    pub at: Stamp,
    /// How much it weighs: of a verdict that cleared, Info.
    pub severity: Severity,
    /// Which node; `None`: a group, or our own doing.
    pub node: Option<NodeId>,
    /// Which group, where it is not about one node.
    pub group: Option<GroupId>,
    /// A sentence, escaped; never a token or a payload.
    pub text: String,
}

impl FleetEvent {
    /// The node's or the group's name; `None`: our own doing.
    pub fn who(&self) -> Option<&str> {
        self.node.as_ref().map(NodeId::as_str).or_else(|| self.group.as_ref().map(GroupId::as_str))
    }
}

/// The feed, and what is known of each node so that only changes are told.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    list: VecDeque<FleetEvent>,
    known: HashMap<NodeId, Known>,
    groups: GroupWatch,
    started: bool,
}

/// A node as it was when it was last looked at.
#[derive(Clone, Debug)]
struct Known {
    seq: u64,
    state: NodeState,
    reason: Option<Reason>,
    since: Stamp,
    role: Option<Role>,
    run_id: Option<String>,
    primary: Option<String>,
    /// What of its configuration is known, by the names of CONFIG; kept while the node is away.
    config: BTreeMap<&'static str, String>,
    /// What counts; kept while the node is away.
    findings: Vec<Standing>,
}

/// A verdict that stands.
#[derive(Clone, Copy, Debug)]
struct Standing {
    code: &'static str,
    severity: Severity,
    since: Option<Stamp>,
}

impl EventLog {
    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &FleetEvent> {
        self.list.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True when nothing happened yet.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What we did or tried.
    pub(super) fn ours(&mut self, severity: Severity, text: String, at: Stamp) {
        self.push(FleetEvent { at, severity, node: None, group: None, text });
    }

    /// Tells what changed since the last board.
    pub fn observe(&mut self, fleet: &FleetView, rules: &Rules, now: Stamp) {
        let mut told = Vec::new();
        for node in &fleet.nodes {
            let snapshot = &*node.snapshot;
            let known = self.known.get(&snapshot.meta.id);
            if known.is_some_and(|k| k.seq == snapshot.seq) {
                continue;
            }
            let mut tell = |severity, text: String| {
                told.push(FleetEvent {
                    at: now,
                    severity,
                    node: Some(snapshot.meta.id.clone()),
                    group: None,
                    text,
                });
            };
            if known.is_none() && self.started {
                tell(Severity::Info, format!("watched from now on ({})", snapshot.meta.address));
            }
            let next = Known::of(snapshot, known, rules, now);
            if let Some(known) = known {
                liveness(known, &next, snapshot, now, &mut tell);
                identity(known, &next, &mut tell);
                config(known, &next, &mut tell);
            }
            verdicts(known, &next, snapshot, rules, now, &mut tell);
            self.known.insert(snapshot.meta.id.clone(), next);
        }
        // A second address that was folded into its node is no loss: the node lists it.
        let gone: Vec<NodeId> = self
            .known
            .keys()
            .filter(|id| !fleet.nodes.iter().any(|n| n.snapshot.meta.id == **id))
            .cloned()
            .collect();
        for id in gone {
            self.known.remove(&id);
            let prefix = format!("{id} (");
            if !fleet.nodes.iter().any(|n| n.aliases.iter().any(|a| a.starts_with(&prefix))) {
                let text = "no longer watched".to_owned();
                told.push(FleetEvent {
                    at: now,
                    severity: Severity::Info,
                    node: Some(id),
                    group: None,
                    text,
                });
            }
        }
        self.groups.observe(fleet, now, &mut told);
        self.started |= !fleet.nodes.is_empty();
        for event in told {
            self.push(event);
        }
    }

    fn push(&mut self, event: FleetEvent) {
        self.list.push_back(event);
        while self.list.len() > MAX_EVENTS {
            self.list.pop_front();
        }
    }
}

impl Known {
    fn of(node: &NodeSnapshot, before: Option<&Self>, rules: &Rules, now: Stamp) -> Self {
        let facts = node.facts.as_deref();
        let keep = |new: Option<String>, old: Option<&String>| new.or_else(|| old.cloned());
        let findings = if node.status.state == NodeState::Up {
            let counted = node.findings(rules, now.mono).into_iter();
            counted
                .filter(|f| f.severity > Severity::Info && f.code != "stale")
                .map(|f| Standing { code: f.code, severity: f.severity, since: f.since })
                .collect()
        } else {
            before.map(|b| b.findings.clone()).unwrap_or_default()
        };
        Self {
            seq: node.seq,
            state: node.status.state,
            reason: node.status.reason,
            since: node.status.since,
            role: facts.and_then(|f| f.role).or(before.and_then(|b| b.role)),
            run_id: keep(facts.and_then(|f| f.run_id.clone()), before.and_then(|b| b.run_id.as_ref())),
            primary: keep(
                facts.and_then(|f| f.primary_address.clone()),
                before.and_then(|b| b.primary.as_ref()),
            ),
            config: config_of(node, before),
            findings,
        }
    }
}

/// What INFO says of the configuration at each look, and what CONFIG said lately.
fn config_of(node: &NodeSnapshot, before: Option<&Known>) -> BTreeMap<&'static str, String> {
    let mut config = before.map(|b| b.config.clone()).unwrap_or_default();
    if let Some(read) = node.diagnostics.config.known() {
        config.extend(read.iter().map(|(name, value)| (*name, value.clone())));
    }
    if let Some(facts) = node.facts.as_deref() {
        let told = [
            ("maxmemory", facts.maxmemory.map(|n| n.to_string())),
            ("maxmemory-policy", facts.maxmemory_policy.clone()),
            ("maxclients", facts.maxclients.map(|n| n.to_string())),
        ];
        config.extend(told.into_iter().filter_map(|(name, value)| Some((name, value?))));
    }
    config
}

fn config(known: &Known, next: &Known, tell: &mut impl FnMut(Severity, String)) {
    let shown = |value: &str| if value.is_empty() { "\"\"".to_owned() } else { value.to_owned() };
    for (name, value) in &next.config {
        if let Some(before) = known.config.get(name).filter(|before| *before != value) {
            let text = format!("config changed: {name} is {} instead of {}", shown(value), shown(before));
            tell(Severity::Info, text);
        }
    }
}

fn liveness(
    known: &Known,
    next: &Known,
    node: &NodeSnapshot,
    now: Stamp,
    tell: &mut impl FnMut(Severity, String),
) {
    if (known.state, known.reason) == (next.state, next.reason) {
        return;
    }
    let words = next.reason.map_or("no answer", Reason::words);
    let detail = node.status.detail.as_deref().map(|d| format!(" ({d})")).unwrap_or_default();
    match next.state {
        // Hearing it for the first time is no news.
        NodeState::Up if known.reason == Some(Reason::Connecting) => {}
        NodeState::Up => tell(Severity::Info, format!("up again after {}", short(now.since(known.since)))),
        NodeState::Suspect => tell(Severity::Warning, format!("suspect: {words}{detail}")),
        NodeState::Down => tell(Severity::Critical, format!("down: {words}{detail}")),
    }
}

fn identity(known: &Known, next: &Known, tell: &mut impl FnMut(Severity, String)) {
    if let (Some(before), Some(after)) = (known.role, next.role)
        && before != after
    {
        let (failover, of) = match (after, &next.primary) {
            (Role::Primary, _) => ("failover: ", String::new()),
            (Role::Replica, Some(primary)) => ("", format!(" of {primary}")),
            _ => ("", String::new()),
        };
        let words = format!("{failover}role changed: {} became {}{of}", before.code(), after.code());
        tell(Severity::Warning, words);
    }
    if known.run_id.is_some() && known.run_id != next.run_id {
        tell(Severity::Warning, "restarted: it is another server process".to_owned());
    }
    if next.role == Some(Role::Replica)
        && known.role == next.role
        && let (Some(before), Some(after)) = (&known.primary, &next.primary)
        && before != after
    {
        tell(Severity::Warning, format!("failover: it follows another primary, {after} instead of {before}"));
    }
}

fn verdicts(
    known: Option<&Known>,
    next: &Known,
    node: &NodeSnapshot,
    rules: &Rules,
    now: Stamp,
    tell: &mut impl FnMut(Severity, String),
) {
    let before: &[Standing] = known.map_or(&[], |k| &k.findings);
    let stands = |list: &[Standing], code: &str, severity: Severity| {
        list.iter().any(|s| (s.code, s.severity) == (code, severity))
    };
    let pairs = |list: &[Standing]| list.iter().map(|s| (s.code, s.severity)).collect::<Vec<_>>();
    if pairs(before) == pairs(&next.findings) {
        return;
    }
    let mut told: Vec<&str> = Vec::new();
    for finding in node.findings(rules, now.mono) {
        let counts = stands(&next.findings, finding.code, finding.severity);
        let is_news = !stands(before, finding.code, finding.severity) && !told.contains(&finding.code);
        if counts && is_news {
            told.push(finding.code);
            tell(finding.severity, finding.message);
        }
    }
    let mut cleared: Vec<&str> = Vec::new();
    for was in before {
        if !next.findings.iter().any(|s| s.code == was.code) && !cleared.contains(&was.code) {
            cleared.push(was.code);
            let after = was.since.map(|at| format!(" after {}", short(now.since(at)))).unwrap_or_default();
            tell(Severity::Info, format!("cleared: {}{after}", was.code.replace('-', " ")));
        }
    }
}

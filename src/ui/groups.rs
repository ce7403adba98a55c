//! Groups in the Nodes panel: one heading before the nodes of each, with what holds it together and whether it is well.

use ratatui::text::Span;

use super::scene::Scene;
use super::table::Row;
use crate::app::columns;
use crate::app::command::Panel;
use crate::app::state::ListState;
use crate::domain::group::{ClusterFacts, GroupFacts, SentinelFacts};
use crate::domain::node::NodeState;
use crate::domain::slots::{SLOTS, told};
use crate::domain::{GroupId, GroupSnapshot, NodeSnapshot, Severity};

/// One line of a list below its heading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListLine {
    /// Before the first node of a group; `None`: of the nodes without one.
    Group(Option<GroupId>),
    /// The row at this position of the list.
    Row(usize),
}

/// The lines of a list whose rows stand under headings: nodes, as long as they are not sorted by something else than
/// their groups. `None`: each row is a line.
pub fn lines(scene: &Scene<'_>, panel: Panel, list: &ListState) -> Option<Vec<ListLine>> {
    if !has_headings(scene, panel, list) {
        return None;
    }
    let rows = list.rows.len();
    let mut out = Vec::with_capacity(rows + scene.state.shown.groups.len() + 1);
    let mut last: Option<Option<&GroupId>> = None;
    for (position, index) in list.rows.iter().enumerate() {
        let Some(node) = scene.state.shown.nodes.get(*index as usize) else { continue };
        let group = node.snapshot.meta.group.as_ref();
        if last != Some(group) {
            out.push(ListLine::Group(group.cloned()));
            last = Some(group);
        }
        out.push(ListLine::Row(position));
    }
    Some(out)
}

/// How many lines a list would fill.
pub fn height(scene: &Scene<'_>, panel: Panel, list: &ListState) -> usize {
    lines(scene, panel, list).map_or(list.rows.len(), |lines| lines.len())
}

/// True when the list stands in the order of its groups.
pub fn has_headings(scene: &Scene<'_>, panel: Panel, list: &ListState) -> bool {
    panel == Panel::Nodes
        && !scene.state.shown.groups.is_empty()
        && list.sort == columns::default_sort(Panel::Nodes)
}

/// The heading of a group.
pub fn heading(scene: &Scene<'_>, id: Option<&GroupId>) -> Row {
    let look = scene.look;
    let group = id.and_then(|id| scene.state.shown.group(id));
    let nodes = scene.state.shown.nodes.iter().map(|n| &*n.snapshot);
    let own: Vec<&NodeSnapshot> = nodes.filter(|n| n.meta.group.as_ref() == id).collect();
    let (name, kind) = match (id, group) {
        (Some(id), Some(group)) => (id.to_string(), group.kind.code()),
        (Some(id), None) => (id.to_string(), "group"),
        (None, _) => ("others".to_owned(), "independent"),
    };
    let mut facts: Vec<Span<'static>> = Vec::new();
    let findings = group.map(|g| g.findings()).unwrap_or_default();
    let mut bad: Vec<_> = findings.iter().filter(|f| f.severity > Severity::Info).collect();
    bad.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let severity = bad.first().map_or(Severity::Info, |f| f.severity);
    if let Some(first) = bad.first() {
        let more = if bad.len() > 1 { format!("  +{}", bad.len() - 1) } else { String::new() };
        facts.push(Span::styled(format!("{}{more}", first.message), look.severity(first.severity)));
    }
    match group.map(|g| &g.facts) {
        Some(GroupFacts::Cluster(cluster)) => facts.extend(cluster_words(scene, cluster)),
        Some(GroupFacts::Sentinel(sentinel)) => facts.extend(sentinel_words(scene, sentinel)),
        Some(GroupFacts::Unknown) | None => {
            let up = own.iter().filter(|n| n.status.state == NodeState::Up).count();
            facts.push(Span::styled(format!("{up} of {} up", own.len()), look.plain()));
        }
    }
    let mut spans = vec![Span::styled(name, look.strong()), Span::styled(format!("  {kind}"), look.dim())];
    for fact in facts {
        spans.push(Span::styled(look.dot(), look.dim()));
        spans.push(fact);
    }
    Row { severity, cells: Vec::new(), note: Some((0, spans)), marked: false, stale: false }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn cluster_words(scene: &Scene<'_>, facts: &ClusterFacts) -> Vec<Span<'static>> {
    let look = scene.look;
    let assigned = facts.assigned();
    let style = if assigned == SLOTS { look.plain() } else { look.critical() };
    let mut out = vec![Span::styled(format!("{assigned}/{SLOTS} slots"), style)];
    let replicas: usize = facts.shards.iter().map(|s| s.replicas.len()).sum();
    let primaries = count(facts.masters(), "primary", "primaries");
    out.push(Span::styled(format!("{primaries} + {}", count(replicas, "replica", "replicas")), look.plain()));
    if let Some(first) = facts.moving.first() {
        let name =
            |id: &Option<crate::domain::NodeId>| id.as_ref().map_or("?".to_owned(), ToString::to_string);
        let what = match facts.moving.len() {
            1 => format!("slot {} moves", first.slot),
            n => format!("{n} slots move"),
        };
        let arrow = look.to();
        out.push(Span::styled(
            format!("{what} {} {arrow} {}", name(&first.from), name(&first.to)),
            look.accent(),
        ));
    }
    if let Some(epoch) = facts.epoch {
        out.push(Span::styled(format!("epoch {epoch}"), look.dim()));
    }
    out
}

fn sentinel_words(scene: &Scene<'_>, facts: &SentinelFacts) -> Vec<Span<'static>> {
    let look = scene.look;
    let mut out = Vec::new();
    let (answering, known) = (facts.answering(), facts.sentinels.len());
    let quorum = facts.quorum.map_or("?".to_owned(), |q| q.to_string());
    let (word, style) = match &facts.ckquorum {
        Some(Ok(())) => ("ok", look.plain()),
        Some(Err(_)) => ("FAILS", look.critical()),
        None => ("?", look.dim()),
    };
    out.push(Span::styled(format!("quorum {quorum} of {known} {word}"), style));
    if answering < known {
        out.push(Span::styled(format!("{answering} of {known} Sentinels answer"), look.warning()));
    }
    let online = facts.replicas.iter().filter(|r| r.is_online != Some(false)).count();
    let replicas = if online == facts.replicas.len() {
        count(online, "replica", "replicas")
    } else {
        format!("{online} of {} replicas online", facts.replicas.len())
    };
    out.push(Span::styled(replicas, look.plain()));
    if let Some(primary) = &facts.primary {
        out.push(Span::styled(format!("primary {primary}"), look.dim()));
    }
    out
}

/// The slots that a node serves, in few words; `None` where there are none to be told.
pub fn slots(scene: &Scene<'_>, node: &NodeSnapshot) -> Option<String> {
    let cluster = scene.state.shown.group(node.meta.group.as_ref()?)?.cluster()?;
    let is_primary = |p: &crate::domain::group::Member| p.node == node.meta.id;
    let shard = cluster.shards.iter().find(|s| s.primary.as_ref().is_some_and(is_primary))?;
    match shard.slots.as_slice() {
        [] => Some("none".to_owned()),
        [one] => Some(told(&[*one])),
        [first, rest @ ..] => Some(format!("{first} +{}", rest.len())),
    }
}

/// True when this node stands right below the primary that it follows.
pub fn is_below_primary(scene: &Scene<'_>, node: &NodeSnapshot) -> bool {
    let list = &scene.state.nodes;
    let Some(group) = node.meta.group.as_ref().and_then(|id| scene.state.shown.group(id)) else {
        return false;
    };
    has_headings(scene, Panel::Nodes, list) && group_has_primary(group, node)
}

fn group_has_primary(group: &GroupSnapshot, node: &NodeSnapshot) -> bool {
    group.primary_of(&node.meta.id).is_some()
}

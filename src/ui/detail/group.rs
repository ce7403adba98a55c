//! The group that a node belongs to: what is found of it, who told, slots or Sentinels.

use super::{ago, findings};
use crate::domain::Severity;
use crate::domain::group::{ClusterFacts, GroupFacts, SentinelFacts};
use crate::domain::slots::{SLOTS, told};
use crate::domain::{GroupSnapshot, NodeId, NodeSnapshot};
use crate::ui::scene::Scene;
use crate::ui::sheet::Sheet;

/// Slots on the move that are listed.
const MOST_MOVES: usize = 8;

pub(super) fn describe(scene: &Scene<'_>, node: &NodeSnapshot, sheet: &mut Sheet) {
    let Some(group) = node.meta.group.as_ref().and_then(|id| scene.state.shown.group(id)) else { return };
    let look = scene.look;
    sheet.heading("Group");
    sheet.field("name", &format!("{}, {}", group.id, group.kind.code()), look.strong());
    if let Some(who) = &group.told {
        sheet.field("told by", &format!("{}, {}", who.by, ago(scene, who.at)), look.plain());
    }
    if let Some(trouble) = &group.trouble {
        sheet.field("silent", trouble, look.warning());
    }
    match &group.facts {
        GroupFacts::Unknown => {}
        GroupFacts::Cluster(facts) => cluster(scene, facts, node, sheet),
        GroupFacts::Sentinel(facts) => sentinel(scene, facts, sheet),
    }
    following(scene, group, node, sheet);
    let mut found = group.findings();
    found.sort_by_key(|f| std::cmp::Reverse(f.severity));
    findings(scene, &found, sheet);
}

fn following(scene: &Scene<'_>, group: &GroupSnapshot, node: &NodeSnapshot, sheet: &mut Sheet) {
    if let Some(primary) = group.primary_of(&node.meta.id) {
        sheet.field("follows", primary.as_str(), scene.look.plain());
    }
}

fn cluster(scene: &Scene<'_>, facts: &ClusterFacts, node: &NodeSnapshot, sheet: &mut Sheet) {
    let look = scene.look;
    let state = facts.is_ok.map(|ok| if ok { "ok" } else { "down" }.to_owned());
    sheet.known("state", state);
    let gaps = facts.uncovered();
    let style = if gaps.is_empty() { look.plain() } else { look.severity(Severity::Critical) };
    let missing = if gaps.is_empty() { String::new() } else { format!(", nobody serves {}", told(&gaps)) };
    sheet.field("slots", &format!("{} of {SLOTS}{missing}", facts.assigned()), style);
    let own = |id: &NodeId| *id == node.meta.id;
    if let Some(shard) = facts.shards.iter().find(|s| s.primary.as_ref().is_some_and(|p| own(&p.node))) {
        let count: u32 = shard.slots.iter().map(|r| r.count()).sum();
        sheet.field("of them", &format!("{count} here ({})", told(&shard.slots)), look.plain());
    }
    sheet.known("epoch", facts.epoch.map(|e| e.to_string()));
    let name = |id: &Option<NodeId>| id.as_ref().map_or("?".to_owned(), ToString::to_string);
    for moving in facts.moving.iter().take(MOST_MOVES) {
        let words =
            format!("slot {}: {} {} {}", moving.slot, name(&moving.from), look.to(), name(&moving.to));
        sheet.field("moves", &words, look.accent());
    }
    if facts.moving.len() > MOST_MOVES {
        sheet.field("", &format!("and {} more", facts.moving.len() - MOST_MOVES), look.dim());
    }
}

fn sentinel(scene: &Scene<'_>, facts: &SentinelFacts, sheet: &mut Sheet) {
    let look = scene.look;
    sheet.field("watched as", &facts.master_name, look.plain());
    sheet.known("primary", facts.primary.as_ref().map(ToString::to_string));
    let quorum = facts.quorum.map(|q| format!("{q} of {} Sentinels", facts.sentinels.len()));
    sheet.known("quorum", quorum);
    match &facts.ckquorum {
        Some(Ok(())) => sheet.field("failover", "possible (CKQUORUM)", look.plain()),
        Some(Err(why)) => sheet.field("failover", &format!("not possible: {why}"), look.critical()),
        None => sheet.known("failover", None),
    }
    for watcher in &facts.sentinels {
        let (words, style) = match (&watcher.primary, watcher.answered) {
            (_, false) => ("does not answer".to_owned(), look.warning()),
            (Some(primary), true) if Some(primary) != facts.primary.as_ref() => {
                (format!("names {primary}"), look.warning())
            }
            _ => ("agrees".to_owned(), look.plain()),
        };
        sheet.field("Sentinel", &format!("{} {words}", watcher.node), style);
    }
    if !facts.flags.is_empty() {
        sheet.field("flags", &facts.flags.join(", "), look.warning());
    }
}

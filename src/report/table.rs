//! Plain tables for people in a shell: aligned columns, `?` for unknown, nothing but printable characters.

use unicode_width::UnicodeWidthStr;

use super::Sections;
use crate::domain::group::GroupFacts;
use crate::domain::lock::{Token, Ttl};
use crate::domain::node::{NodeState, Role};
use crate::domain::queue::Drain;
use crate::domain::slots::SLOTS;
use crate::domain::stamp::short;
use crate::domain::{FleetView, NodeId, Rules, Severity, Stamp};

/// The sections as tables, the verdict first.
pub fn render(fleet: &FleetView, rules: &Rules, now: Stamp, sections: Sections) -> String {
    let verdict = fleet.verdict(rules, now.mono);
    let (up, total) = fleet.up_of_total();
    let mut out = format!("{}: {up} of {total} nodes up\n", verdict.code());
    for reason in verdict.reasons.iter().take(12) {
        out.extend(["  ", &reason.message, "\n"]);
    }
    let mut parts = Vec::new();
    if sections.nodes {
        if !fleet.groups.is_empty() {
            parts.push(groups(fleet));
        }
        parts.push(nodes(fleet, now));
    }
    if sections.locks {
        parts.push(locks(fleet, rules, now));
    }
    if sections.queues {
        parts.push(queues(fleet, rules, now));
    }
    for part in parts {
        out.push('\n');
        out.push_str(&part);
    }
    out
}

fn groups(fleet: &FleetView) -> String {
    let rows = fleet.groups.iter().map(|group| {
        let nodes: Vec<_> =
            fleet.nodes.iter().filter(|n| n.snapshot.meta.group.as_ref() == Some(&group.id)).collect();
        let up = nodes.iter().filter(|n| n.snapshot.status.state == NodeState::Up).count();
        let facts = match &group.facts {
            GroupFacts::Unknown => String::new(),
            GroupFacts::Cluster(facts) => {
                format!("{} of {SLOTS} slots, {} primaries", facts.assigned(), facts.masters())
            }
            GroupFacts::Sentinel(facts) => {
                let quorum = or_unknown(facts.quorum.map(|q| q.to_string()));
                let primary = or_unknown(facts.primary.as_ref().map(ToString::to_string));
                format!("primary {primary}, quorum {quorum} of {}", facts.sentinels.len())
            }
        };
        let worst = group.findings().into_iter().max_by_key(|f| f.severity);
        let worst = worst.filter(|f| f.severity > Severity::Info).map(|f| f.message);
        vec![
            group.id.to_string(),
            group.kind.code().to_owned(),
            format!("{up} of {} up", nodes.len()),
            facts,
            worst.unwrap_or_default(),
        ]
    });
    aligned(&["GROUP", "KIND", "NODES", "TOPOLOGY", ""], rows, "no groups")
}

fn nodes(fleet: &FleetView, now: Stamp) -> String {
    let rows = fleet.nodes.iter().map(|node| {
        let s = &node.snapshot;
        let facts = s.facts.as_deref();
        let state = match s.status.state {
            NodeState::Up => "up".to_string(),
            NodeState::Suspect => "suspect".to_string(),
            NodeState::Down => "down".to_string(),
        };
        let live = facts.filter(|_| s.status.state == NodeState::Up);
        vec![
            s.meta.id.to_string(),
            state,
            short(now.since(s.status.since)),
            or_unknown(s.rtt.map(|d| format!("{:.1} ms", d.as_secs_f64() * 1e3))),
            or_unknown(facts.and_then(|f| f.role).map(|r| r.code().to_string())),
            or_unknown(facts.and_then(|f| Some(format!("{} {}", f.engine.as_ref()?, f.version.as_ref()?)))),
            or_unknown(live.and_then(|f| f.ops_per_sec).map(|n| n.to_string())),
            or_unknown(
                live.and_then(|f| f.used_memory).map(|n| format!("{:.1} MiB", n as f64 / 1_048_576.0)),
            ),
            or_unknown(live.and_then(|f| f.connected_clients).map(|n| n.to_string())),
            or_unknown(live.and_then(|f| f.blocked_clients).map(|n| n.to_string())),
            s.status.reason.map(|r| r.words().to_string()).unwrap_or_default(),
        ]
    });
    let head =
        ["NODE", "STATE", "SINCE", "RTT", "ROLE", "VERSION", "OPS/S", "MEMORY", "CLIENTS", "BLOCKED", ""];
    aligned(&head, rows, "no nodes")
}

fn locks(fleet: &FleetView, rules: &Rules, now: Stamp) -> String {
    let rows = fleet.locks.iter().filter(|l| !l.has_ended(now.mono)).map(|lock| {
        let token = match &lock.token {
            Token::Known(bytes) => bytes.escaped(),
            Token::Long { head, len } => format!("{head}... ({len} bytes)"),
            Token::Unknown(why) => format!("? {why}"),
        };
        let ttl = match &lock.ttl {
            Ttl::Never => "never".to_string(),
            Ttl::Unknown(_) => "?".to_string(),
            Ttl::Left(_) => or_unknown(lock.ttl_left(now.mono).map(short)),
        };
        vec![
            lock.id.key.escaped(),
            place(&lock.id.node, lock.id.db),
            lock.state(rules, now.mono).words().to_string(),
            ttl,
            or_unknown(lock.age(now.mono).map(|a| format!(">= {}", short(a)))),
            cut(&token, 48),
        ]
    });
    aligned(
        &["LOCK", "NODE", "STATE", "TTL", "AGE", "TOKEN"],
        rows,
        empty(fleet, "no locks held under the watched patterns"),
    )
}

fn queues(fleet: &FleetView, rules: &Rules, now: Stamp) -> String {
    let rows = fleet.queues.iter().map(|queue| {
        let rate = |r: Option<f64>| or_unknown(r.map(|r| format!("{r:.1}")));
        let drain = match queue.drain(rules, now.mono) {
            _ if queue.paused == Some(true) => "paused".to_string(),
            _ if queue.lacks_consumers(rules, now.mono) => "no consumers".to_string(),
            Drain::Idle => "idle".to_string(),
            Drain::Drains(eta) => format!("drains in {}", short(eta)),
            Drain::Growing(rate) => format!("growing {rate:.1}/s"),
            Drain::Stalled => "stalled".to_string(),
            Drain::Steady => "steady".to_string(),
            Drain::Unknown => "?".to_string(),
        };
        vec![
            queue.name.clone(),
            place(&queue.id.node, queue.id.db),
            or_unknown(queue.waiting.map(|n| n.to_string())),
            rate(queue.rates.incoming),
            rate(queue.rates.outgoing),
            rate(queue.rates.net),
            or_unknown(queue.oldest_age(now.mono).map(short)),
            drain,
        ]
    });
    let head = ["QUEUE", "NODE", "WAITING", "IN/S", "OUT/S", "NET/S", "OLDEST", "VERDICT"];
    aligned(&head, rows, empty(fleet, "no queues under the watched patterns"))
}

/// Columns padded to the widest cell of each.
pub fn aligned(head: &[&str], rows: impl Iterator<Item = Vec<String>>, empty: &str) -> String {
    let mut all: Vec<Vec<String>> = vec![head.iter().map(ToString::to_string).collect()];
    all.extend(rows);
    if all.len() == 1 {
        return format!("{empty}\n");
    }
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            all.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// What an empty list means: nothing there, or nobody to ask.
fn empty<'a>(fleet: &FleetView, nothing: &'a str) -> &'a str {
    let read = fleet.nodes.iter().any(|n| {
        let role = n.snapshot.facts.as_ref().and_then(|f| f.role);
        n.snapshot.scan.passes > 0 && !matches!(role, Some(Role::Replica | Role::Sentinel))
    });
    if read { nothing } else { "not known: no primary among the nodes could be searched" }
}

/// The node, with the database unless it is 0 or the name tells it.
fn place(node: &NodeId, db: u32) -> String {
    let told = format!("/{db}");
    if db == 0 || node.as_str().ends_with(&told) { node.to_string() } else { format!("{node}{told}") }
}

fn or_unknown(value: Option<String>) -> String {
    value.unwrap_or_else(|| "?".into())
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most.saturating_sub(3)).chain("...".chars()).collect()
}

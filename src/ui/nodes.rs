//! Rows of the Nodes panel.

use ratatui::style::Style;
use ratatui::text::Span;

use super::format;
use super::groups;
use super::look::Look;
use super::scene::Scene;
use super::table::{Cell, Column, Row, figure, optional, text};
use crate::domain::fleet::FleetNode;
use crate::domain::node::{NodeFacts, NodeState, Reason, Role};
use crate::domain::{Finding, NodeSnapshot, Severity};

/// Columns, most telling first.
pub const COLUMNS: &[Column] = &[
    text("NODE", Some("node"), 6, 24, 20),
    text("STATE", Some("state"), 12, 18, 19),
    figure("RTT", Some("rtt"), 7, 18),
    text("RTT TREND", None, 12, 12, 11),
    text("ROLE", Some("role"), 7, 8, 14),
    figure("OPS", Some("ops"), 7, 17),
    figure("MEMORY", Some("memory"), 13, 16),
    figure("MAX", None, 8, 5),
    figure("CLIENTS", Some("clients"), 7, 13),
    figure("BLOCKED", Some("blocked"), 7, 12),
    figure("UPTIME", Some("uptime"), 7, 9),
    text("VERSION", Some("version"), 12, 20, 8),
    text("REPLICATION", None, 11, 24, 7),
    optional(text("SLOTS", None, 11, 18, 10)),
    figure("KEYS", None, 7, 6),
    text("ADDRESS", None, 15, 32, 4),
    text("WHY", None, 20, 80, 1),
];

/// The worst finding that is worth a sign.
pub fn worst(findings: &[Finding]) -> Severity {
    findings.iter().map(|f| f.severity).max().unwrap_or(Severity::Info)
}

/// One node as a row.
pub fn row(scene: &Scene<'_>, node: &FleetNode) -> Row {
    let look = scene.look;
    let snapshot = &*node.snapshot;
    let findings = node.findings(&scene.state.settings.rules, scene.now.mono);
    let severity = worst(&findings);
    let state = Cell::new(state_words(scene, snapshot), look.severity(severity));
    let mut name = snapshot.meta.id.to_string();
    if groups::is_below_primary(scene, snapshot) {
        name = format!("{}{name}", look.branch());
    }
    if !node.aliases.is_empty() {
        name = format!("{name} +{}", node.aliases.len());
    }
    let empty = NodeFacts::default();
    let f = snapshot.facts.as_deref().unwrap_or(&empty);
    let (memory, memory_style) = memory(look, f);
    let (link, link_style) = replication(look, f);
    let plain = |known: Option<String>| known_or(look, known);
    let why: Vec<&str> =
        findings.iter().filter(|f| f.severity > Severity::Info).map(|f| f.message.as_str()).collect();
    let cells = vec![
        Cell::new(name, look.plain()).middle(),
        state,
        plain(snapshot.rtt.map(format::latency)),
        Cell::new(look.sparkline(&snapshot.rtt_history, 12), look.dim()),
        plain(f.role.map(|r| r.code().to_owned())),
        plain(f.ops_per_sec.map(|n| format::rate(n as f64))),
        Cell::new(memory, memory_style),
        match f.maxmemory {
            Some(0) => Cell::new("no limit", look.dim()),
            max => plain(max.map(format::size)),
        },
        plain(f.connected_clients.map(format::compact)),
        plain(f.blocked_clients.map(format::compact)),
        plain(f.uptime.map(format::duration)),
        plain(version(f)),
        Cell::new(link, link_style),
        // Replicas and nodes outside of clusters have none: that is no lack of knowledge.
        Cell::new(groups::slots(scene, snapshot).unwrap_or_default(), look.plain()),
        plain(f.keys.map(format::compact)),
        Cell::new(snapshot.meta.address.clone(), look.dim()).middle(),
        Cell::new(why.join("; "), look.severity(severity)),
    ];
    let note = (snapshot.status.state != NodeState::Up).then(|| (2, note(scene, snapshot)));
    Row {
        severity,
        cells,
        note,
        marked: false,
        stale: scene.is_stale(&snapshot.meta.id) && severity < Severity::Warning,
    }
}

/// State and how long it lasts.
pub fn state_words(scene: &Scene<'_>, node: &NodeSnapshot) -> String {
    let word = match (node.status.state, node.status.reason) {
        (NodeState::Suspect, Some(Reason::Connecting)) => return "asking".into(),
        (NodeState::Up, _) => "up",
        (NodeState::Suspect, _) => "suspect",
        (NodeState::Down, _) => "down",
    };
    format!("{word} {}", format::duration(scene.now.since(node.status.since)))
}

/// Why it is not up, in words, and when it last answered.
fn note(scene: &Scene<'_>, node: &NodeSnapshot) -> Vec<Span<'static>> {
    let look = scene.look;
    if node.status.reason == Some(Reason::Connecting) {
        return vec![Span::styled(format!("asking {}{}", node.meta.address, look.ellipsis()), look.dim())];
    }
    let words = node.status.reason.map_or("no answer", Reason::words);
    let seen = match node.status.last_ok {
        Some(at) => format!("last seen {} ago", format::duration(scene.now.since(at))),
        None => "never seen".into(),
    };
    vec![Span::styled(words, Style::new()), Span::styled(format!("{}{seen}", look.dot()), look.dim())]
}

/// Used memory with its share of the limit.
fn memory(look: Look, f: &NodeFacts) -> (String, Style) {
    match (f.used_memory, f.maxmemory.filter(|m| *m > 0)) {
        (Some(used), Some(max)) => {
            let percent = used.saturating_mul(100) / max;
            let style = match percent {
                90.. => look.critical(),
                70.. => look.warning(),
                _ => look.plain(),
            };
            (format!("{} {percent:>2}%", format::size(used)), style)
        }
        (Some(used), None) => (format!("{}    ", format::size(used)), look.plain()),
        (None, _) => ("?".into(), look.dim()),
    }
}

/// Replicas of a primary, or the link of a replica.
pub fn replication(look: Look, f: &NodeFacts) -> (String, Style) {
    match (f.role, f.primary_link_up, f.connected_replicas) {
        (Some(Role::Replica), Some(true), _) => ("link up".into(), look.plain()),
        (Some(Role::Replica), Some(false), _) => {
            let since = f.primary_link_down.map(|d| format!(" {}", format::duration(d))).unwrap_or_default();
            (format!("LINK DOWN{since}"), look.critical())
        }
        (Some(Role::Primary), _, Some(1)) => ("1 replica".into(), look.plain()),
        (Some(Role::Primary), _, Some(0)) => ("no replica".into(), look.dim()),
        (Some(Role::Primary), _, Some(n)) => (format!("{n} replicas"), look.plain()),
        (Some(Role::Sentinel), _, _) => ("watches".into(), look.dim()),
        _ => ("?".into(), look.dim()),
    }
}

/// Engine and version.
pub fn version(f: &NodeFacts) -> Option<String> {
    match (&f.engine, &f.version) {
        (Some(engine), Some(version)) => Some(format!("{engine} {version}")),
        (one, other) => one.clone().or_else(|| other.clone()),
    }
}

/// What is not known is a dim question mark, never 0.
pub fn known_or(look: Look, known: Option<String>) -> Cell {
    known.map_or_else(|| Cell::new("?", look.dim()), |text| Cell::new(text, look.plain()))
}

//! A node: whether it answers, what is wrong, its figures, its place in replication.

use super::super::format;
use super::super::nodes::{replication, state_words, version};
use super::super::scene::Scene;
use super::super::sheet::Sheet;
use super::{ago, findings};
use crate::domain::bytes::escape_text;
use crate::domain::diagnostics::{FEATURES, Told};
use crate::domain::fleet::FleetNode;
use crate::domain::node::{NodeFacts, NodeState, Role};
use crate::domain::{Finding, NodeSnapshot, Severity, health};

/// Columns of a figure before its sparkline.
const FIGURE: usize = 18;

pub(super) fn describe(scene: &Scene<'_>, node: &FleetNode, sheet: &mut Sheet) {
    let look = scene.look;
    let n = &*node.snapshot;
    let empty = NodeFacts::default();
    let f = n.facts.as_deref().unwrap_or(&empty);
    // The hazards of the configuration have a part of their own, each with what to set.
    let mut found: Vec<Finding> = node.findings(&scene.state.settings.rules, scene.now.mono);
    found.retain(|f| f.code != "config-hazards");
    found.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let style = look.severity(super::super::nodes::worst(&found));
    sheet.field("node", n.meta.id.as_str(), look.strong());
    sheet.field("address", &format!("{}, db {}", n.meta.address, n.meta.db), look.plain());
    if !node.aliases.is_empty() {
        sheet.field("also as", &node.aliases.join(", "), look.plain());
    }
    sheet.field("state", &format!("{}, since {}", state_words(scene, n), ago(scene, n.status.since)), style);
    if n.status.state != NodeState::Up {
        if let Some(reason) = n.status.reason {
            sheet.field("why", reason.words(), look.strong());
            if let Some(detail) = &n.status.detail {
                sheet.field("", detail, look.dim());
            }
            sheet.field("try", reason.remedy(), look.accent());
        }
        sheet.field("missed", &format!("{} looks in a row", n.status.misses), look.plain());
        let seen = n.status.last_ok.map_or_else(|| "never".into(), |at| ago(scene, at));
        sheet.field("last seen", &seen, look.plain());
    }
    findings(scene, &found, sheet);
    super::group::describe(scene, n, sheet);
    figures(scene, n, f, sheet);
    stream(scene, n, f, sheet);
    watching(scene, n, sheet);
}

fn figures(scene: &Scene<'_>, n: &NodeSnapshot, f: &NodeFacts, sheet: &mut Sheet) {
    let look = scene.look;
    let stale = n.status.state != NodeState::Up;
    sheet.heading(if stale { "Figures, as last seen" } else { "Figures" });
    let room = sheet.value_width().saturating_sub(FIGURE).min(60);
    let mut trend = |label: &str, value: Option<String>, bars: &str| {
        let style = if value.is_some() { look.plain() } else { look.dim() };
        let value = value.unwrap_or_else(|| "?".into());
        sheet.field(label, format!("{value:<FIGURE$}{bars}").trim_end(), style);
    };
    let round_trips = look.sparkline(&n.rtt_history, n.rtt_history.len().min(room));
    trend("round trip", n.rtt.map(format::latency), &round_trips);
    trend("operations", f.ops_per_sec.map(|o| format::rate(o as f64)), &look.history(&n.history.ops, room));
    let memory = f.used_memory.map(|used| match f.maxmemory.filter(|max| *max > 0) {
        Some(max) => format!("{} {} %", format::size(used), used.saturating_mul(100) / max),
        None => format::size(used),
    });
    trend("memory", memory, &look.history(&n.history.memory, room));
    trend("clients", f.connected_clients.map(format::count), &look.history(&n.history.clients, room));
    let net = |kib: Option<f64>| kib.map(|k| format!("{}/s", format::size((k * 1024.0) as u64)));
    trend("net in", net(f.input_kbps), &look.history(&n.history.input, room));
    trend("net out", net(f.output_kbps), &look.history(&n.history.output, room));
    let limit = f.maxmemory.map(|max| match max {
        0 => "no limit".into(),
        max => {
            let policy = f.maxmemory_policy.as_deref().map(|p| format!(", when full: {}", escape_text(p)));
            format!("{}{}", format::size(max), policy.unwrap_or_default())
        }
    });
    sheet.known("maxmemory", limit);
    sheet.known("peak", f.used_memory_peak.map(format::size));
    sheet.known("maxclients", f.maxclients.map(format::count));
    sheet.known("blocked", f.blocked_clients.map(format::count));
    let fork = f.latest_fork.map(|took| {
        if took.is_zero() {
            return "none yet".to_owned();
        }
        let each = health::fork_per_gib(f).map(|d| format!(", {} per GiB", format::latency(d)));
        format!("{}{}", format::latency(took), each.unwrap_or_default())
    });
    sheet.known("last fork", fork);
    sheet.known("server", version(f));
    sheet.known("uptime", f.uptime.map(format::duration));
    sheet.known("run id", f.run_id.clone());
}

/// The replication picture: a primary with its replicas, or a replica with its primary.
fn stream(scene: &Scene<'_>, n: &NodeSnapshot, f: &NodeFacts, sheet: &mut Sheet) {
    let look = scene.look;
    sheet.heading("Replication");
    sheet.known("role", f.role.map(|r| r.code().to_owned()));
    let (link, link_style) = replication(look, f);
    if f.role == Some(Role::Replica) {
        let primary = f.primary_address.clone().map(|address| {
            let watched = scene.state.shown.nodes.iter().find(|other| other.snapshot.meta.address == address);
            match watched.map(|other| &other.snapshot.meta.id) {
                Some(id) if id.as_str() != address => format!("{address} ({id})"),
                _ => address,
            }
        });
        sheet.known("primary", primary);
        let heard = f.primary_heard.map(|d| format!(", heard {} ago", format::duration(d)));
        let copying = if f.syncing == Some(true) { ", it is being copied whole" } else { "" };
        sheet.field("link", &format!("{link}{}{copying}", heard.unwrap_or_default()), link_style);
        sheet
            .known("taken in", f.replica_offset.map(|o| format!("{} bytes of its stream", format::count(o))));
    } else {
        sheet.field("replicas", &link, link_style);
    }
    if f.role == Some(Role::Primary) || !f.replicas.is_empty() {
        sheet.known("offset", f.offset.map(|o| format!("{} bytes", format::count(o))));
    }
    let rules = &scene.state.settings.rules;
    for replica in &f.replicas {
        let behind = f.behind(replica);
        let lags = behind.is_some_and(|b| b >= rules.lag_bytes_above)
            || replica.lag.is_some_and(|l| l >= rules.lag_above);
        let words = format!(
            "{}  {}, {} behind, heard {}",
            replica.address,
            replica.state,
            behind.map_or_else(|| "?".into(), format::size),
            replica.lag.map_or_else(|| "?".into(), |l| format!("{} ago", format::duration(l))),
        );
        let bad = lags || replica.state != "online";
        let (sign, style) =
            if bad { (look.sign(Severity::Warning), look.warning()) } else { ("-", look.plain()) };
        sheet.item(sign, style, &words, style);
    }
    let more = f.connected_replicas.unwrap_or(0).saturating_sub(f.replicas.len() as u64);
    if more > 0 && n.facts.is_some() && f.role == Some(Role::Primary) {
        sheet.item("-", look.dim(), &format!("{more} more, of which nothing is told"), look.dim());
    }
}

fn watching(scene: &Scene<'_>, n: &NodeSnapshot, sheet: &mut Sheet) {
    let look = scene.look;
    sheet.heading("Watching it");
    sheet.known("facts from", n.facts_at.map(|at| ago(scene, at)));
    sheet.known("its clock", n.clock_offset_ms.map(|ms| format!("{ms:+} ms against ours")));
    let passes = match (n.scan.passes, n.scan.share) {
        (0, Some(share)) => format!("first pass, {:.0} %", share.clamp(0.0, 1.0) * 100.0),
        (0, None) => "first pass".into(),
        (1, _) => "one complete pass".into(),
        (passes, _) => format!("{} complete passes", format::count(passes)),
    };
    let passes = match n.scan.pass_time {
        Some(took) => format!("{passes}, the last one took {}", format::duration(took)),
        None => passes,
    };
    let passes = format!("{passes}{}", super::super::searched::sentence(n));
    sheet.field("key search", &passes, look.plain());
    let [locks, queues] = [n.locks.len(), n.queues.len()].map(|n| format::count(n as u64));
    sheet.field("holds", &format!("{locks} locks, {queues} queues"), look.plain());
    let told = &n.diagnostics;
    let protocol = match &told.hello {
        Told::Known(hello) => {
            format!("RESP{}, {} {}, {}", hello.protocol, hello.server, hello.version, hello.mode)
        }
        other => format!("? ({})", other.why_not().unwrap_or_default()),
    };
    sheet.field("hello", &protocol, if told.hello.known().is_some() { look.plain() } else { look.dim() });
    match &told.features {
        Told::Known(features) => {
            let lacks: Vec<String> = features
                .iter()
                .filter(|(_, has)| !has)
                .map(|(name, _)| {
                    let for_what = FEATURES.iter().find(|(n, _)| n == name).map_or("", |(_, what)| what);
                    format!("{name} ({for_what})")
                })
                .collect();
            let words = if lacks.is_empty() { "nothing that we use".into() } else { lacks.join(", ") };
            sheet.field("it lacks", &words, look.plain());
        }
        other => sheet.field("it lacks", &format!("? ({})", other.why_not().unwrap_or_default()), look.dim()),
    }
    super::super::cost::describe(scene, n, sheet);
}

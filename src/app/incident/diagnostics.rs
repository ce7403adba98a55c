//! What a node told beyond INFO, for the report: neither arguments of commands nor names of clients.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use super::{code, plain};
use crate::domain::diagnostics::Told;
use crate::domain::node::NodeState;
use crate::domain::stamp::short;
use crate::domain::{Diagnostics, NodeSnapshot, Stamp, health};

/// Writes a section of this node, if it told anything that is worth one.
pub(super) fn of(node: &NodeSnapshot, now: Stamp, out: &mut String) {
    let told = &*node.diagnostics;
    if told.read_at.is_none() && told.clients_at.is_none() {
        return;
    }
    let _ = write!(out, "\n### Node {}\n\n", code(node.meta.id.as_str()));
    if node.status.state != NodeState::Up {
        let ago = told.read_at.map_or_else(|| "?".into(), |at| short(now.since(at)));
        let _ = writeln!(out, "- it is not up: this was told {ago} ago");
    }
    replication(node, out);
    slow(told, out);
    part("latency events", &told.latency, out, |events| {
        let each = events.iter().map(|e| {
            let [latest, most] = [e.latest, e.most].map(|d| d.as_millis());
            format!("{} {latest} ms at {}, most ever {most} ms", plain(&e.event), moment(e.at))
        });
        list(each, "none recorded")
    });
    part("clients", &told.clients, out, |c| {
        // A client's name is often a holder's: only its host is told.
        let groups = c.top.iter().take(5).map(|g| format!("{} from {}", g.count, plain(&g.host)));
        let output = c.output >> 10;
        format!("{} ({} blocked, {output} KiB in output buffers): {}", c.count, c.blocked, list(groups, "-"))
    });
    if let Some(spaces) = node.facts.as_deref().and_then(|f| f.keyspace.as_ref()) {
        let each = spaces.iter().map(|d| format!("db{} {} keys", d.db, d.keys));
        let _ = writeln!(out, "- keyspace: {}", list(each, "no keys"));
    }
    part("configuration", &told.config, out, |config| {
        let each = config.iter().map(|(name, value)| {
            format!("{name} {}", if value.is_empty() { "\"\"".into() } else { plain(value) })
        });
        list(each, "nothing of it is known there")
    });
    for hazard in health::config::hazards(node) {
        let _ =
            writeln!(out, "- {}: {} (try: {})", hazard.parameter, plain(&hazard.why), plain(hazard.remedy));
    }
}

fn replication(node: &NodeSnapshot, out: &mut String) {
    let Some(facts) = node.facts.as_deref() else { return };
    for replica in &facts.replicas {
        let behind = facts.behind(replica).map_or_else(|| "?".into(), |n| n.to_string());
        let heard = replica.lag.map_or_else(|| "?".into(), short);
        let (address, state) = (plain(&replica.address), plain(&replica.state));
        let _ = writeln!(out, "- replica {address}: {state}, {behind} bytes behind, heard {heard} ago");
    }
}

fn slow(told: &Diagnostics, out: &mut String) {
    part("slow log", &told.slowlog, out, |log| {
        let len = log.len.map_or_else(|| "?".into(), |n| n.to_string());
        let each = log.newest.iter().map(|c| {
            let key = c.key.as_ref().map(|k| format!(" {}", code(&k.escaped()))).unwrap_or_default();
            let took = c.took.as_secs_f64() * 1000.0;
            format!("{}{key} {took:.1} ms at {}", plain(&c.command), moment(c.at))
        });
        format!("{len} held: {}", list(each, "-"))
    });
}

fn part<T>(label: &str, told: &Told<T>, out: &mut String, words: impl Fn(&T) -> String) {
    let text = match told {
        Told::Known(value) => words(value),
        other => other.why_not().unwrap_or_default(),
    };
    let _ = writeln!(out, "- {label}: {text}");
}

fn list(each: impl Iterator<Item = String>, none: &str) -> String {
    let each: Vec<String> = each.collect();
    if each.is_empty() { none.into() } else { each.join("; ") }
}

/// Seconds since the epoch, in UTC. Servers say what they like: what is no moment is unknown.
fn moment(seconds: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    // From year 10000 on humantime has no words.
    let at = at.filter(|_| seconds < 253_402_300_800);
    at.map_or_else(|| "?".into(), |at| humantime::format_rfc3339_seconds(at).to_string())
}

//! All that is known of one row: for the details dialog and for the spare room of tall screens.

use std::time::Duration;

use ratatui::style::Style;

use super::format;
use super::nodes::{replication, state_words, version};
use super::queues::{severity, words};
use super::scene::Scene;
use super::sheet::Sheet;
use super::{locks, text};
use crate::app::state::RowId;
use crate::domain::bytes::escape_text;
use crate::domain::fleet::FleetNode;
use crate::domain::lock::{Renewal, Token, Ttl};
use crate::domain::node::{NodeFacts, NodeState};
use crate::domain::queue::{Oldest, PushEnd};
use crate::domain::{Finding, FleetView, Lock, LockId, NodeId, Queue, Severity};

/// Details of one queue that are shown: workers, groups.
const MOST_DETAILS: usize = 30;
/// Holders of one lock that are listed.
const HOLDERS: usize = 20;
/// Longest key or token shown here; more is cut in the middle and said.
const LONGEST: usize = 1_200;

/// The sheet of a row, `width` columns wide.
pub fn sheet(scene: &Scene<'_>, id: &RowId, width: u16) -> Sheet {
    let mut sheet = Sheet::new(scene.look, width);
    let shown = &scene.state.shown;
    match id {
        RowId::Node(id) => match shown.nodes.iter().find(|n| n.snapshot.meta.id == *id) {
            Some(node) => describe_node(scene, node, &mut sheet),
            None => gone(scene, "This node is no longer configured.", &mut sheet),
        },
        RowId::Lock(id) => {
            if let Some(lock) = find_lock(shown, id) {
                describe_lock(scene, lock, &mut sheet);
            } else {
                sheet.field("key", &key(scene, &id.key), scene.look.strong());
                sheet.field("node", id.node.as_str(), scene.look.plain());
                gone(scene, "It is gone: released, deleted or expired.", &mut sheet);
            }
        }
        RowId::Queue(id) => {
            if let Some(queue) = shown.queues.iter().find(|q| q.id == *id) {
                describe_queue(scene, queue, &mut sheet);
            } else {
                sheet.field("key", &key(scene, &id.key), scene.look.strong());
                sheet.field("node", id.node.as_str(), scene.look.plain());
                gone(scene, "It is gone: a list without elements does not exist.", &mut sheet);
            }
        }
    }
    sheet
}

/// The lock of this identity: locks are sorted by key, so that it is found without walking through all.
pub fn find_lock<'a>(fleet: &'a FleetView, id: &LockId) -> Option<&'a Lock> {
    let from = fleet.locks.partition_point(|l| l.id.key < id.key);
    fleet.locks.get(from..)?.iter().take_while(|l| l.id.key == id.key).find(|l| l.id == *id).map(|l| &**l)
}

fn gone(scene: &Scene<'_>, words: &str, sheet: &mut Sheet) {
    sheet.blank();
    sheet.text(words, scene.look.dim());
}

fn key(scene: &Scene<'_>, key: &crate::domain::Bytes) -> String {
    let shown = text::cut_bytes(key, LONGEST, text::Cut::Middle, scene.look.ellipsis());
    if key.len() > LONGEST { format!("{shown} ({})", format::size(key.len() as u64)) } else { shown }
}

fn place(scene: &Scene<'_>, node: &NodeId, db: u32) -> String {
    match scene.node(node) {
        Some(n) => format!("{node} ({}, db {db})", n.meta.address),
        None => format!("{node} (db {db})"),
    }
}

fn freshness(scene: &Scene<'_>, node: &NodeId, sheet: &mut Sheet) {
    let Some(snapshot) = scene.node(node) else { return };
    if snapshot.status.state != NodeState::Up {
        let text = format!(
            "{} is {}: this is what was last seen, {} ago",
            node,
            state_words(scene, snapshot),
            format::duration(scene.age(snapshot))
        );
        sheet.item(scene.look.sign(Severity::Unknown), scene.look.dim(), &text, scene.look.warning());
    }
}

fn findings(scene: &Scene<'_>, found: &[Finding], sheet: &mut Sheet) {
    for finding in found {
        let look = scene.look;
        let style = look.severity(finding.severity);
        sheet.item(look.sign(finding.severity), style, &finding.message, style);
        // Why a node does not answer stands above, with what to try.
        if let Some(remedy) = finding.remedy.filter(|_| !matches!(finding.code, "down" | "suspect")) {
            sheet.item(" ", look.dim(), &format!("try: {remedy}"), look.accent());
        }
    }
}

fn ago(scene: &Scene<'_>, at: crate::domain::Stamp) -> String {
    format!("{} ({} ago)", format::moment(at.wall, scene.zone), format::duration(scene.now.since(at)))
}

fn describe_node(scene: &Scene<'_>, node: &FleetNode, sheet: &mut Sheet) {
    let look = scene.look;
    let n = &*node.snapshot;
    let empty = NodeFacts::default();
    let f = n.facts.as_deref().unwrap_or(&empty);
    let found = n.findings(&scene.state.settings.rules, scene.now.mono);
    let style = look.severity(super::nodes::worst(&found));
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
    let stale = n.status.state != NodeState::Up;
    sheet.heading(if stale { "Figures, as last seen" } else { "Figures" });
    let trend = look.sparkline(&n.rtt_history, n.rtt_history.len().min(40));
    sheet.field(
        "round trip",
        &format!("{}  {trend}", n.rtt.map_or("?".into(), format::latency)),
        look.plain(),
    );
    sheet.known("server", version(f));
    sheet.known("role", f.role.map(|r| r.code().to_owned()));
    let (link, link_style) = replication(look, f);
    let of = f.primary_address.as_ref().map(|a| format!(", primary {a}")).unwrap_or_default();
    sheet.field("replication", &format!("{link}{of}"), link_style);
    sheet.known("operations", f.ops_per_sec.map(|o| format::rate(o as f64)));
    let memory = f.used_memory.map(|used| match f.maxmemory {
        Some(0) => format!("{}, no limit", format::size(used)),
        Some(max) => {
            let percent = used.saturating_mul(100) / max;
            let policy = f.maxmemory_policy.as_deref().map(|p| format!(", when full: {}", escape_text(p)));
            format!(
                "{} of {} ({percent} %){}",
                format::size(used),
                format::size(max),
                policy.unwrap_or_default()
            )
        }
        None => format::size(used),
    });
    sheet.known("memory", memory);
    let clients = f.connected_clients.map(|c| match f.maxclients {
        Some(max) => format!("{} of {}", format::count(c), format::count(max)),
        None => format::count(c),
    });
    sheet.known("clients", clients);
    sheet.known("blocked", f.blocked_clients.map(format::count));
    sheet.known("keys", f.keys.map(format::count));
    sheet.known("uptime", f.uptime.map(format::duration));
    sheet.known("run id", f.run_id.clone());
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
    sheet.field("key search", &passes, look.plain());
    sheet.field(
        "holds",
        &format!(
            "{} locks, {} queues",
            format::count(n.locks.len() as u64),
            format::count(n.queues.len() as u64)
        ),
        look.plain(),
    );
    let cost = format!(
        "{:.1} commands/s, at most {:.2} % of its time",
        n.cost.commands_per_sec,
        n.cost.busy_share * 100.0
    );
    sheet.field("our cost", &cost, look.plain());
}

fn describe_lock(scene: &Scene<'_>, lock: &Lock, sheet: &mut Sheet) {
    let look = scene.look;
    let verdict = lock.verdict(&scene.state.settings.rules, scene.now.mono);
    let style = look.severity(verdict.severity);
    sheet.field("key", &key(scene, &lock.id.key), look.strong());
    sheet.field("node", &place(scene, &lock.id.node, lock.id.db), look.plain());
    sheet.field("verdict", &format!("{} {}", look.sign(verdict.severity), verdict.state.words()), style);
    for reason in &verdict.reasons {
        sheet.item("-", look.dim(), reason, look.plain());
    }
    freshness(scene, &lock.id.node, sheet);
    sheet.blank();
    let (ttl, ttl_style) = locks::ttl(scene, lock);
    let why = if let Ttl::Unknown(why) = &lock.ttl { format!(" ({why})") } else { String::new() };
    sheet.field("TTL left", &format!("{ttl}{why}"), ttl_style);
    sheet.field("held", &locks::age(look, lock, scene), look.plain());
    let renewal = match lock.renewal {
        _ if lock.ttl == Ttl::Never => "there is no TTL to renew".to_owned(),
        Renewal::Unknown => "not known yet: needs two looks".to_owned(),
        Renewal::CountingDown => "no, it only counts down".to_owned(),
        Renewal::Renewed(at) => format!("yes, last {} ago", format::duration(scene.now.since(at))),
    };
    sheet.field("renewed", &renewal, look.plain());
    sheet.field("first seen", &ago(scene, lock.first_seen), look.plain());
    sheet.known("holder", lock.holder.clone());
    for (at, one) in lock.holders.iter().take(HOLDERS).enumerate() {
        let left = one.left.map(|left| left.saturating_sub(scene.now.since(lock.read_at)));
        let left = left.map_or_else(String::new, |left| format!(", {} left", format::duration(left)));
        sheet.field(if at == 0 { "all" } else { "" }, &format!("{}{left}", one.words), look.plain());
    }
    let rest = lock.holders_total.unwrap_or(lock.holders.len() as u64).saturating_sub(HOLDERS as u64);
    if rest > 0 && !lock.holders.is_empty() {
        sheet.field("", &format!("and {} more", format::count(rest)), look.dim());
    }
    match &lock.token {
        Token::Unknown(why) => sheet.field("token", &format!("? ({why})"), look.dim()),
        token => sheet.known("token", locks::token_text(look, token, LONGEST)),
    }
    if !lock.token.proves_identity() {
        sheet.field("", "it proves no identity: too short, constant or a bare number", look.dim());
    }
    let waiters = lock.waiters.map_or("? (who polls cannot be counted)".into(), format::count);
    sheet.field("waiters", &waiters, if lock.waiters.is_none() { look.dim() } else { look.plain() });
    sheet.field("kind", &format!("{} ({})", lock.family, escape_text(&lock.key_type)), look.plain());
    sheet.field("read", &format!("{} ago", format::duration(scene.now.since(lock.read_at))), look.plain());
}

fn describe_queue(scene: &Scene<'_>, queue: &Queue, sheet: &mut Sheet) {
    let look = scene.look;
    let rules = &scene.state.settings.rules;
    let drain = queue.drain(rules, scene.now.mono);
    let weight = severity(queue, drain);
    sheet.field("queue", &text::cut(&queue.name, LONGEST, text::Cut::Middle, look.ellipsis()), look.strong());
    let exact = key(scene, &queue.id.key);
    if exact != queue.name {
        sheet.field("key", &exact, look.plain());
    }
    sheet.field("node", &place(scene, &queue.id.node, queue.id.db), look.plain());
    sheet.field(
        "verdict",
        &format!("{} {}", look.sign(weight), words(scene, queue, drain)),
        look.severity(weight),
    );
    findings(scene, &queue.findings(rules, scene.now.mono), sheet);
    freshness(scene, &queue.id.node, sheet);
    sheet.blank();
    let waiting = match (&queue.waiting, &queue.problem) {
        (Some(n), _) => Some(format::count(*n)),
        (None, Some(why)) => Some(format!("? ({why})")),
        (None, None) => None,
    };
    sheet.known("waiting", waiting);
    let trend = look.trend(&queue.history, queue.history.len().min(40));
    if !trend.is_empty() {
        let lowest = queue.history.iter().min().copied().unwrap_or(0);
        let highest = queue.history.iter().max().copied().unwrap_or(0);
        sheet.field(
            "trend",
            &format!("{trend}  {} to {}", format::count(lowest), format::count(highest)),
            look.plain(),
        );
    }
    let rate = |r: Option<f64>| r.map_or("?".to_owned(), format::rate);
    let rates = format!(
        "in {}, out {}, net {}",
        rate(queue.rates.incoming),
        rate(queue.rates.outgoing),
        queue.rates.net.map_or("?".to_owned(), format::change)
    );
    sheet.field("rates", &rates, look.plain());
    sheet.field("", queue.rates.source.words(), look.dim());
    let oldest = match (&queue.oldest, queue.oldest_age(scene.now.mono)) {
        (Oldest::Empty, _) => "nothing waits".to_owned(),
        (Oldest::At { .. }, Some(age)) => format!("{} (from its payload)", format::duration(age)),
        (Oldest::AtLeast { .. }, Some(age)) => {
            format!("{}{} (seen at the head)", look.at_least(), format::duration(age))
        }
        (Oldest::Unknown(why), _) => format!("? ({why})"),
        _ => "?".to_owned(),
    };
    sheet.field("oldest", &oldest, look.plain());
    for (label, n) in [
        ("taken", queue.in_flight),
        ("scheduled", queue.scheduled),
        ("to retry", queue.retry),
        ("failed", queue.failed),
        ("workers", queue.workers),
    ] {
        if let Some(n) = n {
            sheet.field(label, &format::count(n), look.plain());
        }
    }
    if let Some(paused) = queue.paused {
        sheet.field("paused", if paused { "yes" } else { "no" }, look.plain());
    }
    for detail in queue.details.iter().take(MOST_DETAILS) {
        sheet.field(detail.label, &detail.text, look.plain());
    }
    if let Some(more) = queue.details.len().checked_sub(MOST_DETAILS).filter(|more| *more > 0) {
        sheet.field("", &format!("and {more} more"), look.dim());
    }
    let push = match queue.push {
        PushEnd::Right if queue.family == "stream" => "XADD, taken by consumer groups",
        PushEnd::Left => "left (LPUSH), taken from the right",
        PushEnd::Right => "right (RPUSH), taken from the left",
    };
    sheet.field("pushed", push, look.plain());
    sheet.field("kind", queue.family, look.plain());
    sheet.field("read", &format!("{} ago", format::duration(scene.now.since(queue.read_at))), look.plain());
    let own = scene.state.followed.iter().filter(|(q, _, _)| *q == queue.id);
    let own: Vec<String> = own.rev().take(5).map(|(_, id, p)| super::worker::followed(id, *p)).collect();
    if !own.is_empty() {
        sheet.heading("Test tasks");
        for line in own {
            sheet.item("-", look.dim(), &line, Style::new());
        }
    }
}

/// A duration or a question mark.
pub fn or_unknown(d: Option<Duration>) -> String {
    d.map_or("?".into(), format::latency)
}

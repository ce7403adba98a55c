//! The incident report: what the fleet is like and what happened lately, as Markdown. Never a token, a payload or a
//! password.

mod diagnostics;

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use super::state::AppState;
use crate::domain::node::Reason;
use crate::domain::stamp::short;
use crate::domain::{Severity, Stamp};

/// Locks and queues listed at the most.
const MAX_ROWS: usize = 50;

/// Name of the file, by the moment in UTC: `incident-20260102T030405Z.md`.
pub fn file_name(now: Stamp) -> String {
    let whole =
        UNIX_EPOCH + Duration::from_secs(now.wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()));
    let text = humantime::format_rfc3339_seconds(whole).to_string();
    format!("incident-{}.md", text.replace(['-', ':'], ""))
}

/// The report of this moment, over what was last heard (also while the display is frozen), with the events of this
/// time back.
pub fn markdown(state: &AppState, span: Duration) -> String {
    let (now, rules, fleet) = (state.now, &state.settings.rules, &state.fleet);
    let verdict = fleet.verdict(rules, now.mono);
    let (up, total) = fleet.up_of_total();
    let mut out = format!(
        "# Incident report\n\nMade by redwarden {} at {}{}. Verdict: **{}**, {up} of {total} nodes up.\n",
        env!("CARGO_PKG_VERSION"),
        now.rfc3339(),
        state.settings.profile.as_deref().map(|p| format!(", profile {}", code(p))).unwrap_or_default(),
        verdict.code(),
    );
    out.push_str("\n## Findings\n\n");
    for finding in verdict.reasons.iter().filter(|f| f.severity > Severity::Info) {
        let remedy = finding.remedy.map(|r| format!(" (try: {r})")).unwrap_or_default();
        let since = finding.since.map(|at| format!(", since {}", at.rfc3339())).unwrap_or_default();
        let _ = writeln!(out, "- **{}** {}{since}{remedy}", word(finding.severity), plain(&finding.message));
    }
    if verdict.worst.is_none() {
        out.push_str("None.\n");
    }
    out.push_str("\n## Nodes\n\n| Node | Address | State | Since | Why | Role | Version |\n|---|---|---|---|---|---|---|\n");
    for node in &fleet.nodes {
        let s = &*node.snapshot;
        let facts = s.facts.as_deref();
        let _ = writeln!(
            out,
            "| {} | {} | {:?} | {} | {} | {} | {} |",
            code(s.meta.id.as_str()),
            code(&s.meta.address),
            s.status.state,
            s.status.since.rfc3339(),
            s.status.reason.map_or("", Reason::words),
            facts.and_then(|f| f.role).map_or("?", crate::domain::node::Role::code),
            facts.and_then(|f| f.version.as_deref()).map_or_else(|| "?".into(), plain),
        );
    }
    for node in &fleet.nodes {
        diagnostics::of(&node.snapshot, now, &mut out);
    }
    locks(state, &mut out);
    queues(state, &mut out);
    let _ = write!(out, "\n## Events of the last {}\n\n", short(span));
    let mut any = false;
    for event in state.events.iter().filter(|e| now.since(e.at) <= span) {
        any = true;
        let who = event.who().map_or_else(|| "we".to_owned(), code);
        let _ = writeln!(
            out,
            "- {} **{}** {who}: {}",
            event.at.rfc3339(),
            word(event.severity),
            plain(&event.text)
        );
    }
    if !any {
        out.push_str("None.\n");
    }
    out
}

/// Locks with findings: key, place, state, age and TTL, but neither token nor holder.
fn locks(state: &AppState, out: &mut String) {
    let (now, rules) = (state.now.mono, &state.settings.rules);
    let held = state.fleet.locks.iter().filter(|l| !l.has_ended(now));
    let bad: Vec<_> = held.clone().filter(|l| !l.findings(rules, now).is_empty()).collect();
    let _ = write!(out, "\n## Locks\n\n{} held, {} with findings.\n", held.count(), bad.len());
    if bad.is_empty() {
        return;
    }
    out.push_str("\n| Key | Node | State | Held for at least | TTL left |\n|---|---|---|---|---|\n");
    for lock in bad.iter().take(MAX_ROWS) {
        let time = |d: Option<Duration>| d.map_or_else(|| "?".into(), short);
        let ttl = match lock.ttl {
            crate::domain::lock::Ttl::Never => "never expires".into(),
            _ => time(lock.ttl_left(now)),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {ttl} |",
            code(&lock.id.key.escaped()),
            code(lock.id.node.as_str()),
            lock.state(rules, now).words(),
            time(lock.age(now)),
        );
    }
    more(bad.len(), out);
}

fn queues(state: &AppState, out: &mut String) {
    let (now, rules) = (state.now.mono, &state.settings.rules);
    let bad: Vec<_> = state.fleet.queues.iter().filter(|q| !q.findings(rules, now).is_empty()).collect();
    let _ =
        write!(out, "\n## Queues\n\n{} watched, {} with findings.\n", state.fleet.queues.len(), bad.len());
    if bad.is_empty() {
        return;
    }
    out.push_str("\n| Queue | Node | Waiting | Finding |\n|---|---|---|---|\n");
    for queue in bad.iter().take(MAX_ROWS) {
        let found: Vec<String> = queue.findings(rules, now).iter().map(|f| plain(&f.message)).collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            code(&queue.name),
            code(queue.id.node.as_str()),
            queue.waiting.map_or_else(|| "?".into(), |n| n.to_string()),
            found.join("; "),
        );
    }
    more(bad.len(), out);
}

fn more(all: usize, out: &mut String) {
    if all > MAX_ROWS {
        let _ = writeln!(out, "\n{} more are not listed.", all - MAX_ROWS);
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Unknown => "unknown",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// A name as code that can't break out of its table cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

/// A sentence in which nothing is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_|[]<>#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

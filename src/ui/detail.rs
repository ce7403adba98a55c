//! All that is known of one row: for the details dialog and for the spare room of tall screens.

mod group;
mod node;
mod quorum;
mod told;

use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::Line;

use super::format;
use super::nodes::state_words;
use super::queues::{severity, words};
use super::scene::Scene;
use super::sheet::{Sheet, beside};
use super::{locks, text};
use crate::app::state::RowId;
use crate::domain::bytes::escape_text;
use crate::domain::holds::Usual;
use crate::domain::lock::{Renewal, Token, Ttl};
use crate::domain::node::NodeState;
use crate::domain::presence::HolderState;
use crate::domain::queue::{Oldest, PushEnd};
use crate::domain::stale;
use crate::domain::{Finding, Lock, NodeId, Queue, Severity};

/// Columns from which a node's details stand in two columns, and between those.
pub const TWO_COLUMNS: u16 = 140;
const GAP: u16 = 3;

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
            Some(found) => {
                node::describe(scene, found, &mut sheet);
                told::describe(scene, found, &mut sheet);
            }
            None => gone(scene, "This node is no longer configured.", &mut sheet),
        },
        RowId::Lock(id) => {
            if let Some(lock) = shown.lock(id) {
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

/// The sheet of a row as lines for the details dialog: a node's in two columns where there is room for them.
pub fn lines(scene: &Scene<'_>, id: &RowId, width: u16) -> Vec<Line<'static>> {
    if let RowId::Node(id) = id
        && width >= TWO_COLUMNS
        && let Some(found) = scene.state.shown.nodes.iter().find(|n| n.snapshot.meta.id == *id)
    {
        let half = (width - GAP) / 2;
        let (mut left, mut right) = (Sheet::new(scene.look, half), Sheet::new(scene.look, half));
        node::describe(scene, found, &mut left);
        told::describe(scene, found, &mut right);
        // Its own first line is no heading with air above.
        let right: Vec<_> = right.lines.into_iter().skip_while(|line| line.spans.is_empty()).collect();
        return beside(left.lines, right, half, GAP);
    }
    sheet(scene, id, width).lines
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
    let look = scene.look;
    for (i, finding) in found.iter().enumerate() {
        let style = look.severity(finding.severity);
        // Why a node does not answer stands above, with since when and what to try.
        let stands_above = matches!(finding.code, "down" | "suspect");
        let since = finding.since.filter(|_| !stands_above).map(|at| {
            let clock = format::clock(at.wall, scene.zone);
            format!("{}for {} since {clock}", look.dot(), format::duration(scene.now.since(at)))
        });
        let words = format!("{}{}", finding.message, since.unwrap_or_default());
        sheet.item(look.sign(finding.severity), style, &words, style);
        // What helps against several in a row is said once.
        let same = found.get(i + 1).is_some_and(|next| next.remedy == finding.remedy);
        if let Some(remedy) = finding.remedy.filter(|_| !stands_above && !same) {
            sheet.item(" ", look.dim(), &format!("try: {remedy}"), look.accent());
        }
    }
}

fn ago(scene: &Scene<'_>, at: crate::domain::Stamp) -> String {
    format!("{} ({} ago)", format::moment(at.wall, scene.zone), format::duration(scene.now.since(at)))
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
    if let Some(of) = scene.state.shown.quorum_of(lock, scene.now.mono) {
        quorum::describe(scene, of, sheet);
    }
    sheet.blank();
    let (ttl, ttl_style) = locks::ttl(scene, lock);
    let why = if let Ttl::Unknown(why) = &lock.ttl { format!(" ({why})") } else { String::new() };
    sheet.field("TTL left", &format!("{ttl}{why}"), ttl_style);
    sheet.field("held", &locks::age(look, lock, scene), look.plain());
    let renewal = match lock.renewal {
        _ if lock.ttl == Ttl::Never => "there is no TTL to renew".to_owned(),
        Renewal::Unknown => "not known yet: needs two looks".to_owned(),
        Renewal::CountingDown => "no, it only counts down".to_owned(),
        Renewal::Renewed(at) => {
            let ago = format::duration(scene.now.since(at));
            let with = lock.renewed_with.map(|with| format!(" with {} left", format::duration(with)));
            let with = with.unwrap_or_default();
            if lock.is_kept_up(scene.now.mono) {
                format!("yes, last {ago} ago{with}")
            } else {
                format!("late: last {ago} ago{with}")
            }
        }
    };
    if let Some(usual) = lock.usual {
        sheet.field("usually", &usually(usual), look.plain());
    }
    let stale = stale::stale(lock, &scene.state.settings.rules, scene.now.mono);
    if !stale.reasons.is_empty() {
        let why: Vec<String> =
            stale.reasons.iter().map(|(weight, why)| format!("{why} {weight:+}")).collect();
        let style = look.severity(stale::severity(stale.score));
        sheet.field("stale", &format!("{} of 100: {}", stale.score, why.join(", ")), style);
    }
    sheet.field("renewed", &renewal, look.plain());
    sheet.field("first seen", &ago(scene, lock.first_seen), look.plain());
    match &lock.holder {
        Some(holder) => sheet.field("holder", holder, look.plain()),
        None => sheet.field("holder", "? (its value tells no more than the token below)", look.dim()),
    }
    let alive = lock.holder_state(scene.now.mono);
    let style = match alive {
        HolderState::Gone => look.warning(),
        HolderState::Alive => look.plain(),
        HolderState::Unknown => look.dim(),
    };
    let words = match lock.evidence(scene.now.mono) {
        Some(evidence) => format!("{}: {evidence}", alive.words()),
        None => alive.words().to_owned(),
    };
    sheet.field("alive", &words, style);
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

fn usually(usual: Usual) -> String {
    let held = match (usual.p50, usual.p95) {
        (Some(p50), Some(p95)) => {
            format!("held {}, 95 % end within {}", format::latency(p50), format::latency(p95))
        }
        _ => "not known yet".to_owned(),
    };
    let times = if usual.handovers == 1 { "once" } else { "times" };
    let hands = match usual.handovers {
        0 => String::new(),
        1 => format!(", handed over {times}"),
        n => format!(", handed over {n} {times}"),
    };
    format!("{held} ({} {} seen whole{hands})", usual.holds, if usual.holds == 1 { "hold" } else { "holds" })
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
    // The verdict has said it in the same words.
    let mut found = queue.findings(rules, scene.now.mono);
    found.retain(|finding| finding.code != "growing");
    findings(scene, &found, sheet);
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
    let charts = super::chart::lines(scene, &queue.id, sheet.width());
    let rate = |r: Option<f64>| r.map_or("?".to_owned(), format::rate);
    let rates = format!(
        "in {}, out {}, net {}",
        rate(queue.rates.incoming),
        rate(queue.rates.outgoing),
        queue.rates.net.map_or("?".to_owned(), format::change)
    );
    sheet.field("rates", &rates, look.plain());
    sheet.field("", queue.rates.source.words(), look.dim());
    if !charts.is_empty() {
        sheet.blank();
        sheet.lines.extend(charts);
        sheet.blank();
    }
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
    if let Some(words) = consumers(scene, queue) {
        sheet.field("consumers", &words, if queue.blocked.is_none() { look.dim() } else { look.plain() });
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
    let sent = scene.state.canaries.iter().filter(|canary| canary.queue == queue.id).rev().take(5);
    for (at, canary) in sent.enumerate() {
        if at == 0 {
            sheet.heading("Canaries");
        }
        let picked = match canary.picked_after {
            Some(after) if canary.stage.is_end() => format!(", picked after {}", format::duration(after)),
            _ => String::new(),
        };
        let words =
            format!("{} {} after {}{picked}", canary.id, canary.stage, format::duration(canary.after));
        sheet.item("-", look.dim(), &words, Style::new());
    }
    let own = scene.state.followed.iter().filter(|(q, _, _)| *q == queue.id);
    let own: Vec<String> = own.rev().take(5).map(|(_, id, p)| super::worker::followed(id, *p)).collect();
    if !own.is_empty() {
        sheet.heading("Test tasks");
        for line in own {
            sheet.item("-", look.dim(), &line, Style::new());
        }
    }
}

/// Who waits for its tasks, where no live workers are counted. `None`: nothing can be said of that.
fn consumers(scene: &Scene<'_>, queue: &Queue) -> Option<String> {
    if queue.workers.is_some() {
        return None;
    }
    let denied = || {
        let mut denied = scene.node(&queue.id.node)?.denied.iter();
        denied.any(|d| d.command == "CLIENT|LIST").then(|| "? (CLIENT LIST is not permitted)".to_owned())
    };
    match queue.blocked {
        Some(0) => Some("nobody waits for such tasks in a command; who is busy does not wait".into()),
        Some(1) => Some("1 client waits for such tasks, of this queue or another one of the database".into()),
        Some(n) => {
            let n = format::count(n);
            Some(format!("{n} clients wait for such tasks, of this queue or another one of the database"))
        }
        None => denied(),
    }
}

/// A duration or a question mark.
pub fn or_unknown(d: Option<Duration>) -> String {
    d.map_or("?".into(), format::latency)
}

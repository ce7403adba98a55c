//! Rows of the Locks panel.

use ratatui::style::Style;

use super::format;
use super::look::Look;
use super::nodes::known_or;
use super::scene::Scene;
use super::table::{Cell, Column, Row, figure, optional, text};
use super::text::{Cut, cut_bytes};
use crate::app::state::RowId;
use crate::domain::lock::{LockState, Token, Ttl};
use crate::domain::presence::HolderState;
use crate::domain::quorum::{Quorum, QuorumState, QuorumVerdict};
use crate::domain::stale;
use crate::domain::{Lock, Severity};

/// Columns, most telling first.
pub const COLUMNS: &[Column] = &[
    text("STATE", Some("state"), 13, 13, 20),
    text("KEY", Some("key"), 12, 64, 19),
    text("NODE", Some("node"), 6, 16, 15),
    text("HOLDER", Some("holder"), 8, 48, 16),
    optional(text("ALIVE", Some("alive"), 6, 6, 8)),
    figure("TTL", Some("ttl"), 6, 18),
    figure("AGE", Some("age"), 8, 17),
    optional(figure("WAITERS", Some("waiters"), 9, 5)),
    text("FAMILY", Some("family"), 8, 18, 6),
    // Only beside a holder: without one the token itself stands under HOLDER.
    optional(text("TOKEN", None, 16, 40, 4)),
    optional(figure("STALE", Some("stale"), 7, 2)),
    optional(text("QUORUM", Some("quorum"), 6, 14, 14)),
    text("WHY", None, 24, 110, 3),
];

/// Longest text that is worth making for one cell.
const WIDEST: usize = 110;

/// One lock as a row.
pub fn row(scene: &Scene<'_>, lock: &Lock) -> Row {
    let look = scene.look;
    let rules = &scene.state.settings.rules;
    let now = scene.now.mono;
    let verdict = lock.verdict(rules, now);
    let quorum = scene.state.shown.quorum_of(lock, now).and_then(|q| Some((q, q.verdict(now)?)));
    let doubts = quorum.iter().flat_map(|(_, v)| &v.findings);
    let severity = doubts.clone().map(|f| f.severity).fold(verdict.severity, Severity::max);
    let why: Vec<&str> = doubts.map(|f| f.message.as_str()).collect();
    let why: Vec<&str> = why.into_iter().chain(verdict.reasons.iter().map(String::as_str)).collect();
    let style = look.severity(severity);
    let (ttl, ttl_style) = ttl(scene, lock);
    let mark = look.ellipsis();
    let holder = match (&lock.holder, &lock.token) {
        (Some(holder), _) => Cell::new(holder.clone(), look.plain()).middle(),
        (None, token) => token_cell(look, token),
    };
    let cells = vec![
        Cell::new(state(lock, verdict.state, now), style),
        Cell::new(cut_bytes(&lock.id.key, WIDEST, Cut::Middle, mark), look.strong()).middle(),
        node_cell(scene, lock, quorum.as_ref().map(|(q, _)| *q)),
        holder,
        alive(look, lock, now),
        Cell::new(ttl, ttl_style),
        Cell::new(age(look, lock, scene), look.plain()),
        known_or(look, lock.waiters.map(format::compact)),
        Cell::new(lock.family, look.plain()),
        if lock.holder.is_some() { token_cell(look, &lock.token) } else { Cell::new("", look.plain()) },
        stale_cell(look, stale::score(lock, rules, now)),
        quorum_cell(scene, lock, quorum.as_ref()),
        Cell::new(why.join("; "), look.dim()),
    ];
    Row {
        severity,
        cells,
        note: None,
        marked: scene.state.locks.marks.contains(&RowId::Lock(lock.id.clone())),
        stale: scene.is_stale(&lock.id.node),
    }
}

/// Its state in words; that its holder is gone weighs more than any but that it never expires, and both are told.
fn state(lock: &Lock, state: LockState, now: std::time::Instant) -> &'static str {
    match state {
        _ if lock.has_ended(now) => "ended",
        LockState::NoTtl if lock.holder_state(now) == HolderState::Gone => "no TTL, gone",
        LockState::NoTtl => state.words(),
        _ if lock.holder_state(now) == HolderState::Gone => "holder gone",
        _ => state.words(),
    }
}

/// How stale it looks; nothing where nothing speaks for it.
fn stale_cell(look: Look, score: u8) -> Cell {
    let text = if score == 0 { String::new() } else { score.to_string() };
    Cell::new(text, look.severity(stale::severity(score)))
}

/// Is its holder alive?
fn alive(look: Look, lock: &Lock, now: std::time::Instant) -> Cell {
    match lock.holder_state(now) {
        HolderState::Alive => Cell::new("yes", look.plain()),
        HolderState::Gone => Cell::new("gone", look.severity(Severity::Warning)),
        HolderState::Unknown => Cell::new("?", look.dim()),
    }
}

/// The node; where the row stands for several votes, with how many more.
fn node_cell(scene: &Scene<'_>, lock: &Lock, quorum: Option<&Quorum>) -> Cell {
    let votes = quorum.map_or(1, |q| q.locks_of(&lock.token, scene.now.mono).count());
    let name = lock.id.node.as_str();
    let text = if votes > 1 { format!("{name} +{}", votes - 1) } else { name.to_owned() };
    Cell::new(text, scene.look.plain()).middle()
}

fn quorum_cell(scene: &Scene<'_>, lock: &Lock, quorum: Option<&(&Quorum, QuorumVerdict)>) -> Cell {
    let look = scene.look;
    let Some((quorum, verdict)) = quorum else { return Cell::new("", look.plain()) };
    let votes = quorum.locks_of(&lock.token, scene.now.mono).count();
    let word = match verdict.state {
        QuorumState::Held if lock.token == verdict.token => "",
        QuorumState::Split => " split",
        QuorumState::Unknown => " ?",
        QuorumState::Held | QuorumState::Minority => " left over",
    };
    let worst = verdict.findings.first().map_or(Severity::Info, |f| f.severity);
    Cell::new(format!("{votes}/{}{word}", verdict.voters), look.severity(worst))
        .or(format!("{votes}/{}", verdict.voters))
}

/// TTL left now.
pub fn ttl(scene: &Scene<'_>, lock: &Lock) -> (String, Style) {
    let look = scene.look;
    match (&lock.ttl, lock.ttl_left(scene.now.mono)) {
        (Ttl::Never, _) if lock.no_ttl_is_normal => ("never".into(), look.plain()),
        (Ttl::Never, _) => ("never".into(), look.critical()),
        (Ttl::Left(_), Some(left)) if left.is_zero() => ("ended".into(), look.dim()),
        (Ttl::Left(_), Some(left)) => {
            let soon = lock.state(&scene.state.settings.rules, scene.now.mono) == LockState::Expiring;
            (format::duration(left), if soon { look.strong() } else { look.plain() })
        }
        (Ttl::Unknown(_) | Ttl::Left(_), _) => ("?".into(), look.dim()),
    }
}

/// How long it is held; with "at least" unless its beginning was seen.
pub fn age(look: Look, lock: &Lock, scene: &Scene<'_>) -> String {
    let Some(age) = lock.age(scene.now.mono) else { return "?".into() };
    let exact = lock.held_before.is_some_and(|before| before.is_zero());
    format!("{}{}", if exact { "" } else { look.at_least() }, format::duration(age))
}

/// The value, as far as it was read.
pub fn token_text(look: Look, token: &Token, max: usize) -> Option<String> {
    match token {
        Token::Known(bytes) if bytes.is_empty() => Some("(empty)".into()),
        Token::Known(bytes) => Some(cut_bytes(bytes, max, Cut::Middle, look.ellipsis())),
        Token::Long { head, len } => Some(format!(
            "{} ({})",
            cut_bytes(head, if max > WIDEST { 24 } else { 8 }, Cut::End, look.ellipsis()),
            format::size(*len)
        )),
        Token::Unknown(_) => None,
    }
}

fn token_cell(look: Look, token: &Token) -> Cell {
    let cell = known_or(look, token_text(look, token, WIDEST));
    if matches!(token, Token::Known(_)) { cell.middle() } else { cell }
}

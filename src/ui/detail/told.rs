//! What a node tells beyond INFO: slow commands, latency events, clients, keyspace, configuration.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use super::super::scene::Scene;
use super::super::sheet::Sheet;
use super::super::{format, text};
use crate::domain::diagnostics::{Clients, SlowLog, Told};
use crate::domain::fleet::FleetNode;
use crate::domain::{NodeSnapshot, Severity, Stamp, health};

/// Columns of a client's name and host.
const NAME: usize = 22;
const HOST: usize = 18;
/// Databases that are listed.
const MOST_DATABASES: usize = 16;

pub(super) fn describe(scene: &Scene<'_>, node: &FleetNode, sheet: &mut Sheet) {
    let n = &*node.snapshot;
    let told = &*n.diagnostics;
    part(scene, "Slow commands", &told.slowlog, told.read_at, sheet, |log, sheet| slow(scene, log, sheet));
    part(scene, "Latency events", &told.latency, told.read_at, sheet, |events, sheet| {
        let off = told.parameter("latency-monitor-threshold") == Some("0");
        if events.is_empty() {
            let words = if off { "none: they are not recorded" } else { "none recorded" };
            sheet.text(words, scene.look.dim());
        }
        for event in events {
            let [latest, most] = [event.latest, event.most].map(format::latency);
            let words = format!("{}  {latest} at {}, most ever {most}", event.event, moment(scene, event.at));
            sheet.item("-", scene.look.dim(), &words, scene.look.plain());
        }
    });
    part(scene, "Clients", &told.clients, told.clients_at, sheet, |all, sheet| clients(scene, all, sheet));
    keyspace(scene, n, sheet);
    hazards(scene, n, sheet);
    part(scene, "Configuration", &told.config, told.read_at, sheet, |config, sheet| {
        for (name, value) in config {
            let value = if value.is_empty() { "\"\"" } else { value };
            sheet.item("-", scene.look.dim(), &format!("{name} {value}"), scene.look.plain());
        }
    });
}

/// A heading with the age of what follows; or why it is not known.
fn part<T>(
    scene: &Scene<'_>,
    heading: &str,
    told: &Told<T>,
    at: Option<Stamp>,
    sheet: &mut Sheet,
    draw: impl Fn(&T, &mut Sheet),
) {
    let dot = scene.look.dot();
    match told {
        Told::Known(value) => {
            let age = at.map_or_else(String::new, |at| {
                format!("{dot}read {} ago", format::duration(scene.now.since(at)))
            });
            sheet.heading(&format!("{heading}{age}"));
            draw(value, sheet);
        }
        other => {
            sheet.heading(heading);
            sheet.text(&format!("? {}", other.why_not().unwrap_or_default()), scene.look.dim());
        }
    }
}

fn slow(scene: &Scene<'_>, log: &SlowLog, sheet: &mut Sheet) {
    let look = scene.look;
    let len = log.len.map_or_else(|| "? (not permitted: SLOWLOG|LEN)".into(), format::count);
    let words = if log.newest.is_empty() { "none".into() } else { format!("{len} in the log, newest first") };
    sheet.text(&words, look.dim());
    for command in &log.newest {
        let key = command
            .key
            .as_ref()
            .map(|key| format!(" {}", text::cut_bytes(key, 40, text::Cut::Middle, look.ellipsis())));
        let rest = match (command.arguments, &key) {
            (0, _) | (1, Some(_)) => String::new(),
            (1, None) => " (1 argument)".into(),
            (n, _) => format!(" ({} arguments)", format::count(n)),
        };
        let from = command.host.as_ref().map(|host| format!(" from {host}")).unwrap_or_default();
        let words = format!(
            "{}  {:>7}  {}{}{rest}{from}",
            moment(scene, command.at),
            format::latency(command.took),
            command.command,
            key.unwrap_or_default(),
        );
        sheet.item("-", look.dim(), &words, look.plain());
    }
}

fn clients(scene: &Scene<'_>, all: &Clients, sheet: &mut Sheet) {
    let look = scene.look;
    let words = format!(
        "{} in {} groups, {} blocked, {} in output buffers",
        format::count(all.count),
        format::count(all.groups),
        format::count(all.blocked),
        format::size(all.output)
    );
    sheet.text(&words, look.plain());
    for group in &all.top {
        let name = if group.name.is_empty() { "(no name)" } else { &group.name };
        let mut words = format!(
            "{:>6}  {}  {}",
            format::count(group.count),
            pad(&text::cut(name, NAME, text::Cut::Middle, look.ellipsis()), NAME),
            pad(&text::cut(&group.host, HOST, text::Cut::End, look.ellipsis()), HOST),
        );
        if group.blocked > 0 {
            let _ = write!(words, "  {} blocked", format::count(group.blocked));
        }
        if group.output > 0 {
            let _ = write!(words, "  {} out", format::size(group.output));
        }
        sheet.line(&words, look.plain());
    }
    let more = all.groups.saturating_sub(all.top.len() as u64);
    if more > 0 {
        sheet.text(&format!("and {} smaller groups", format::count(more)), look.dim());
    }
}

fn keyspace(scene: &Scene<'_>, n: &NodeSnapshot, sheet: &mut Sheet) {
    let look = scene.look;
    sheet.heading("Keyspace");
    let Some(all) = n.facts.as_deref().and_then(|f| f.keyspace.as_ref()) else {
        sheet.text("?", look.dim());
        return;
    };
    if all.is_empty() {
        sheet.text("no keys", look.dim());
    }
    for space in all.iter().take(MOST_DATABASES) {
        let expires = space.expires.map_or_else(|| "?".into(), format::count);
        let watched = if space.db == n.meta.db { ", watched" } else { "" };
        let words = format!("{} keys, {expires} with a TTL{watched}", format::count(space.keys));
        sheet.field(&format!("db {}", space.db), &words, look.plain());
    }
    let more = all.len().saturating_sub(MOST_DATABASES);
    if more > 0 {
        sheet.text(&format!("and {more} more"), look.dim());
    }
}

fn hazards(scene: &Scene<'_>, n: &NodeSnapshot, sheet: &mut Sheet) {
    let look = scene.look;
    sheet.heading("Config hazards");
    if let Some(why) = n.diagnostics.config.why_not() {
        sheet.text(&format!("? {why}"), look.dim());
        return;
    }
    let found = health::config::hazards(n);
    if found.is_empty() {
        sheet.text("none that we know of", look.dim());
    }
    for hazard in found {
        let words = format!("{}: {}", hazard.parameter, hazard.why);
        sheet.item(look.sign(Severity::Info), look.dim(), &words, look.plain());
        sheet.item(" ", look.dim(), &format!("try: {}", hazard.remedy), look.accent());
    }
}

/// A moment of the server's clock in local time.
fn moment(scene: &Scene<'_>, seconds: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        Some(at) => {
            let today = format::minute(at, scene.now.wall, scene.zone).len() == 5;
            if today { format::clock(at, scene.zone) } else { format::moment(at, scene.zone) }
        }
        None => "?".into(),
    }
}

/// Filled up to so many columns.
fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text::width(text))))
}

//! The configuration file: finding it, reading it, and turning it into layers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeTable;

use super::document::{FileText, Section, not_empty};
use super::families;
use super::group::{ClusterDraft, SentinelDraft, paths_of, report_names};
use super::layer::{FleetDraft, Layer, QueueDraft};
use super::node::{NodeDraft, PasswordSource, report_duplicates};
use super::problem::{Problems, Sited, Source};
use super::value::{ANY, INTERVAL, TIMEOUT};
use super::{Environment, THEMES};
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct FileLayers {
    /// Settings outside of profiles.
    pub(super) base: Layer,
    /// Profiles in the order of their names.
    pub(super) profiles: Vec<(String, Layer)>,
}

/// Where the file is looked for, and whether it must be there.
pub(super) fn locate(flag: Option<&Path>, env: &Environment) -> Option<(PathBuf, Option<Source>)> {
    if let Some(path) = flag {
        return Some((path.to_path_buf(), Some(Source::Flag("--config"))));
    }
    if let Some(path) = env.path("REDWARDEN_CONFIG") {
        return Some((path, Some(Source::Variable("REDWARDEN_CONFIG"))));
    }
    let base = env
        .path("XDG_CONFIG_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| env.path("HOME").map(|home| home.join(".config")))
        .or_else(|| env.path("APPDATA"))?;
    Some((base.join("redwarden").join("config.toml"), None))
}

/// Reads the file; `None` when there is none and none was asked for.
pub(super) fn read(path: &Path, asked_by: Option<&Source>, problems: &mut Problems) -> Option<String> {
    let here = || Source::File { path: Arc::from(path), line: 1, key: "".into() };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && asked_by.is_none() => return None,
        Err(e) => {
            let what = format!("{} cannot be read ({e})", escape_text(&path.to_string_lossy()));
            let remedy = "`redwarden config template` prints a file to start from.";
            problems.add(asked_by.unwrap_or(&here()), what, remedy);
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(e) => {
            let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            let line = before.split(|b| *b == b'\n').count();
            let source = Source::File { path: Arc::from(path), line, key: "".into() };
            problems.add(&source, "the file is not UTF-8 here", "Save it as UTF-8.");
            None
        }
    }
}

/// Turns the text into layers and reports everything that is wrong with it.
pub(super) fn parse(path: &Path, text: &str, env: &Environment, problems: &mut Problems) -> FileLayers {
    let file = FileText { path: Arc::from(path), text };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let source = file.source(error.span().map_or(0, |s| s.start), "");
        problems.add(&source, syntax(error.message()), "Strings stand in quotes, tables in [brackets].");
    }
    let mut root = Section::root(&file, table.get_ref());
    let mut base = read_layer(&mut root, problems);
    let mut profiles = Vec::new();
    if let Some(mut section) = root.section("profiles", problems) {
        for (name, mut profile) in section.any_sections(problems) {
            let layer = read_layer(&mut profile, problems);
            profile.finish(problems, &HINTS);
            profiles.push((name, layer));
        }
    }
    root.finish(problems, &HINTS);
    let dir = path.parent().unwrap_or(Path::new(""));
    for layer in std::iter::once(&mut base).chain(profiles.iter_mut().map(|(_, layer)| layer)) {
        resolve_paths(layer, dir, env);
    }
    check_queue_nodes(&base, &profiles, problems);
    let layers: Vec<&Layer> = std::iter::once(&base).chain(profiles.iter().map(|(_, layer)| layer)).collect();
    check_families(&layers, problems);
    FileLayers { base, profiles }
}

/// The parser's own words, without quoting the file.
fn syntax(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default().trim_end_matches('.');
    format!("this is not TOML: {}", escape_text(message))
}

const HINTS: [(&str, &str); 10] = [
    ("canaries", "Write [[canary]]."),
    ("lock_families", "Write [[lock_family]]."),
    ("family", "Write [[lock_family]]."),
    ("node", "Write [[nodes]]."),
    ("url", "Write [[nodes]] with url = \"redis://HOST:PORT\"."),
    ("urls", "Write [[nodes]] with url = \"redis://HOST:PORT\"."),
    ("queue_families", "Write [[queue_family]]."),
    ("theme", "It stands under [ui]."),
    ("lock_patterns", "Write patterns under [locks]."),
    ("queue_patterns", "Write patterns under [queues]."),
];

pub(super) const ENDS: [(&str, PushEnd); 2] = [("left", PushEnd::Left), ("right", PushEnd::Right)];

/// What the listed nodes are.
const TOPOLOGIES: [(&str, bool); 2] = [("independent", false), ("cluster", true)];

fn read_layer(root: &mut Section<'_>, problems: &mut Problems) -> Layer {
    let mut layer = Layer {
        fleet: read_fleet(root, problems),
        is_cluster: root.choice("topology", problems, &TOPOLOGIES),
        interval: root.duration("interval", problems, INTERVAL),
        timeout: root.duration("timeout", problems, TIMEOUT),
        read_only: root.flag("read_only", problems),
        production: root.flag("production", problems),
        log: root.text("log", problems).map(|s| Sited::new(PathBuf::from(s.value), s.source)),
        ..Layer::default()
    };
    layer.lock_families = families::read(root, problems);
    if let Some(rows) = &layer.lock_families {
        families::refuse_taken(&rows.value, problems);
    }
    if let Some(mut locks) = root.section("locks", problems) {
        layer.lock_patterns = locks.globs("patterns", problems);
        layer.disabled_families = locks.strings("disabled_families", problems);
        locks.finish(problems, &[]);
    }
    if let Some(mut queues) = root.section("queues", problems) {
        layer.queue_patterns = queues.globs("patterns", problems);
        layer.push = queues.choice("push", problems, &ENDS);
        layer.queues = read_queues(&mut queues, problems);
        queues.finish(problems, &[]);
    }
    layer.queue_families = super::queue_family::read(root, problems);
    layer.canaries = super::canary::read(root, problems);
    layer.queue_prefixes = super::queue_family::read_prefixes(root, problems);
    if let Some(mut peek) = root.section("peek", problems) {
        layer.redact = read_redact(&mut peek, problems);
        peek.finish(problems, &[]);
    }
    if let Some(mut worker) = root.section("worker", problems) {
        layer.concurrency = count(worker.integer("concurrency", problems, (1, 1024)));
        layer.exec = worker.text("exec", problems);
        let range = (Duration::from_secs(1), Duration::from_secs(3600));
        layer.heartbeat_ttl = worker.duration("heartbeat_ttl", problems, range);
        layer.task_timeout = worker.duration("task_timeout", problems, ANY);
        layer.grace = worker.duration("grace", problems, (Duration::ZERO, Duration::from_secs(3600)));
        layer.retries = small(worker.integer("retries", problems, (0, 1000)));
        layer.retry_delay = worker.duration("retry_delay", problems, ANY);
        layer.retry_max_delay = worker.duration("retry_max_delay", problems, ANY);
        layer.worker_rate = worker.number("rate", problems, (0.0, false, 1e6));
        layer.wait_replicas = small(worker.integer("wait_replicas", problems, (0, 100)));
        worker.finish(problems, &[]);
    }
    if let Some(mut rules) = root.section("rules", problems) {
        let down_after = rules.integer("down_after", problems, (1, 1000));
        layer.down_after = down_after.map(|s| Sited::new(s.value as u32, s.source));
        layer.expiring_below = rules.duration("expiring_below", problems, ANY);
        layer.overdue_after = rules.duration("overdue_after", problems, ANY);
        layer.growing_above = rules.number("growing_above", problems, (0.0, true, 1e9));
        layer.stalled_after = rules.duration("stalled_after", problems, ANY);
        layer.rate_window = rules.duration("rate_window", problems, ANY);
        layer.stale_after = rules.duration("stale_after", problems, ANY);
        layer.memory_warning = small(rules.integer("memory_warning", problems, (1, 100)));
        layer.memory_critical = small(rules.integer("memory_critical", problems, (1, 100)));
        layer.clients_above = small(rules.integer("clients_above", problems, (1, 100)));
        layer.rejected_above = small(rules.integer("rejected_above", problems, (0, 1_000_000)));
        layer.acl_denials_above = small(rules.integer("acl_denials_above", problems, (0, 1_000_000)));
        layer.cpu_above = small(rules.integer("cpu_above", problems, (1, 100)));
        layer.flapping_after = small(rules.integer("flapping_after", problems, (1, 100)));
        layer.lag_above = rules.duration("lag_above", problems, ANY);
        let bytes = rules.integer("lag_bytes_above", problems, (1, i64::MAX));
        layer.lag_bytes_above = bytes.map(|s| Sited::new(s.value.unsigned_abs(), s.source));
        layer.slowlog_above = small(rules.integer("slowlog_above", problems, (0, 1_000_000)));
        layer.latency_above = rules.duration("latency_above", problems, ANY);
        layer.fork_above = rules.duration("fork_above", problems, ANY);
        layer.slow_above = rules.duration("slow_above", problems, ANY);
        layer.backup_within = rules.duration("backup_within", problems, ANY);
        layer.skew_share = rules.number("skew_share", problems, (0.0, false, 1.0));
        layer.samples = small(rules.integer("samples", problems, (1, 100)));
        layer.cool_down = rules.duration("cool_down", problems, ANY);
        rules.finish(problems, &[]);
    }
    if let Some(mut scan) = root.section("scan", problems) {
        layer.scan_budget = scan.number("budget", problems, (0.0, false, 1.0));
        layer.scan_max_keys = count(scan.integer("max_keys", problems, (1, 100_000_000)));
        layer.scan_replicas = scan.flag("replicas", problems);
        scan.finish(problems, &[]);
    }
    if let Some(mut ui) = root.section("ui", problems) {
        layer.theme = ui.choice("theme", problems, &THEMES);
        layer.ascii = ui.flag("ascii", problems);
        layer.mouse = ui.flag("mouse", problems);
        layer.bell = ui.flag("bell", problems);
        layer.report_span = ui.duration("report_span", problems, ANY);
        ui.finish(problems, &[]);
    }
    layer
}

fn small(value: Option<Sited<i64>>) -> Option<Sited<u32>> {
    value.map(|s| Sited::new(u32::try_from(s.value).unwrap_or(u32::MAX), s.source))
}

/// Ids that are switched off must be known: the program's own, or one of the file.
fn check_families(layers: &[&Layer], problems: &mut Problems) {
    let own = layers.iter().filter_map(|layer| layer.lock_families.as_ref());
    let own: Vec<&str> = own.flat_map(|list| list.value.iter().map(|row| row.value.id.as_str())).collect();
    let mut known = crate::family::registry::lock_family_ids();
    known.extend(own);
    let off = layers.iter().filter_map(|layer| layer.disabled_families.as_ref()).flat_map(|list| &list.value);
    for id in off.filter(|id| !known.contains(&id.value.as_str())) {
        let what = format!("no lock family is called \"{}\"", escape_text(&id.value));
        problems.add(&id.source, what, super::value::did_you_mean(&id.value, &known));
    }
    let queues = layers.iter().filter_map(|layer| layer.queue_families.as_ref());
    let queues: Vec<&str> = queues.flat_map(|list| list.value.iter().map(|s| s.id.as_str())).collect();
    for tasks in layers.iter().filter_map(|layer| layer.canaries.as_ref()) {
        super::canary::check(&tasks.value, &queues, problems);
    }
}

fn read_redact(peek: &mut Section<'_>, problems: &mut Problems) -> Option<Sited<Vec<String>>> {
    let list = peek.strings("redact", problems)?;
    for word in list.value.iter().filter(|w| !w.value.contains(char::is_alphanumeric)) {
        // It would be in every name.
        let what = "a word to mask needs a letter or digit";
        problems.add(&word.source, what, "Write a part of a field's name, such as \"iban\".");
    }
    Some(Sited::new(list.value.into_iter().map(|word| word.value).collect(), list.source))
}

fn count(value: Option<Sited<i64>>) -> Option<Sited<usize>> {
    value.map(|s| Sited::new(usize::try_from(s.value).unwrap_or(usize::MAX), s.source))
}

fn read_fleet(root: &mut Section<'_>, problems: &mut Problems) -> FleetDraft {
    let mut fleet = FleetDraft::default();
    if let Some((_, sections)) = root.sections("nodes", problems) {
        let written = sections.len();
        fleet.nodes = sections.into_iter().filter_map(|s| NodeDraft::from_section(s, problems)).collect();
        fleet.has_gaps = fleet.nodes.len() < written;
        report_duplicates(&fleet.nodes, problems);
    }
    let clusters = root.sections_or_one("cluster", problems);
    let sentinels = root.sections_or_one("sentinel", problems);
    let written = clusters.len() + sentinels.len();
    fleet.clusters = clusters.into_iter().filter_map(|s| ClusterDraft::from_section(s, problems)).collect();
    fleet.sentinels =
        sentinels.into_iter().filter_map(|s| SentinelDraft::from_section(s, problems)).collect();
    fleet.has_gaps |= fleet.clusters.len() + fleet.sentinels.len() < written;
    let names = fleet.clusters.iter().map(|c| &c.name).chain(fleet.sentinels.iter().map(|s| &s.name));
    report_names(names, problems);
    fleet
}

fn read_queues(section: &mut Section<'_>, problems: &mut Problems) -> Option<Sited<Vec<QueueDraft>>> {
    let (source, sections) = section.sections("list", problems)?;
    let mut list: Vec<QueueDraft> = Vec::new();
    for mut section in sections {
        let has_key = section.has("key");
        let key = section.string("key", problems, not_empty);
        let node = section.text("node", problems);
        let push = section.choice("push", problems, &ENDS).map(|s| s.value);
        let exec = section.text("exec", problems).map(|s| s.value);
        let weight = small(section.integer("weight", problems, (1, 1000))).map(|s| s.value);
        let source = section.source.clone();
        section.finish(problems, &[("name", "It is called `key`.")]);
        if !has_key {
            problems.add(&source, "this queue has no key", "Add key = \"...\".");
        }
        let Some(key) = key else { continue };
        let same_node =
            |other: &QueueDraft| other.node.as_ref().map(|n| &n.value) == node.as_ref().map(|n| &n.value);
        if list.iter().any(|other| other.key == key.value && same_node(other)) {
            let what = format!("the queue {} is listed twice", escape_text(&key.value));
            problems.add(&key.source, what, "Keep one of them, or give each its node.");
        }
        list.push(QueueDraft { key: key.value, node, push, exec, weight, source });
    }
    Some(Sited::new(list, source))
}

/// A queue's `node` must be a node of the file, unless a cluster or Sentinel finds nodes nobody can name here.
fn check_queue_nodes(base: &Layer, profiles: &[(String, Layer)], problems: &mut Problems) {
    let layers: Vec<&Layer> = std::iter::once(base).chain(profiles.iter().map(|(_, layer)| layer)).collect();
    let is_open = |l: &&Layer| {
        l.is_cluster.as_ref().is_some_and(|c| c.value)
            || l.fleet.has_gaps
            || !l.fleet.clusters.is_empty()
            || !l.fleet.sentinels.is_empty()
    };
    let names: Vec<&str> =
        layers.iter().flat_map(|l| l.fleet.nodes.iter().map(|n| n.name.as_str())).collect();
    if layers.iter().any(is_open) || names.is_empty() {
        return;
    }
    for queue in layers.iter().filter_map(|l| l.queues.as_ref()).flat_map(|q| &q.value) {
        if let Some(node) = &queue.node
            && !names.contains(&node.value.as_str())
        {
            let what = format!("no node is called \"{}\"", escape_text(&node.value));
            problems.add(&node.source, what, super::value::did_you_mean(&node.value, &names));
        }
    }
}

/// `~/` is the home directory; other relative paths start at the file's directory.
fn resolve_paths(layer: &mut Layer, dir: &Path, env: &Environment) {
    let home = env.home();
    let resolve = |path: &mut PathBuf| {
        *path = match (path.strip_prefix("~"), &home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => dir.join(&*path),
        };
    };
    layer.log.iter_mut().for_each(|log| resolve(&mut log.value));
    for node in layer.fleet.places_mut() {
        if let Some(Sited { value: PasswordSource::File(path), .. }) = &mut node.password {
            resolve(path);
        }
        node.endpoint.tls.iter_mut().flat_map(paths_of).for_each(resolve);
    }
    for sentinel in &mut layer.fleet.sentinels {
        if let Some(Sited { value: PasswordSource::File(path), .. }) = &mut sentinel.password {
            resolve(path);
        }
        sentinel.tls.iter_mut().flat_map(paths_of).for_each(resolve);
    }
}

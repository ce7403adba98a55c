//! `[[queue_family]]`: queues of the user's own, and `[queue_prefixes]`: where libraries write under other names.

use std::collections::BTreeMap;

use super::document::Section;
use super::problem::{Complaint, Problems, Sited};
use super::value::ANY;
use super::{Liveness, QueueSchema, QueueType};
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;
use crate::family::registry;
use crate::family::template::Template;

/// Prefixes by the id of the family.
pub type QueuePrefixes = BTreeMap<&'static str, Vec<String>>;

const NAME: &str = "{name}";
const WORKER: &str = "{worker}";

const TYPES: [(&str, QueueType); 3] =
    [("list", QueueType::List), ("stream", QueueType::Stream), ("zset", QueueType::Zset)];
const UNITS: [(&str, u32); 4] = [("s", 1), ("ms", 1000), ("us", 1_000_000), ("ns", 1_000_000_000)];

/// The families of the user's own.
pub(super) fn read(root: &mut Section<'_>, problems: &mut Problems) -> Option<Sited<Vec<QueueSchema>>> {
    let (source, sections) = root.sections("queue_family", problems)?;
    let mut all: Vec<QueueSchema> = Vec::new();
    for section in sections {
        let site = section.source.clone();
        let Some(schema) = read_one(section, problems) else { continue };
        if all.iter().any(|other| other.id == schema.id) {
            let what = format!("the family {} is described twice", schema.id);
            problems.add(&site, what, "Keep one of them, or rename one.");
        }
        all.push(schema);
    }
    Some(Sited::new(all, source))
}

fn read_one(mut section: Section<'_>, problems: &mut Problems) -> Option<QueueSchema> {
    let source = section.source.clone();
    let (has_id, has_queue) = (section.has("id"), section.has("queue"));
    let id = section.string("id", problems, family_id);
    let queue = section.string("queue", problems, |text| template(text, NAME));
    let kind = section.choice("type", problems, &TYPES).map_or(QueueType::List, |s| s.value);
    let push = section.choice("push", problems, &super::file::ENDS).map_or(PushEnd::Left, |s| s.value);
    let per_second = section.choice("scores", problems, &UNITS).map(|s| s.value);
    let registry = section.text("registry", problems).map(|s| s.value);
    let mut beside = |key| section.string(key, problems, |text| template(text, NAME)).map(|s| s.value);
    let [processing, delayed, retry, failed, completed, paused] =
        ["processing", "delayed", "retry", "failed", "completed", "paused"].map(&mut beside);
    let workers = read_workers(&mut section, problems);
    section.finish(problems, &[("key", "It is called `queue`."), ("name", "It is called `id`.")]);
    if !has_id {
        problems.add(&source, "this family has no id", "Add id = \"...\": what the FAMILY column shows.");
    }
    if !has_queue {
        problems.add(&source, "this family has no queue", "Add queue = \"app:{name}:queue\".");
    }
    let (id, queue) = (id?.value, queue?.value);
    Some(QueueSchema {
        id,
        queue,
        kind,
        push,
        per_second,
        registry,
        processing,
        delayed,
        retry,
        failed,
        completed,
        paused,
        workers,
    })
}

fn read_workers(section: &mut Section<'_>, problems: &mut Problems) -> Option<Liveness> {
    let registry = section.text("workers", problems);
    let heartbeat = section.string("heartbeat", problems, |text| template(text, WORKER));
    let alive_for = section.duration("alive_for", problems, ANY);
    match (registry, heartbeat, alive_for) {
        (Some(registry), Some(heartbeat), None) => {
            Some(Liveness::Keys { registry: registry.value, heartbeat: heartbeat.value })
        }
        (Some(registry), None, Some(alive_for)) => {
            Some(Liveness::Scores { registry: registry.value, alive_for: alive_for.value })
        }
        (Some(registry), Some(_), Some(_)) => {
            let what = "both heartbeat and alive_for say which of these workers live";
            problems.add(&registry.source, what, "Keep heartbeat for a set, alive_for for a sorted set.");
            None
        }
        (Some(registry), None, None) => {
            let what = "nothing says which of these workers live";
            let remedy = "Add heartbeat = \"app:{worker}:alive\" for a set, alive_for = \"30s\" for a sorted set of times.";
            problems.add(&registry.source, what, remedy);
            None
        }
        (None, Some(Sited { source, .. }), _) | (None, None, Some(Sited { source, .. })) => {
            problems.add(&source, "no workers are named", "Add workers = \"...\": the set of their names.");
            None
        }
        (None, None, None) => None,
    }
}

/// The prefixes of libraries.
pub(super) fn read_prefixes(root: &mut Section<'_>, problems: &mut Problems) -> Option<Sited<QueuePrefixes>> {
    let mut section = root.section("queue_prefixes", problems)?;
    let source = section.source.clone();
    let mut all = QueuePrefixes::new();
    for id in registry::prefixed_queue_families() {
        let Some(list) = section.strings(id, problems) else { continue };
        for prefix in list.value.iter().filter(|prefix| prefix.value.is_empty()) {
            problems.add(&prefix.source, "the prefix is empty", "Write what stands before the keys.");
        }
        all.insert(id, list.value.into_iter().map(|prefix| prefix.value).collect());
    }
    let fixed = registry::queue_family_ids().into_iter().filter(|id| !all.contains_key(id));
    let hints: Vec<(&str, &str)> = fixed
        .filter(|id| !registry::prefixed_queue_families().contains(id))
        .map(|id| (id, "The prefix of this library is fixed, or it is found whatever its prefix is."))
        .collect();
    section.finish(problems, &hints);
    Some(Sited::new(all, source))
}

fn family_id(text: &str) -> Result<String, Complaint> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 32 || !text.chars().all(plain) {
        let what = format!("\"{}\" is no id", escape_text(text));
        return Err((what, "Write 1 to 32 of a to z, 0 to 9 and -.".into()));
    }
    if registry::queue_family_ids().contains(&text) {
        return Err((format!("{text} is a library that is known"), "Choose another id.".into()));
    }
    Ok(text.to_string())
}

fn template(text: &str, placeholder: &str) -> Result<Template, Complaint> {
    let shown = escape_text(text);
    let Some(template) = Template::new(text, placeholder) else {
        let what = format!("\"{shown}\" does not hold {placeholder} exactly once");
        return Err((what, format!("Write the key's name with {placeholder} in the place of the name.")));
    };
    if template.is_bare() {
        let remedy = format!("Add what stands before or after {placeholder}.");
        return Err((format!("\"{shown}\" fits every key"), remedy));
    }
    Ok(template)
}

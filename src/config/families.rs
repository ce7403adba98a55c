//! Lock families as data: `[[lock_family]]` of the configuration and `assets/families/strings.toml`, one parser.

use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::document::{FileText, Section};
use super::problem::{Complaint, Problems, Sited};
use super::show::{list, quoted};
use crate::domain::bytes::escape_text;
use crate::family::rows::{Count, Source};
use crate::family::shape::Shape;

/// Name of the tables in both files.
pub(super) const TABLES: &str = "lock_family";

/// What stands in both files' templates.
const PLACES: [&str; 6] = ["key", "name", "value", "registry", "tagged", "after"];
const COUNTS: [(&str, Count); 2] = [("free", Count::Free), ("held", Count::Held)];
const HINTS: [(&str, &str); 4] = [
    ("name", "It is called `id`."),
    ("patterns", "They are called `keys`."),
    ("pattern", "Write keys = [\"...\"]."),
    ("type", "Families of the configuration are string keys."),
];

/// The rows of the program. A test makes sure that none is missing.
pub(crate) fn built_in() -> Vec<Source> {
    parse_built_in().0
}

fn parse_built_in() -> (Vec<Source>, Problems) {
    let text = include_str!("../../assets/families/strings.toml");
    let file = FileText { path: Arc::from(Path::new("strings.toml")), text };
    let (table, _) = DeTable::parse_recoverable(text);
    let mut problems = Problems::default();
    let mut root = Section::root(&file, table.get_ref());
    let rows = read(&mut root, &mut problems).map(|rows| rows.value).unwrap_or_default();
    root.finish(&mut problems, &[]);
    (rows.into_iter().map(|row| row.value).collect(), problems)
}

/// Reads the rows of a file.
pub(super) fn read(root: &mut Section<'_>, problems: &mut Problems) -> Option<Sited<Vec<Sited<Source>>>> {
    let (source, sections) = root.sections(TABLES, problems)?;
    let rows = sections.into_iter().filter_map(|section| row(section, problems)).collect();
    Some(Sited::new(rows, source))
}

/// Refuses rows of the user that have a name of the program's own.
pub(super) fn refuse_taken(rows: &[Sited<Source>], problems: &mut Problems) {
    let taken = crate::family::registry::lock_family_ids();
    for row in rows.iter().filter(|row| taken.contains(&row.value.id.as_str()) || reserved(&row.value.id)) {
        let what = format!("a family of redwarden is called \"{}\" already", escape_text(&row.value.id));
        problems.add(
            &row.source,
            what,
            "Give yours another id; disabled_families switches the other one off.",
        );
    }
}

fn reserved(id: &str) -> bool {
    matches!(id, "unknown" | "setnx")
}

fn row(mut section: Section<'_>, problems: &mut Problems) -> Option<Sited<Source>> {
    let site = section.source.clone();
    let has_id = section.has("id");
    let id = section.string("id", problems, kebab);
    let at = id.as_ref().map_or_else(|| site.clone(), |id| id.source.clone());
    let globs = |section: &mut Section<'_>, key, problems: &mut Problems| {
        section.globs(key, problems).map(|list| list.value).unwrap_or_default()
    };
    let values = section.strings("values", problems).map(|list| list.value).unwrap_or_default();
    let values: Vec<Shape> = values
        .iter()
        .filter_map(|value| problems.check(&value.source, shape(&value.value)))
        .map(|shape| shape.value)
        .collect();
    let percent = |section: &mut Section<'_>, key, problems: &mut Problems| {
        let value = section.integer(key, problems, (0, 100));
        value.map_or(0, |v| u8::try_from(v.value).unwrap_or(100))
    };
    let text = |section: &mut Section<'_>, key, problems: &mut Problems| {
        section.text(key, problems).map(|text| text.value)
    };
    let sentences = |section: &mut Section<'_>, key, problems: &mut Problems| {
        let list = section.strings(key, problems).map(|list| list.value).unwrap_or_default();
        // They stand in dialogs and on stderr: whoever wrote the file, no control character gets there.
        list.into_iter().map(|text| escape_text(&text.value)).collect::<Vec<String>>()
    };
    let template = |section: &mut Section<'_>, key, problems: &mut Problems| {
        section.string(key, problems, template).map(|text| text.value)
    };
    let keys = globs(&mut section, "keys", problems);
    // Written, if wrongly: then that is the only complaint.
    let is_sure = ["sure", "value_sure", "key_sure"].iter().any(|key| section.has(key));
    let fits = section.has("keys") || section.has("values");
    let source = Source {
        hints: globs(&mut section, "hints", problems),
        sure: percent(&mut section, "sure", problems),
        value_sure: percent(&mut section, "value_sure", problems),
        key_sure: percent(&mut section, "key_sure", problems),
        no_ttl_ok: section.flag("no_ttl_ok", problems).is_some_and(|f| f.value),
        constant: section.flag("constant", problems).is_some_and(|f| f.value),
        count: section.choice("count", problems, &COUNTS).map(|c| c.value),
        holder: text(&mut section, "holder", problems).map(|t| escape_text(&t)),
        holder_hash: template(&mut section, "holder_hash", problems),
        holder_fields: sentences(&mut section, "holder_fields", problems),
        holder_found: text(&mut section, "holder_found", problems).map(|t| escape_text(&t)),
        queue: template(&mut section, "queue", problems),
        heard: template(&mut section, "heard", problems),
        heard_sure: percent(&mut section, "heard_sure", problems),
        wake_list: text(&mut section, "wake_list", problems),
        wake_ttl_ms: section
            .integer("wake_ttl_ms", problems, (1, 86_400_000))
            .and_then(|ms| u64::try_from(ms.value).ok()),
        publish: section
            .strings("publish", problems)
            .map(|list| list.value)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|channel| problems.check(&channel.source, self::template(&channel.value)))
            .map(|channel| channel.value)
            .collect(),
        message: template(&mut section, "message", problems),
        refuse: text(&mut section, "refuse", problems).map(|t| escape_text(&t)),
        effects: sentences(&mut section, "effects", problems),
        warnings: sentences(&mut section, "warnings", problems),
        id: id.map(|id| id.value).unwrap_or_default(),
        keys,
        values,
    };
    section.finish(problems, &HINTS);
    if !has_id {
        problems.add(&site, "this lock family has no id", "Add id = \"my-locks\".");
    }
    if source.id.is_empty() {
        return None;
    }
    complain(&source, is_sure, fits).map_or_else(
        || Some(Sited::new(source, at.clone())),
        |(what, remedy)| {
            problems.add(&at, what, remedy);
            None
        },
    )
}

/// The fields that a row sets, in the words of the file.
pub(super) fn shown(row: &Source) -> Vec<(&'static str, String)> {
    let mut lines = vec![("id", quoted(&row.id))];
    let values: Vec<String> = row.values.iter().map(|shape| shape.name().to_string()).collect();
    for (name, items) in [("keys", &row.keys), ("hints", &row.hints), ("values", &values)] {
        if !items.is_empty() {
            lines.push((name, list(items)));
        }
    }
    for (name, percent) in [
        ("sure", row.sure),
        ("value_sure", row.value_sure),
        ("key_sure", row.key_sure),
        ("heard_sure", row.heard_sure),
    ] {
        if percent > 0 {
            lines.push((name, percent.to_string()));
        }
    }
    for (name, flag) in [("no_ttl_ok", row.no_ttl_ok), ("constant", row.constant)] {
        if flag {
            lines.push((name, "true".into()));
        }
    }
    let count = row.count.and_then(|count| COUNTS.iter().find(|(_, known)| *known == count));
    let count = count.map(|(name, _)| (*name).to_string());
    for (name, text) in [
        ("count", &count),
        ("holder", &row.holder),
        ("holder_hash", &row.holder_hash),
        ("holder_found", &row.holder_found),
        ("queue", &row.queue),
        ("heard", &row.heard),
        ("wake_list", &row.wake_list),
        ("message", &row.message),
        ("refuse", &row.refuse),
    ] {
        if let Some(text) = text {
            lines.push((name, quoted(text)));
        }
    }
    if let Some(ms) = row.wake_ttl_ms {
        lines.push(("wake_ttl_ms", ms.to_string()));
    }
    for (name, items) in [
        ("holder_fields", &row.holder_fields),
        ("publish", &row.publish),
        ("effects", &row.effects),
        ("warnings", &row.warnings),
    ] {
        if !items.is_empty() {
            lines.push((name, list(items)));
        }
    }
    lines
}

/// What makes a row useless.
fn complain(row: &Source, is_sure: bool, fits: bool) -> Option<Complaint> {
    let complaint = |what: &str, remedy: &str| Some((what.to_string(), remedy.to_string()));
    if !fits {
        return complaint(
            "this lock family fits everything",
            "Add keys = [\"PATTERN\"] or values = [\"SHAPE\"].",
        );
    }
    if !is_sure {
        return complaint("this lock family is never recognised", "Add sure = 90 (or value_sure, key_sure).");
    }
    if row.wake_list.is_some() && row.keys.len() != 1 {
        return complaint(
            "wake_list needs exactly one pattern in keys",
            "Split the family into one for each pattern.",
        );
    }
    if row.count.is_some() && row.constant {
        return complaint("a count is never constant", "Leave one of count and constant out.");
    }
    None
}

/// A name that is fit for filters, JSON and the command line.
fn kebab(text: &str) -> Result<String, Complaint> {
    let fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if text.is_empty() || text.len() > 40 || !fits || text.starts_with('-') {
        return Err((
            format!("\"{}\" is no id", escape_text(text)),
            "Use up to 40 lower-case letters, digits and dashes.".into(),
        ));
    }
    Ok(text.to_string())
}

fn shape(text: &str) -> Result<Shape, Complaint> {
    Shape::ALL.iter().find(|shape| shape.name() == text).copied().ok_or_else(|| {
        let names: Vec<&str> = Shape::ALL.iter().map(|shape| shape.name()).collect();
        (
            format!("no shape of value is called \"{}\"", escape_text(text)),
            super::value::did_you_mean(text, &names),
        )
    })
}

/// A template whose placeholders are known.
fn template(text: &str) -> Result<String, Complaint> {
    let text = super::document::not_empty(text)?;
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once('{') {
        let name = after.split_once('}').map(|(name, _)| name).unwrap_or_default();
        if !PLACES.contains(&name) {
            let places: Vec<String> = PLACES.iter().map(|place| format!("{{{place}}}")).collect();
            return Err((
                format!("{{{}}} is no placeholder", escape_text(name)),
                format!("Known are {}.", places.join(", ")),
            ));
        }
        rest = after;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_s_own_rows_are_all_read() {
        let (rows, problems) = parse_built_in();
        assert!(problems.is_empty(), "{:?}", problems.into_errors());
        let text = include_str!("../../assets/families/strings.toml");
        let written = text.lines().filter(|line| *line == "[[lock_family]]").count();
        assert_eq!(rows.len(), written);
    }
}

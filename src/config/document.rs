//! Walks a TOML document against what is known, and remembers the line of everything.
//!
//! serde would stop at the first mistake; here every mistake is gathered.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Complaint, Problems, Sited, Source};
use super::value::{choice, did_you_mean, duration, glob};
use crate::domain::bytes::escape_text;

/// A file's text, for finding lines.
pub(super) struct FileText<'i> {
    pub(super) path: Arc<Path>,
    pub(super) text: &'i str,
}

impl FileText<'_> {
    /// Source of a byte offset.
    pub(super) fn source(&self, offset: usize, key: &str) -> Source {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.split(|b| *b == b'\n').count();
        Source::File { path: Arc::clone(&self.path), line, key: key.into() }
    }
}

/// One table of the document. Each getter notes its key as known; [`Section::finish`] reports the others.
pub(super) struct Section<'t> {
    file: &'t FileText<'t>,
    table: &'t DeTable<'t>,
    /// Path of the table, escaped; empty for the root.
    path: String,
    known: Vec<&'static str>,
    /// Where the table itself stands.
    pub(super) source: Source,
}

impl<'t> Section<'t> {
    pub(super) fn root(file: &'t FileText<'t>, table: &'t DeTable<'t>) -> Self {
        Self { file, table, path: String::new(), known: Vec::new(), source: file.source(0, "") }
    }

    fn full_key(&self, key: &str) -> String {
        let key = escape_text(key);
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    fn find(&mut self, key: &'static str) -> Option<(&'t DeValue<'t>, Source)> {
        self.known.push(key);
        let (name, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((value.get_ref(), self.file.source(name.span().start, &self.full_key(key))))
    }

    fn wrong_type(problems: &mut Problems, source: &Source, value: &DeValue<'_>, wanted: &str) {
        let what = format!("a value of type {} stands here", value.type_str());
        problems.add(source, what, format!("Write {wanted}."));
    }

    /// A string that `check` accepts.
    pub(super) fn string<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        check: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Option<Sited<T>> {
        let (value, source) = self.find(key)?;
        if let DeValue::String(text) = value {
            return problems.check(&source, check(text));
        }
        Self::wrong_type(problems, &source, value, "a string in quotes");
        None
    }

    /// A string that is not empty.
    pub(super) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<Sited<String>> {
        self.string(key, problems, not_empty)
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        range: (Duration, Duration),
    ) -> Option<Sited<Duration>> {
        self.string(key, problems, |text| duration(text, range))
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        choices: &[(&str, T)],
    ) -> Option<Sited<T>> {
        self.string(key, problems, |text| choice(text, choices))
    }

    pub(super) fn flag(&mut self, key: &'static str, problems: &mut Problems) -> Option<Sited<bool>> {
        let (value, source) = self.find(key)?;
        if let DeValue::Boolean(value) = value {
            return Some(Sited::new(*value, source));
        }
        Self::wrong_type(problems, &source, value, "true or false");
        None
    }

    /// An integer from `min` to `max`.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        (min, max): (i64, i64),
    ) -> Option<Sited<i64>> {
        let (value, source) = self.find(key)?;
        let wanted = format!("a whole number from {min} to {max}");
        let DeValue::Integer(digits) = value else {
            Self::wrong_type(problems, &source, value, &wanted);
            return None;
        };
        match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) if (min..=max).contains(&number) => Some(Sited::new(number, source)),
            _ => {
                let what = format!("{} is out of range", digits.as_str());
                problems.add(&source, what, format!("Write {wanted}."));
                None
            }
        }
    }

    /// A number above `min` (or equal to it where `inclusive`), up to `max`.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        (min, inclusive, max): (f64, bool, f64),
    ) -> Option<Sited<f64>> {
        let (value, source) = self.find(key)?;
        let above = if inclusive { "from" } else { "above" };
        let wanted = format!("a number {above} {min} up to {max}");
        let digits = match value {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) => integer.as_str(),
            _ => {
                Self::wrong_type(problems, &source, value, &wanted);
                return None;
            }
        };
        match digits.parse::<f64>() {
            Ok(n) if n <= max && (n > min || (inclusive && n >= min)) => Some(Sited::new(n, source)),
            _ => {
                problems.add(&source, format!("{digits} is out of range"), format!("Write {wanted}."));
                None
            }
        }
    }

    /// A list of strings, each with its own source.
    pub(super) fn strings(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Sited<Vec<Sited<String>>>> {
        let (value, source) = self.find(key)?;
        let DeValue::Array(array) = value else {
            Self::wrong_type(problems, &source, value, "a list of strings, such as [\"a\", \"b\"]");
            return None;
        };
        let mut out = Vec::new();
        for (i, item) in array.iter().enumerate() {
            let site = self.file.source(item.span().start, &format!("{}[{i}]", self.full_key(key)));
            match item.get_ref() {
                DeValue::String(text) => out.push(Sited::new(text.to_string(), site)),
                other => Self::wrong_type(problems, &site, other, "a string in quotes"),
            }
        }
        Some(Sited::new(out, source))
    }

    /// One string, or a list of them.
    pub(super) fn strings_or_one(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Sited<String>>> {
        match self.find(key)? {
            (DeValue::String(text), source) => Some(vec![Sited::new(text.to_string(), source)]),
            _ => self.strings(key, problems).map(|list| list.value),
        }
    }

    /// A table of strings, each with its own source.
    pub(super) fn string_map(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Vec<(Sited<String>, Sited<String>)> {
        let Some((value, source)) = self.find(key) else { return Vec::new() };
        let DeValue::Table(table) = value else {
            Self::wrong_type(problems, &source, value, "a table of strings: { \"a\" = \"b\" }");
            return Vec::new();
        };
        let mut out = Vec::new();
        for (name, value) in table {
            let path = format!("{}.{}", self.full_key(key), escape_text(name.get_ref()));
            let site = self.file.source(name.span().start, &path);
            match value.get_ref() {
                DeValue::String(text) => out.push((
                    Sited::new(name.get_ref().to_string(), site.clone()),
                    Sited::new(text.to_string(), site),
                )),
                other => Self::wrong_type(problems, &site, other, "a string in quotes"),
            }
        }
        out
    }

    /// A list of Redis globs.
    pub(super) fn globs(&mut self, key: &'static str, problems: &mut Problems) -> Option<Sited<Vec<String>>> {
        let list = self.strings(key, problems)?;
        let globs = list.value.iter().filter_map(|item| problems.check(&item.source, glob(&item.value)));
        Some(Sited::new(globs.map(|g| g.value).collect(), list.source))
    }

    /// True when the key stands there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.keys().any(|name| name.get_ref() == key)
    }

    /// A table in this table.
    pub(super) fn section(&mut self, key: &'static str, problems: &mut Problems) -> Option<Section<'t>> {
        let (value, source) = self.find(key)?;
        if let DeValue::Table(table) = value {
            let path = self.full_key(key);
            return Some(Self { file: self.file, table, path, known: Vec::new(), source });
        }
        Self::wrong_type(problems, &source, value, &format!("a table: [{}]", self.full_key(key)));
        None
    }

    /// A list of tables in this table.
    pub(super) fn sections(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<(Source, Vec<Section<'t>>)> {
        let (value, source) = self.find(key)?;
        let wanted = format!("tables, each under [[{}]]", self.full_key(key));
        let DeValue::Array(array) = value else {
            Self::wrong_type(problems, &source, value, &wanted);
            return None;
        };
        let mut out = Vec::new();
        for (i, item) in array.iter().enumerate() {
            let path = format!("{}[{i}]", self.full_key(key));
            let source = self.file.source(item.span().start, &path);
            match item.get_ref() {
                DeValue::Table(table) => {
                    out.push(Self { file: self.file, table, path, known: Vec::new(), source });
                }
                other => Self::wrong_type(problems, &source, other, &wanted),
            }
        }
        Some((source, out))
    }

    /// One table, or a list of them.
    pub(super) fn sections_or_one(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Section<'t>> {
        match self.find(key) {
            None => Vec::new(),
            Some((DeValue::Table(_), _)) => self.section(key, problems).into_iter().collect(),
            Some(_) => self.sections(key, problems).map(|(_, list)| list).unwrap_or_default(),
        }
    }

    /// All tables in this table, whatever their names.
    pub(super) fn any_sections(&mut self, problems: &mut Problems) -> Vec<(String, Section<'t>)> {
        let mut out = Vec::new();
        for (name, value) in self.table {
            let path = self.full_key(name.get_ref());
            let source = self.file.source(name.span().start, &path);
            match value.get_ref() {
                DeValue::Table(table) => {
                    let section = Self { file: self.file, table, path, known: Vec::new(), source };
                    out.push((name.get_ref().to_string(), section));
                }
                other => Self::wrong_type(problems, &source, other, "a table"),
            }
        }
        out
    }

    /// Reports the keys nobody asked for. `hints` are remedies for keys that people try.
    pub(super) fn finish(self, problems: &mut Problems, hints: &[(&str, &str)]) {
        let unknown = self.table.keys().filter(|name| !self.known.contains(&name.get_ref().as_ref()));
        for name in unknown {
            let source = self.source_of(name);
            let remedy = match hints.iter().find(|(key, _)| *key == name.get_ref().as_ref()) {
                Some((_, hint)) => (*hint).to_string(),
                None => did_you_mean(name.get_ref(), &self.known),
            };
            problems.add(&source, "this key is not known", remedy);
        }
    }

    fn source_of(&self, name: &Spanned<std::borrow::Cow<'_, str>>) -> Source {
        self.file.source(name.span().start, &self.full_key(name.get_ref()))
    }
}

/// A string that is not empty.
pub(super) fn not_empty(text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() {
        return Err(("the value is empty".into(), "Give a value, or leave the key out.".into()));
    }
    Ok(text.to_string())
}

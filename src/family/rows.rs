//! The string families that are data: rows of `assets/families/strings.toml`, and how a key and its value choose one.

use std::sync::LazyLock;

use serde::Deserialize;

use super::recipe::Recipe;
use super::shape::Shape;
use crate::act::plan::Guard;
use crate::domain::glob::Glob;
use crate::domain::lock::Token;
use crate::domain::{Bytes, Command};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    family: Vec<Source>,
}

/// One row as written. The file's head says what each field means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    id: String,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    hints: Vec<String>,
    #[serde(default)]
    values: Vec<Shape>,
    #[serde(default)]
    sure: u8,
    #[serde(default)]
    value_sure: u8,
    #[serde(default)]
    key_sure: u8,
    #[serde(default)]
    no_ttl_ok: bool,
    #[serde(default)]
    constant: bool,
    holder: Option<String>,
    wake_list: Option<String>,
    wake_ttl_ms: Option<u64>,
    refuse: Option<String>,
    #[serde(default)]
    effects: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// One row, compiled.
pub struct Row {
    /// The library's name in kebab-case; several rows may share it.
    pub id: &'static str,
    /// True when the library sets no TTL unless asked to.
    pub no_ttl_ok: bool,
    /// True when its values never prove identity.
    pub constant: bool,
    keys: Vec<Glob>,
    hints: Vec<Glob>,
    source: Source,
}

/// A family that a lock may belong to and how sure that is, 0 to 100.
pub type Candidate = (&'static str, u8);

/// A lock that is no surer than this is called by its plain pattern.
const FALLBACK: Candidate = ("setnx", 30);
/// Nothing readable speaks for any library.
const UNKNOWN: Candidate = ("unknown", 20);
/// A key that no lock pattern asked for must be this sure.
const ENOUGH: u8 = 50;

/// All rows, in the order of the file. A broken file is caught by a test; then there are none.
pub fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
        let file = toml::from_str::<File>(include_str!("../../assets/families/strings.toml"));
        let compile = |mut source: Source| {
            let globs = |list: &[String]| list.iter().map(|p| Glob::new(p)).collect();
            Row {
                // Once for the life of the process: ids are compared and kept everywhere.
                id: Box::leak(std::mem::take(&mut source.id).into_boxed_str()),
                no_ttl_ok: source.no_ttl_ok,
                constant: source.constant,
                keys: globs(&source.keys),
                hints: globs(&source.hints),
                source,
            }
        };
        file.map(|file| file.family.into_iter().map(compile).collect()).unwrap_or_default()
    });
    &ROWS
}

/// What a string lock is: the likeliest row and all candidates, surest first.
pub struct Match {
    /// The row; `None` for the plain pattern and for unknown ones.
    pub row: Option<&'static Row>,
    /// At least one.
    pub candidates: Vec<Candidate>,
    /// Who holds it, escaped.
    pub holder: Option<String>,
}

/// Chooses among the rows whose id `wanted` admits. `generic`: a lock pattern asked for this key, so that the value
/// alone may speak for a family. `None`: it is no lock.
pub fn classify(
    key: &[u8],
    token: &Token,
    generic: bool,
    wanted: &dyn Fn(&'static str) -> bool,
) -> Option<Match> {
    let mut found: Vec<(&'static Row, u8)> = Vec::new();
    for row in rows().iter().filter(|row| wanted(row.id)) {
        let sure = row.sure(key, token, generic);
        match found.iter_mut().find(|(known, _)| known.id == row.id) {
            _ if sure == 0 => {}
            Some(known) if known.1 < sure => *known = (row, sure),
            Some(_) => {}
            None => found.push((row, sure)),
        }
    }
    found.sort_by_key(|(_, sure)| std::cmp::Reverse(*sure));
    let mut candidates: Vec<Candidate> = found.iter().map(|(row, sure)| (row.id, *sure)).collect();
    let mut row = found.first().map(|(row, _)| *row);
    let top = candidates.first().map_or(0, |c| c.1);
    if top < ENOUGH {
        if !generic {
            return None;
        }
        let plain = match token {
            Token::Known(value) if value.as_utf8().is_some() => FALLBACK,
            _ => UNKNOWN,
        };
        if top <= plain.1 && !candidates.iter().any(|(id, _)| *id == plain.0) {
            candidates.insert(0, plain);
            row = None;
        }
    }
    let holder = row.and_then(|row| row.holder(key, token));
    Some(Match { row, candidates, holder })
}

impl Row {
    /// Patterns of keys that are searched for.
    pub fn patterns(&self) -> &[Glob] {
        &self.keys
    }

    /// The row of an id that fits a key and value best, for its release.
    pub fn of(id: &str, key: &[u8], token: &Token) -> Option<&'static Self> {
        let rows = rows().iter().filter(|row| row.id == id);
        rows.map(|row| (row, row.sure(key, token, true))).max_by_key(|(_, sure)| *sure).map(|(row, _)| row)
    }

    fn sure(&self, key: &[u8], token: &Token, generic: bool) -> u8 {
        let own = self.keys.iter().any(|g| g.matches(key));
        if !own && !generic {
            return 0;
        }
        let key_fits = own || self.hints.iter().any(|g| g.matches(key));
        let shapes = &self.source.values;
        let value_fits =
            token.known().is_some_and(|v| shapes.iter().any(|s| s.captures(v.as_slice()).is_some()));
        match (key_fits, shapes.is_empty() || value_fits) {
            (true, true) => self.source.sure,
            (false, true) if value_fits => self.source.value_sure,
            (true, false) if own => self.source.key_sure,
            _ => 0,
        }
    }

    fn holder(&self, key: &[u8], token: &Token) -> Option<String> {
        let template = self.source.holder.as_deref()?;
        let value = token.known()?;
        let mut captures =
            self.source.values.iter().find_map(|s| s.captures(value.as_slice())).unwrap_or_default();
        captures.push(("value", value.escaped()));
        captures.push(("name", Bytes::from(self.name(key)).escaped()));
        fill(template, &captures)
    }

    /// The key without the fixed beginning and end of the pattern it matches.
    fn name<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let Some(glob) = self.keys.iter().find(|g| g.matches(key)) else { return key };
        let source = glob.source();
        let prefix = source.split('*').next().unwrap_or_default();
        let suffix = source.rsplit('*').next().filter(|_| source.contains('*')).unwrap_or_default();
        let name = key.strip_prefix(prefix.as_bytes()).unwrap_or(key);
        name.strip_suffix(suffix.as_bytes()).unwrap_or(name)
    }

    /// What a release does, beside proving that the value is the one seen.
    pub fn recipe(&self, key: &Bytes) -> Result<Recipe, String> {
        if let Some(why) = &self.source.refuse {
            return Err(why.clone());
        }
        let mut recipe = Recipe {
            unchanged: self.constant,
            warnings: self.source.warnings.clone(),
            steps: Vec::new(),
            ..Recipe::plain(key)
        };
        if !self.source.effects.is_empty() {
            recipe.effects.clone_from(&self.source.effects);
        }
        if let Some(prefix) = &self.source.wake_list {
            let mut list = prefix.clone().into_bytes();
            list.extend_from_slice(self.name(key.as_slice()));
            let list = Bytes::from(list);
            recipe.guards.push(Guard::TypeIs { key: list.clone(), key_type: "list", absent_ok: true });
            // One element, however many are there: a second one would wake a waiter in vain.
            recipe.steps.push(Command::new("LPUSH").arg(list.clone()).arg(1_i64));
            recipe.steps.push(Command::new("LTRIM").arg(list.clone()).arg(0_i64).arg(0_i64));
            if let Some(ms) = self.source.wake_ttl_ms {
                recipe.steps.push(Command::new("PEXPIRE").arg(list).arg(ms));
            }
        }
        recipe.steps.push(Command::new("DEL").arg(key.clone()));
        Ok(recipe)
    }
}

/// Fills the placeholders in; `None` when one has no value.
fn fill(template: &str, captures: &[(&'static str, String)]) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&captures.iter().find(|(known, _)| *known == name)?.1);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_well_formed() {
        let file = toml::from_str::<File>(include_str!("../../assets/families/strings.toml"));
        let file = file.expect("assets/families/strings.toml");
        assert_eq!(file.family.len(), rows().len());
        for row in rows() {
            let source = &row.source;
            assert!(source.sure + source.value_sure + source.key_sure > 0, "{} is never recognised", row.id);
            assert!(!row.keys.is_empty() || !source.values.is_empty(), "{} fits everything", row.id);
            assert!(source.wake_list.is_none() || row.keys.len() == 1, "{}: whose name wakes?", row.id);
        }
    }
}

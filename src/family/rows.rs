//! The string families that are data: rows of `assets/families/strings.toml` and of the user's configuration, and
//! how a key and its value choose one. Both are read by the same parser, `config::families`.

mod release;
mod source;
mod texts;

use std::sync::LazyLock;

use crate::domain::glob::Glob;
use crate::domain::lock::Token;

pub use source::{Count, Source};

/// One row, compiled.
#[derive(Debug)]
pub struct Row {
    /// The library's name in kebab-case; several rows may share it.
    pub id: &'static str,
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

/// The rows of the program, in the order of the file. A broken file is caught by a test; then there are none.
pub fn built_in() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> =
        LazyLock::new(|| crate::config::families::built_in().into_iter().map(Row::new).collect());
    &ROWS
}

/// What a string lock is: the likeliest row and all candidates, surest first.
pub struct Match<'r> {
    /// The row; `None` for the plain pattern and for unknown ones.
    pub row: Option<&'r Row>,
    /// At least one.
    pub candidates: Vec<Candidate>,
    /// Who holds it, escaped.
    pub holder: Option<String>,
}

/// Chooses among rows. `generic`: a lock pattern asked for this key, so that the value alone may speak for a
/// family. `None`: it is no lock.
pub fn classify<'r>(
    rows: impl Iterator<Item = &'r Row>,
    key: &[u8],
    token: &Token,
    generic: bool,
) -> Option<Match<'r>> {
    let mut found: Vec<(&Row, u8)> = Vec::new();
    for row in rows {
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
    share(&mut candidates);
    Some(Match { row, candidates, holder })
}

/// Makes one hundred of them all: a row says how sure it is when it stands alone, and where several fit each takes
/// away from the others. Their odds are added, with one for "none of these".
fn share(candidates: &mut [Candidate]) {
    let odds = |sure: u8| f64::from(sure.min(99)) / f64::from(100 - sure.min(99));
    let all = 1.0 + candidates.iter().map(|(_, sure)| odds(*sure)).sum::<f64>();
    for (_, sure) in candidates {
        *sure = (odds(*sure) / all * 100.0).round() as u8;
    }
}

impl Row {
    /// Compiles a row.
    pub fn new(source: Source) -> Self {
        let globs = |list: &[String]| list.iter().map(|p| Glob::new(p)).collect();
        Self { id: interned(&source.id), keys: globs(&source.keys), hints: globs(&source.hints), source }
    }

    /// The row as written.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Patterns of keys that are searched for.
    pub fn patterns(&self) -> &[Glob] {
        &self.keys
    }

    /// The row of an id that fits a key and value best, for its release.
    pub fn of<'r>(
        rows: impl Iterator<Item = &'r Self>,
        id: &str,
        key: &[u8],
        token: &Token,
    ) -> Option<&'r Self> {
        rows.filter(|row| row.id == id).max_by_key(|row| row.sure(key, token, true))
    }

    /// How sure, 0 to 100, that this key with this value is such a lock.
    pub fn sure(&self, key: &[u8], token: &Token, generic: bool) -> u8 {
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
}

/// Every id of a row ever compiled.
static IDS: std::sync::Mutex<Vec<&'static str>> = std::sync::Mutex::new(Vec::new());

/// Ids are compared and kept everywhere: each is kept once for the life of the process.
fn interned(id: &str) -> &'static str {
    let mut known = IDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(id) = known.iter().find(|known| **known == id) {
        return id;
    }
    let id: &'static str = Box::leak(id.to_owned().into_boxed_str());
    known.push(id);
    id
}

/// All ids of rows, the user's too.
pub(super) fn ids() -> Vec<&'static str> {
    IDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

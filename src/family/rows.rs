//! The string families that are data: rows of `assets/families/strings.toml` and of the user's configuration, and
//! how a key and its value choose one. Both are read by the same parser, `config::families`.

use std::sync::LazyLock;

use super::recipe::Recipe;
use super::shape::Shape;
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::bytes::escape;
use crate::domain::glob::Glob;
use crate::domain::lock::Token;
use crate::domain::{Bytes, Command};

/// Whose number a count is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// Permits that are free: a permit is given back by adding one.
    Free,
    /// Permits that are held: a permit is given back by taking one off.
    Held,
}

/// One row as written. The head of `assets/families/strings.toml` says what each field means.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Source {
    /// The library's name in kebab-case.
    pub id: String,
    /// Patterns of keys that are searched for.
    pub keys: Vec<String>,
    /// Patterns that make it likelier.
    pub hints: Vec<String>,
    /// Shapes of value.
    pub values: Vec<Shape>,
    /// How sure, 0 to 100, when key and value fit.
    pub sure: u8,
    /// When only the value fits.
    pub value_sure: u8,
    /// When only the key fits.
    pub key_sure: u8,
    /// No TTL is normal.
    pub no_ttl_ok: bool,
    /// The value never proves identity.
    pub constant: bool,
    /// The value is a number of permits.
    pub count: Option<Count>,
    /// Template of the holder's sentence.
    pub holder: Option<String>,
    /// Template of a hash that tells more of the holder.
    pub holder_hash: Option<String>,
    /// Fields of that hash; placeholders of `holder_found`.
    pub holder_fields: Vec<String>,
    /// Template of the holder's sentence when that hash was read.
    pub holder_found: Option<String>,
    /// Template of the sorted set in which waiters stand in line.
    pub queue: Option<String>,
    /// Template of the channel on which waiters listen.
    pub heard: Option<String>,
    /// How sure, 0 to 100, when somebody listens there.
    pub heard_sure: u8,
    /// Prefix of the list on which waiters sleep.
    pub wake_list: Option<String>,
    /// TTL of that list after a wake-up, milliseconds.
    pub wake_ttl_ms: Option<u64>,
    /// Templates of channels that wake waiters.
    pub publish: Vec<String>,
    /// Template of the message.
    pub message: Option<String>,
    /// Why a release is refused, and what to do instead.
    pub refuse: Option<String>,
    /// Sentences of the release dialog.
    pub effects: Vec<String>,
    /// Warnings of the release dialog.
    pub warnings: Vec<String>,
}

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

    fn holder(&self, key: &[u8], token: &Token) -> Option<String> {
        let template = self.source.holder.as_deref()?;
        let value = token.known()?;
        let mut captures =
            self.source.values.iter().find_map(|s| s.captures(value.as_slice())).unwrap_or_default();
        captures.push(("value", value.escaped()));
        captures.push(("name", escape(self.name(key))));
        captures.push(("last", escape(self.last(key))));
        fill(template, &captures)
    }

    /// The hash that tells more of this holder, and the fields of interest.
    pub fn holder_hash(&self, key: &[u8], token: &Token) -> Option<(Bytes, &[String])> {
        let template = self.source.holder_hash.as_deref()?;
        self.source
            .values
            .iter()
            .any(|s| token.known().is_some_and(|v| s.captures(v.as_slice()).is_some()))
            .then_some(())?;
        Some((self.bytes(template, key, token)?, &self.source.holder_fields))
    }

    /// The holder's sentence with what that hash told; `told`: the fields' values, escaped.
    pub fn holder_found(&self, key: &[u8], told: &[String]) -> Option<String> {
        let template = self.source.holder_found.as_deref()?;
        let mut captures: Vec<(&str, String)> =
            self.source.holder_fields.iter().map(String::as_str).zip(told.iter().cloned()).collect();
        captures.push(("name", escape(self.name(key))));
        fill(template, &captures)
    }

    /// The sorted set in which waiters stand in line.
    pub fn queue(&self, key: &[u8], token: &Token) -> Option<Bytes> {
        self.bytes(self.source.queue.as_deref()?, key, token)
    }

    /// The channel on which waiters of such a lock listen, whoever is sure of it already.
    pub fn heard(&self, key: &[u8], token: &Token) -> Option<Bytes> {
        let template = self.source.heard.as_deref().filter(|_| self.sure(key, token, true) > 0)?;
        self.bytes(template, key, token)
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

    /// What the second star of the pattern stands for, from the first place that fits; the name where it has one.
    fn last<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let name = self.name(key);
        let glob = self.keys.iter().find(|g| g.matches(key));
        let between = glob.and_then(|g| g.source().split('*').nth(1)).filter(|text| !text.is_empty());
        let Some(between) = between.map(str::as_bytes) else { return name };
        let at = name.windows(between.len()).position(|w| w == between);
        at.and_then(|at| name.get(at + between.len()..)).unwrap_or(name)
    }

    /// Exact bytes of a template: `{key}`, `{name}`, `{value}`, `{registry}` (the key up to its first colon),
    /// `{tagged}` (the key in braces unless it has some), `{after}` (the count after one permit is given back).
    fn bytes(&self, template: &str, key: &[u8], token: &Token) -> Option<Bytes> {
        let mut out = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            out.extend_from_slice(before.as_bytes());
            match name {
                "key" => out.extend_from_slice(key),
                "name" => out.extend_from_slice(self.name(key)),
                "value" => out.extend_from_slice(token.known()?.as_slice()),
                "registry" => out.extend(key.iter().take_while(|b| **b != b':')),
                "tagged" if key.contains(&b'{') => out.extend_from_slice(key),
                "tagged" => {
                    out.push(b'{');
                    out.extend_from_slice(key);
                    out.push(b'}');
                }
                "after" => out.extend_from_slice(self.after(token)?.to_string().as_bytes()),
                _ => return None,
            }
            rest = after;
        }
        out.extend_from_slice(rest.as_bytes());
        Some(out.into())
    }

    /// The count after one permit is given back.
    fn after(&self, token: &Token) -> Option<i64> {
        let count: i64 = token.known()?.as_utf8()?.parse().ok()?;
        match self.source.count? {
            Count::Free => count.checked_add(1),
            Count::Held => count.checked_sub(1),
        }
    }

    /// What a release does, beside proving that the value is the one seen.
    pub fn recipe(&self, key: &Bytes, token: &Token) -> Result<Recipe, String> {
        if let Some(why) = &self.source.refuse {
            return Err(why.clone());
        }
        let mut recipe = Recipe {
            unchanged: self.source.constant,
            warnings: self.source.warnings.clone(),
            steps: Vec::new(),
            ..Recipe::plain(key)
        };
        if !self.source.effects.is_empty() {
            recipe.effects.clone_from(&self.source.effects);
        }
        if let Some(prefix) = &self.source.wake_list {
            let list = Bytes::from([prefix.as_bytes(), self.name(key.as_slice())].concat());
            recipe.guards.push(Guard::TypeIs { key: list.clone(), key_type: "list", absent_ok: true });
            // One element, however many are there: a second one would wake a waiter in vain.
            recipe.steps.push(Command::new("LPUSH").arg(list.clone()).arg(1_i64));
            recipe.steps.push(Command::new("LTRIM").arg(list.clone()).arg(0_i64).arg(0_i64));
            if let Some(ms) = self.source.wake_ttl_ms {
                recipe.steps.push(Command::new("PEXPIRE").arg(list).arg(ms));
            }
        }
        let message = self.source.message.as_deref().unwrap_or("{key}");
        for channel in &self.source.publish {
            let (Some(channel), Some(message)) =
                (self.bytes(channel, key.as_slice(), token), self.bytes(message, key.as_slice(), token))
            else {
                return Err("its value is no number: nothing can be given back".into());
            };
            recipe.sharded = self.id == "redisson";
            recipe.steps.push(Command::new("PUBLISH").arg(channel).arg(message));
        }
        match self.source.count {
            Some(count) => self.give_back(&mut recipe, key, token, count)?,
            None => recipe.steps.push(Command::new("DEL").arg(key.clone())),
        }
        Ok(recipe)
    }

    fn give_back(&self, recipe: &mut Recipe, key: &Bytes, token: &Token, count: Count) -> Result<(), String> {
        let after = self.after(token).ok_or("its value is no number: nothing can be given back")?;
        if count == Count::Held && after < 0 {
            return Err("nobody holds it: the count is 0".into());
        }
        let (give, take) = match count {
            Count::Free => ("INCRBY", "DECRBY"),
            Count::Held => ("DECRBY", "INCRBY"),
        };
        recipe.counts = true;
        recipe.steps.push(Command::new(give).arg(key.clone()).arg(1_i64));
        if self.source.effects.is_empty() {
            recipe.effects.clear();
        }
        recipe.effects.push(format!("gives one permit back: the count becomes {after}"));
        recipe.warnings.push(
            "a count names no holder: if the one whose permit you mean is alive, its own release gives one back too many"
                .into(),
        );
        recipe.undo = Undo::Parts(Box::new(Parts {
            guards: vec![Guard::StringEquals { key: key.clone(), value: after.into() }],
            steps: vec![Command::new(take).arg(key.clone()).arg(1_i64)],
            alone: false,
            until_ms: None,
            words: "takes the permit back, if nobody took or gave one since".into(),
        }));
        Ok(())
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

/// Fills the placeholders in; `None` when one has no value.
fn fill(template: &str, captures: &[(&str, String)]) -> Option<String> {
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

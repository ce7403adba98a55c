//! The patterns that families bring, and the prefixes under which their libraries write elsewhere.

use super::catalogue::queue_families;
use crate::config::Config;
use crate::domain::glob::Glob;

/// The families' own patterns, by the first byte they ask for: nearly every key is passed over after one look.
pub(super) struct OwnPatterns {
    by_first: Vec<Vec<Glob>>,
    anywhere: Vec<Glob>,
}

impl OwnPatterns {
    pub(super) fn new(globs: impl Iterator<Item = Glob>) -> Self {
        let mut own = Self { by_first: vec![Vec::new(); 256], anywhere: Vec::new() };
        for glob in globs {
            let bucket = match glob.source().bytes().next() {
                Some(b'*' | b'?' | b'[' | b'\\') | None => Some(&mut own.anywhere),
                Some(first) => own.by_first.get_mut(usize::from(first)),
            };
            if let Some(bucket) = bucket.filter(|b| !b.contains(&glob)) {
                bucket.push(glob);
            }
        }
        own
    }

    pub(super) fn globs(&self) -> impl Iterator<Item = &Glob> {
        self.by_first.iter().flatten().chain(&self.anywhere)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.anywhere.is_empty() && self.by_first.iter().all(Vec::is_empty)
    }

    pub(super) fn matches(&self, key: &[u8]) -> bool {
        let first = key.first().and_then(|b| self.by_first.get(usize::from(*b)));
        first.into_iter().flatten().chain(&self.anywhere).any(|g| g.matches(key))
    }
}

/// A prefix under which a library writes beside its usual one.
pub(super) struct Prefix {
    pub(super) family: &'static str,
    pub(super) usual: &'static str,
    /// With the colon that the library puts behind it.
    pub(super) text: String,
}

pub(super) fn prefixes(config: &Config) -> Vec<Prefix> {
    let mut all = Vec::new();
    for family in queue_families() {
        let Some(usual) = family.usual_prefix() else { continue };
        for text in config.queue_prefixes.get(family.id()).into_iter().flatten() {
            let colon = if usual.colon && !text.ends_with(':') { ":" } else { "" };
            all.push(Prefix { family: family.id(), usual: usual.text, text: format!("{text}{colon}") });
        }
    }
    all
}

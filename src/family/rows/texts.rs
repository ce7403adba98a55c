//! What the templates of a row say of a key and its value.

use std::borrow::Cow;

use super::{Count, Row};
use crate::domain::Bytes;
use crate::domain::bytes::escape;
use crate::domain::lock::Token;

impl Row {
    pub(super) fn holder(&self, key: &[u8], token: &Token) -> Option<String> {
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
    pub(super) fn name<'k>(&self, key: &'k [u8]) -> &'k [u8] {
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
    pub(super) fn bytes(&self, template: &str, key: &[u8], token: &Token) -> Option<Bytes> {
        let filled = filled(template, |placeholder| {
            Some(match placeholder {
                "key" => Cow::from(key),
                "name" => self.name(key).into(),
                "value" => token.known()?.as_slice().into(),
                "registry" => key.split(|b| *b == b':').next()?.into(),
                "tagged" if key.contains(&b'{') => key.into(),
                "tagged" => [b"{", key, b"}"].concat().into(),
                "after" => self.after(token)?.to_string().into_bytes().into(),
                _ => return None,
            })
        });
        filled.map(Bytes::from)
    }

    /// The count after one permit is given back.
    pub(super) fn after(&self, token: &Token) -> Option<i64> {
        let count: i64 = token.known()?.as_utf8()?.parse().ok()?;
        match self.source.count? {
            Count::Free => count.checked_add(1),
            Count::Held => count.checked_sub(1),
        }
    }
}

/// A sentence; `None` when a placeholder has no value.
fn fill(template: &str, captures: &[(&str, String)]) -> Option<String> {
    let value = |placeholder: &str| captures.iter().find(|(known, _)| *known == placeholder);
    let filled = filled(template, |placeholder| Some(value(placeholder)?.1.as_bytes().into()))?;
    String::from_utf8(filled).ok()
}

/// A template with the values of its placeholders, which stand in braces; `None` when one has none.
fn filled<'v>(template: &str, value: impl Fn(&str) -> Option<Cow<'v, [u8]>>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (placeholder, after) = after.split_once('}')?;
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(&value(placeholder)?);
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

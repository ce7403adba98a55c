//! Secrets are masked before anybody sees them: by the names of fields, and in plain text by what follows a name.

use super::value::Value;

/// Names that mask by default.
pub const DEFAULT_SECRETS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "api_key",
    "access_key",
    "private_key",
    "credential",
    "cookie",
    "session",
];

/// What is put in place of a secret.
pub(super) const MASK: &str = "***";

/// Masks secrets. A field is secret when its name holds one of the words, in any case, with or without `_` and `-`.
#[derive(Clone, Debug)]
pub struct Redactor {
    words: Vec<String>,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new(DEFAULT_SECRETS)
    }
}

impl Redactor {
    /// Masks fields with these words in their names.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self { words: words.into_iter().map(bare).filter(|w| !w.is_empty()).collect() }
    }

    /// True for a name of which the value is a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        let name = bare(name);
        self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// The value without secrets.
    pub(super) fn mask(&self, value: Value) -> Value {
        match value {
            Value::Map(pairs) => Value::Map(pairs.into_iter().map(|(k, v)| self.pair(k, v)).collect()),
            Value::List(items) => self.list(items),
            Value::Call { name, args } => {
                Value::Call { name, args: args.into_iter().map(|v| self.mask(v)).collect() }
            }
            Value::Inner { how, value } => Value::Inner { how, value: Box::new(self.mask(*value)) },
            Value::Text { text, whole, len } => Value::Text { text: self.text(&text), whole, len },
            Value::Bytes { bytes, whole, len } => {
                // What may be read in them is text for those who look.
                let lossy = String::from_utf8_lossy(&bytes);
                let masked = self.text(&lossy);
                if masked == lossy {
                    Value::Bytes { bytes, whole, len }
                } else {
                    Value::Text { text: masked, whole, len }
                }
            }
            other => other,
        }
    }

    fn pair(&self, key: Value, value: Value) -> (Value, Value) {
        let secret = matches!(&key, Value::Text { text, .. } if self.is_secret(text));
        let value = if secret && !matches!(value, Value::Null | Value::Note(_)) {
            Value::Masked
        } else {
            self.mask(value)
        };
        (self.mask(key), value)
    }

    /// A list may be a pair of name and value, or names and values in turn.
    fn list(&self, items: Vec<Value>) -> Value {
        let mut after_name = false;
        let mask = |item: Value| {
            let secret = std::mem::replace(&mut after_name, false);
            if secret && !matches!(item, Value::Null) {
                return Value::Masked;
            }
            after_name = matches!(&item, Value::Text { text, .. } if text.len() <= 64 && is_name(text) && self.is_secret(text));
            self.mask(item)
        };
        Value::List(items.into_iter().map(mask).collect())
    }

    /// Plain text: what follows a secret name, passwords in URLs, and what `Bearer` and `Basic` stand before.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let word_len = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(word_len);
            if word.is_empty() {
                let len = rest.chars().next().map_or(1, char::len_utf8);
                let (sign, next) = rest.split_at(len);
                out.push_str(sign);
                rest = next;
                if let Some((user, host)) = sign.eq("/").then(|| userinfo(&out, rest)).flatten() {
                    out.push_str(user);
                    out.push_str(MASK);
                    rest = host;
                }
                continue;
            }
            out.push_str(word);
            rest = after;
            let scheme = matches!(word.to_ascii_lowercase().as_str(), "bearer" | "basic");
            if let Some((between, value)) =
                (self.is_secret(word) || scheme).then(|| assigned(after, scheme)).flatten()
            {
                out.push_str(between);
                out.push_str(MASK);
                rest = value;
            }
        }
        out
    }
}

/// Lower-case letters and digits only.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| is_word(c) || c == '.')
}

/// What stands between a name and its value, and what follows the value. `None`: no value follows.
fn assigned(after: &str, scheme: bool) -> Option<(&str, &str)> {
    // PHP's serialized text tells the length of what follows: `";s:12:"`.
    let php = || {
        let tail = after.strip_prefix("\";s:").or_else(|| after.strip_prefix("\\\";s:"))?;
        let digits = tail.find(|c: char| !c.is_ascii_digit())?;
        let start = after.len() - tail.len() + digits;
        let skipped = after.get(start..)?.find(|c| !matches!(c, ':' | '"' | '\\'))?;
        Some(start + skipped)
    };
    let start = php().or_else(|| {
        let start = after.find(|c| !matches!(c, ' ' | '"' | '\'' | '\\' | ':' | '=' | '>' | '\t'))?;
        let between = after.get(..start)?;
        let assigns = scheme && between.starts_with(' ') || between.contains([':', '=']);
        assigns.then_some(start)
    })?;
    let (between, value) = after.split_at_checked(start)?;
    // `Authorization: Bearer x`: the scheme itself is no secret, it is what comes after it.
    let mut end = value.find(is_end).unwrap_or(value.len());
    let first = value.get(..end)?.to_ascii_lowercase();
    if matches!(first.as_str(), "bearer" | "basic") {
        let more = value.get(end..)?.trim_start_matches(' ');
        end = value.len() - more.len() + more.find(is_end).unwrap_or(more.len());
    }
    (end > 0).then(|| (between, value.get(end..).unwrap_or_default()))
}

fn is_end(c: char) -> bool {
    matches!(c, ' ' | '"' | '\'' | '\\' | ',' | ';' | '&' | '}' | ']' | ')' | '<' | '\n' | '\r' | '\t')
}

/// After `scheme://`: the user with its colon, and the rest from the `@` on.
fn userinfo<'a>(before: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    if !before.ends_with("://") {
        return None;
    }
    let end = rest.find(|c: char| matches!(c, '/' | '?' | '#') || is_end(c)).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let at = authority.rfind('@')?;
    let colon = authority.get(..at)?.find(':')?;
    Some((rest.get(..=colon)?, rest.get(at..)?))
}

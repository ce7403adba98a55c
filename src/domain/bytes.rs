//! Bytes that came from Redis: exact for actions, escaped for every eye.
//!
//! Keys, tokens, payloads, client names and error texts may hold escape sequences, bidi marks, NULs or
//! megabytes. This type is the only way to draw or log them: `Display` and `Debug` escape.

use std::fmt;
use std::sync::Arc;

use sha1::{Digest, Sha1};
use unicode_width::UnicodeWidthChar;

/// Exact bytes with an escaping `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Arc<[u8]>);

impl Bytes {
    /// The exact bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for the empty string.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as UTF-8, if they are. Not for the screen: it may hold control characters.
    pub fn as_utf8(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// SHA-1 in lower-case hex, as `redis.sha1hex` gives it: it names a value, it secures nothing.
    pub fn sha1(&self) -> String {
        use std::fmt::Write;
        Sha1::digest(&self.0).iter().fold(String::with_capacity(40), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Safe for a terminal: see [`escape`].
    pub fn escaped(&self) -> String {
        escape(&self.0)
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self(Arc::from(&[][..]))
    }
}

/// Makes bytes safe to show: printable characters stay, a backslash is doubled, bytes that are not UTF-8 become
/// `\xNN`, and every control, bidi, zero-width or combining character becomes `\n`, `\t`, `\r`, `\xNN` or `\u{N}`.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_char(&mut out, c));
        for byte in chunk.invalid() {
            push_hex(&mut out, *byte);
        }
    }
    out
}

/// [`escape`] for text that is already UTF-8, such as an error message of a server.
pub fn escape_text(text: &str) -> String {
    escape(text.as_bytes())
}

fn push_char(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_ascii_control() => push_hex(out, c as u8),
        // Zero width covers bidi marks, joiners, combining characters and other invisibles; None covers C1.
        c if c.width().is_none_or(|w| w == 0)
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{ad}' | '\u{e000}'..='\u{f8ff}') =>
        {
            out.push_str(&format_args!("\\u{{{:x}}}", c as u32).to_string());
        }
        c => out.push(c),
    }
}

fn push_hex(out: &mut String, byte: u8) {
    out.push_str(&format_args!("\\x{byte:02x}").to_string());
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.escaped())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escaped())
    }
}

/// So that a part of a value can be looked up among known bytes: both hash and compare alike.
impl std::borrow::Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Bytes {
    fn from(value: &[u8]) -> Self {
        Self(Arc::from(value))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(value: Vec<u8>) -> Self {
        Self(Arc::from(value))
    }
}

impl From<&str> for Bytes {
    fn from(value: &str) -> Self {
        Self(Arc::from(value.as_bytes()))
    }
}

impl From<String> for Bytes {
    fn from(value: String) -> Self {
        Self(Arc::from(value.into_bytes()))
    }
}

impl From<i64> for Bytes {
    fn from(value: i64) -> Self {
        value.to_string().into()
    }
}

impl From<u64> for Bytes {
    fn from(value: u64) -> Self {
        value.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_bytes_are_shown_harmless() {
        for (raw, shown) in [
            (&b"lock:a"[..], "lock:a"),
            (b"a\x1b[31mb", "a\\x1b[31mb"),
            (b"a\0\n\t\r", "a\\x00\\n\\t\\r"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("x\u{202e}y".as_bytes(), "x\\u{202e}y"),
            ("x\u{200b}y\u{9b}".as_bytes(), "x\\u{200b}y\\u{9b}"),
            ("e\u{301}".as_bytes(), "e\\u{301}"),
            ("schlüssel 鍵".as_bytes(), "schlüssel 鍵"),
            (b"a\\b", "a\\\\b"),
        ] {
            assert_eq!(Bytes::from(raw).to_string(), shown);
        }
    }
}

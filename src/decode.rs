//! What the bytes of a task say, as safe text: JSON, MessagePack, pickle, base64, zlib and gzip, one within the other.
//!
//! Nothing is ever executed: a pickle is read opcode by opcode into a tree that only names what it would call. Input
//! is hostile: depth, number of values, length of texts and what decompression gives are all bounded, whatever the
//! bytes promise. What was cut is shown as far as it goes. Values of secret names never leave this module.

mod base64text;
mod facts;
mod inflate;
mod json;
mod msgpack;
mod pickle;
mod print;
mod redact;
mod value;

pub use facts::Facts;
pub use redact::{DEFAULT_SECRETS, Redactor};

use value::{Budget, Value};

/// Formats within each other that are opened.
const MOST_LAYERS: u8 = 4;

/// A payload that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The formats, outermost first, such as `zlib, pickle (not executed)`.
    pub how: String,
    /// Lines of text, escaped and with secrets masked.
    pub lines: Vec<String>,
}

/// Reads a payload. `whole` is false when only its first bytes are there.
pub fn decode(bytes: &[u8], whole: bool, redactor: &Redactor) -> Decoded {
    let mut budget = Budget::default();
    let (how, value) = match open(bytes, whole, 0, &mut budget) {
        Some((how, value)) => (how, value),
        None => plain(bytes),
    };
    let value = redactor.mask(expand(value, 0, &mut budget));
    let mut lines = print::lines(&value);
    if let Some(note) = budget.note() {
        lines.push(format!("({note})"));
    }
    Decoded { how, lines }
}

/// Text or bytes of no known format.
fn plain(bytes: &[u8]) -> (String, Value) {
    match std::str::from_utf8(bytes) {
        Ok(text) => ("text".into(), Value::text(text)),
        Err(_) => ("bytes".into(), Value::bytes(bytes)),
    }
}

/// Reads a format with structure; `None`: plain text or bytes.
fn open(bytes: &[u8], whole: bool, layer: u8, budget: &mut Budget) -> Option<(String, Value)> {
    if layer >= MOST_LAYERS {
        return None;
    }
    if let Some((how, unpacked)) = inflate::inflate(bytes, whole, budget) {
        let (inner, value) = open(&unpacked.bytes, unpacked.whole, layer + 1, budget)
            .unwrap_or_else(|| plain(&unpacked.bytes));
        return Some((format!("{how}, {inner}"), value));
    }
    if let Some(value) = pickle::binary(bytes, whole, budget) {
        return Some(("pickle (not executed)".into(), value));
    }
    if let Some(value) = json::parse(bytes, whole, budget) {
        return Some(("json".into(), value));
    }
    if let Some(value) = msgpack::parse(bytes, whole, budget) {
        return Some(("msgpack".into(), value));
    }
    if let Some(value) = pickle::text(bytes, budget) {
        return Some(("pickle (not executed)".into(), value));
    }
    let inner = base64text::decode(bytes)?;
    let (how, value) = open(&inner, whole, layer + 1, budget)?;
    Some((format!("base64, {how}"), value))
}

/// Opens texts and bytes within a value that hold a format themselves, such as the body of a message.
fn expand(value: Value, layer: u8, budget: &mut Budget) -> Value {
    if layer >= MOST_LAYERS {
        return value;
    }
    let inner = match &value {
        Value::Text { text, whole: true, .. } if promising(text.as_bytes()) => {
            open(text.as_bytes(), true, layer, budget)
        }
        Value::Bytes { bytes, whole: true, .. } if !bytes.is_empty() => open(bytes, true, layer, budget),
        _ => None,
    };
    if let Some((how, inner)) = inner {
        return Value::Inner { how, value: Box::new(expand(inner, layer + 1, budget)) };
    }
    match value {
        Value::List(items) => Value::List(items.into_iter().map(|v| expand(v, layer, budget)).collect()),
        Value::Map(pairs) => {
            Value::Map(pairs.into_iter().map(|(k, v)| (k, expand(v, layer, budget))).collect())
        }
        Value::Call { name, args } => {
            Value::Call { name, args: args.into_iter().map(|v| expand(v, layer, budget)).collect() }
        }
        other => other,
    }
}

/// True for text that is worth trying: JSON with structure, or base64 of some length.
fn promising(text: &[u8]) -> bool {
    text.starts_with(b"{") || text.starts_with(b"[") || base64text::is_likely(text)
}

//! The tree that all formats are read into, and the bounds on it.

/// Values within values.
pub(super) const MOST_DEPTH: usize = 32;
/// Values of one payload.
const MOST_VALUES: usize = 4000;
/// Bytes kept of one text or byte string.
pub(super) const LONGEST: usize = 16 * 1024;
/// Bytes that decompression may give for one payload, all layers together.
const MOST_UNPACKED: usize = 64 * 1024;

/// A value as read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(String),
    /// Text, not escaped; its length in bytes when it is more than is kept.
    Text {
        text: String,
        whole: bool,
        len: usize,
    },
    Bytes {
        bytes: Vec<u8>,
        whole: bool,
        len: usize,
    },
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// What a pickle would call or make, with its arguments.
    Call {
        name: String,
        args: Vec<Value>,
    },
    /// Another format inside of a text or byte string.
    Inner {
        how: String,
        value: Box<Value>,
    },
    /// A value with a secret name.
    Masked,
    /// Stands for what is not there.
    Note(&'static str),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self::Text {
            text: text.get(..end).unwrap_or_default().into(),
            whole: end == text.len(),
            len: text.len(),
        }
    }

    pub(super) fn bytes(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() && !text.contains(is_binary) => Self::text(text),
            _ => {
                let kept = bytes.get(..bytes.len().min(LONGEST)).unwrap_or_default();
                Self::Bytes { bytes: kept.into(), whole: kept.len() == bytes.len(), len: bytes.len() }
            }
        }
    }
}

fn is_binary(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

/// What is left of the bounds, and why reading stopped.
#[derive(Debug)]
pub(super) struct Budget {
    values: usize,
    pub(super) unpacked: usize,
    note: Option<&'static str>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { values: MOST_VALUES, unpacked: MOST_UNPACKED, note: None }
    }
}

impl Budget {
    /// Takes one value; false when there are too many.
    pub(super) fn take(&mut self) -> bool {
        if self.values == 0 {
            self.stop("too many values: the rest is not shown");
            return false;
        }
        self.values -= 1;
        true
    }

    /// Notes why the rest is missing.
    pub(super) fn stop(&mut self, why: &'static str) {
        self.note.get_or_insert(why);
    }

    pub(super) fn note(&self) -> Option<&'static str> {
        self.note
    }
}

/// The bytes end before the value does.
pub(super) const CUT: &str = "cut here: only the first bytes were read";
/// Values within values beyond the bound.
pub(super) const DEEP: &str = "nested too deep: the rest is not shown";

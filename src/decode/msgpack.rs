//! MessagePack, also when it was cut.

use super::value::{Budget, CUT, DEEP, MOST_DEPTH, Value};

/// Reads a map or array that fills the bytes. `None`: it is something else.
pub(super) fn parse(bytes: &[u8], whole: bool, budget: &mut Budget) -> Option<Value> {
    let structured = matches!(bytes.first()?, 0x80..=0x9f | 0xdc..=0xdf);
    // Text never begins so, and an empty map or array alone proves nothing.
    if !structured || bytes.len() < 2 {
        return None;
    }
    let mut parser = Parser { rest: bytes, budget, ended: false, limited: false };
    let value = parser.value(0)?;
    let (rest, ended, limited) = (parser.rest, parser.ended, parser.limited);
    if limited {
        return Some(value);
    }
    if ended {
        if whole {
            return None;
        }
        budget.stop(CUT);
        return Some(value);
    }
    rest.is_empty().then_some(value)
}

struct Parser<'a, 'b> {
    rest: &'a [u8],
    budget: &'b mut Budget,
    /// The bytes ended within a value.
    ended: bool,
    /// One of the bounds was reached.
    limited: bool,
}

impl<'a> Parser<'a, '_> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let Some((bytes, rest)) = self.rest.split_at_checked(len) else {
            self.ended = true;
            return None;
        };
        self.rest = rest;
        Some(bytes)
    }

    /// A big-endian number of so many bytes.
    fn number(&mut self, len: usize) -> Option<u64> {
        Some(self.take(len)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MOST_DEPTH {
            self.budget.stop(DEEP);
            self.limited = true;
            return None;
        }
        if !self.budget.take() {
            self.limited = true;
            return None;
        }
        let first = *self.take(1)?.first()?;
        let len_of = |width: u8| 1_usize << width;
        match first {
            0x00..=0x7f => Some(Value::Number(first.to_string())),
            0xe0..=0xff => Some(Value::Number(i8::from_ne_bytes([first]).to_string())),
            0x80..=0x8f => Some(self.map(u64::from(first & 0x0f), depth)),
            0x90..=0x9f => Some(self.list(u64::from(first & 0x0f), depth)),
            0xa0..=0xbf => Some(self.string(u64::from(first & 0x1f))),
            0xc0 => Some(Value::Null),
            0xc2 | 0xc3 => Some(Value::Bool(first == 0xc3)),
            0xc4..=0xc6 => {
                let len = self.number(len_of(first - 0xc4))?;
                Some(self.string(len))
            }
            0xc7..=0xc9 => {
                let len = self.number(len_of(first - 0xc7))?;
                self.extension(len)
            }
            0xca => Some(Value::Number(f32::from_bits(self.number(4)? as u32).to_string())),
            0xcb => Some(Value::Number(f64::from_bits(self.number(8)?).to_string())),
            0xcc..=0xcf => Some(Value::Number(self.number(len_of(first - 0xcc))?.to_string())),
            0xd0..=0xd3 => {
                let width = len_of(first - 0xd0);
                let shift = 64 - 8 * width as u32;
                let signed = (self.number(width)? << shift) as i64 >> shift;
                Some(Value::Number(signed.to_string()))
            }
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4)),
            0xd9..=0xdb => {
                let len = self.number(len_of(first - 0xd9))?;
                Some(self.string(len))
            }
            0xdc | 0xdd => {
                let len = self.number(len_of(first - 0xdb))?;
                Some(self.list(len, depth))
            }
            0xde | 0xdf => {
                let len = self.number(len_of(first - 0xdd))?;
                Some(self.map(len, depth))
            }
            0xc1 => None,
        }
    }

    /// Bytes of this length; of those that were cut what is there.
    fn slice(&mut self, len: u64) -> &'a [u8] {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        match self.take(len) {
            Some(bytes) => bytes,
            None => std::mem::take(&mut self.rest),
        }
    }

    /// Text or bytes: some writers call all of it text.
    fn string(&mut self, len: u64) -> Value {
        Value::bytes(self.slice(len))
    }

    fn extension(&mut self, len: u64) -> Option<Value> {
        let kind = i8::from_ne_bytes([*self.take(1)?.first()?]);
        let bytes = self.slice(len);
        Some(Value::Call { name: format!("extension {kind}"), args: vec![Value::bytes(bytes)] })
    }

    fn done(&self) -> bool {
        self.ended || self.limited
    }

    /// Grows by what is there, never by what the length promises.
    fn list(&mut self, len: u64, depth: usize) -> Value {
        let mut items = Vec::new();
        for _ in 0..len {
            let Some(item) = self.value(depth + 1) else { break };
            items.push(item);
            if self.done() {
                break;
            }
        }
        if (items.len() as u64) < len && !self.done() {
            // A byte that means nothing.
            self.ended = true;
        }
        Value::List(items)
    }

    fn map(&mut self, len: u64, depth: usize) -> Value {
        let mut pairs = Vec::new();
        for _ in 0..len {
            let Some(key) = self.value(depth + 1) else { break };
            let value = if self.done() { None } else { self.value(depth + 1) };
            pairs.push((key, value.unwrap_or(Value::Note("cut"))));
            if self.done() {
                break;
            }
        }
        if (pairs.len() as u64) < len && !self.done() {
            self.ended = true;
        }
        Value::Map(pairs)
    }
}

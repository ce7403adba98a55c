//! Python's pickle, read opcode by opcode into a tree: nothing is imported, called or made. What an unpickler would
//! call is only named, with its arguments.
//!
//! Opcodes: `pickletools` of Python 3, protocols 0 to 5.

use std::collections::HashMap;

use super::value::{Budget, CUT, DEEP, MOST_DEPTH, Value};

/// Reads protocol 2 and later, which begin with their version.
pub(super) fn binary(bytes: &[u8], whole: bool, budget: &mut Budget) -> Option<Value> {
    if !matches!(bytes, [0x80, 2..=5, ..]) {
        return None;
    }
    read(bytes, whole, budget)
}

/// Reads protocols 0 and 1, which begin with nothing of their own: all of it must make sense.
pub(super) fn text(bytes: &[u8], budget: &mut Budget) -> Option<Value> {
    let begins = matches!(bytes.first()?, b'(' | b'c' | b']' | b'}' | b')' | b'i');
    if !begins || !bytes.ends_with(b".") {
        return None;
    }
    // An attempt in vain costs nothing of the bounds of the rest.
    let mut own = Budget::default();
    let value = read(bytes, true, &mut own)?;
    *budget = own;
    Some(value)
}

fn read(bytes: &[u8], whole: bool, budget: &mut Budget) -> Option<Value> {
    let mut machine =
        Machine { rest: bytes, budget, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    let end = loop {
        match machine.step() {
            Ok(()) => {}
            Err(end) => break end,
        }
    };
    let Machine { rest, stack, .. } = machine;
    let mut values = stack.into_iter().map(|(value, _)| value);
    match end {
        End::Stop if values.len() == 1 && rest.is_empty() => values.next(),
        End::Stop | End::Bad => None,
        End::Cut if whole => None,
        End::Cut => {
            budget.stop(CUT);
            Some(Value::List(values.collect()))
        }
        End::Limit => Some(Value::List(values.collect())),
    }
}

/// Why reading ended.
enum End {
    /// The opcode that ends a pickle.
    Stop,
    /// This is no pickle.
    Bad,
    /// The bytes end.
    Cut,
    /// One of the bounds.
    Limit,
}

/// A value and how deep it is.
type Entry = (Value, usize);

struct Machine<'a, 'b> {
    rest: &'a [u8],
    budget: &'b mut Budget,
    stack: Vec<Entry>,
    marks: Vec<usize>,
    /// Short scalars only: containers are named by their number, or a small pickle could grow without end.
    memo: HashMap<u64, Value>,
}

/// Bytes of a text kept in the memo, and entries in it.
const LONGEST_MEMO: usize = 256;
const MOST_MEMOS: usize = 4000;

impl<'a> Machine<'a, '_> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], End> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(End::Cut)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A little-endian number of so many bytes.
    fn number(&mut self, len: usize) -> Result<u64, End> {
        Ok(self.take(len)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    /// A line without its end.
    fn line(&mut self) -> Result<&'a [u8], End> {
        let end = self.rest.iter().position(|b| *b == b'\n').ok_or(End::Cut)?;
        let line = self.take(end)?;
        self.take(1)?;
        Ok(line)
    }

    fn line_text(&mut self) -> Result<String, End> {
        Ok(String::from_utf8_lossy(self.line()?).into_owned())
    }

    /// Bytes of which the length stands before them; of those that were cut what is there.
    fn counted(&mut self, width: usize) -> Result<&'a [u8], End> {
        let len = usize::try_from(self.number(width)?).unwrap_or(usize::MAX);
        match self.rest.len() {
            have if have < len => {
                let part = std::mem::take(&mut self.rest);
                self.push(Value::bytes(part))?;
                Err(End::Cut)
            }
            _ => self.take(len),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), End> {
        self.push_deep(value, 1)
    }

    fn push_deep(&mut self, value: Value, depth: usize) -> Result<(), End> {
        if !self.budget.take() {
            return Err(End::Limit);
        }
        if depth > MOST_DEPTH {
            self.budget.stop(DEEP);
            self.stack.push((Value::Note("nested too deep"), 1));
        } else {
            self.stack.push((value, depth));
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Entry, End> {
        // What stands below a mark belongs to nobody yet.
        if self.marks.last().is_some_and(|mark| *mark >= self.stack.len()) {
            return Err(End::Bad);
        }
        self.stack.pop().ok_or(End::Bad)
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Entry>, End> {
        let mark = self.marks.pop().ok_or(End::Bad)?;
        if mark > self.stack.len() {
            return Err(End::Bad);
        }
        Ok(self.stack.split_off(mark))
    }

    /// Makes a value out of others.
    fn make(&mut self, parts: Vec<Entry>, build: impl FnOnce(Vec<Value>) -> Value) -> Result<(), End> {
        let depth = parts.iter().map(|(_, depth)| *depth).max().unwrap_or(0) + 1;
        self.push_deep(build(parts.into_iter().map(|(value, _)| value).collect()), depth)
    }

    fn last(&mut self, count: usize) -> Result<Vec<Entry>, End> {
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(self.pop()?);
        }
        parts.reverse();
        Ok(parts)
    }

    /// Puts values into the list, set or map on top; something else gets them as further arguments.
    fn add(&mut self, parts: Vec<Entry>, paired: bool) -> Result<(), End> {
        let (mut top, mut depth) = self.pop()?;
        depth = parts.iter().map(|(_, depth)| depth + 1).max().unwrap_or(0).max(depth);
        let values = parts.into_iter().map(|(value, _)| value);
        match &mut top {
            Value::Map(pairs) if paired => pairs.extend(pairs_of(values)),
            Value::List(items) | Value::Call { args: items, .. } if !paired => items.extend(values),
            Value::Call { args, .. } => args.push(Value::Map(pairs_of(values))),
            Value::Note(_) => {}
            _ => return Err(End::Bad),
        }
        // It was counted when it was made.
        if depth > MOST_DEPTH {
            self.budget.stop(DEEP);
            (top, depth) = (Value::Note("nested too deep"), 1);
        }
        self.stack.push((top, depth));
        Ok(())
    }

    /// What would be called with these arguments.
    fn call(&mut self, mut parts: Vec<Entry>) -> Result<(), End> {
        if parts.is_empty() {
            return Err(End::Bad);
        }
        let depth = parts.iter().map(|(_, depth)| *depth).max().unwrap_or(0) + 1;
        let (callee, _) = parts.remove(0);
        let mut args = Vec::new();
        for (value, _) in parts {
            match value {
                Value::List(items) => args.extend(items),
                other => args.push(other),
            }
        }
        let value = match callee {
            Value::Call { name, args: before } if before.is_empty() => Value::Call { name, args },
            other => {
                args.insert(0, other);
                Value::Call { name: "call".into(), args }
            }
        };
        self.push_deep(value, depth)
    }

    fn remember(&mut self, at: u64) -> Result<(), End> {
        if self.memo.len() >= MOST_MEMOS {
            self.budget.stop("too many values: the rest is not shown");
            return Err(End::Limit);
        }
        if let Some((value, _)) = self.stack.last() {
            self.memo.insert(at, short(value));
        }
        Ok(())
    }

    fn recall(&mut self, at: u64) -> Result<(), End> {
        let value = self.memo.get(&at).cloned().ok_or(End::Bad)?;
        self.push(value)
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), End> {
        let name: String = format!("{module}.{name}").chars().take(LONGEST_MEMO).collect();
        self.push(Value::Call { name, args: Vec::new() })
    }

    fn step(&mut self) -> Result<(), End> {
        let op = *self.take(1)?.first().ok_or(End::Cut)?;
        match op {
            b'.' => return Err(End::Stop),
            // Frames and buffers change nothing.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            0x98 => {}
            b'(' => {
                if !self.budget.take() {
                    return Err(End::Limit);
                }
                self.marks.push(self.stack.len());
            }
            b'0' => match self.marks.last() {
                Some(mark) if *mark == self.stack.len() => drop(self.marks.pop()),
                _ => drop(self.pop()?),
            },
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let (top, _) = self.stack.last().ok_or(End::Bad)?;
                let again = short(top);
                self.push(again)?;
            }
            _ if self.scalar(op)? || self.container(op)? || self.memo_op(op)? || self.object(op)? => {}
            _ => return Err(End::Bad),
        }
        Ok(())
    }

    /// Numbers, texts and bytes.
    fn scalar(&mut self, op: u8) -> Result<bool, End> {
        let value = match op {
            b'N' => Value::Null,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'I' => match self.line()? {
                b"00" => Value::Bool(false),
                b"01" => Value::Bool(true),
                digits => decimal(digits)?,
            },
            b'L' => {
                let line = self.line()?;
                decimal(line.strip_suffix(b"L").unwrap_or(line))?
            }
            b'F' => decimal(self.line()?)?,
            b'J' => Value::Number((self.number(4)? as u32 as i32).to_string()),
            b'K' => Value::Number(self.number(1)?.to_string()),
            b'M' => Value::Number(self.number(2)?.to_string()),
            b'G' => {
                let bits = self.take(8)?.iter().fold(0, |n, b| n << 8 | u64::from(*b));
                Value::Number(f64::from_bits(bits).to_string())
            }
            0x8a => long(self.counted(1)?),
            0x8b => long(self.counted(4)?),
            b'S' => quoted(self.line()?)?,
            b'V' => Value::text(&self.line_text()?),
            b'U' | 0x8c | b'C' => Value::bytes(self.counted(1)?),
            b'T' | b'X' | b'B' => Value::bytes(self.counted(4)?),
            0x8d | 0x8e | 0x96 => Value::bytes(self.counted(8)?),
            0x97 => Value::Note("a buffer outside of the pickle"),
            _ => return Ok(false),
        };
        self.push(value)?;
        Ok(true)
    }

    /// Lists, tuples, maps and sets.
    fn container(&mut self, op: u8) -> Result<bool, End> {
        match op {
            b']' | b')' | 0x8f => self.push(Value::List(Vec::new()))?,
            b'}' => self.push(Value::Map(Vec::new()))?,
            b'l' | b't' | 0x91 => {
                let parts = self.pop_mark()?;
                self.make(parts, Value::List)?;
            }
            b'd' => {
                let parts = self.pop_mark()?;
                self.make(parts, |values| Value::Map(pairs_of(values.into_iter())))?;
            }
            0x85..=0x87 => {
                let parts = self.last(usize::from(op - 0x84))?;
                self.make(parts, Value::List)?;
            }
            b'a' => {
                let parts = self.last(1)?;
                self.add(parts, false)?;
            }
            b'e' | 0x90 => {
                let parts = self.pop_mark()?;
                self.add(parts, false)?;
            }
            b's' => {
                let parts = self.last(2)?;
                self.add(parts, true)?;
            }
            b'u' => {
                let parts = self.pop_mark()?;
                self.add(parts, true)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn memo_op(&mut self, op: u8) -> Result<bool, End> {
        match op {
            b'p' => {
                let at = index(self.line()?)?;
                self.remember(at)?;
            }
            b'q' | b'r' => {
                let at = self.number(if op == b'q' { 1 } else { 4 })?;
                self.remember(at)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'g' => {
                let at = index(self.line()?)?;
                self.recall(at)?;
            }
            b'h' | b'j' => {
                let at = self.number(if op == b'h' { 1 } else { 4 })?;
                self.recall(at)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What would be imported, called or filled in.
    fn object(&mut self, op: u8) -> Result<bool, End> {
        match op {
            b'c' => {
                let (module, name) = (self.line_text()?, self.line_text()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let parts = self.last(2)?;
                let [(Value::Text { text: module, .. }, _), (Value::Text { text: name, .. }, _)] =
                    parts.as_slice()
                else {
                    return Err(End::Bad);
                };
                let (module, name) = (module.clone(), name.clone());
                self.global(&module, &name)?;
            }
            b'R' | 0x81 => {
                let parts = self.last(2)?;
                self.call(parts)?;
            }
            0x92 => {
                let parts = self.last(3)?;
                self.call(parts)?;
            }
            b'o' => {
                let parts = self.pop_mark()?;
                self.call(parts)?;
            }
            b'i' => {
                let (module, name) = (self.line_text()?, self.line_text()?);
                let mut parts = self.pop_mark()?;
                parts.insert(0, (Value::Call { name: format!("{module}.{name}"), args: Vec::new() }, 1));
                self.call(parts)?;
            }
            b'b' => {
                let parts = self.last(1)?;
                match self.stack.last() {
                    Some((Value::Call { .. } | Value::Note(_), _)) => self.add(parts, false)?,
                    _ => return Err(End::Bad),
                }
            }
            b'P' => {
                let id = self.line_text()?;
                self.push(Value::Call { name: "persistent".into(), args: vec![Value::text(&id)] })?;
            }
            b'Q' => {
                let parts = self.last(1)?;
                self.make(parts, |args| Value::Call { name: "persistent".into(), args })?;
            }
            0x82..=0x84 => {
                let code = self.number(1 << (op - 0x82))?;
                self.push(Value::Call { name: format!("extension {code}"), args: Vec::new() })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A value as it is named where it comes again: whole only if it is short.
fn short(value: &Value) -> Value {
    match value {
        Value::Text { text, .. } if text.len() > LONGEST_MEMO => Value::Note("the same text as before"),
        Value::Bytes { bytes, .. } if bytes.len() > LONGEST_MEMO => Value::Note("the same bytes as before"),
        Value::Call { args, .. } if !args.is_empty() => Value::Note("the same object as before"),
        Value::List(_) | Value::Map(_) => Value::Note("the same value as before"),
        other => other.clone(),
    }
}

fn pairs_of(values: impl Iterator<Item = Value>) -> Vec<(Value, Value)> {
    let mut pairs = Vec::new();
    let mut values = values;
    while let Some(key) = values.next() {
        pairs.push((key, values.next().unwrap_or(Value::Note("missing"))));
    }
    pairs
}

fn index(digits: &[u8]) -> Result<u64, End> {
    std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or(End::Bad)
}

fn decimal(digits: &[u8]) -> Result<Value, End> {
    let fits = |b: &u8| {
        b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'i' | b'n' | b'f' | b'a')
    };
    if digits.is_empty() || !digits.iter().all(fits) {
        return Err(End::Bad);
    }
    let text: String = digits.iter().take(64).map(|b| char::from(*b)).collect();
    Ok(Value::Number(text))
}

/// A whole number of any size, little-endian and signed; beyond 16 bytes only how long it is.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 16 {
        return Value::Number(format!("a whole number of {} bytes", bytes.len()));
    }
    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [fill; 16];
    whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Value::Number(i128::from_le_bytes(whole).to_string())
}

/// A string as Python writes it: the quotes go, escapes stay as they are.
fn quoted(line: &[u8]) -> Result<Value, End> {
    match line {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last => Ok(Value::bytes(inner)),
        _ => Err(End::Bad),
    }
}

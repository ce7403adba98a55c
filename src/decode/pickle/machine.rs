//! The stack machine of a pickle: what its opcodes do to the stack, the marks and the memo. All of it is bounded.

use std::collections::HashMap;

use crate::decode::value::{Budget, DEEP, MOST_DEPTH, Value};

/// Why reading ended.
pub(super) enum End {
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
pub(super) type Entry = (Value, usize);

pub(super) struct Machine<'a, 'b> {
    pub(super) rest: &'a [u8],
    pub(super) budget: &'b mut Budget,
    pub(super) stack: Vec<Entry>,
    pub(super) marks: Vec<usize>,
    /// Short scalars only: containers are named by their number, or a small pickle could grow without end.
    pub(super) memo: HashMap<u64, Value>,
}

/// Bytes of a text kept in the memo, and entries in it.
const LONGEST_MEMO: usize = 256;
const MOST_MEMOS: usize = 4000;

impl<'a, 'b> Machine<'a, 'b> {
    pub(super) fn new(bytes: &'a [u8], budget: &'b mut Budget) -> Self {
        Self { rest: bytes, budget, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], End> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(End::Cut)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A little-endian number of so many bytes.
    pub(super) fn number(&mut self, len: usize) -> Result<u64, End> {
        Ok(self.take(len)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    /// A line without its end.
    pub(super) fn line(&mut self) -> Result<&'a [u8], End> {
        let end = self.rest.iter().position(|b| *b == b'\n').ok_or(End::Cut)?;
        let line = self.take(end)?;
        self.take(1)?;
        Ok(line)
    }

    pub(super) fn line_text(&mut self) -> Result<String, End> {
        Ok(String::from_utf8_lossy(self.line()?).into_owned())
    }

    /// Bytes of which the length stands before them; of those that were cut what is there.
    pub(super) fn counted(&mut self, width: usize) -> Result<&'a [u8], End> {
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

    pub(super) fn push(&mut self, value: Value) -> Result<(), End> {
        self.push_deep(value, 1)
    }

    pub(super) fn push_deep(&mut self, value: Value, depth: usize) -> Result<(), End> {
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

    pub(super) fn pop(&mut self) -> Result<Entry, End> {
        // What stands below a mark belongs to nobody yet.
        if self.marks.last().is_some_and(|mark| *mark >= self.stack.len()) {
            return Err(End::Bad);
        }
        self.stack.pop().ok_or(End::Bad)
    }

    /// Everything above the last mark.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<Entry>, End> {
        let mark = self.marks.pop().ok_or(End::Bad)?;
        if mark > self.stack.len() {
            return Err(End::Bad);
        }
        Ok(self.stack.split_off(mark))
    }

    /// Makes a value out of others.
    pub(super) fn make(
        &mut self,
        parts: Vec<Entry>,
        build: impl FnOnce(Vec<Value>) -> Value,
    ) -> Result<(), End> {
        let depth = parts.iter().map(|(_, depth)| *depth).max().unwrap_or(0) + 1;
        self.push_deep(build(parts.into_iter().map(|(value, _)| value).collect()), depth)
    }

    pub(super) fn last(&mut self, count: usize) -> Result<Vec<Entry>, End> {
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(self.pop()?);
        }
        parts.reverse();
        Ok(parts)
    }

    /// Puts values into the list, set or map on top; something else gets them as further arguments.
    pub(super) fn add(&mut self, parts: Vec<Entry>, paired: bool) -> Result<(), End> {
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
    pub(super) fn call(&mut self, mut parts: Vec<Entry>) -> Result<(), End> {
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

    pub(super) fn remember(&mut self, at: u64) -> Result<(), End> {
        if self.memo.len() >= MOST_MEMOS {
            self.budget.stop("too many values: the rest is not shown");
            return Err(End::Limit);
        }
        if let Some((value, _)) = self.stack.last() {
            self.memo.insert(at, short(value));
        }
        Ok(())
    }

    pub(super) fn recall(&mut self, at: u64) -> Result<(), End> {
        let value = self.memo.get(&at).cloned().ok_or(End::Bad)?;
        self.push(value)
    }

    pub(super) fn global(&mut self, module: &str, name: &str) -> Result<(), End> {
        let name: String = format!("{module}.{name}").chars().take(LONGEST_MEMO).collect();
        self.push(Value::Call { name, args: Vec::new() })
    }
}

/// A value as it is named where it comes again: whole only if it is short.
pub(super) fn short(value: &Value) -> Value {
    match value {
        Value::Text { text, .. } if text.len() > LONGEST_MEMO => Value::Note("the same text as before"),
        Value::Bytes { bytes, .. } if bytes.len() > LONGEST_MEMO => Value::Note("the same bytes as before"),
        Value::Call { args, .. } if !args.is_empty() => Value::Note("the same object as before"),
        Value::List(_) | Value::Map(_) => Value::Note("the same value as before"),
        other => other.clone(),
    }
}

pub(super) fn pairs_of(values: impl Iterator<Item = Value>) -> Vec<(Value, Value)> {
    let mut pairs = Vec::new();
    let mut values = values;
    while let Some(key) = values.next() {
        pairs.push((key, values.next().unwrap_or(Value::Note("missing"))));
    }
    pairs
}

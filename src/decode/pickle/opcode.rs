//! The opcodes, one step of the machine each.

use super::literal::{decimal, index, long, quoted};
use super::machine::{End, Machine, pairs_of, short};
use crate::decode::value::Value;

impl Machine<'_, '_> {
    pub(super) fn step(&mut self) -> Result<(), End> {
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

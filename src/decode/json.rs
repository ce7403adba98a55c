//! JSON, also when it was cut: what is there is read.

use super::value::{Budget, CUT, DEEP, MOST_DEPTH, Value};

/// Reads an object or array, or anything else that is whole JSON. `None`: it is something else.
pub(super) fn parse(bytes: &[u8], whole: bool, budget: &mut Budget) -> Option<Value> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character may have been cut in two.
        Err(e) if !whole && e.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..e.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let structured = text.trim_start().starts_with(['{', '[']);
    if !structured && (!whole || !text.trim_start().starts_with('"')) {
        return None;
    }
    let mut parser = Parser { rest: text, budget, stopped: None };
    let value = parser.value(0);
    let (rest, stopped) = (parser.rest, parser.stopped);
    match stopped {
        None if rest.trim().is_empty() => value,
        Some(Stop::End) if whole => None,
        None | Some(Stop::Bad) => None,
        Some(Stop::End) => {
            budget.stop(CUT);
            value
        }
        Some(Stop::Limit) => value,
    }
}

/// Why reading stopped before the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// This is no JSON.
    Bad,
    /// The text ended.
    End,
    /// One of the bounds.
    Limit,
}

struct Parser<'a, 'b> {
    rest: &'a str,
    budget: &'b mut Budget,
    stopped: Option<Stop>,
}

impl Parser<'_, '_> {
    fn stop<T>(&mut self, why: Stop) -> Option<T> {
        self.stopped = self.stopped.or(Some(why));
        None
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        match self.rest.chars().next() {
            None => self.stop(Stop::End),
            found => found,
        }
    }

    fn step(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Takes this sign; `None`: another one stands there.
    fn expect(&mut self, sign: char) -> Option<()> {
        if self.peek()? != sign {
            return self.stop(Stop::Bad);
        }
        self.step(1);
        Some(())
    }

    /// The value, or as much of it as there is.
    fn value(&mut self, depth: usize) -> Option<Value> {
        let first = self.peek()?;
        if depth > MOST_DEPTH {
            self.budget.stop(DEEP);
            return self.stop(Stop::Limit);
        }
        if !self.budget.take() {
            return self.stop(Stop::Limit);
        }
        match first {
            '{' => Some(self.object(depth)),
            '[' => Some(self.array(depth)),
            '"' => self.string().map(|text| Value::text(&text)),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        self.step(1);
        let mut pairs = Vec::new();
        if self.peek() == Some('}') {
            self.step(1);
            return Value::Map(pairs);
        }
        while self.stopped.is_none() {
            if self.peek() != Some('"') {
                let _: Option<()> = self.stop(Stop::Bad);
                break;
            }
            let Some(key) = self.string() else { break };
            // A name without its value still says something, when the text was cut there.
            let value = self.expect(':').and_then(|()| self.value(depth + 1));
            pairs.push((Value::text(&key), value.unwrap_or(Value::Note("cut"))));
            match self.peek() {
                Some(',') => self.step(1),
                Some('}') => {
                    self.step(1);
                    break;
                }
                Some(_) => drop(self.stop::<()>(Stop::Bad)),
                None => break,
            }
        }
        Value::Map(pairs)
    }

    fn array(&mut self, depth: usize) -> Value {
        self.step(1);
        let mut items = Vec::new();
        if self.peek() == Some(']') {
            self.step(1);
            return Value::List(items);
        }
        while self.stopped.is_none() {
            items.extend(self.value(depth + 1));
            if self.stopped.is_some() {
                break;
            }
            match self.peek() {
                Some(',') => self.step(1),
                Some(']') => {
                    self.step(1);
                    break;
                }
                Some(_) => drop(self.stop::<()>(Stop::Bad)),
                None => break,
            }
        }
        Value::List(items)
    }

    /// A string; of one that was cut what is there.
    fn string(&mut self) -> Option<String> {
        self.step(1);
        let mut out = String::new();
        loop {
            let Some(at) = self.rest.find(['"', '\\']) else {
                out.push_str(self.rest);
                self.rest = "";
                self.stopped = self.stopped.or(Some(Stop::End));
                return Some(out);
            };
            out.push_str(self.rest.get(..at).unwrap_or_default());
            self.step(at);
            if self.rest.starts_with('"') {
                self.step(1);
                return Some(out);
            }
            let escape = self.rest.chars().nth(1);
            self.step(1 + escape.map_or(0, char::len_utf8));
            match escape {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('b') => out.push('\u{8}'),
                Some('f') => out.push('\u{c}'),
                Some(c @ ('"' | '\\' | '/')) => out.push(c),
                Some('u') => out.push(self.unicode()),
                Some(_) => return self.stop(Stop::Bad),
                None => {}
            }
        }
    }

    /// The character after `\u`, perhaps made of two.
    fn unicode(&mut self) -> char {
        let Some(high) = self.hex() else { return char::REPLACEMENT_CHARACTER };
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        let before = self.rest;
        if let Some(rest) = self.rest.strip_prefix("\\u") {
            self.rest = rest;
            if let Some(low) = self.hex().filter(|low| (0xdc00..0xe000).contains(low)) {
                let c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
        }
        self.rest = before;
        char::REPLACEMENT_CHARACTER
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.rest = self.rest.get(4..)?;
        u32::from_str_radix(digits, 16).ok()
    }

    /// A number, `true`, `false` or `null`; the `NaN` and `Infinity` of Python, too.
    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ']', '}', ' ', '\n', '\r', '\t', ':', '"']).unwrap_or(self.rest.len());
        let word = self.rest.get(..end)?;
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "NaN" | "Infinity" | "-Infinity" => Value::Number(word.into()),
            number if is_number(number) => Value::Number(number.chars().take(64).collect()),
            _ if end == self.rest.len() && !word.is_empty() => return self.stop(Stop::End),
            _ => return self.stop(Stop::Bad),
        };
        self.step(end);
        Some(value)
    }
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'))
}

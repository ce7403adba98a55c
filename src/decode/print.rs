//! A value as lines of safe text.

use super::redact::MASK;
use super::value::Value;
use crate::domain::bytes::{escape, escape_text};

/// A list or map that is shorter stands in one line.
const ONE_LINE: usize = 72;
/// Signs of one text shown.
const LONGEST: usize = 4000;
/// Lines of one payload.
const MOST_LINES: usize = 300;

pub(super) fn lines(value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    put(value, "", 0, &mut out);
    if out.len() > MOST_LINES {
        let more = out.len() - MOST_LINES;
        out.truncate(MOST_LINES);
        out.push(format!("({more} more lines)"));
    }
    out
}

fn put(value: &Value, front: &str, depth: usize, out: &mut Vec<String>) {
    if out.len() > MOST_LINES {
        return;
    }
    let pad = "  ".repeat(depth);
    let short = inline(value, ONE_LINE);
    match (value, short) {
        (_, Some(short)) => out.push(format!("{pad}{front}{short}")),
        (Value::Map(pairs), None) => {
            let depth = heading(&pad, front, depth, out);
            for (key, value) in pairs {
                let key = match key {
                    Value::Text { .. } => name(key),
                    other => inline(other, usize::MAX).unwrap_or_default(),
                };
                put(value, &format!("{key}: "), depth, out);
            }
        }
        (Value::List(items), None) => {
            let depth = heading(&pad, front, depth, out);
            for item in items {
                put(item, "- ", depth, out);
            }
        }
        (Value::Call { name, args }, None) => {
            out.push(format!("{pad}{front}{} (", escape_text(name)));
            for arg in args {
                put(arg, "", depth + 1, out);
            }
            out.push(format!("{pad})"));
        }
        (Value::Inner { how, value }, None) => put(value, &format!("{front}[{how}] "), depth, out),
        (other, None) => out.push(format!("{pad}{front}{}", inline(other, usize::MAX).unwrap_or_default())),
    }
}

/// The line before what is indented; none at the top.
fn heading(pad: &str, front: &str, depth: usize, out: &mut Vec<String>) -> usize {
    if front.is_empty() {
        return depth;
    }
    out.push(format!("{pad}{}", front.trim_end()));
    depth + 1
}

/// A key as it stands before its colon.
fn name(key: &Value) -> String {
    match key {
        Value::Text { text, .. } if !text.is_empty() => shown(text),
        other => inline(other, usize::MAX).unwrap_or_default(),
    }
}

/// In one line, if it is no longer than that.
fn inline(value: &Value, most: usize) -> Option<String> {
    let join = |parts: Vec<Option<String>>| -> Option<String> {
        let parts: Vec<String> = parts.into_iter().collect::<Option<_>>()?;
        Some(parts.join(", ")).filter(|text| text.len() <= most)
    };
    let text = match value {
        Value::Null => "null".into(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => escape_text(number),
        Value::Text { text, whole, len } => {
            format!("\"{}\"{}", shown(text), rest(*whole && text.chars().count() <= LONGEST, *len))
        }
        Value::Bytes { bytes, whole, len } => {
            let head = bytes.get(..bytes.len().min(LONGEST / 4)).unwrap_or_default();
            format!("b\"{}\"{}", escape(head), rest(*whole && head.len() == bytes.len(), *len))
        }
        // Longer ones are not even tried: each has at least two signs.
        Value::List(items) if items.len() > most / 2 => return None,
        Value::Map(pairs) if pairs.len() > most / 2 => return None,
        Value::List(items) => format!("[{}]", join(items.iter().map(|v| inline(v, most)).collect())?),
        Value::Map(pairs) => {
            let pair = |(k, v): &(Value, Value)| Some(format!("{}: {}", name(k), inline(v, most)?));
            format!("{{{}}}", join(pairs.iter().map(pair).collect())?)
        }
        Value::Call { name, args } => {
            format!("{}({})", escape_text(name), join(args.iter().map(|v| inline(v, most)).collect())?)
        }
        Value::Inner { how, value } => format!("[{how}] {}", inline(value, most)?),
        Value::Masked => MASK.into(),
        Value::Note(note) => format!("({note})"),
    };
    (text.len() <= most).then_some(text)
}

fn shown(text: &str) -> String {
    let head: String = text.chars().take(LONGEST).collect();
    escape_text(&head)
}

fn rest(whole: bool, len: usize) -> String {
    if whole { String::new() } else { format!(" ({len} bytes in all)") }
}

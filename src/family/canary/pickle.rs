//! Writes a pickle of plain values (protocol 2): texts, numbers, lists, dictionaries. The one class it ever names is
//! Huey's own message.

use serde_json::Value;

/// `(function, None, arguments as a tuple, {})`: what RQ calls.
pub(super) fn call(function: &str, args: &[Value]) -> Vec<u8> {
    let mut out = vec![0x80, 2, b'('];
    text(&mut out, function);
    out.push(b'N');
    tuple(&mut out, args);
    out.extend(b"}t.");
    out
}

/// One plain value.
pub(super) fn of(json: &Value) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    value(&mut out, json);
    out.push(b'.');
    out
}

/// `huey.registry.Message`: id, name, eta, retries, retry_delay, priority, args, kwargs. What Huey added since has
/// defaults.
pub(super) fn huey(id: &str, task: &str, args: &[Value]) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    out.extend(b"chuey.registry\nMessage\n(");
    text(&mut out, id);
    text(&mut out, task);
    out.extend(b"NK\x00K\x00N");
    tuple(&mut out, args);
    out.extend(b"}tR.");
    out
}

fn tuple(out: &mut Vec<u8>, items: &[Value]) {
    out.push(b'(');
    for item in items {
        value(out, item);
    }
    out.push(b't');
}

fn value(out: &mut Vec<u8>, json: &Value) {
    match json {
        Value::Null => out.push(b'N'),
        Value::Bool(yes) => out.push(if *yes { 0x88 } else { 0x89 }),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            // The text form: it knows no limit.
            (Some(n), _) => out.extend(format!("L{n}L\n").bytes()),
            (None, Some(n)) => {
                out.push(b'G');
                out.extend(n.to_be_bytes());
            }
            (None, None) => out.push(b'N'),
        },
        Value::String(s) => text(out, s),
        Value::Array(items) => {
            out.extend(b"](");
            for item in items {
                value(out, item);
            }
            out.push(b'e');
        }
        Value::Object(fields) => {
            out.extend(b"}(");
            for (name, field) in fields {
                text(out, name);
                value(out, field);
            }
            out.push(b'u');
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(text.bytes());
}

#[cfg(test)]
mod tests {
    use super::{call, huey, of};
    use crate::decode::{Redactor, decode};
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_again() {
        let bytes = call("app.check", &[json!(7), json!(-1.5), json!("é"), json!([null, true, {"a": []}])]);
        let read = decode(&bytes, true, &Redactor::new(std::iter::empty()));
        assert_eq!(read.how, "pickle (not executed)");
        let text = read.lines.join(" ");
        for part in ["app.check", "7", "-1.5", "é", "true", "a: []"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let facts =
            crate::decode::Facts::read(&of(&json!({ "f": "a.b", "a": [1], "t": null })), true).unwrap();
        assert_eq!((facts.field("f").as_deref(), facts.field("a").as_deref()), (Some("a.b"), Some("[1]")));
        let message = crate::decode::Facts::read(&huey("id", "a.b", &[json!(1)]), true).unwrap();
        assert_eq!(message.makes(), Some("huey.registry.Message"));
    }
}

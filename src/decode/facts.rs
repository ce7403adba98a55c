//! Single facts out of a payload, such as whether a result is an error, without showing the rest.

use super::value::{Budget, Value};
use super::{open, print};
use crate::domain::bytes::escape_text;

/// Signs of one fact.
const LONGEST: usize = 300;

/// A payload with named values: a map, or what a pickle would make out of one.
pub struct Facts {
    /// The formats, outermost first.
    pub how: String,
    value: Value,
}

impl Facts {
    /// Reads it. `None`: it is of no known format. `whole` is false when only its first bytes are there.
    pub fn read(bytes: &[u8], whole: bool) -> Option<Self> {
        let (how, value) = open(bytes, whole, 0, &mut Budget::default())?;
        Some(Self { how, value })
    }

    /// What a pickle would make, such as `module.Class`; it is only named.
    pub fn makes(&self) -> Option<&str> {
        match &self.value {
            Value::Call { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The value of that name in the outermost map, as one line of safe text; a text without its quotes.
    pub fn field(&self, name: &str) -> Option<String> {
        let map = match &self.value {
            Value::Call { args, .. } => args.iter().find(|arg| matches!(arg, Value::Map(_)))?,
            other => other,
        };
        let Value::Map(pairs) = map else { return None };
        let is = |key: &Value| matches!(key, Value::Text { text, .. } if text == name);
        let (_, value) = pairs.iter().find(|(key, _)| is(key))?;
        let text = match value {
            Value::Null => return None,
            Value::Text { text, .. } => escape_text(text),
            other => print::lines(other).join(" "),
        };
        Some(text.chars().take(LONGEST).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Facts;

    #[test]
    fn a_field_is_found_in_json_and_in_what_a_pickle_would_make() {
        let facts = Facts::read(br#"{"s": true, "r": {"a": [1]}, "n": null, "t": "x\ny"}"#, true).unwrap();
        assert_eq!(facts.field("s").as_deref(), Some("true"));
        assert_eq!(facts.field("r").as_deref(), Some("{a: [1]}"));
        assert_eq!(facts.field("t").as_deref(), Some("x\\ny"));
        assert_eq!((facts.field("n"), facts.field("z"), facts.makes()), (None, None, None));
        // `Error({"error": "as asked"})`
        let pickle = b"\x80\x02chuey.utils\nError\n}X\x05\x00\x00\x00errorX\x08\x00\x00\x00as askeds\x85R.";
        let facts = Facts::read(pickle, true).unwrap();
        assert_eq!(facts.makes(), Some("huey.utils.Error"));
        assert_eq!(facts.field("error").as_deref(), Some("as asked"));
        assert!(Facts::read(b"plain text", true).is_none());
    }
}

//! Whose element is this? Recognised by what the libraries' payloads and keys look like.

use serde_json::Value;

use crate::domain::Bytes;

/// What an element looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A redwarden test task.
    TestTask,
    /// An element of this library; its workers would take anything that is pushed there.
    Library(&'static str),
    /// JSON or text of nobody known.
    Generic,
}

impl Shape {
    /// The library's name.
    pub fn library(&self) -> Option<&'static str> {
        match self {
            Self::Library(name) => Some(name),
            _ => None,
        }
    }
}

/// Fields at the top of a JSON object by which a library's messages are known; all must be there.
/// The first match counts, so that Sidekiq stands before Resque.
const JSON_SHAPES: [(&str, &[&str]); 9] = [
    ("Celery", &["headers", "properties"]),
    ("Sidekiq", &["jid", "class"]),
    ("Laravel", &["displayName", "job"]),
    ("Resque", &["class", "args"]),
    ("dramatiq", &["actor_name", "message_id"]),
    ("taskiq", &["task_id", "task_name"]),
    ("machinery", &["UUID", "RoutingKey"]),
    ("gocraft/work", &["name", "id", "t", "args"]),
    ("RQ", &["func_name", "enqueued_at"]),
];

/// The shape of an element of which `head` holds the first bytes and `len` is the whole length.
pub fn shape_of(head: &Bytes, len: u64) -> Shape {
    let bytes = head.as_slice();
    // Pickle protocols 2 to 5; huey and RQ push it bare, gzip and zlib are its usual wrappings.
    match bytes {
        [0x80, 2..=5, ..] => return Shape::Library("a Python library (pickle)"),
        [0x1f, 0x8b, ..] => return Shape::Library("some library (gzip)"),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] if std::str::from_utf8(bytes).is_err() => {
            return Shape::Library("some library (zlib)");
        }
        _ => {}
    }
    let whole = len <= bytes.len() as u64;
    let parsed: Option<Value> = whole.then(|| serde_json::from_slice(bytes).ok()).flatten();
    match parsed {
        Some(Value::Object(map)) => {
            if map.get("kind").and_then(Value::as_str) == Some("redwarden.test") {
                return Shape::TestTask;
            }
            by_fields(|field| map.contains_key(field))
        }
        // Cut off, so no parser takes it: the quoted field names do.
        None if !whole && bytes.first() == Some(&b'{') => {
            let text = String::from_utf8_lossy(bytes);
            by_fields(|field| text.contains(&format!("\"{field}\"")))
        }
        _ => Shape::Generic,
    }
}

fn by_fields(has: impl Fn(&str) -> bool) -> Shape {
    JSON_SHAPES
        .iter()
        .find(|(_, fields)| fields.iter().all(|f| has(f)))
        .map_or(Shape::Generic, |(library, _)| Shape::Library(library))
}

/// What the key's name alone says.
pub(super) fn shape_of_key(key: &[u8]) -> Option<Shape> {
    let starts = |prefix: &[u8]| key.starts_with(prefix);
    let ends = |suffix: &[u8]| key.ends_with(suffix);
    let holds = |part: &[u8]| key.windows(part.len()).any(|w| w == part);
    let library = if starts(b"rq:queue:") {
        "RQ"
    } else if starts(b"huey.") {
        "huey"
    } else if starts(b"dramatiq:") {
        "dramatiq"
    } else if starts(b"arq:") {
        "arq"
    } else if starts(b"saq:") {
        "SAQ"
    } else if starts(b"streaq:") {
        "streaQ"
    } else if key == b"taskiq" {
        "taskiq"
    } else if starts(b"asynq:") {
        "asynq"
    } else if starts(b"rmq::") {
        "rmq"
    } else if starts(b"resque:queue:") {
        "Resque"
    } else if starts(b"bull:") && (ends(b":wait") || ends(b":paused") || ends(b":active")) {
        "BullMQ"
    } else if starts(b"bq:") && (ends(b":waiting") || ends(b":active")) {
        "bee-queue"
    } else if holds(b"\x06\x16") {
        "Celery"
    } else if starts(b"laravel_database_queues:") || starts(b"queues:") {
        "Laravel"
    } else {
        return None;
    };
    Some(Shape::Library(library))
}

/// Keys that, when there and of this type, make an empty queue of this name some library's.
pub(super) fn registry_of(key: &[u8]) -> Vec<(Bytes, &'static str, &'static str)> {
    let mut binding = b"_kombu.binding.".to_vec();
    binding.extend_from_slice(key);
    let mut registry = vec![(Bytes::from(binding), "set", "Celery")];
    if key.starts_with(b"queue:") {
        registry.push((Bytes::from("queues"), "set", "Sidekiq or Resque"));
    }
    if let Some(at) = key.windows(7).position(|w| w == b":queue:") {
        let namespaced = [key.get(..=at).unwrap_or_default(), b"queues"].concat();
        registry.push((namespaced.into(), "set", "Sidekiq, Resque or RQ"));
    }
    if let Some(base) = key.strip_suffix(b":wait") {
        registry.push(([base, b":meta"].concat().into(), "hash", "BullMQ"));
    }
    registry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_libraries_are_recognised() {
        for (element, shape) in [
            (&br#"{"id":"1","kind":"redwarden.test"}"#[..], Shape::TestTask),
            (br#"{"body":"W10=","headers":{},"properties":{}}"#, Shape::Library("Celery")),
            (br#"{"class":"A","args":[],"jid":"b"}"#, Shape::Library("Sidekiq")),
            (br#"{"class":"A","args":[]}"#, Shape::Library("Resque")),
            (br#"{"displayName":"A","job":"x@y"}"#, Shape::Library("Laravel")),
            (b"\x80\x04\x95abc", Shape::Library("a Python library (pickle)")),
            (br#"{"my":"task"}"#, Shape::Generic),
            (b"plain text", Shape::Generic),
            (b"xylophone", Shape::Generic),
            (b"[1,2]", Shape::Generic),
        ] {
            assert_eq!(shape_of(&element.into(), element.len() as u64), shape, "{:?}", Bytes::from(element));
        }
        let cut = br#"{"headers":{},"properties":{},"body":"aaaa"#;
        assert_eq!(shape_of(&cut[..].into(), 1_000_000), Shape::Library("Celery"));
    }
}

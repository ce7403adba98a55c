//! Sidekiq and Resque: a job of a class of the user's; a class that the app does not have fails once.

use serde_json::{Value, json};

use super::{Canary, Wish, args, element, needs, paused, tagged, task};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Reply};
use crate::family::Read;
use crate::family::site::{join, text};

/// What the dialog asks: registered and paused.
pub(in crate::family) fn sidekiq_reads(key: &Bytes) -> Vec<Read> {
    let (namespace, name) = split(key);
    vec![
        Read::SetMember(join(&[namespace, b"queues"]), name.into()),
        Read::SetMember(join(&[namespace, b"paused"]), name.into()),
    ]
}

/// The job of Sidekiq.
pub(in crate::family) fn sidekiq(wish: &Wish<'_>) -> Result<Canary, String> {
    let class = task(wish, None).ok_or_else(|| needs("sidekiq", "task = \"CLASS\""))?;
    registered(wish)?;
    let name = utf8(split(wish.key).1)?;
    // Sidekiq's ids are 24 hex digits.
    let jid: String = wish.id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
    // Up to version 7 times are seconds; version 8 takes only integers for milliseconds.
    let at = wish.now_ms as f64 / 1000.0;
    let job = json!({
        "class": class, "args": args(wish, json!([])), "jid": jid, "queue": name, "retry": false,
        "created_at": at, "enqueued_at": at, "redwarden": tagged(wish.id),
    });
    let mut canary = element(wish, jid, job.to_string().into(), PushEnd::Left);
    canary.effects.push(
        "Sidekiq keeps nothing of a job that ended: only that somebody took it can be seen, and its counters count it".into(),
    );
    if matches!(wish.replies.get(1), Some(Reply::Int(1))) {
        paused(&mut canary);
    }
    Ok(canary)
}

/// What the dialog asks: registered and paused.
pub(in crate::family) fn resque_reads(key: &Bytes) -> Vec<Read> {
    let (namespace, name) = split(key);
    vec![
        Read::SetMember(join(&[namespace, b"queues"]), name.into()),
        Read::Head(join(&[namespace, b"pause-all-workers"]), 8),
    ]
}

/// The job of Resque. It has no id: a field that Resque does not look at makes it one of its kind.
pub(in crate::family) fn resque(wish: &Wish<'_>) -> Result<Canary, String> {
    let class = task(wish, None).ok_or_else(|| needs("resque", "task = \"CLASS\""))?;
    registered(wish)?;
    let id = tagged(wish.id);
    let job = json!({ "class": class, "args": args(wish, json!([])), "redwarden": id });
    let mut canary = element(wish, id, job.to_string().into(), PushEnd::Right);
    canary.effects.push(
        "Resque keeps nothing of a job that is done: only that somebody took it can be seen; if it fails it stays in the list of failed jobs".into(),
    );
    if text(wish.replies.get(1)).is_some_and(|flag| flag.as_slice() == b"true") {
        paused(&mut canary);
    }
    Ok(canary)
}

/// A queue that the set of queues does not name is somebody else's list.
fn registered(wish: &Wish<'_>) -> Result<(), String> {
    match wish.replies.first() {
        Some(Reply::Int(0)) => Err("the library's set of queues does not name it: nothing was sent".into()),
        _ => Ok(()),
    }
}

fn utf8(name: &[u8]) -> Result<Value, String> {
    let text =
        std::str::from_utf8(name).map_err(|e| format!("its name is no text ({e}): nothing was sent"))?;
    Ok(text.into())
}

/// Namespace and name of the key of a queue.
fn split(key: &Bytes) -> (&[u8], &[u8]) {
    let key = key.as_slice();
    if let Some(name) = key.strip_prefix(b"queue:") {
        return (b"", name);
    }
    match key.windows(7).position(|w| w == b":queue:") {
        Some(at) => (key.get(..=at).unwrap_or_default(), key.get(at + 7..).unwrap_or_default()),
        None => (b"", key),
    }
}

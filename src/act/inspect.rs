//! A look at a queue before anything is pushed to it or taken from it: whose elements are these, who waits there?

use crate::domain::bytes::escape_text;
use crate::domain::lock::Unknown;
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, Reply};
use crate::family::{Dialect, Read};
use crate::redis_io::{CallError, Reader};

mod shape;

pub use shape::{Shape, shape_of};

/// Bytes of each end's element that are looked at.
const HEAD: u32 = 8 * 1024;
/// Where scripting is denied, a whole list up to this size may be peeked at plainly, bytes.
const SMALL_LIST: i64 = 256 * 1024;

/// Type of the key as far as pushing cares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// No such key: an empty queue.
    Absent,
    /// A list.
    List,
    /// Another type: never pushed to. Escaped.
    Other(String),
    /// `TYPE` could not be asked.
    Unknown(Unknown),
}

/// What was found.
#[derive(Clone, PartialEq, Debug)]
pub struct QueueInspection {
    /// Type of the key.
    pub kind: KeyKind,
    /// LLEN, where it is a list.
    pub depth: Option<u64>,
    /// What the key's name and the elements at both ends look like; each once.
    pub shapes: Vec<Shape>,
    /// Why the ends could not be looked at, if so.
    pub unseen: Option<Unknown>,
    /// The keys in which libraries register their queues may not be read, and nothing else tells whose this is.
    pub registry_denied: bool,
    /// Clients blocked in a list pop in that database that are not ours; `None` where CLIENT LIST is denied.
    pub blocked: Option<Vec<String>>,
}

impl QueueInspection {
    /// The sentence that refuses a key of another type, force or not.
    pub fn refusal(&self) -> Option<String> {
        match &self.kind {
            KeyKind::Other(kind) => Some(format!("the key is a {kind}, not a list: nothing is pushed to it")),
            _ => None,
        }
    }

    /// The library whose elements these are, if one was recognised.
    pub fn library(&self) -> Option<&'static str> {
        self.shapes.iter().find_map(Shape::library)
    }

    /// Why this wants to be asked again with force: who may take what is pushed. `None`: nothing speaks against it.
    pub fn needs_force(&self) -> Option<String> {
        let mut reasons = Vec::new();
        if let Some(library) = self.library() {
            reasons.push(format!(
                "its elements look like {library}'s: its workers may take this task and fail on it"
            ));
        }
        match &self.blocked {
            Some(clients) if !clients.is_empty() => {
                let named: Vec<&str> = clients.iter().take(3).map(String::as_str).collect();
                let more = if clients.len() > 3 { ", ..." } else { "" };
                reasons.push(format!(
                    "{} in this database wait{} for list elements and may take it: {}{more}",
                    if clients.len() == 1 {
                        "1 other client".into()
                    } else {
                        format!("{} other clients", clients.len())
                    },
                    if clients.len() == 1 { "s" } else { "" },
                    named.join(", ")
                ));
            }
            _ => {}
        }
        if let Some(why) = &self.unseen {
            reasons.push(format!(
                "the elements in it could not be looked at ({why}): they may be some library's"
            ));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// What should be said although it does not refuse.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.blocked.is_none() {
            notes.push("CLIENT LIST is not permitted: who waits on the queue is not known".into());
        }
        if self.registry_denied {
            notes.push(
                "reading the libraries' registers is not permitted: whether a library works here is not known"
                    .into(),
            );
        }
        if let KeyKind::Unknown(why) = &self.kind {
            notes.push(format!("its type could not be asked: {why}"));
        }
        notes
    }
}

/// Looks at type, both ends and blocked clients. A few reads; the elements are cut on the server.
///
/// `db` is the logical database the reader is in: CLIENT LIST knows a client's database, not its keys.
pub async fn inspect_queue(reader: &mut Reader, key: &Bytes, db: u32) -> Result<QueueInspection, CallError> {
    let name = key.as_slice();
    let registry = shape::registry_of(name);
    let mut reads = vec![Read::Type(key.clone()), Read::ListLen(key.clone())];
    reads.extend(registry.iter().map(|(key, ..)| Read::Type(key.clone())));
    let replies = reader.read(&reads, Dialect::EvalRo).await?;
    let kind = match replies.first() {
        Some(Reply::Error(e)) if e.is_denied() => KeyKind::Unknown(Unknown::NotPermitted("TYPE")),
        Some(Reply::Error(e)) => KeyKind::Unknown(Unknown::Failed(e.to_string())),
        Some(reply) => match reply.as_bytes().as_ref().map(Bytes::as_slice) {
            Some(b"none") => KeyKind::Absent,
            Some(b"list") => KeyKind::List,
            Some(other) => KeyKind::Other(crate::domain::bytes::escape(other)),
            None => KeyKind::Unknown(Unknown::Unsupported),
        },
        None => KeyKind::Unknown(Unknown::Unsupported),
    };
    let depth = replies.get(1).and_then(Reply::as_int).and_then(|n| u64::try_from(n).ok());
    let mut shapes: Vec<Shape> = shape::shape_of_key(name).into_iter().collect();
    let mut unseen = None;
    if matches!(kind, KeyKind::List | KeyKind::Unknown(_)) && depth != Some(0) {
        match ends(reader, key).await? {
            Ok(heads) => shapes.extend(heads.iter().map(|(len, head)| shape_of(head, *len))),
            Err(why) => unseen = Some(why),
        }
    }
    // An empty list has no key: only a registry tells that some library's workers wait there.
    let mut registry_denied = false;
    if !shapes.contains(&Shape::Generic) {
        for ((_, kind, library), reply) in registry.iter().zip(replies.iter().skip(2)) {
            if reply.as_bytes().is_some_and(|t| t.as_slice() == kind.as_bytes()) {
                shapes.push(Shape::Library(library));
            }
            registry_denied |= reply.as_error().is_some_and(ReplyError::is_denied);
        }
    }
    shapes.dedup();
    // Known all the same.
    registry_denied &= !shapes.iter().any(|shape| shape.library().is_some());
    let blocked = blocked_clients(reader, db).await?;
    Ok(QueueInspection { kind, depth, shapes, unseen, registry_denied, blocked })
}

/// `(whole length, head)` of the elements at both ends.
type Heads = Vec<(u64, Bytes)>;

async fn ends(reader: &mut Reader, key: &Bytes) -> Result<Result<Heads, Unknown>, CallError> {
    let heads = [0, -1].map(|index| Read::ElementHead { key: key.clone(), index, max: HEAD });
    let mut replies = reader.read(&heads, Dialect::EvalRo).await?;
    if replies.iter().any(|r| r.as_error().is_some_and(crate::domain::reply::ReplyError::is_unknown_command))
    {
        // Before Redis 7.0 there is no EVAL_RO.
        replies = reader.read(&heads, Dialect::Eval).await?;
    }
    if let Some(error) = replies.iter().find_map(Reply::as_error) {
        if !error.is_denied() && !error.is_unknown_command() {
            return Ok(Err(Unknown::Failed(error.to_string())));
        }
        return match reader.small_list_ends(key, SMALL_LIST).await? {
            Some(elements) => Ok(Ok(elements.into_iter().map(|e| (e.len() as u64, e)).collect())),
            None => Ok(Err(Unknown::NotPermitted("EVAL_RO"))),
        };
    }
    let head = |reply: &Reply| {
        let parts = reply.as_array()?;
        Some((u64::try_from(parts.first()?.as_int()?).ok()?, parts.get(1)?.as_bytes()?))
    };
    Ok(Ok(replies.iter().filter_map(head).collect()))
}

/// Commands in which a client waits for a list element.
const BLOCKING: [&str; 5] = ["brpop", "blpop", "blmove", "brpoplpush", "blmpop"];

async fn blocked_clients(reader: &mut Reader, db: u32) -> Result<Option<Vec<String>>, CallError> {
    let Some(text) = reader.client_list().await?.as_bytes() else { return Ok(None) };
    let text = String::from_utf8_lossy(text.as_slice()).into_owned();
    Ok(Some(text.lines().filter_map(|line| blocked_client(line, db)).collect()))
}

/// Name or address of the client of one CLIENT LIST line, if it waits for a list element there and is not ours.
fn blocked_client(line: &str, db: u32) -> Option<String> {
    let field = |name: &str| line.split(' ').find_map(|f| f.strip_prefix(name)?.strip_prefix('='));
    let waits =
        field("flags")?.contains('b') && BLOCKING.contains(&field("cmd")?) && field("db")?.parse() == Ok(db);
    let name = field("name").unwrap_or_default();
    if !waits || name.starts_with("redwarden:") {
        return None;
    }
    let who = if name.is_empty() { field("addr").unwrap_or("?") } else { name };
    Some(format!("{} ({})", escape_text(who), field("cmd")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_others_blocked_in_a_list_pop_there_count() {
        let line = |name: &str, db: u32, flags: &str, cmd: &str| {
            format!(
                "id=3 addr=127.0.0.1:5 laddr=x fd=8 name={name} age=1 idle=0 flags={flags} db={db} cmd={cmd} user=default"
            )
        };
        assert_eq!(blocked_client(&line("wkr", 0, "b", "brpop"), 0).as_deref(), Some("wkr (brpop)"));
        assert_eq!(blocked_client(&line("", 0, "b", "blmove"), 0).as_deref(), Some("127.0.0.1:5 (blmove)"));
        assert_eq!(blocked_client(&line("redwarden:h:1:worker", 0, "b", "blmove"), 0), None);
        assert_eq!(blocked_client(&line("wkr", 1, "b", "brpop"), 0), None);
        assert_eq!(blocked_client(&line("wkr", 0, "N", "brpop"), 0), None);
        assert_eq!(blocked_client(&line("wkr", 0, "b", "bzpopmin"), 0), None);
    }
}

//! A look at the tasks that wait in a queue, without taking them: a few of those that are next and of the newest, read
//! in bounded scripts that change nothing, decoded, with secrets masked before anybody sees them.

use crate::decode::{Decoded, Redactor, decode};
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Reply, Stamp};
use crate::family::read::PART;
use crate::family::{Dialect, QueueFamily, Read, TaskKind, TaskPlace};
use crate::redis_io::{CallError, Reader};

/// Tasks shown of each end at the most.
pub const MOST_TASKS: u32 = 20;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Tasks in the places that were looked at.
    pub waiting: u64,
    /// Those that are next, the next one first.
    pub next: Vec<Task>,
    /// The newest, the newest first; none when all are among those that are next.
    pub newest: Vec<Task>,
    /// When.
    pub at: Stamp,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id, where its place or its entry tells one. Escaped.
    pub id: Option<String>,
    /// Its parts: name, and what it says. A task that is one payload has one part without a name.
    pub parts: Vec<(String, Decoded)>,
}

/// Peeks. `Err` is a sentence that says why nothing was seen, escaped.
pub async fn peek(
    reader: &mut Reader,
    family: &dyn QueueFamily,
    key: &Bytes,
    push: PushEnd,
    count: u32,
    redactor: &Redactor,
) -> Result<Peek, String> {
    let count = count.clamp(1, MOST_TASKS);
    let places = family.tasks_at(key, push);
    let heads = |place: &TaskPlace, backwards: bool| Read::TaskHeads {
        key: place.key.clone(),
        kind: place.kind,
        backwards,
        count,
        max: PART,
    };
    let reads: Vec<Read> =
        places.iter().flat_map(|p| [heads(p, p.next_last), heads(p, !p.next_last)]).collect();
    let mut scripts = Scripts { reader, dialect: Dialect::default() };
    let replies = scripts.read(&reads).await?;
    let mut seen = Peek { waiting: 0, next: Vec::new(), newest: Vec::new(), at: Stamp::now() };
    // A key of another type is not where the tasks are, if they are elsewhere.
    let is_other = |ends: &[Reply]| matches!(ends.first(), Some(Reply::Error(e)) if e.code == "WRONGTYPE");
    let all_other = replies.chunks(2).all(is_other);
    for (place, ends) in places.iter().zip(replies.chunks(2)).filter(|(_, ends)| all_other || !is_other(ends))
    {
        let next = items(place.kind, ends.first())?;
        let newest = items(place.kind, ends.get(1))?;
        seen.waiting = seen.waiting.saturating_add(next.len);
        // Those that stand at both ends are shown once.
        let rest = usize::try_from(next.len).unwrap_or(usize::MAX).saturating_sub(next.items.len());
        for (items, into) in
            [(next.items, &mut seen.next), (newest.items.into_iter().take(rest).collect(), &mut seen.newest)]
        {
            let room = (count as usize).saturating_sub(into.len());
            for item in items.into_iter().take(room) {
                into.push(task(&mut scripts, family, key, item, redactor).await?);
            }
        }
    }
    Ok(seen)
}

/// One element: its parts with their whole lengths.
struct Item {
    id: Option<Bytes>,
    parts: Vec<(Bytes, u64, Bytes)>,
}

struct Items {
    len: u64,
    items: Vec<Item>,
}

fn items(kind: TaskKind, reply: Option<&Reply>) -> Result<Items, String> {
    let listed = match reply {
        Some(Reply::Array(listed)) => listed,
        Some(Reply::Int(_)) => return Err("tasks are read by EVAL_RO, which is not permitted here".into()),
        Some(Reply::Error(e)) if e.code == "WRONGTYPE" => {
            return Err("its key has another type than this kind of queue has".into());
        }
        Some(Reply::Error(e)) => return Err(escape_text(&e.to_string())),
        _ => return Err("the server answered in an unknown shape".into()),
    };
    let number = |r: &Reply| r.as_int().and_then(|n| u64::try_from(n).ok());
    let item = |reply: &Reply| {
        let flat = reply.as_array()?;
        if kind != TaskKind::Stream {
            let (len, head) = (number(flat.first()?)?, flat.get(1)?.as_bytes()?);
            return Some(Item { id: None, parts: vec![(Bytes::default(), len, head)] });
        }
        let (id, fields) = flat.split_first()?;
        let field = |part: &[Reply]| match part {
            [name, len, value] => Some((name.as_bytes()?, number(len)?, value.as_bytes()?)),
            _ => None,
        };
        Some(Item { id: id.as_bytes(), parts: fields.chunks(3).filter_map(field).collect() })
    };
    let len = listed.first().and_then(number).ok_or("the server answered in an unknown shape")?;
    Ok(Items { len, items: listed.iter().skip(1).filter_map(item).collect() })
}

/// Reads what the element itself does not hold, and decodes all of it.
async fn task(
    scripts: &mut Scripts<'_>,
    family: &dyn QueueFamily,
    key: &Bytes,
    item: Item,
    redactor: &Redactor,
) -> Result<Task, String> {
    let show = |bytes: &Bytes, whole: bool| decode(bytes.as_slice(), whole, redactor);
    let is_id = |name: &Bytes| name.as_slice() == family.id_field().as_bytes();
    let element = item.parts.iter().find(|(name, ..)| is_id(name)).map(|(_, _, head)| head.clone());
    let wanted = element.as_ref().map(|e| family.task_parts(key, e)).unwrap_or_default();
    let mut parts = Vec::new();
    for (name, len, head) in item.parts.iter().filter(|(name, ..)| wanted.is_empty() || !is_id(name)) {
        let whole = *len == head.len() as u64;
        let unfolded = family.unfold("", head).into_iter().next().filter(|_| item.id.is_none());
        let said = match unfolded {
            _ if redactor.is_secret(&name.escaped()) => masked(),
            Some((_, task)) => show(&task, whole),
            None => show(head, whole),
        };
        parts.push((name.escaped(), said));
    }
    if wanted.is_empty() {
        return Ok(Task { id: item.id.map(|id| id.escaped()), parts });
    }
    let reads: Vec<Read> = wanted.iter().map(|(_, read)| read.clone()).collect();
    let replies = scripts.read(&reads).await?;
    for ((label, read), reply) in wanted.iter().zip(&replies) {
        // GETRANGE of a key that is not there is empty.
        let gone = matches!(read, Read::Head(..)) && matches!(reply, Reply::Bulk(b) if b.is_empty());
        match reply {
            Reply::Bulk(bytes) if !gone => {
                let whole = bytes.len() < PART as usize;
                let unfolded = family.unfold(label, bytes);
                if unfolded.is_empty() {
                    parts.push(((*label).to_owned(), show(bytes, whole)));
                }
                parts.extend(unfolded.iter().map(|(label, part)| ((*label).to_owned(), show(part, true))));
            }
            Reply::Nil | Reply::Bulk(_) => {
                parts.push(((*label).to_owned(), note("not there: the task was taken or removed meanwhile")));
            }
            Reply::Error(e) => {
                parts
                    .push(((*label).to_owned(), note(&format!("not read: {}", escape_text(&e.to_string())))));
            }
            _ => parts.push(((*label).to_owned(), note("not read"))),
        }
    }
    Ok(Task { id: element.map(|e| e.escaped()), parts })
}

fn note(text: &str) -> Decoded {
    Decoded { how: String::new(), lines: vec![format!("({text})")] }
}

fn masked() -> Decoded {
    Decoded { how: String::new(), lines: vec!["***".into()] }
}

/// Reads in what the server understands.
struct Scripts<'a> {
    reader: &'a mut Reader,
    dialect: Dialect,
}

impl Scripts<'_> {
    async fn read(&mut self, reads: &[Read]) -> Result<Vec<Reply>, String> {
        let failed = |e: CallError| e.to_string();
        let replies = self.reader.read(reads, self.dialect).await.map_err(failed)?;
        let unknown = replies
            .iter()
            .filter_map(Reply::as_error)
            .any(crate::domain::reply::ReplyError::is_unknown_command);
        if self.dialect == Dialect::EvalRo && unknown {
            self.dialect = Dialect::Eval;
            return self.reader.read(reads, self.dialect).await.map_err(failed);
        }
        Ok(replies)
    }
}

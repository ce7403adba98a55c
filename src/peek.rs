//! A look at the tasks of a queue, without taking them: a few from either end of those that wait, that are in flight,
//! for later, to be tried again or failed, read in bounded scripts that change nothing, decoded, with secrets masked
//! before anybody sees them.

mod held;
mod times;

use crate::decode::{Decoded, Redactor, decode};
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Reply, Stamp};
use crate::family::read::{HELD_BY, PART};
use crate::family::sets::Time;
use crate::family::stream::{Group, groups};
use crate::family::{Dialect, QueueFamily, Read, Since, TaskKind, TaskPlace, TaskSet};
use crate::redis_io::{CallError, Reader};

/// Tasks shown of each end at the most.
pub const MOST_TASKS: u32 = 20;
/// Groups of a stream whose entries in flight are shown.
const MOST_GROUPS: usize = 4;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Which tasks.
    pub set: TaskSet,
    /// Which there are of this queue.
    pub sets: Vec<TaskSet>,
    /// How many tasks of that set there are; `None` where the server does not know how many entries of a stream a
    /// group was not given yet.
    pub count: Option<u64>,
    /// True where tasks of other queues stand in the same place and are counted and shown, too.
    pub shared: bool,
    /// Those at the more interesting end, see [`TaskSet::ends`].
    pub first: Vec<Task>,
    /// Those at the other end; none when all are among the first.
    pub last: Vec<Task>,
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

/// A queue to be looked at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its library.
    pub family: &'a dyn QueueFamily,
    /// The key that stands for it.
    pub key: &'a Bytes,
    /// What tells its application from others, see [`QueueFamily::application`].
    pub application: &'a Bytes,
    /// Which end producers push to.
    pub push: PushEnd,
}

/// Peeks. `Err` is a sentence that says why nothing was seen, escaped.
pub async fn peek(
    reader: &mut Reader,
    subject: Subject<'_>,
    set: TaskSet,
    count: u32,
    redactor: &Redactor,
) -> Result<Peek, String> {
    let count = count.clamp(1, MOST_TASKS);
    let mut scripts = Scripts { reader, dialect: Dialect::default() };
    let groups = scripts.groups(subject).await?;
    let sets = sets(subject, &groups);
    let holders = if set == TaskSet::InFlight { scripts.holders(subject).await? } else { Vec::new() };
    if !sets.contains(&set) {
        let has: Vec<&str> = sets.iter().map(|set| set.code()).collect();
        let family = subject.family.id();
        return Err(format!("{family} has no place for {} tasks: look at {}", set.code(), has.join(", ")));
    }
    let mut looks = looks(subject, set, &groups, count);
    looks.extend(held::looks(subject, &holders, count));
    let reads: Vec<Read> = looks.iter().flat_map(|look| look.reads.clone()).collect();
    let replies = scripts.read(&reads).await?;
    let mut seen = Peek {
        set,
        sets,
        count: Some(0),
        shared: looks.iter().any(|look| look.shared),
        first: Vec::new(),
        last: Vec::new(),
        at: Stamp::now(),
    };
    // A key of another type is not where the tasks are, if they are elsewhere.
    let is_other = |ends: &[Reply]| matches!(ends.first(), Some(Reply::Error(e)) if e.code == "WRONGTYPE");
    let all_other = replies.chunks(2).all(is_other);
    for (look, ends) in looks.iter().zip(replies.chunks(2)).filter(|(_, ends)| all_other || !is_other(ends)) {
        let near = items(ends.first())?;
        let far = items(ends.get(1))?;
        // A set has one end only.
        let (near, far) = if near.items.is_empty() { (far, near) } else { (near, far) };
        // Those that stand at both ends are shown once.
        let rest = usize::try_from(near.len).unwrap_or(usize::MAX).saturating_sub(near.items.len());
        // Of a stream its whole length is told, and its entries have ids.
        let ids: Vec<Bytes> = near.items.iter().filter_map(|item| item.id.clone()).collect();
        let is_new = |item: &Item| item.id.as_ref().is_none_or(|id| !ids.contains(id));
        let far: Vec<Item> = far.items.into_iter().filter(is_new).take(rest).collect();
        seen.count = match look.len {
            Len::Told => seen.count.map(|n| n.saturating_add(near.len)),
            Len::Lag(lag) => seen.count.zip(lag).map(|(n, lag)| n.saturating_add(lag)),
        };
        for (items, into) in [(near.items, &mut seen.first), (far, &mut seen.last)] {
            let room = (count as usize).saturating_sub(into.len());
            let items: Vec<Item> = items.into_iter().take(room).collect();
            let times = scripts.times(look, &items, seen.at).await?;
            for (item, time) in items.into_iter().zip(times) {
                let mut task = task(&mut scripts, subject, set, item, redactor).await?;
                let held =
                    look.holder.as_ref().map(|holder| (HELD_BY.to_owned(), note_of(&holder.escaped())));
                task.parts.splice(0..0, time.into_iter().chain(held));
                into.push(task);
            }
        }
    }
    Ok(seen)
}

/// The sets of this queue that stand somewhere.
fn sets(subject: Subject<'_>, groups: &[Group]) -> Vec<TaskSet> {
    let mut has = vec![TaskSet::Waiting];
    has.extend(subject.family.sets_at(subject.key).iter().map(|place| place.set));
    if !groups.is_empty() || subject.family.holders(subject.key).is_some() {
        has.push(TaskSet::InFlight);
    }
    TaskSet::ALL.into_iter().filter(|set| has.contains(set)).collect()
}

/// Two reads of one place, the more interesting end first.
struct Look {
    reads: [Read; 2],
    shared: bool,
    len: Len,
    /// The key, where it is a sorted set whose scores are times.
    timed: Option<(Bytes, Time)>,
    /// Who holds them.
    holder: Option<Bytes>,
}

/// How many tasks there are in a place.
enum Len {
    /// As its read tells.
    Told,
    /// What a group was not given, if the server knows.
    Lag(Option<u64>),
}

fn looks(subject: Subject<'_>, set: TaskSet, groups: &[Group], count: u32) -> Vec<Look> {
    let Subject { family, key, application, push } = subject;
    let heads = |key: &Bytes, kind: TaskKind, since: &Since, backwards: bool| Read::TaskHeads {
        key: key.clone(),
        kind,
        since: since.clone(),
        backwards,
        count,
        max: PART,
    };
    if set == TaskSet::Waiting {
        let look = |place: &TaskPlace| {
            // What no group needs any more still stands in the stream: those that the group furthest behind was not
            // given wait.
            let behind = groups.iter().min_by_key(|group| group.delivered());
            let (since, len) = match behind.filter(|_| place.kind == TaskKind::Stream) {
                Some(group) => (Since::Entry(group.delivered.clone()), Len::Lag(group.lag)),
                None => (Since::All, Len::Told),
            };
            let reads =
                [place.next_last, !place.next_last].map(|back| heads(&place.key, place.kind, &since, back));
            Look { reads, shared: false, len, timed: None, holder: None }
        };
        return family.tasks_at(key, push).iter().map(look).collect();
    }
    let newest_first = set == TaskSet::Failed;
    let places = family.sets_at(key).into_iter().filter(|place| place.set == set);
    let mut looks: Vec<Look> = places
        .map(|place| {
            let ends = [newest_first, !newest_first];
            let key = place.key_in(application);
            let reads = ends.map(|back| heads(&key, TaskKind::Any, &place.since, back));
            let timed = place.time.map(|time| (key, time));
            Look { reads, shared: place.shared, len: Len::Told, timed, holder: None }
        })
        .collect();
    if set == TaskSet::InFlight {
        looks.extend(groups.iter().take(MOST_GROUPS).map(|group| {
            let held =
                |count| Read::StreamHeld { key: key.clone(), group: group.name.clone(), count, max: PART };
            Look { reads: [held(count), held(1)], shared: false, len: Len::Told, timed: None, holder: None }
        }));
    }
    looks
}

/// One element: its parts with their whole lengths.
struct Item {
    id: Option<Bytes>,
    parts: Vec<(Bytes, u64, Bytes)>,
}

impl Item {
    /// The element, if it is one and all of it was read.
    fn whole(&self) -> Option<Bytes> {
        match self.parts.as_slice() {
            [(name, len, head)] if name.is_empty() && *len == head.len() as u64 => Some(head.clone()),
            _ => None,
        }
    }
}

struct Items {
    len: u64,
    items: Vec<Item>,
}

fn items(reply: Option<&Reply>) -> Result<Items, String> {
    let listed = match reply {
        Some(Reply::Array(listed)) => listed,
        // A length or a type in its stead.
        Some(Reply::Int(_) | Reply::Status(_)) => {
            return Err("tasks are read by EVAL_RO, which is not permitted here".into());
        }
        Some(Reply::Error(e)) if e.code == "WRONGTYPE" => {
            return Err("its key has another type than this kind of queue has".into());
        }
        Some(Reply::Error(e)) => return Err(escape_text(&e.to_string())),
        _ => return Err("the server answered in an unknown shape".into()),
    };
    let number = |r: &Reply| r.as_int().and_then(|n| u64::try_from(n).ok());
    let item = |reply: &Reply| {
        let flat = reply.as_array()?;
        if let Some(len) = flat.first().and_then(number) {
            let head = flat.get(1)?.as_bytes()?;
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
    Subject { family, key, .. }: Subject<'_>,
    set: TaskSet,
    item: Item,
    redactor: &Redactor,
) -> Result<Task, String> {
    let show = |bytes: &Bytes, whole: bool| decode(bytes.as_slice(), whole, redactor);
    let is_id = |name: &Bytes| name.as_slice() == family.id_field().as_bytes();
    let element = item.parts.iter().find(|(name, ..)| is_id(name)).map(|(_, _, head)| head.clone());
    let wanted = element.as_ref().map(|e| match set {
        TaskSet::Waiting => family.task_parts(key, e),
        other => family.set_parts(other, key, e),
    });
    let wanted = wanted.unwrap_or_default();
    let failure = element.as_ref().filter(|_| set != TaskSet::Waiting);
    let failure = failure.map(|e| family.failure_parts(key, e)).unwrap_or_default();
    let mut parts = Vec::new();
    for (name, len, head) in item.parts.iter().filter(|(name, ..)| wanted.is_empty() || !is_id(name)) {
        let whole = *len == head.len() as u64;
        let unfolded = family.unfold("", head).into_iter().next().filter(|_| item.id.is_none());
        let said = match unfolded {
            // Ours, not a field of the entry.
            _ if name.as_slice() == HELD_BY.as_bytes() => note_of(&head.escaped()),
            _ if redactor.is_secret(&name.escaped()) => masked(),
            Some((_, task)) => show(&task, whole),
            None => show(head, whole),
        };
        parts.push((name.escaped(), said));
    }
    if wanted.is_empty() {
        return Ok(Task { id: item.id.map(|id| id.escaped()), parts });
    }
    let reads: Vec<Read> = wanted.iter().chain(&failure).map(|(_, read)| read.clone()).collect();
    let replies = scripts.read(&reads).await?;
    for ((label, _), reply) in failure.iter().zip(replies.iter().skip(wanted.len())) {
        if let Reply::Bulk(bytes) = reply
            && !bytes.is_empty()
        {
            parts.push(((*label).to_owned(), show(bytes, bytes.len() < PART as usize)));
        }
    }
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
    note_of(&format!("({text})"))
}

fn note_of(line: &str) -> Decoded {
    Decoded { how: String::new(), lines: vec![line.to_owned()] }
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
    /// Its groups, where the queue is a stream.
    async fn groups(&mut self, subject: Subject<'_>) -> Result<Vec<Group>, String> {
        let places = subject.family.tasks_at(subject.key, subject.push);
        if !places.iter().any(|place| place.kind == TaskKind::Stream) {
            return Ok(Vec::new());
        }
        let replies = self.read(&[Read::StreamGroups(subject.key.clone())]).await?;
        Ok(groups(replies.first()))
    }

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

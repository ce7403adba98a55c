//! Moves or removes tasks of plain lists: the dead letters of our worker back into their queue, one list into
//! another, a poisoned task away. One bounded batch a plan; never on a library's list, whose own books it would break.

mod drain;
mod failed;

use super::inspect::{KeyKind, QueueInspection, inspect_queue};
use super::plan::{Guard, Plan};
use super::prepare::blank;
use super::services::{Services, named};
use super::session::Session;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, QueueId, Reply};
use crate::worker::is_own_key;
use crate::worker::keys::Keys;

use super::Prepared;
pub use drain::{DrainEnd, Drained, TransferEvent, drain};

/// Tasks in one batch: one script moves them, well within a millisecond.
pub const BATCH: u64 = 100;
/// The oldest task up to this many bytes is compared whole.
const COMPARED: u64 = 64 * 1024;
/// How many elements from the end are searched for a given one.
const SEARCHED: u64 = 10_000;

/// Where the tasks go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransferTo {
    /// The request names a queue: its dead letters go back into it.
    Back,
    /// Into this list, at the end its producers push to.
    List(Bytes, PushEnd),
    /// Nowhere: they are removed.
    Nowhere,
}

/// Which tasks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransferPick {
    /// So many of the oldest, in plans of at most [`BATCH`].
    Oldest(u64),
    /// One that is exactly these bytes.
    Element(Bytes),
}

/// A wish to move or remove tasks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// The list; for [`TransferTo::Back`] the queue whose dead letters are meant.
    pub queue: QueueId,
    /// End of that list that producers push to.
    pub push: PushEnd,
    /// Where they go.
    pub to: TransferTo,
    /// Which.
    pub pick: TransferPick,
}

impl Transfer {
    /// What it is called in the audit file.
    pub fn intent(&self) -> &'static str {
        match self.to {
            TransferTo::Back => "requeue",
            TransferTo::List(..) => "move",
            TransferTo::Nowhere => "drop",
        }
    }

    /// The list that tasks are taken from.
    pub fn source(&self) -> Bytes {
        match self.to {
            TransferTo::Back => Keys::new(&self.queue.key).failed,
            _ => self.queue.key.clone(),
        }
    }

    /// Where the oldest task stands: dead letters are always pushed to the left.
    fn oldest_is_right(&self) -> bool {
        matches!(self.to, TransferTo::Back)
            || is_own_key(self.queue.key.as_slice())
            || self.push == PushEnd::Left
    }
}

/// How many tasks a plan of this kind has moved or removed.
pub fn moved(plan: &Plan, replies: &[Reply]) -> u64 {
    let steps = plan.steps.iter().zip(replies);
    let each = steps.map(|(step, reply)| match (step.name().as_str(), reply) {
        ("LMOVE" | "RPOPLPUSH" | "RPOP" | "LPOP", Reply::Nil | Reply::Bool(false)) | (_, Reply::Error(_)) => {
            0
        }
        ("LMOVE" | "RPOPLPUSH" | "RPOP" | "LPOP", _) => 1,
        ("LREM" | "ZREM" | "SREM", reply) => reply.as_int().unwrap_or(0).unsigned_abs(),
        _ => 0,
    });
    each.sum()
}

/// The plan of the first batch, and how many tasks are meant in all.
pub(super) async fn prepare(
    services: &Services,
    wish: &Transfer,
) -> Result<(Prepared, Session, u64), String> {
    let (node, db) = (&wish.queue.node, wish.queue.db);
    let from = wish.source();
    let to = match &wish.to {
        TransferTo::Back => Some((wish.queue.key.clone(), wish.push)),
        TransferTo::List(key, push) => Some((key.clone(), *push)),
        TransferTo::Nowhere => None,
    };
    refuse_own_keys(wish, &from)?;
    let mut reader = services.reader(node, db, &from).await?;
    let found = inspect_queue(&mut reader, &from, db).await.map_err(|e| named(node, &e))?;
    // What lies in our dead letters came from that queue as it is, and may go back as it is.
    let own = matches!(wish.to, TransferTo::Back) || is_own_key(from.as_slice());
    refuse(&from, &found, own)?;
    let depth = match (&found.kind, found.depth) {
        (KeyKind::Absent, _) | (_, Some(0)) => {
            if matches!(wish.to, TransferTo::Back) {
                return failed_jobs(services, wish, &from).await;
            }
            return Err(format!("{from} is empty: there is nothing to do"));
        }
        (_, Some(depth)) => depth,
        (_, None) => return Err(format!("the length of {from} is not known: nothing was done")),
    };
    let mut notes = found.notes();
    if let Some((to, _)) = &to {
        let mut reader = services.reader(node, db, to).await?;
        let target = inspect_queue(&mut reader, to, db).await.map_err(|e| named(node, &e))?;
        refuse(to, &target, matches!(wish.to, TransferTo::Back))?;
        notes.extend(target.notes());
    }
    drop(reader);
    let mut session = Session::open(services, node, db, &from).await?;
    let target = session.target(db);
    let mut plan = blank(services, wish.intent(), target, &from);
    plan.guards.push(Guard::TypeIs { key: from.clone(), key_type: "list", absent_ok: false });
    if let Some((to, _)) = &to {
        plan.guards.push(Guard::TypeIs { key: to.clone(), key_type: "list", absent_ok: true });
    }
    let (n, total) = match &wish.pick {
        TransferPick::Oldest(wanted) => {
            let total = (*wanted).max(1).min(depth);
            let n = total.min(BATCH);
            compare_oldest(&mut session, wish, &from, &mut plan).await?;
            plan.steps = oldest(wish, &from, to.as_ref(), n);
            (n, total)
        }
        TransferPick::Element(element) => {
            plan.guards.push(Guard::ListHolds {
                key: from.clone(),
                value: element.clone(),
                searched: SEARCHED,
            });
            if let Some((to, push)) = &to {
                // First the copy: were it refused, nothing would have been removed.
                plan.steps.push(Command::new(push_name(*push)).arg(to.clone()).arg(element.clone()));
            }
            let count = if wish.oldest_is_right() { -1_i64 } else { 1 };
            plan.steps.push(Command::new("LREM").arg(from.clone()).arg(count).arg(element.clone()));
            (1, 1)
        }
    };
    let what = if n == 1 { "1 task".to_string() } else { format!("{n} tasks, the oldest first,") };
    plan.effects.push(match &to {
        Some((to, _)) => format!("moves {what} of {depth} from {from} to {to}"),
        None => format!("removes {what} of {depth} from {from}"),
    });
    if total > n {
        plan.effects.push(format!("and so on until {total} are, in batches of {BATCH}, each compared anew"));
    }
    match wish.to {
        TransferTo::Back => plan.effects.push("they are run again, as if they had just been pushed".into()),
        TransferTo::List(..) => {}
        TransferTo::Nowhere => {
            plan.warnings.push("this cannot be undone: move them to another list to keep them".into());
        }
    }
    plan.warnings.extend(notes);
    Ok((Prepared { plan, needs_force: None }, session, total))
}

/// Our worker has no dead letters of that queue: what its library has, where that may be moved from here.
async fn failed_jobs(
    services: &Services,
    wish: &Transfer,
    letters: &Bytes,
) -> Result<(Prepared, Session, u64), String> {
    let (queue, node) = (&wish.queue.key, &wish.queue.node);
    if let Some(plan) = failed::prepare(services, wish).await? {
        return Ok(plan);
    }
    let mut reader = services.reader(node, wish.queue.db, queue).await?;
    let found = inspect_queue(&mut reader, queue, wish.queue.db).await.map_err(|e| named(node, &e))?;
    Err(match found.library() {
        Some(library) => format!(
            "{queue} is {library}'s, whose failed tasks are more than their place in a list: {}",
            failed::instead(library)
        ),
        None => format!("{letters} is empty: there is nothing to do"),
    })
}

/// The oldest task must still be the one seen: another one means that somebody works on the list.
async fn compare_oldest(
    session: &mut Session,
    wish: &Transfer,
    from: &Bytes,
    plan: &mut Plan,
) -> Result<(), String> {
    let index = if wish.oldest_is_right() { -1_i64 } else { 0 };
    let node = &wish.queue.node;
    let read = Command::new("LINDEX").arg(from.clone()).arg(index);
    match session.writer.call(&read).await.map_err(|e| named(node, &e))? {
        Reply::Bulk(value) if value.len() as u64 <= COMPARED => {
            plan.guards.push(Guard::ListElement { key: from.clone(), index, value });
        }
        Reply::Bulk(value) => plan.warnings.push(format!(
            "its oldest task has {} bytes and is not compared: that the list is still the one seen is not proven",
            value.len()
        )),
        Reply::Error(e) => return Err(e.to_string()),
        _ => return Err(format!("{from} is empty: there is nothing to do")),
    }
    Ok(())
}

fn oldest(wish: &Transfer, from: &Bytes, to: Option<&(Bytes, PushEnd)>, n: u64) -> Vec<Command> {
    let (take, pop) = if wish.oldest_is_right() { ("RIGHT", "RPOP") } else { ("LEFT", "LPOP") };
    let step = match to {
        None => Command::new(pop).arg(from.clone()),
        // The one that every version knows.
        Some((to, PushEnd::Left)) if take == "RIGHT" => {
            Command::new("RPOPLPUSH").arg(from.clone()).arg(to.clone())
        }
        Some((to, push)) => {
            let put = if *push == PushEnd::Left { "LEFT" } else { "RIGHT" };
            Command::new("LMOVE").arg(from.clone()).arg(to.clone()).arg(take).arg(put)
        }
    };
    vec![step; n as usize]
}

fn push_name(push: PushEnd) -> &'static str {
    match push {
        PushEnd::Left => "LPUSH",
        PushEnd::Right => "RPUSH",
    }
}

/// Of our own keys only dead letters may be moved: the others are a living worker's books.
fn refuse_own_keys(wish: &Transfer, from: &Bytes) -> Result<(), String> {
    let is_dead_letters =
        |key: &Bytes| key.as_slice().ends_with(b":failed") || key.as_slice().ends_with(b":failed-tests");
    if is_own_key(from.as_slice()) && !is_dead_letters(from) {
        return Err(format!("{from} is the book of a worker: only its dead letters can be moved"));
    }
    if matches!(wish.to, TransferTo::Back) && is_own_key(wish.queue.key.as_slice()) {
        return Err(format!("{} is one of redwarden's own keys: name the queue itself", wish.queue.key));
    }
    if let TransferTo::List(to, _) = &wish.to {
        if is_own_key(to.as_slice()) {
            return Err(format!("{to} is one of redwarden's own keys: nothing is put there"));
        }
        if to == from {
            return Err("both lists are the same: there is nothing to do".into());
        }
    }
    Ok(())
}

/// Other types, and lists of libraries: their queues are more than the list (job hashes, counters, registers), which
/// would say one thing and the list another.
fn refuse(key: &Bytes, found: &QueueInspection, own: bool) -> Result<(), String> {
    if let KeyKind::Other(kind) = &found.kind {
        return Err(format!("{key} is a {kind}, not a list: nothing was done"));
    }
    if own {
        return Ok(());
    }
    if let Some(library) = found.library() {
        return Err(format!(
            "{key} is {library}'s: it keeps books beside the list, which this would break; use {library}'s own tools"
        ));
    }
    if let Some(why) = &found.unseen {
        return Err(format!("the tasks in {key} could not be looked at ({why}): they may be some library's"));
    }
    Ok(())
}

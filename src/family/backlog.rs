//! What every queue family does with the depths it read: history, progress, rates, age of the next task.

use std::time::Duration;

use super::list::{self, Look};
use super::{Context, KeyFact, QueueMemory, Read, Sample, TaskKind};
use crate::domain::lock::Unknown;
use crate::domain::queue::{Detail, Oldest, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply, Stamp};

/// The queue as it was, or a blank one, with what its site told of it.
pub(super) fn begin(
    family: &'static str,
    name: &Bytes,
    fact: &KeyFact,
    push: PushEnd,
    previous: Option<&Queue>,
    memory: &QueueMemory,
    ctx: &Context,
) -> Queue {
    let mut queue = previous.cloned().unwrap_or_else(|| list::blank(family, fact, ctx));
    let part = &memory.part;
    queue.name = name.escaped();
    queue.push = push;
    queue.problem = None;
    queue.read_at = ctx.at;
    queue.in_flight = part.in_flight;
    queue.scheduled = part.scheduled;
    queue.retry = part.retry;
    queue.failed = part.failed;
    queue.workers = part.workers;
    queue.paused = part.paused;
    queue.details.clone_from(&part.details);
    queue
}

/// Its depth could not be read: said, never 0.
pub(super) fn unreadable(mut queue: Queue, why: Unknown) -> Queue {
    fail(&mut queue, why);
    queue
}

fn fail(queue: &mut Queue, why: Unknown) {
    queue.waiting = None;
    queue.problem = Some(why);
    queue.oldest = Oldest::Unknown(Unknown::NotRead);
}

/// The look at the list in which a queue's tasks wait, by the reply to [`list_look`]. `None`: see [`left_of`].
pub(super) fn look_at(queue: &mut Queue, reply: Option<&Reply>) -> Option<Look> {
    match Look::parse(reply) {
        Ok(look) => return Some(look),
        Err(_) if is_wrong_type(reply) => queue.problem = None,
        Err(why) => fail(queue, why),
    }
    None
}

/// What is left of a queue when [`look_at`] told nothing: it with the reason, or nothing where its key has another
/// type now.
pub(super) fn left_of(queue: Queue) -> Option<Queue> {
    queue.problem.is_some().then_some(queue)
}

/// The next element of the list that [`list_look`] looked at, when it may be an id.
pub(super) fn next_id(reply: Option<&Reply>) -> Option<Bytes> {
    Look::parse(reply).ok()?.next_id().cloned()
}

/// The read for a look at a list that is pushed to at this end.
pub(super) fn list_look(key: &Bytes, push: PushEnd, memory: &QueueMemory) -> Read {
    Read::ListLook { key: key.clone(), push, newest: memory.newest.clone(), maxlen: list::reach(memory) }
}

/// True when the key has another type now.
pub(super) fn is_wrong_type(reply: Option<&Reply>) -> bool {
    // Before 7.0 the error of a command inside a script comes wrapped.
    reply.and_then(Reply::as_error).is_some_and(|e| e.code == "WRONGTYPE" || e.message.contains("WRONGTYPE"))
}

/// Takes a look at one list into its memory; what happened since the last one, and whether another task is next.
pub(super) fn list_step(look: &Look, memory: &mut QueueMemory, ctx: &Context) -> (Option<Sample>, bool) {
    let sample = list::sample(look, memory, ctx);
    let moved = list::remember_next(look, memory, ctx);
    memory.last = Some((look.depth, ctx.at));
    list::remember_newest(look, memory);
    (sample, moved)
}

/// Enters the depth: history, progress and rates.
pub(super) fn settle(
    queue: &mut Queue,
    depth: u64,
    sample: Option<Sample>,
    moved: bool,
    source: RateSource,
    memory: &mut QueueMemory,
    ctx: &Context,
) {
    queue.waiting = Some(depth);
    queue.samples = queue.samples.saturating_add(1);
    queue.history = list::pushed_history(&queue.history, depth);
    let taken = |s: Sample| s.popped.is_some_and(|p| p > 0) || s.events.is_some_and(|e| e.popped > 0);
    let progressed = moved | sample.is_some_and(|s| taken(s) || s.net < 0);
    queue.no_progress_since = match (depth, progressed) {
        (0, _) | (_, true) => None,
        _ => queue.no_progress_since.or(Some(ctx.at)),
    };
    if let Some(sample) = sample {
        list::remember(memory, sample, ctx.rate_window);
    }
    queue.rates = list::rates(memory, ctx.rate_window);
    if queue.rates.source == RateSource::NewestFoundAgain {
        queue.rates.source = source;
    }
    if let Some(why) = memory.events.left_out.filter(|_| queue.rates.source == RateSource::NetOnly) {
        queue.details.push(Detail::new("keyspace events", why));
    }
    memory.last = Some((depth, ctx.at));
}

/// Difference of a counter since the last look; none at the first one and after it was set back.
pub(super) fn since_last(memory: &mut QueueMemory, name: &Bytes, now: Option<i64>) -> Option<u64> {
    let Some(now) = now else {
        memory.counters.remove(name);
        return None;
    };
    let before = memory.counters.insert(name.clone(), now)?;
    now.checked_sub(before).and_then(|d| u64::try_from(d).ok())
}

/// How many tasks were done since the last look where each is counted when it is added: those that were open or added
/// and are not open any more. The figures of a look are not read at one moment; what that makes too many or too few is
/// taken into account at the next look, so that one look between two moments does not spoil the rate.
pub(super) fn done_of_open(added: Option<u64>, open: Option<u64>, memory: &mut QueueMemory) -> Option<u64> {
    /// More than can happen while a look is read: tasks came back without being counted.
    const TOO_MANY: i64 = 16;
    let name = Bytes::from("open");
    let Some(open) = open.and_then(|open| i64::try_from(open).ok()) else {
        memory.counters.remove(&name);
        return None;
    };
    let expected = memory
        .counters
        .get(&name)
        .zip(added)
        .and_then(|(before, added)| before.checked_add(i64::try_from(added).ok()?));
    let done = expected.map(|expected| expected - open);
    let carried = done.is_some_and(|done| (-TOO_MANY..0).contains(&done));
    memory.counters.insert(name, if carried { expected.unwrap_or(open) } else { open });
    if carried { Some(0) } else { done.and_then(|done| u64::try_from(done).ok()) }
}

/// What counters say happened since the last look.
pub(super) fn counted(
    depth: u64,
    pushed: Option<u64>,
    popped: Option<u64>,
    memory: &QueueMemory,
    ctx: &Context,
) -> Option<Sample> {
    let (before, then) = memory.last?;
    let seconds = ctx.at.since(then).as_secs_f64();
    (seconds > 0.0).then(|| Sample {
        at: ctx.at,
        seconds,
        pushed: pushed.filter(|_| popped.is_some()),
        popped: popped.filter(|_| pushed.is_some()),
        net: depth as i64 - before as i64,
        events: None,
    })
}

/// Age of a task that was enqueued then, milliseconds since the epoch.
pub(super) fn age(ms: i64, ctx: &Context) -> Oldest {
    // Earlier than 2001 is no time of a task; a second of skew between the clocks is no future.
    if ms < 980_000_000_000 {
        return Oldest::Unknown(Unknown::Failed("it carries no plausible time".into()));
    }
    if ms > ctx.server_ms.saturating_add(1000) {
        return Oldest::Unknown(Unknown::Failed("its time lies in the future".into()));
    }
    Oldest::At { age: Duration::from_millis(u64::try_from(ctx.server_ms.saturating_sub(ms)).unwrap_or(0)) }
}

/// The lower bound where a task was enqueued then and older ones may wait.
pub(super) fn at_least_from(ms: i64, ctx: &Context) -> Oldest {
    match age(ms, ctx) {
        Oldest::At { age } => match (ctx.at.mono.checked_sub(age), ctx.at.wall.checked_sub(age)) {
            (Some(mono), Some(wall)) => Oldest::AtLeast { since: Stamp { mono, wall } },
            _ => Oldest::Unknown(Unknown::NotRead),
        },
        other => other,
    }
}

/// The lower bound where no time is told: since when the next task stands there.
pub(super) fn at_least(memory: &QueueMemory) -> Oldest {
    match &memory.next {
        Some((_, since)) => Oldest::AtLeast { since: *since },
        None => Oldest::Unknown(Unknown::NotRead),
    }
}

/// Enters the depth of a queue whose waiting tasks stand in one list. `counted` is what counters say, if the
/// library keeps any.
pub(super) fn settle_list(
    queue: &mut Queue,
    look: &Look,
    counted: Option<Sample>,
    memory: &mut QueueMemory,
    ctx: &Context,
) {
    let (found, moved) = list_step(look, memory, ctx);
    let (sample, source) = match counted.filter(|s| s.pushed.is_some()) {
        Some(sample) => (Some(sample), RateSource::Counters),
        None => (found, RateSource::NewestFoundAgain),
    };
    let sample = with_events(sample, TaskKind::List, memory);
    settle(queue, look.depth, sample, moved, source, memory, ctx);
}

/// The same with what keyspace events told of the queue's one key, of this type.
pub(super) fn with_events(
    sample: Option<Sample>,
    kind: TaskKind,
    memory: &mut QueueMemory,
) -> Option<Sample> {
    let events = memory.events.step(kind);
    sample.map(|sample| Sample { events, ..sample })
}

/// The oldest task of so many: as told, milliseconds since the epoch, else how long it was seen there.
pub(super) fn oldest(depth: u64, told: Option<i64>, memory: &QueueMemory, ctx: &Context) -> Oldest {
    match (depth, told) {
        (0, _) => Oldest::Empty,
        (_, Some(ms)) => age(ms, ctx),
        (_, None) => at_least(memory),
    }
}

/// Taken and pushed since the last look where the library counts what is done: what was done and what is taken
/// more than before was taken, and what left and still did not make it shorter was pushed.
pub(super) fn taken_by_done(
    depth: u64,
    done: Option<i64>,
    in_flight: Option<u64>,
    memory: &mut QueueMemory,
    ctx: &Context,
) -> Option<Sample> {
    let both = done.and_then(|done| done.checked_add(i64::try_from(in_flight?).ok()?));
    let popped = since_last(memory, &"taken".into(), both);
    let pushed = match (popped, memory.last) {
        (Some(popped), Some((before, _))) => u64::try_from(popped as i64 + depth as i64 - before as i64).ok(),
        _ => None,
    };
    counted(depth, pushed, popped, memory, ctx)
}

/// Remembers which task is next where they stand in no list; true when it is another one than before.
pub(super) fn next_moved(next: Option<Bytes>, memory: &mut QueueMemory, ctx: &Context) -> bool {
    if next.is_some() && next.as_ref() == memory.next.as_ref().map(|(id, _)| id) {
        return false;
    }
    let moved = next.is_some() && memory.next.is_some();
    memory.next = next.map(|id| (id, ctx.at));
    moved
}

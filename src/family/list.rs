//! The plain list as a queue: `LPUSH` + `BRPOP`, or the other way round.
//!
//! True rates without counters: the newest element of the last look is searched for again from the pushing end;
//! where it stands now is the number of pushes since, and pushes minus the change of depth is the number of pops.

use std::time::Duration;

use super::backlog::{self, begin, left_of, list_look, look_at, settle_list};
use super::rhythm;
use super::site::count;
use super::string::unknown;
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, Sample, SetPlace, TaskSet, Wish, canary,
};
use crate::domain::lock::Unknown;
use crate::domain::queue::{Oldest, PushEnd, RateSource, Rates};
use crate::domain::{Bytes, Queue, QueueId, Reply};

/// See the module.
pub struct ListFamily;

/// Depths kept for the sparkline.
const HISTORY: usize = 120;
/// Elements among which the last newest one is searched for, at least and at most.
const NEAR: u32 = 256;
const FAR: u32 = 4096;
/// Elements longer than this are not searched for: LPOS would compare too many bytes.
const MAX_SEARCHED: usize = 4096;

impl QueueFamily for ListFamily {
    fn id(&self) -> &'static str {
        "list"
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if fact.queue_pattern && &*fact.key_type == "list" { 50 } else { 0 }
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let own = crate::worker::keys::Keys::new(key);
        vec![
            SetPlace::new(TaskSet::InFlight, [key.as_slice(), b":processing"].concat().into()),
            // Of redwarden's own worker.
            SetPlace::new(TaskSet::Retry, own.retries(true)),
            SetPlace::new(TaskSet::Failed, own.failed),
        ]
    }

    fn reads(&self, key: &Bytes, push: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        vec![list_look(key, push, memory), Read::ListLen([key.as_slice(), b":processing"].concat().into())]
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::payload(self.id(), wish, wish.push)
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id(), &fact.key, fact, ctx.push, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        // Many name their in-flight list so, but it is no convention: its absence says nothing.
        queue.in_flight = count(replies.get(1)).filter(|n| *n > 0);
        settle_list(&mut queue, &look, None, memory, ctx);
        queue.oldest = oldest(&look, memory, ctx);
        Some(queue)
    }
}

/// The queue whose taken tasks stand in a list of this name.
pub fn queue_of_processing(key: &[u8]) -> Option<Bytes> {
    key.strip_suffix(b":processing").filter(|queue| !queue.is_empty()).map(Bytes::from)
}

/// How far the last newest element is searched for: some times as far as it was lately, and as far as may be where it
/// was not found.
pub(super) fn reach(memory: &QueueMemory) -> u32 {
    let Some(last) = memory.window.back() else { return NEAR };
    let pushed = last.pushed.map_or(u64::from(FAR), |pushed| pushed.saturating_mul(4));
    u32::try_from(pushed).unwrap_or(FAR).clamp(NEAR, FAR)
}

/// One look at a list.
pub(super) struct Look {
    pub(super) depth: u64,
    pub(super) newest: Option<(usize, Bytes)>,
    pub(super) next: Option<(usize, Bytes)>,
    /// Positions at which the last newest element was found, from the pushing end, at most two.
    found: Option<Vec<u64>>,
}

impl Look {
    /// A look at something that is no list: how many wait, and which is next.
    pub(super) fn of(depth: u64, next: Option<Bytes>) -> Self {
        Self { depth, newest: None, next: next.map(|id| (id.len(), id)).filter(|_| depth > 0), found: None }
    }

    /// The next element, when it was read whole.
    pub(super) fn next_whole(&self) -> Option<&Bytes> {
        self.next.as_ref().filter(|(len, head)| *len == head.len()).map(|(_, head)| head)
    }

    /// The same, when it is short enough for an id.
    pub(super) fn next_id(&self) -> Option<&Bytes> {
        self.next_whole().filter(|id| id.len() <= 256)
    }

    /// The time that the next element tells as a payload, milliseconds since the epoch.
    pub(super) fn next_time_ms(&self) -> Option<i64> {
        payload_time_ms(self.next_whole()?.as_slice())
    }

    /// `[depth, newest length, newest head, next length, next head, [positions]]`, or a bare depth where
    /// scripts are not permitted.
    pub(super) fn parse(reply: Option<&Reply>) -> Result<Self, Unknown> {
        let number = |r: Option<&Reply>| r.and_then(Reply::as_int).and_then(|n| u64::try_from(n).ok());
        match reply {
            Some(Reply::Int(depth)) => {
                Ok(Self { depth: u64::try_from(*depth).unwrap_or(0), newest: None, next: None, found: None })
            }
            Some(Reply::Array(items)) => {
                let element = |at: usize| {
                    let len = number(items.get(at))?;
                    Some((len as usize, items.get(at + 1)?.as_bytes()?))
                };
                let depth = number(items.first()).ok_or(Unknown::NotRead)?;
                let found = items.get(5).and_then(Reply::as_array);
                Ok(Self {
                    depth,
                    newest: element(1).filter(|_| depth > 0),
                    next: element(3).filter(|_| depth > 0),
                    found: found.map(|f| f.iter().filter_map(|r| number(Some(r))).collect()),
                })
            }
            other => Err(unknown(other, "LLEN")),
        }
    }
}

pub(super) fn blank(family: &'static str, fact: &KeyFact, ctx: &Context) -> Queue {
    Queue {
        id: QueueId { node: ctx.node.clone(), db: ctx.db, key: fact.key.clone() },
        name: fact.key.escaped(),
        family,
        application: Bytes::default(),
        push: ctx.push,
        waiting: None,
        problem: None,
        in_flight: None,
        scheduled: None,
        retry: None,
        failed: None,
        workers: None,
        paused: None,
        oldest: Oldest::Unknown(Unknown::NotRead),
        rates: Rates { incoming: None, outgoing: None, net: None, source: RateSource::None },
        history: [].into(),
        details: Vec::new(),
        blocked: None,
        no_progress_since: None,
        unattended_since: None,
        stirred: None,
        read_at: ctx.at,
        samples: 0,
    }
}

pub(super) fn pushed_history(before: &[u64], depth: u64) -> std::sync::Arc<[u64]> {
    let skip = (before.len() + 1).saturating_sub(HISTORY);
    before.iter().copied().skip(skip).chain([depth]).collect()
}

/// What happened since the last look. Pushes are known only when the last newest element was found exactly once
/// and the figures agree: equal payloads make the search ambiguous, also those that are long gone.
pub(super) fn sample(look: &Look, memory: &QueueMemory, ctx: &Context) -> Option<Sample> {
    let (depth_before, then) = memory.last?;
    let seconds = ctx.at.since(then).as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    let net = look.depth as i64 - depth_before as i64;
    let pushed = match look.found.as_deref() {
        Some([position]) if !memory.repeats.any() => Some(*position),
        _ => None,
    };
    let moved = match (&look.next, &memory.next) {
        (Some((_, head)), Some((before, _))) => head != before,
        _ => false,
    };
    // Another task is next although none was taken: what was found is another element of the same payload.
    let popped = pushed.and_then(|p| u64::try_from(p as i64 - net).ok()).filter(|n| *n > 0 || !moved);
    Some(Sample {
        at: ctx.at,
        seconds,
        pushed: pushed.filter(|_| popped.is_some()),
        popped,
        net,
        events: None,
    })
}

/// Remembers the next element to be taken; true when another one stands there now.
pub(super) fn remember_next(look: &Look, memory: &mut QueueMemory, ctx: &Context) -> bool {
    match (&look.next, &memory.next) {
        (Some((_, head)), Some((before, _))) if head == before => false,
        (Some((_, head)), before) => {
            let moved = before.is_some();
            memory.next = Some((head.clone(), ctx.at));
            moved
        }
        (None, _) => {
            memory.next = None;
            false
        }
    }
}

/// Remembers the newest element, where it can be searched for in the next look.
pub(super) fn remember_newest(look: &Look, memory: &mut QueueMemory) {
    let whole = look.newest.as_ref().filter(|(len, head)| *len <= MAX_SEARCHED && head.len() == *len);
    let newest = whole.map(|(_, newest)| newest.clone());
    memory.repeats.take(newest.as_ref(), memory.newest.as_ref());
    memory.newest = newest;
}

pub(super) fn remember(memory: &mut QueueMemory, sample: Sample, window: Duration) {
    memory.window.push_back(sample);
    rhythm::trim(&mut memory.window, window);
}

/// Rates over the window. In and out come from the newest unbroken run of looks at which pushes were known: a
/// look at which they were not would bias them.
pub(super) fn rates(memory: &QueueMemory, window: Duration) -> Rates {
    let span = rhythm::span(&memory.window, window);
    let looks = || memory.window.range(span.clone());
    let all: f64 = looks().map(|s| s.seconds).sum();
    if all <= 0.0 {
        return Rates { incoming: None, outgoing: None, net: None, source: RateSource::None };
    }
    let net = looks().map(|s| s.net).sum::<i64>() as f64 / all;
    let (mut seconds, mut pushed, mut popped) = (0.0, 0, 0);
    for sample in looks().rev() {
        let (Some(p), Some(q)) = (sample.pushed, sample.popped) else { break };
        seconds += sample.seconds;
        pushed += p;
        popped += q;
    }
    if let Some((by_events, told)) = told_by_events(looks()).filter(|(by_events, _)| *by_events > seconds) {
        return Rates { net: Some(net), ..rates_of(told, by_events, RateSource::KeyspaceEvents) };
    }
    // An empty queue that stays empty at each look says nothing of what ran through it in between.
    if seconds <= 0.0 {
        return Rates { incoming: None, outgoing: None, net: Some(net), source: RateSource::NetOnly };
    }
    Rates { net: Some(net), ..rates_of((pushed, popped), seconds, RateSource::NewestFoundAgain) }
}

fn rates_of((pushed, popped): (u64, u64), seconds: f64, source: RateSource) -> Rates {
    let of = |n: u64| Some(n as f64 / seconds);
    Rates { incoming: of(pushed), outgoing: of(popped), net: None, source }
}

/// What keyspace events and the depth tell together of the newest unbroken run of looks at which they were followed,
/// with its length in seconds. Events and depths are not of the very same moments: so the run is reconciled as a whole.
fn told_by_events<'a>(looks: impl DoubleEndedIterator<Item = &'a Sample>) -> Option<(f64, (u64, u64))> {
    let run = looks.rev().map_while(|s| Some((s.seconds, s.net, s.events?)));
    let sum = run.reduce(|(a, net, told), (b, more, before)| (a + b, net + more, before.and(told)));
    let (seconds, net, told) = sum?;
    Some((seconds, told.reconciled(net)))
}

/// The age of the next element, which may be the task itself.
pub(super) fn oldest(look: &Look, memory: &QueueMemory, ctx: &Context) -> Oldest {
    if look.next.is_none() && look.depth > 0 {
        return Oldest::Unknown(Unknown::NotPermitted("EVAL_RO"));
    }
    backlog::oldest(look.depth, look.next_time_ms(), memory, ctx)
}

/// Names under which payloads commonly carry the time of their enqueueing.
const TIME_FIELDS: [&str; 9] = [
    "enqueued_at",
    "enqueuedAt",
    "created_at",
    "createdAt",
    "queued_at",
    "pushed_at",
    "pushedAt",
    "timestamp",
    "time",
];

/// The time in a JSON payload, milliseconds since the epoch: RFC 3339, or a number in s, ms, µs or ns.
pub fn payload_time_ms(payload: &[u8]) -> Option<i64> {
    let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let field = TIME_FIELDS.iter().find_map(|name| value.get(name))?;
    let seconds = match field {
        serde_json::Value::String(text) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => return Some(at.as_millisecond()),
            Err(_) => text.parse::<f64>().ok()?,
        },
        other => other.as_f64()?,
    };
    // Told apart by size: 1e11 s is the year 5138, 1e11 ms is 1973.
    let ms = match seconds.abs() {
        s if s < 1e11 => seconds * 1e3,
        s if s < 1e14 => seconds,
        s if s < 1e17 => seconds / 1e3,
        _ => seconds / 1e6,
    };
    // Earlier than 2001 is no time of a task.
    (ms > 1e12 * 0.98).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::payload_time_ms;

    #[test]
    fn times_in_payloads() {
        for (payload, expected) in [
            (r#"{"enqueued_at":"2026-11-23T13:00:00Z"}"#, Some(1_795_438_800_000)),
            (r#"{"enqueued_at":"2026-11-23T14:00:00+01:00"}"#, Some(1_795_438_800_000)),
            (r#"{"created_at":1795438800}"#, Some(1_795_438_800_000)),
            (r#"{"timestamp":1795438800.5}"#, Some(1_795_438_800_500)),
            (r#"{"timestamp":1795438800000}"#, Some(1_795_438_800_000)),
            (r#"{"timestamp":1795438800000000000}"#, Some(1_795_438_800_000)),
            (r#"{"time":12}"#, None),
            ("[1]", None),
            ("garbage", None),
        ] {
            assert_eq!(payload_time_ms(payload.as_bytes()), expected, "{payload}");
        }
    }
}

//! Huey's queues: a list, or a sorted set by priority, a sorted set of what is to run later, and no more.

use super::backlog::{
    at_least, at_least_from, begin, is_wrong_type, left_of, list_look, list_step, look_at, oldest, settle,
    settle_list, unreadable,
};
use super::list::Look;
use super::scored::Scored;
use super::site::{Site, count, join, single};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskPlace, TaskSet, Told, Wish,
    canary,
};
use crate::domain::queue::{Oldest, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct HueyFamily;

const QUEUE: &[u8] = b"huey.redis.";
const SCHEDULE: &[u8] = b"huey.schedule.";
const COUNTERS: &[u8] = b"huey.counters.";
/// Tasks of the queue by priority that are looked at for the oldest.
const LOOKED_AT: u32 = 32;
/// Bytes of the time in front of a task in the queue by priority.
const TIME_BYTES: usize = 8;

impl QueueFamily for HueyFamily {
    fn id(&self) -> &'static str {
        "huey"
    }

    fn failed_unknown(&self) -> Option<&'static str> {
        Some("stands in the pickled results")
    }

    // Not the results: that hash is looked at for its locks.
    fn may_be_clue(&self, key: &[u8]) -> bool {
        app(key).is_some()
    }

    fn owns(&self, key: &[u8]) -> bool {
        app(key).is_some()
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        let wanted: &[&str] = match fact.key.as_slice() {
            key if key.starts_with(QUEUE) => &["list", "zset"],
            key if key.starts_with(SCHEDULE) => &["zset"],
            _ => &["hash"],
        };
        app(fact.key.as_slice()).is_some() && wanted.contains(&&*fact.key_type)
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        app(clue.as_slice()).map(|app| Read::Type(join(&[QUEUE, app]))).into_iter().collect()
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let app = app(clue.as_slice())?;
        let key_type = match replies.first() {
            Some(Reply::Status(kind)) if kind == "zset" => Some("zset"),
            // An empty queue has no key; it will turn out of which type it is.
            Some(Reply::Status(kind)) if kind == "list" || kind == "none" => None,
            _ => return None,
        };
        Some(single(join(&[QUEUE, app]), key_type))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<TaskPlace> {
        vec![TaskPlace::list(key.clone(), PushEnd::Left), TaskPlace::sorted(key.clone())]
    }

    fn unfold(&self, _: &str, part: &Bytes) -> Vec<(&'static str, Bytes)> {
        // No pickle, JSON or compressed data begins with a zero; the time of a queue by priority does until 4253.
        let timed = part.as_slice().first() == Some(&0);
        let task = part.as_slice().get(TIME_BYTES..).filter(|_| timed);
        task.map(|task| ("", task.into())).into_iter().collect()
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        canary::huey::reads(key)
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::huey::canary(app(wish.key.as_slice()).unwrap_or_default(), wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::huey::told(replies)
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let schedule = join(&[SCHEDULE, app(key.as_slice()).unwrap_or_default()]);
        vec![SetPlace::new(TaskSet::Scheduled, schedule).due(1)]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let front = if by_priority(memory) {
            Read::ZsetLook { key: key.clone(), count: LOOKED_AT }
        } else {
            list_look(key, PushEnd::Left, memory)
        };
        let schedule = join(&[SCHEDULE, app(key.as_slice()).unwrap_or_default()]);
        vec![front, Read::SortedLen(schedule)]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        // Its first task came after it was found.
        let other = is_wrong_type(replies.first());
        other.then(|| Read::ZsetLook { key: key.clone(), count: LOOKED_AT }).into_iter().collect()
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let name = app(fact.key.as_slice()).unwrap_or(fact.key.as_slice());
        let mut queue = begin(self.id(), &name.into(), fact, PushEnd::Left, previous, memory, ctx);
        queue.scheduled = count(replies.get(1));
        if is_wrong_type(replies.first()) {
            memory.part.key_type = if by_priority(memory) { None } else { Some("zset") };
            if is_wrong_type(replies.get(2)) {
                return None;
            }
        }
        let front = if is_wrong_type(replies.first()) { replies.get(2) } else { replies.first() };
        if by_priority(memory) {
            let Some(look) = Scored::parse(front) else {
                return Some(unreadable(queue, super::string::unknown(front, "ZCARD")));
            };
            let Some(depth) =
                look.len.or((look.first.len() < LOOKED_AT as usize).then_some(look.first.len() as u64))
            else {
                return Some(unreadable(queue, super::string::unknown(None, "ZCARD")));
            };
            let next = Look::of(depth, look.first.first().map(|(member, _)| member.clone()));
            let (sample, moved) = list_step(&next, memory, ctx);
            settle(&mut queue, depth, sample, moved, RateSource::NetOnly, memory, ctx);
            // The most urgent come first, each priority in the order of time; those behind may be older.
            let first = look.first.iter().filter_map(|(member, _)| enqueued_ms(member)).min();
            queue.oldest = match (depth, first) {
                (0, _) => Oldest::Empty,
                (_, Some(ms)) if depth <= look.first.len() as u64 => super::backlog::age(ms, ctx),
                (_, Some(ms)) => at_least_from(ms, ctx),
                (_, None) => at_least(memory),
            };
            return Some(queue);
        }
        let Some(look) = look_at(&mut queue, front) else { return left_of(queue) };
        settle_list(&mut queue, &look, None, memory, ctx);
        queue.oldest = oldest(look.depth, None, memory, ctx);
        Some(queue)
    }
}

fn by_priority(memory: &QueueMemory) -> bool {
    memory.part.key_type == Some("zset")
}

/// The application's name in one of the keys that tell of its queue.
fn app(key: &[u8]) -> Option<&[u8]> {
    let name = [QUEUE, SCHEDULE, COUNTERS].iter().find_map(|head| key.strip_prefix(*head))?;
    (!name.is_empty()).then_some(name)
}

/// The time with which the member of a queue by priority begins: eight bytes, microseconds.
fn enqueued_ms(member: &Bytes) -> Option<i64> {
    let micros = u64::from_be_bytes(member.as_slice().get(..TIME_BYTES)?.try_into().ok()?);
    i64::try_from(micros / 1000).ok()
}

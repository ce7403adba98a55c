//! dramatiq's Redis broker: a list of message ids and a hash of messages for each queue, the same again for delayed
//! ones (`.DQ`), dead ones in a sorted set (`.XQ`), one heartbeat for each process that ever spoke.

use super::backlog::{begin, left_of, list_look, look_at, next_id, oldest, settle_list};
use super::list::payload_time_ms;
use super::scored::Scored;
use super::site::{Site, count, is_type, join, single, text};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskPlace, TaskSet, Told,
    UsualPrefix, Wish, canary,
};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct DramatiqFamily;

const NAMESPACE: &[u8] = b"dramatiq";
const HEARTBEATS: &[u8] = b":__heartbeats__";
const MESSAGES: &[u8] = b".msgs";
/// Endings of a queue's delayed and dead messages.
const DELAYED: &[u8] = b".DQ";
const DEAD: &[u8] = b".XQ";
/// The broker takes the messages away from a process that is silent for longer, milliseconds.
const OFFLINE_MS: f64 = 60_000.0;
/// Processes that are looked at.
const MOST: u32 = 32;
/// Where the replies for each process begin, and how many there are.
const MORE: usize = 6;
const PER_PROCESS: usize = 2;

impl QueueFamily for DramatiqFamily {
    fn id(&self) -> &'static str {
        "dramatiq"
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "dramatiq:", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        queue_of(key).is_some()
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(NAMESPACE) && key.get(NAMESPACE.len()) == Some(&b':')
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "hash" && queue_of(fact.key.as_slice()).is_some()
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let queue = queue_of(clue.as_slice()).unwrap_or_default();
        vec![Read::Type(heartbeats(queue)), Read::Type(queue.into())]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let queue = queue_of(clue.as_slice())?;
        let free = is_type(replies.get(1), "list") || is_type(replies.get(1), "none");
        (is_type(replies.first(), "zset") && free).then(|| single(queue.into(), None))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<TaskPlace> {
        vec![TaskPlace::list(key.clone(), PushEnd::Right)]
    }

    fn task_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        vec![("message", Read::part(&join(&[key.as_slice(), MESSAGES]), id.clone()))]
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::dramatiq::canary(wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::dramatiq::told(replies)
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        // Workers take delayed messages early and hold them: the hash has them all.
        let later = join(&[key.as_slice(), DELAYED, MESSAGES]);
        let dead = join(&[key.as_slice(), DEAD]);
        let dead = SetPlace::new(TaskSet::Failed, dead).timed("died", 1_000);
        vec![SetPlace::new(TaskSet::Scheduled, later), dead]
    }

    // Producers beat, too, and hold nothing.
    fn holders(&self, key: &Bytes) -> Option<Bytes> {
        Some(join(&[split(key.as_slice()).0, b":__heartbeats__"]))
    }

    fn held_by(&self, key: &Bytes, process: &Bytes) -> Vec<SetPlace> {
        let (namespace, queue) = split(key.as_slice());
        let held = join(&[namespace, b":__acks__.", process.as_slice(), b".", queue]);
        vec![SetPlace::new(TaskSet::InFlight, held)]
    }

    fn set_parts(&self, set: TaskSet, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        let messages = match set {
            TaskSet::Failed => join(&[key.as_slice(), DEAD, MESSAGES]),
            TaskSet::InFlight => join(&[key.as_slice(), MESSAGES]),
            // The messages themselves.
            _ => return Vec::new(),
        };
        vec![("message", Read::part(&messages, id.clone()))]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let of = |ends: &[&[u8]]| join(&[key.as_slice(), ends.concat().as_slice()]);
        vec![
            list_look(key, PushEnd::Right, memory),
            Read::HashLen(of(&[MESSAGES])),
            Read::HashLen(of(&[DELAYED, MESSAGES])),
            Read::SortedLen(of(&[DEAD])),
            Read::ZsetLook { key: heartbeats(key.as_slice()), count: MOST },
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let (namespace, queue) = split(key.as_slice());
        let next = next_id(replies.first());
        let messages = join(&[key.as_slice(), MESSAGES]);
        // A place for the next message also where there is none, so that those behind are found.
        let mut reads = vec![Read::HashHead { key: messages, field: next.unwrap_or_default(), max: 4096 }];
        for (process, _) in processes(replies) {
            let held = |end: &[u8]| {
                Read::SetLen(join(&[namespace, b":__acks__.", process.as_slice(), b".", queue, end]))
            };
            reads.extend([held(b""), held(DELAYED)]);
        }
        reads
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let (namespace, name) = split(fact.key.as_slice());
        let name = if namespace == NAMESPACE { name } else { fact.key.as_slice() };
        let mut queue = begin(self.id(), &name.into(), fact, PushEnd::Right, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        queue.in_flight = count(replies.get(1)).map(|all| all.saturating_sub(look.depth));
        // Workers take delayed messages early and hold them, so that their list says little.
        queue.scheduled = count(replies.get(2));
        queue.failed = count(replies.get(3));
        queue.workers = workers(&mut queue.details, memory, replies, ctx);
        settle_list(&mut queue, &look, None, memory, ctx);
        let told = text(replies.get(MORE - 1)).and_then(|m| payload_ms(m.as_slice()));
        queue.oldest = oldest(look.depth, told, memory, ctx);
        Some(queue)
    }
}

/// Who lives and holds messages of this queue. A producer beats like a worker: only who holds messages, or once did,
/// is surely one.
fn workers(
    details: &mut Vec<Detail>,
    memory: &mut QueueMemory,
    replies: &[Reply],
    ctx: &Context,
) -> Option<u64> {
    let beats = Scored::parse(replies.get(4))?;
    let all_seen = beats.len.unwrap_or(u64::MAX) <= u64::from(MOST);
    let held = replies.get(MORE..).unwrap_or_default().chunks(PER_PROCESS);
    let (mut workers, mut unsure) = (0, !all_seen);
    for ((process, beat), held) in processes(replies).iter().zip(held) {
        let ago = ctx.server_ms as f64 - beat;
        let [now, delayed] = [0, 1].map(|at| count(held.get(at)));
        let holds = now.unwrap_or(0) + delayed.unwrap_or(0);
        let proven = Bytes::from([b"worker ", process.as_slice()].concat());
        if holds > 0 {
            memory.counters.insert(proven.clone(), 1);
        }
        let words = |what: &str| {
            let (now, delayed) = (now.unwrap_or(0), delayed.unwrap_or(0));
            format!("{process}: holds {now} messages and {delayed} delayed ones, {what}")
        };
        let ago_s = (ago / 1e3).clamp(0.0, 1e9);
        if ago >= OFFLINE_MS {
            memory.counters.remove(&proven);
            if holds > 0 {
                let gone = Detail::new("gone", words(&format!("silent for {ago_s:.0}s")));
                details.push(gone.of_worker(process.escaped(), false));
            }
        } else if memory.counters.contains_key(&proven) {
            workers += 1;
            let works = Detail::new("worker", words(&format!("beat {ago_s:.0}s ago")));
            details.push(works.of_worker(process.escaped(), true));
        } else {
            unsure = true;
            let what = format!("{process}: beat {ago_s:.0}s ago, a producer or an idle worker");
            details.push(Detail::new("process", what));
        }
    }
    (!unsure || workers > 0).then_some(workers)
}

/// Processes with their last heartbeat, milliseconds.
fn processes(replies: &[Reply]) -> Vec<(Bytes, f64)> {
    let mut all = Scored::or_none(replies.get(4)).first;
    all.truncate(MOST as usize);
    all
}

/// The queue's list, by the hash of its messages of any kind.
fn queue_of(clue: &[u8]) -> Option<&[u8]> {
    let key = clue.strip_suffix(MESSAGES)?;
    let queue = key.strip_suffix(DELAYED).or_else(|| key.strip_suffix(DEAD)).unwrap_or(key);
    let at = queue.iter().rposition(|b| *b == b':')?;
    (at > 0 && at + 1 < queue.len()).then_some(queue)
}

/// Namespace and name; a name holds no colon.
fn split(queue: &[u8]) -> (&[u8], &[u8]) {
    match queue.iter().rposition(|b| *b == b':') {
        Some(at) => (&queue[..at], &queue[at + 1..]),
        None => (b"", queue),
    }
}

fn heartbeats(queue: &[u8]) -> Bytes {
    join(&[split(queue).0, HEARTBEATS])
}

/// When it was enqueued first; a retry keeps the time.
fn payload_ms(message: &[u8]) -> Option<i64> {
    let told = serde_json::from_slice::<serde_json::Value>(message).ok();
    told.and_then(|m| m.get("message_timestamp")?.as_i64()).or_else(|| payload_time_ms(message))
}

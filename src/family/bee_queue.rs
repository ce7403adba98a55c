//! bee-queue: keys under `bq:<queue>:`, all jobs in one hash.

use super::backlog::{
    begin, counted, done_of_open, left_of, list_look, look_at, next_id, oldest, settle_list, since_last,
};
use super::list::Look;
use super::scored::due;
use super::site::{Site, count, is_type, join, json, number, single};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, Sample, SetPlace, TaskSet, Told, UsualPrefix,
    Wish, canary,
};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct BeeQueueFamily;

/// By which a queue is found: the counter of its jobs, or the jobs where all have ids of the user's.
const CLUES: [(&[u8], &str); 2] = [(b":id", "string"), (b":jobs", "hash")];
const USUAL: &[u8] = b"bq:";
/// The key that stands for the queue.
const WAITING: &[u8] = b":waiting";
/// Keys of a queue and their types; Bull, which has an `id` as well, has none of those before `active`.
const STATES: [(&str, &str); 7] = [
    (":jobs", "hash"),
    (":waiting", "list"),
    (":succeeded", "set"),
    (":stalling", "set"),
    (":stallBlock", "string"),
    (":active", "list"),
    (":delayed", "zset"),
];

impl QueueFamily for BeeQueueFamily {
    fn id(&self) -> &'static str {
        "bee-queue"
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "bq:", colon: true })
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key.starts_with(USUAL) && CLUES.iter().any(|(end, _)| key.ends_with(end))
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(USUAL)
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        CLUES.iter().any(|(end, kind)| fact.key.as_slice().ends_with(end) && &*fact.key_type == *kind)
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let base = stem(clue);
        STATES.map(|(end, _)| Read::Type(join(&[base, end.as_bytes()]))).to_vec()
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let is = |at: usize| STATES.get(at).is_some_and(|(_, kind)| is_type(replies.get(at), kind));
        let own = (1..5).any(is);
        let jobs = is(0);
        let usual = stem(clue).starts_with(USUAL) && (clue.as_slice().ends_with(b":id") || jobs);
        let ours = usual || (jobs && (own || is(5) || is(6)));
        ours.then(|| single(join(&[stem(clue), WAITING]), None))
    }

    fn task_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        vec![("job", Read::part(&join(&[base(key), b":jobs"]), id.clone()))]
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::bee_queue::canary(base(wish.key), wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::bee_queue::told(replies)
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        use TaskSet::{Failed, InFlight, Scheduled};
        let sets = [(InFlight, ":active"), (Scheduled, ":delayed"), (Failed, ":failed")];
        let [active, delayed, failed] =
            sets.map(|(set, end)| SetPlace::new(set, join(&[base(key), end.as_bytes()])));
        vec![active, delayed.due(1_000), failed]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let of = |end: &str| join(&[base(key), end.as_bytes()]);
        vec![
            list_look(key, PushEnd::Left, memory),
            Read::ListLen(of(":active")),
            Read::Due { key: of(":delayed"), per_second: 1000 },
            Read::SetLen(of(":failed")),
            Read::SetLen(of(":succeeded")),
            Read::Head(of(":id"), 24),
            Read::Type(of(":stallBlock")),
            Read::Type(of(":jobs")),
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let Some(id) = next_id(replies.first()) else { return Vec::new() };
        vec![Read::HashHead { key: join(&[base(key), b":jobs"]), field: id, max: 4096 }]
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id(), &name(&fact.key), fact, PushEnd::Left, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        let counter = number(replies.get(5));
        let destroyed = matches!(replies.get(5), Some(Reply::Bulk(b)) if b.is_empty());
        if look.depth == 0 && destroyed && is_type(replies.get(7), "none") {
            return None;
        }
        let (delayed, due) = due(replies.get(2));
        queue.in_flight = count(replies.get(1));
        queue.scheduled = delayed;
        queue.failed = count(replies.get(3));
        if let Some(n) = count(replies.get(4)).filter(|n| *n > 0) {
            queue.details.push(Detail::new("succeeded", format!("{n} jobs kept")));
        }
        if let Some(n) = due.filter(|n| *n > 0) {
            let text = format!("{n} delayed jobs are due: a process with activateDelayedJobs moves them");
            queue.details.push(Detail::new("due", text));
        }
        if is_type(replies.get(6), "string") {
            queue.details.push(Detail::new("stall check", "some process checked for stalled jobs just now"));
        }
        let sample = sample(&look, counter, queue.in_flight, delayed, memory, ctx);
        settle_list(&mut queue, &look, sample, memory, ctx);
        queue.oldest = oldest(look.depth, enqueued_ms(replies.get(8)), memory, ctx);
        Some(queue)
    }
}

/// Jobs added by the counter; what was added and is neither waiting, taken nor delayed any more is done.
fn sample(
    look: &Look,
    counter: Option<i64>,
    active: Option<u64>,
    delayed: Option<u64>,
    memory: &mut QueueMemory,
    ctx: &Context,
) -> Option<Sample> {
    let added = since_last(memory, &"id".into(), counter);
    let open = look.depth.saturating_add(active?).saturating_add(delayed?);
    let done = done_of_open(added, Some(open), memory);
    counted(look.depth, added, done, memory, ctx)
}

/// The time in the options of a job.
fn enqueued_ms(reply: Option<&Reply>) -> Option<i64> {
    json(reply)?.pointer("/options/timestamp")?.as_i64()
}

/// What all keys of the queue begin with, out of a clue.
fn stem(clue: &Bytes) -> &[u8] {
    let key = clue.as_slice();
    CLUES.iter().find_map(|(end, _)| key.strip_suffix(*end)).unwrap_or(key)
}

/// What all keys of the queue begin with.
fn base(key: &Bytes) -> &[u8] {
    key.as_slice().strip_suffix(WAITING).unwrap_or(key.as_slice())
}

/// The queue's name; a prefix that is not the usual one stays, so that applications are told apart.
fn name(key: &Bytes) -> Bytes {
    let base = base(key);
    base.strip_prefix(USUAL).unwrap_or(base).into()
}

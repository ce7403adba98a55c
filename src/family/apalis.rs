//! apalis-redis 1.0: the sorted set `core:apalis:queues:list`; ids in a list once a worker fetches them, before that
//! in a sorted set by the time they are due.

use super::backlog::{begin, left_of, list_look, list_step, look_at, oldest, settle, unreadable};
use super::crew::{Worker, live};
use super::scored::{Scored, due};
use super::site::{Part, Site, SiteQueue, count, is_type, join};
use super::{Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet};
use crate::domain::lock::Unknown;
use crate::domain::queue::{Detail, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct ApalisFamily;

const CLUE: &[u8] = b"core:apalis:queues:list";
/// The key that stands for the queue.
const ACTIVE: &[u8] = b":active";
/// Queues of one registry, and workers of one queue.
const MOST_QUEUES: u32 = 1000;
const MOST_WORKERS: u32 = 50;
/// Replies of `reads`; then done, dead and what each worker holds.
const FIRST: usize = 6;
/// A worker tells of itself every 30 s by default; ten missed and its tasks go to others.
const DEAD_AFTER_MS: i64 = 300_000;

impl QueueFamily for ApalisFamily {
    fn id(&self) -> &'static str {
        "apalis"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["core:apalis:queues:list"]
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key == CLUE
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "zset" && fact.key.as_slice() == CLUE
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        vec![Read::ZsetLook { key: clue.clone(), count: MOST_QUEUES }]
    }

    fn site(&self, _: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let listed = Scored::parse(replies.first())?;
        let queues = listed.first.iter().filter_map(|(member, _)| {
            let base = member.as_slice().strip_suffix(b":workers")?;
            Some(SiteQueue { key: join(&[base, ACTIVE]), part: Part::default() })
        });
        Some(Site { queues: queues.collect(), registry: true })
    }

    fn tasks_at(&self, key: &Bytes, push: PushEnd) -> Vec<super::TaskPlace> {
        let scheduled = super::TaskPlace::sorted(join(&[base(key), b":scheduled"]));
        vec![super::TaskPlace::list(key.clone(), push), scheduled]
    }

    fn task_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        vec![("data", Read::part(&join(&[base(key), b":data"]), id.clone()))]
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let of = |set, end: &[u8]| SetPlace::new(set, join(&[base(key), end]));
        vec![of(TaskSet::Scheduled, b":scheduled").not_due(1), of(TaskSet::Failed, b":dead")]
    }

    fn failure_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        vec![("result", Read::part(&join(&[base(key), b":meta:", id.as_slice()]), "result"))]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let of = |end: &str| join(&[base(key), end.as_bytes()]);
        vec![
            list_look(key, PushEnd::Right, memory),
            Read::Due { key: of(":scheduled"), per_second: 1 },
            Read::ZsetLook { key: of(":scheduled"), count: 1 },
            Read::ZsetLook { key: of(":workers"), count: MOST_WORKERS },
            Read::Type(of(":done")),
            Read::Type(of(":dead")),
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let of = |parts: &[&[u8]]| join(&[&[base(key)], parts].concat());
        // Sets in 1.0, sorted sets before.
        let len = |at: usize, end: &[u8]| {
            let key = of(&[end]);
            if is_type(replies.get(at), "zset") { Read::SortedLen(key) } else { Read::SetLen(key) }
        };
        let workers = Scored::or_none(replies.get(3));
        let held = workers.first.iter().map(|(w, _)| Read::SetLen(of(&[b":inflight:", w.as_slice()])));
        [len(4, b":done"), len(5, b":dead")].into_iter().chain(held).collect()
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let name = Bytes::from(base(&fact.key));
        let mut queue = begin(self.id(), &name, fact, PushEnd::Right, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        let (scheduled, ready) = due(replies.get(1));
        let Some(ready) = ready.or(scheduled.filter(|n| *n == 0)) else {
            let why = match super::string::unknown(replies.get(1), "EVAL_RO") {
                Unknown::NotRead => Unknown::NotPermitted("EVAL_RO"),
                why => why,
            };
            return Some(unreadable(queue, why));
        };
        let depth = look.depth.saturating_add(ready);
        queue.scheduled = scheduled.map(|n| n.saturating_sub(ready));
        queue.failed = count(replies.get(FIRST + 1));
        if let Some(n) = count(replies.get(FIRST)).filter(|n| *n > 0) {
            queue.details.push(Detail::new("done", format!("{n} tasks")));
        }
        crew(&mut queue, replies, ctx);
        let scheduled = Scored::or_none(replies.get(2));
        let ids = [look.next_whole(), scheduled.next().filter(|_| ready > 0)];
        let told = ids.into_iter().flatten().filter_map(|id| ulid_ms(id.as_slice())).min();
        let (found, moved) = list_step(&look, memory, ctx);
        // What is pushed goes through the sorted set: the list alone tells no rates, only the depth of both.
        let net = memory_sample(found, depth, memory);
        settle(&mut queue, depth, net, moved, RateSource::NetOnly, memory, ctx);
        queue.oldest = oldest(depth, told, memory, ctx);
        Some(queue)
    }
}

/// The change of the whole depth, in and out not known.
fn memory_sample(
    found: Option<super::Sample>,
    depth: u64,
    memory: &mut QueueMemory,
) -> Option<super::Sample> {
    let before = memory.counters.insert("depth".into(), depth as i64)?;
    found.map(|s| super::Sample { pushed: None, popped: None, net: depth as i64 - before, ..s })
}

/// Its workers and what they hold.
fn crew(queue: &mut Queue, replies: &[Reply], ctx: &Context) {
    let Some(workers) = Scored::parse(replies.get(3)) else { return };
    let held = replies.get(FIRST + 2..).unwrap_or_default();
    let crew: Vec<(Option<u64>, Worker)> = workers
        .first
        .iter()
        .zip(held)
        .map(|((name, seen), held)| {
            let (beat_ms, held) = ((seen * 1e3) as i64, count(Some(held)));
            let runs = held.filter(|n| *n > 0).map(|n| (format!("{n} tasks"), None));
            let worker = Worker {
                name: name.escaped(),
                alive: Some(ctx.server_ms.saturating_sub(beat_ms) <= DEAD_AFTER_MS),
                beat_ms: Some(beat_ms),
                runs: runs.into_iter().collect(),
                ..Worker::default()
            };
            (held, worker)
        })
        .collect();
    let all = crew.len() == workers.first.len() && workers.is_all(MOST_WORKERS);
    queue.workers = live(crew.iter().map(|(_, w)| w), all);
    let held = crew.iter().try_fold(0_u64, |sum, (n, _)| Some(sum.saturating_add((*n)?)));
    queue.in_flight = held.filter(|_| all);
    queue.details.extend(crew.iter().map(|(_, w)| w.detail(ctx)));
}

/// What all keys of the queue begin with.
fn base(key: &Bytes) -> &[u8] {
    key.as_slice().strip_suffix(ACTIVE).unwrap_or(key.as_slice())
}

/// The time in a ULID: its first ten characters, base 32 without I, L, O and U.
fn ulid_ms(id: &[u8]) -> Option<i64> {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    if id.len() != 26 {
        return None;
    }
    let digit = |b: &u8| ALPHABET.iter().position(|a| *a == b.to_ascii_uppercase());
    id.get(..10)?.iter().try_fold(0_i64, |ms, b| Some(ms * 32 + digit(b)? as i64))
}

#[cfg(test)]
mod tests {
    use super::ulid_ms;

    #[test]
    fn the_time_in_a_ulid() {
        // The example of the ULID specification.
        assert_eq!(ulid_ms(b"01ARZ3NDEKTSV4RRFFQ69G5FAV"), Some(1_469_922_850_259));
        assert_eq!(ulid_ms(b"01ARZ3NDEKTSV4RRFFQ69G5FA"), None);
        assert_eq!(ulid_ms(b"01ARZ3NDEU!SV4RRFFQ69G5FAV"), None, "U is none of its digits");
        assert_eq!(ulid_ms(b"01ARZ3NDEK!SV4RRFFQ69G5FAV"), Some(1_469_922_850_259), "only the time is read");
        assert_eq!(ulid_ms("ÄÄÄÄÄÄÄÄÄÄÄÄÄ".as_bytes()), None);
    }
}

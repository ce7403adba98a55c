//! arq: one sorted set of job ids by the time they may run; a job that runs stays in it, beside a key of its own.

use super::backlog::{age, begin, is_wrong_type, list_step, settle, unreadable};
use super::list::Look;
use super::read::PART;
use super::scored::{Counts, Scored};
use super::site::{Site, exists, is_type, join, single, text};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskPlace, TaskSet, Told, Wish,
    canary,
};
use crate::domain::queue::{Detail, Oldest, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct ArqFamily;

/// What a worker writes beside its queue, by default once an hour.
const HEALTH: &[u8] = b":health-check";
/// Jobs at the front of which it is asked whether they run. Running ones are among those due first.
const LOOKED_AT: u32 = 64;
/// Jobs by which a queue is told from other sorted sets.
const SAMPLES: u32 = 3;
/// Steps of the scores in a second.
const PER_SECOND: u32 = 1000;
/// Running jobs named in the details.
const NAMED: usize = 16;

impl QueueFamily for ArqFamily {
    fn id(&self) -> &'static str {
        "arq"
    }

    fn failed_unknown(&self) -> Option<&'static str> {
        Some("stands in the pickled results of single jobs, arq:result:*")
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["arq:queue"]
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key == b"arq:queue" || key.ends_with(HEALTH)
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(b"arq:")
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        match &*fact.key_type {
            "string" => fact.key.as_slice().ends_with(HEALTH),
            kind => kind == "zset",
        }
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let queue = queue_key(clue);
        let look = Read::ZsetLook { key: queue.into(), count: SAMPLES };
        vec![look, Read::Head(join(&[queue, HEALTH]), 128)]
    }

    fn site_more(&self, _: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let look = Scored::or_none(replies.first());
        let job = |(id, _): &(Bytes, f64)| Read::Type(join(&[b"arq:job:", id.as_slice()]));
        look.first.iter().filter(|(id, _)| id.len() < 256).take(SAMPLES as usize).map(job).collect()
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let health = text(replies.get(1)).is_some_and(|t| find(t.as_slice(), b" j_complete="));
        let jobs = replies.get(2..).unwrap_or_default();
        let ours = health || jobs.iter().any(|reply| is_type(Some(reply), "string"));
        ours.then(|| single(queue_key(clue).into(), Some("zset")))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<TaskPlace> {
        vec![TaskPlace::sorted(key.clone())]
    }

    fn task_parts(&self, _: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        vec![("job", Read::Head(join(&[b"arq:job:", id.as_slice()]), PART))]
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        canary::arq::reads(key)
    }

    fn canary_more(&self, _: &Bytes, replies: &[Reply]) -> Vec<Read> {
        canary::arq::more(replies)
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::arq::canary(wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::arq::told(replies)
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        vec![SetPlace::new(TaskSet::Scheduled, key.clone()).not_due(PER_SECOND)]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, _: &QueueMemory) -> Vec<Read> {
        let health = join(&[key.as_slice(), HEALTH]);
        vec![
            Read::ZsetLook { key: key.clone(), count: LOOKED_AT },
            Read::Due { key: key.clone(), per_second: PER_SECOND },
            Read::Head(health.clone(), 128),
            Read::Pttl(health),
        ]
    }

    fn more_reads(&self, _: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let look = Scored::or_none(replies.first());
        let runs = |(id, _): &(Bytes, f64)| Read::Type(join(&[b"arq:in-progress:", id.as_slice()]));
        look.first.iter().take(LOOKED_AT as usize).map(runs).collect()
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let name = fact.key.as_slice().strip_prefix(b"arq:").unwrap_or(fact.key.as_slice());
        let mut queue = begin(self.id(), &name.into(), fact, PushEnd::Right, previous, memory, ctx);
        if is_wrong_type(replies.first()) {
            return None;
        }
        queue.details.extend(health(replies));
        let look = Scored::parse(replies.first());
        let (Some(due), Some(look)) = (Counts::parse(replies.get(1), look.as_ref(), PER_SECOND, ctx), look)
        else {
            return Some(unreadable(queue, super::string::unknown(replies.get(1), "ZCOUNT")));
        };
        let jobs: Vec<(&(Bytes, f64), Option<bool>)> = look
            .first
            .iter()
            .zip(replies.get(4..).unwrap_or_default())
            .map(|(job, reply)| (job, exists(Some(reply))))
            .collect();
        let running: Vec<&Bytes> =
            jobs.iter().filter(|(_, runs)| *runs == Some(true)).map(|((id, _), _)| id).collect();
        // If jobs far from the front run, others behind those that were looked at may run as well.
        let far = jobs.iter().skip(jobs.len() / 2).any(|(_, runs)| *runs == Some(true));
        let all_seen = due.all <= jobs.len() as u64 || !far;
        let known = all_seen && jobs.iter().all(|(_, runs)| runs.is_some());
        queue.in_flight = known.then_some(running.len() as u64);
        queue.scheduled = Some(due.later());
        if !known {
            let text = format!("at least {} jobs run; all that do count as waiting", running.len());
            queue.details.push(Detail::new("in flight", text));
        }
        queue.details.extend(running.iter().take(NAMED).map(|id| Detail::new("runs", id.escaped())));
        let waiting = (due.due + due.zero).saturating_sub(queue.in_flight.unwrap_or(0));
        let next = jobs.iter().find(|(_, runs)| *runs == Some(false)).map(|(job, _)| *job);
        let front = Look::of(waiting, next.map(|(id, _)| id.clone()));
        let (sample, moved) = list_step(&front, memory, ctx);
        settle(&mut queue, waiting, sample, moved, RateSource::NetOnly, memory, ctx);
        queue.oldest = match (waiting, next) {
            (0, _) => Oldest::Empty,
            // The time from which on it might run; that of its enqueueing stands in a pickle.
            (_, Some((_, score))) => age(*score as i64, ctx),
            (_, None) => Oldest::Unknown(crate::domain::lock::Unknown::NotRead),
        };
        Some(queue)
    }
}

/// All workers of a queue write the same key: it proves that one lived then, and says nothing of the others.
fn health(replies: &[Reply]) -> Option<Detail> {
    let Reply::Bulk(words) = replies.get(2)? else { return None };
    let next = match replies.get(3)? {
        Reply::Int(ms) if *ms > 0 => format!("; the next is due in {}s", ms / 1000),
        _ => String::new(),
    };
    let words = if words.is_empty() {
        "no health check: none lived in the last interval, or one stopped cleanly".into()
    } else {
        format!("last health check {}{next}", words.escaped())
    };
    Some(Detail::new("workers", words))
}

fn queue_key(clue: &Bytes) -> &[u8] {
    clue.as_slice().strip_suffix(HEALTH).unwrap_or(clue.as_slice())
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

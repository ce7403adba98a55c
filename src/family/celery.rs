//! Celery (kombu's Redis transport): queues from the binding sets, one list for each priority.

use super::backlog::{at_least, begin, is_wrong_type, list_step, settle, unreadable};
use super::list::Look;
use super::site::{Part, Site, SiteQueue, count, join, members};
use super::{
    Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, Sample, SetPlace, TaskSet, Told, UsualPrefix,
    Wish, canary,
};
use crate::domain::queue::{Detail, Oldest, PushEnd, RateSource};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct CeleryFamily;

const BINDING: &[u8] = b"_kombu.binding.";
/// Between a queue's name and its priority, and between the parts of a binding.
const SEPARATOR: &[u8] = b"\x06\x16";
/// Priorities that have lists of their own by default; 0 is the most urgent and stands in the queue's own list.
const STEPS: [&str; 4] = ["", "3", "6", "9"];

impl QueueFamily for CeleryFamily {
    fn id(&self) -> &'static str {
        "celery"
    }

    fn failed_unknown(&self) -> Option<&'static str> {
        Some("stands in the result backend")
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["_kombu.binding.celery"]
    }

    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "", colon: false })
    }

    fn application<'a>(&self, _: &'a [u8], clue: Option<&'a [u8]>) -> &'a [u8] {
        clue.map(global_prefix).unwrap_or_default()
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        find(key, BINDING).is_some()
    }

    fn owns(&self, key: &[u8]) -> bool {
        find(key, SEPARATOR).is_some() || find(key, b"_kombu.binding").is_some()
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        let key = fact.key.as_slice();
        &*fact.key_type == "set"
            && find(key, BINDING).is_some()
            && !key.ends_with(b".pidbox")
            && !key.ends_with(b".celeryev")
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let prefix = global_prefix(clue.as_slice());
        vec![
            Read::Members { key: clue.clone(), cursor: "0".into() },
            Read::HashLen(join(&[prefix, b"unacked"])),
            Read::Members { key: join(&[prefix, BINDING, b"celery.pidbox"]), cursor: "0".into() },
        ]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let prefix = global_prefix(clue.as_slice());
        let held = count(replies.get(1));
        let mut details = Vec::new();
        if let Some(held) = held {
            let whole = if prefix.is_empty() { "database" } else { "prefix" };
            let text = format!("{held} messages, of all queues of this {whole} (prefetched ones too)");
            details.push(Detail::new("held", text));
        }
        for member in members(replies.get(2)).unwrap_or_default().iter().take(100) {
            let name = member.as_slice().rsplit(|b| *b == 0x16).next().unwrap_or_default();
            let name = Bytes::from(name.strip_suffix(b".celery.pidbox").unwrap_or(name));
            details.push(Detail::new("worker", format!("{name} (stays registered when it is killed)")));
        }
        let queues = members(replies.first())?
            .iter()
            .filter_map(|binding| bound_queue(binding.as_slice()))
            .map(|name| SiteQueue {
                key: join(&[prefix, name]),
                part: Part { in_flight: held, details: details.clone(), ..Part::default() },
            })
            .collect();
        Some(Site { queues, registry: true })
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<super::TaskPlace> {
        STEPS.iter().map(|step| super::TaskPlace::list(list_key(key, step), PushEnd::Left)).collect()
    }

    fn sets_at(&self, _: &Bytes) -> Vec<SetPlace> {
        // What workers hold, of all queues of the application; those for later among them.
        vec![SetPlace::new(TaskSet::InFlight, "unacked".into()).shared().prefixed()]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        STEPS
            .iter()
            .enumerate()
            .map(|(at, step)| Read::ListLook {
                key: list_key(key, step),
                push: PushEnd::Left,
                newest: memory.parts.get(at).and_then(|part| part.newest.clone()),
                maxlen: 2048,
            })
            .collect()
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::celery::canary(wish)
    }

    fn canary_told(&self, _: &Canary, replies: &[Reply]) -> Told {
        canary::celery::told(replies)
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id(), &fact.key, fact, PushEnd::Left, previous, memory, ctx);
        // The messages that workers hold can't be told apart by queue.
        queue.in_flight = queue.in_flight.filter(|held| memory.siblings == 1 || *held == 0);
        let mut looks = Vec::with_capacity(STEPS.len());
        for at in 0..STEPS.len() {
            match Look::parse(replies.get(at)) {
                Ok(look) => looks.push(look),
                Err(_) if is_wrong_type(replies.get(at)) => return None,
                Err(why) => return Some(unreadable(queue, why)),
            }
        }
        memory.parts.resize_with(STEPS.len(), QueueMemory::default);
        // Events are those of the list without a priority.
        let events = memory.events.step(super::TaskKind::List);
        let mut sum: Option<Sample> = None;
        let mut moved = false;
        for (at, look) in looks.iter().enumerate() {
            let Some(part) = memory.parts.get_mut(at) else { continue };
            let (sample, step_moved) = list_step(look, part, ctx);
            moved |= step_moved;
            // A priority that was never seen in use has no traffic of its own.
            let used = part.counters.contains_key(&Bytes::default()) || look.depth > 0;
            if used {
                part.counters.insert(Bytes::default(), 1);
            }
            if at == 0 {
                sum = sample.map(|sample| Sample { events, ..sample });
            } else if let (Some(sum), Some(sample)) = (&mut sum, sample.filter(|_| used)) {
                sum.net += sample.net;
                sum.events = None;
                (sum.pushed, sum.popped) = match (sum.pushed, sum.popped, sample.pushed, sample.popped) {
                    (Some(a), Some(b), Some(c), Some(d)) => (Some(a + c), Some(b + d)),
                    _ => (None, None),
                };
            }
        }
        let depth = looks.iter().fold(0_u64, |sum, look| sum.saturating_add(look.depth));
        settle(&mut queue, depth, sum, moved, RateSource::NewestFoundAgain, memory, ctx);
        if looks.iter().skip(1).any(|look| look.depth > 0) {
            let each: Vec<String> =
                looks.iter().zip([0, 3, 6, 9]).map(|(l, step)| format!("{step}: {}", l.depth)).collect();
            queue.details.insert(0, Detail::new("priorities", format!("{} (0 first)", each.join(", "))));
        }
        // The messages carry no time of their enqueueing: only how long the next one stands there is known.
        let next = looks.iter().position(|look| look.depth > 0);
        queue.oldest = match next.and_then(|at| memory.parts.get(at)) {
            Some(part) => at_least(part),
            None => Oldest::Empty,
        };
        Some(queue)
    }
}

/// The list of one priority.
fn list_key(queue: &Bytes, step: &str) -> Bytes {
    if step.is_empty() { queue.clone() } else { join(&[queue.as_slice(), SEPARATOR, step.as_bytes()]) }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// What stands before every key of this application.
fn global_prefix(clue: &[u8]) -> &[u8] {
    find(clue, BINDING).and_then(|at| clue.get(..at)).unwrap_or_default()
}

/// The queue of a binding `routing key, pattern, queue`; none for those by which workers talk to each other.
fn bound_queue(binding: &[u8]) -> Option<&[u8]> {
    let first = find(binding, SEPARATOR)? + SEPARATOR.len();
    let rest = binding.get(first..)?;
    let queue = rest.get(find(rest, SEPARATOR)? + SEPARATOR.len()..)?;
    let internal =
        queue.ends_with(b".pidbox") || queue.starts_with(b"celeryev.") || queue.starts_with(b"reply.");
    (!queue.is_empty() && !internal).then_some(queue)
}

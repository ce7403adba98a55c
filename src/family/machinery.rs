//! machinery 1 and 2: a list of JSON signatures, usually `machinery_tasks`, and one sorted set of delayed ones that
//! names their queues.

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::scored::Scored;
use super::site::{Part, Site, SiteQueue, Tally, element};
use super::{Context, KeyFact, Named, QueueFamily, QueueMemory, Read, SetPlace, TaskSet};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct MachineryFamily;

const DELAYED: &[u8] = b"delayed_tasks";
/// Delayed tasks that are asked for the queues they name.
const SAMPLES: u32 = 64;
/// The field of a signature that names its queue.
const QUEUE: &str = "RoutingKey";

impl QueueFamily for MachineryFamily {
    fn id(&self) -> &'static str {
        "machinery"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["machinery_tasks", "delayed_tasks"]
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key == DELAYED || key.windows(9).any(|w| w == b"machinery")
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        match &*fact.key_type {
            "zset" => fact.key.as_slice() == DELAYED,
            "list" => self.may_be_clue(fact.key.as_slice()),
            _ => false,
        }
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        if clue.as_slice() == DELAYED {
            return vec![Read::ZsetLook { key: clue.clone(), count: SAMPLES }];
        }
        vec![Read::ElementHead { key: clue.clone(), index: 0, max: 256 }]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let site = |keys: Vec<Bytes>, registry| {
            let queues = keys.into_iter().map(|key| SiteQueue { key, part: Part::default() }).collect();
            Site { queues, registry }
        };
        if clue.as_slice() != DELAYED {
            let head = element(replies.first())?;
            return is_signature(head.as_slice()).then(|| site(vec![clue.clone()], false));
        }
        let mut named: Vec<Bytes> = Scored::parse(replies.first())?
            .first
            .iter()
            .filter_map(|(task, _)| routing_key(task.as_slice()))
            .collect();
        named.sort_unstable();
        named.dedup();
        // The queues go on when nothing is delayed any more.
        (!named.is_empty()).then(|| site(named, true))
    }

    fn sets_at(&self, _: &Bytes) -> Vec<SetPlace> {
        vec![SetPlace::new(TaskSet::Scheduled, DELAYED.into()).shared().due(1_000_000_000)]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        vec![
            list_look(key, PushEnd::Right, memory),
            Read::QueuesNamed { key: DELAYED.into(), kind: Named::Sorted, field: QUEUE },
        ]
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id(), &fact.key, fact, PushEnd::Right, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        let delayed = Tally::parse(replies.get(1));
        queue.scheduled = delayed.of(&fact.key, memory.siblings == 1);
        if let (None, Some(n)) = (queue.scheduled, delayed.total) {
            queue.details.push(Detail::new("delayed", format!("{n} tasks of all queues")));
        }
        settle_list(&mut queue, &look, None, memory, ctx);
        queue.oldest = oldest(look.depth, None, memory, ctx);
        Some(queue)
    }
}

/// True for the head of a signature: the names of its first fields, in their order.
fn is_signature(head: &[u8]) -> bool {
    head.starts_with(b"{\"UUID\":\"") && routing_key(head).is_some()
}

/// The queue that the head of a signature names.
fn routing_key(head: &[u8]) -> Option<Bytes> {
    let mark = b"\"RoutingKey\":\"";
    let at = head.windows(mark.len()).position(|w| w == mark)? + mark.len();
    let rest = head.get(at..)?;
    let name = rest.get(..rest.iter().position(|b| *b == b'"')?)?;
    (!name.is_empty() && !name.contains(&b'\\')).then(|| name.into())
}

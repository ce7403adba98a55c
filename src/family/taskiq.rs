//! taskiq-redis: a plain list, or a stream with the group `taskiq`; both are told by their JSON only.

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::site::{Site, single};
use super::stream::{self, StreamFamily};
use super::{Canary, Context, KeyFact, QueueFamily, QueueMemory, Read, TaskPlace, Told, Wish, canary};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct TaskiqFamily;

/// The usual name of queue and group.
const USUAL: &[u8] = b"taskiq";
/// Bytes of a task in which its id and name stand.
const HEAD: u32 = 512;

impl QueueFamily for TaskiqFamily {
    fn id(&self) -> &'static str {
        "taskiq"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["taskiq"]
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        named_so(key)
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        match &*fact.key_type {
            // Any list may be one; those that nobody calls a queue are not worth a look.
            "list" => fact.queue_pattern || named_so(fact.key.as_slice()),
            kind => kind == "stream",
        }
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        vec![Read::Type(clue.clone())]
    }

    fn site_more(&self, clue: &Bytes, replies: &[Reply]) -> Vec<Read> {
        match replies.first() {
            Some(Reply::Status(kind)) if kind == "list" => {
                vec![Read::ElementHead { key: clue.clone(), index: -1, max: HEAD }]
            }
            Some(Reply::Status(kind)) if kind == "stream" => vec![
                Read::StreamEntry { key: clue.clone(), after: "0".into() },
                Read::StreamGroups(clue.clone()),
            ],
            _ => Vec::new(),
        }
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let head = replies.get(1)?.as_array()?;
        let Some(groups) = replies.get(2) else {
            let task = head.get(1)?.as_bytes()?;
            return is_task(task.as_slice()).then(|| single(clue.clone(), Some("list")));
        };
        let names = stream::group_names(groups);
        let field = head.get(1).and_then(Reply::as_bytes);
        let value = head.get(2).and_then(Reply::as_bytes);
        let told = match (field, value) {
            (Some(field), Some(value)) => field.as_slice() == b"data" && is_task(value.as_slice()),
            // Trimmed to nothing: only the names are left.
            _ => clue.as_slice() == USUAL && names.iter().any(|name| name.as_slice() == USUAL),
        };
        (told && !names.is_empty()).then(|| single(clue.clone(), Some("stream")))
    }

    fn tasks_at(&self, key: &Bytes, _: PushEnd) -> Vec<TaskPlace> {
        vec![TaskPlace::list(key.clone(), PushEnd::Left), TaskPlace::stream(key.clone())]
    }

    fn canary_reads(&self, key: &Bytes, _: &[u8]) -> Vec<Read> {
        canary::taskiq::reads(key)
    }

    fn canary(&self, wish: &Wish<'_>) -> Result<Canary, String> {
        canary::taskiq::canary(wish)
    }

    fn canary_told(&self, canary: &Canary, replies: &[Reply]) -> Told {
        canary::taskiq::told(canary, replies)
    }

    fn reads(&self, key: &Bytes, push: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        if is_stream(memory) {
            return StreamFamily.reads(key, push, memory);
        }
        vec![list_look(key, PushEnd::Left, memory)]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        if replies.len() < 2 {
            return Vec::new();
        }
        let mut reads = StreamFamily.more_reads(key, replies);
        let names = replies.get(1).map(stream::group_names).unwrap_or_default();
        reads.extend(
            names.first().map(|group| Read::StreamConsumers { key: key.clone(), group: group.clone() }),
        );
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
        if is_stream(memory) {
            let mut queue = stream::interpret(self.id(), &fact.key, fact, previous, memory, replies, ctx)?;
            queue.details.extend(stream::consumers(replies.last()).iter().map(stream::Consumer::detail));
            return Some(queue);
        }
        let mut queue = begin(self.id(), &fact.key, fact, PushEnd::Left, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        settle_list(&mut queue, &look, None, memory, ctx);
        queue.oldest = oldest(look.depth, None, memory, ctx);
        Some(queue)
    }
}

fn is_stream(memory: &QueueMemory) -> bool {
    memory.part.key_type == Some("stream")
}

fn named_so(key: &[u8]) -> bool {
    key.windows(USUAL.len()).any(|w| w == USUAL)
}

/// True for the head of a task: it may be cut, so that it can't be parsed.
fn is_task(head: &[u8]) -> bool {
    let has = |word: &[u8]| head.windows(word.len()).any(|w| w == word);
    head.starts_with(b"{") && has(b"\"task_id\":") && has(b"\"task_name\":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_task_is_one_and_another_json_is_not() {
        assert!(is_task(br#"{"task_id": "1", "task_name": "a:b", "labels": {"x": "#));
        assert!(!is_task(br#"{"task_id": "1", "class": "Mail"}"#));
    }
}

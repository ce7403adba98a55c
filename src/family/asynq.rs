//! asynq: the set `asynq:queues`, keys under `asynq:{queue}:`, servers that tell by protobuf what they run.
//!
//! Field numbers: `internal/proto/asynq.proto` of hibiken/asynq 0.26.

use std::collections::BTreeMap;

use super::backlog::{begin, left_of, list_look, look_at, next_id, oldest, settle_list, taken_by_done};
use super::crew::{Worker, seen_by, since};
use super::proto::{self, Field};
use super::scored::Scored;
use super::site::{Part, Site, SiteQueue, count, exists, is_type, join, members, number, text};
use super::{Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct AsynqFamily;

/// Servers looked at.
const MOST_SERVERS: u32 = 64;
/// Replies of `site_reads`, and for each server.
const FIRST: usize = 2;
const PER_SERVER: usize = 2;
const SERVERS: &[u8] = b"asynq:servers";
/// The key that stands for the queue.
const PENDING: &[u8] = b":pending";

impl QueueFamily for AsynqFamily {
    fn id(&self) -> &'static str {
        "asynq"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["asynq:queues"]
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key == b"asynq:queues"
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(b"asynq:")
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "set" && fact.key.as_slice() == b"asynq:queues"
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        vec![
            Read::Members { key: clue.clone(), cursor: "0".into() },
            Read::ZsetLook { key: SERVERS.into(), count: MOST_SERVERS },
        ]
    }

    fn site_more(&self, _: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let servers = Scored::or_none(replies.get(1)).first;
        let workers = |server: &Bytes| {
            let identity = server.as_slice().strip_prefix(SERVERS).unwrap_or_default();
            join(&[b"asynq:workers", identity])
        };
        servers
            .iter()
            .flat_map(|(server, _)| {
                let tasks = Read::HashValues { key: workers(server), count: 100, max: 1024 };
                [Read::Head(server.clone(), 4096), tasks]
            })
            .collect()
    }

    fn site(&self, _: &Bytes, replies: &[Reply], ctx: &Context) -> Option<Site> {
        let names = members(replies.first())?;
        let listed = Scored::parse(replies.get(1));
        let all = listed.as_ref().is_some_and(|servers| servers.is_all(MOST_SERVERS));
        let servers: Vec<(BTreeMap<Bytes, u64>, Worker)> = listed
            .iter()
            .flat_map(|servers| &servers.first)
            .zip(replies.get(FIRST..).unwrap_or_default().chunks(PER_SERVER))
            .map(|((key, expires), told)| server(key, *expires, told, ctx))
            .collect();
        let queues = names.iter().map(|name| {
            let crew = servers.iter().map(|(queues, server)| (queues.contains_key(name), server));
            let (workers, details) = seen_by(crew, all, ctx);
            SiteQueue {
                key: join(&[b"asynq:{", name.as_slice(), b"}", PENDING]),
                part: Part { workers, details, ..Part::default() },
            }
        });
        Some(Site { queues: queues.collect(), registry: true })
    }

    fn task_parts(&self, key: &Bytes, id: &Bytes) -> Vec<(&'static str, Read)> {
        vec![("msg", Read::part(&join(&[base(key), b":t:", id.as_slice()]), "msg"))]
    }

    fn unfold(&self, _: &str, part: &Bytes) -> Vec<(&'static str, Bytes)> {
        let fields = proto::fields(part.as_slice());
        let texts = [("type", 1), ("payload", 2), ("error", 7)];
        let mut parts: Vec<(&str, Bytes)> =
            texts.iter().filter_map(|(l, n)| Some((*l, proto::bytes(&fields, *n)?.into()))).collect();
        let tried = format!("{} of {}", proto::number(&fields, 6), proto::number(&fields, 5));
        parts.push(("retried", tried.into()));
        parts
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        use TaskSet::{Failed, InFlight, Retry, Scheduled};
        let sets =
            [(InFlight, ":active"), (Scheduled, ":scheduled"), (Retry, ":retry"), (Failed, ":archived")];
        let [active, scheduled, retry, archived] =
            sets.map(|(set, end)| SetPlace::new(set, join(&[base(key), end.as_bytes()])));
        vec![active, scheduled.due(1), retry.due(1), archived.timed("failed", 1)]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let of = |end: &str| join(&[base(key), end.as_bytes()]);
        vec![
            list_look(key, PushEnd::Left, memory),
            Read::ListLen(of(":active")),
            Read::SortedLen(of(":scheduled")),
            Read::SortedLen(of(":retry")),
            Read::SortedLen(of(":archived")),
            Read::SortedLen(of(":completed")),
            Read::Type(of(":paused")),
            Read::Head(of(":processed"), 24),
            Read::ZsetLook { key: of(":lease"), count: 16 },
            Read::Type(of(":groups")),
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let Some(id) = next_id(replies.first()) else { return Vec::new() };
        let task = join(&[base(key), b":t:", id.as_slice()]);
        vec![Read::HashHead { key: task, field: "pending_since".into(), max: 24 }]
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
        let at = |index: usize| count(replies.get(index));
        queue.in_flight = at(1);
        queue.scheduled = at(2);
        queue.retry = at(3);
        queue.failed = at(4);
        queue.paused = exists(replies.get(6));
        describe(&mut queue, replies, ctx);
        // A counter that is not there yet stands at 0.
        let done = match replies.get(7) {
            Some(Reply::Bulk(b)) if b.is_empty() => Some(0),
            other => number(other),
        };
        let counted = taken_by_done(look.depth, done, queue.in_flight, memory, ctx);
        settle_list(&mut queue, &look, counted, memory, ctx);
        let since = number(replies.get(10)).map(|ns| ns / 1_000_000);
        queue.oldest = oldest(look.depth, since, memory, ctx);
        Some(queue)
    }
}

fn describe(queue: &mut Queue, replies: &[Reply], ctx: &Context) {
    if let Some(n) = count(replies.get(5)).filter(|n| *n > 0) {
        queue.details.push(Detail::new("completed", format!("{n} tasks kept")));
    }
    if is_type(replies.get(9), "set") {
        queue.details.push(Detail::new("groups", "some tasks wait in groups to be aggregated: not counted"));
    }
    // The lowest scores are the leases that ran out first.
    for (id, until) in Scored::or_none(replies.get(8)).first {
        let until_ms = (until * 1e3) as i64;
        if until_ms < ctx.server_ms {
            let text = format!("{id}: its lease ran out {} ago, nobody works at it", since(until_ms, ctx));
            queue.details.push(Detail::new("orphaned", text));
        }
    }
}

/// The queues a server takes from with their weights, and itself.
fn server(key: &Bytes, expires: f64, told: &[Reply], ctx: &Context) -> (BTreeMap<Bytes, u64>, Worker) {
    let info = text(told.first()).unwrap_or_default();
    let fields = proto::fields(info.as_slice());
    let word = |n: u64| proto::bytes(&fields, n).map(|b| Bytes::from(b).escaped());
    // `asynq:servers:{host:pid:uuid}` tells also when the rest is gone.
    let identity = key.as_slice().strip_prefix(b"asynq:servers:{").unwrap_or_default();
    let identity = identity.strip_suffix(b"}").unwrap_or(identity);
    let mut parts = identity.rsplitn(3, |b| *b == b':').map(|p| Bytes::from(p).escaped());
    let (_, pid, host) = (parts.next(), parts.next(), parts.next());
    let queues = fields.iter().filter_map(|(n, f)| match f {
        Field::Bytes(entry) if *n == 5 => {
            let entry = proto::fields(entry);
            Some((Bytes::from(proto::bytes(&entry, 1)?), proto::number(&entry, 2)))
        }
        _ => None,
    });
    let expired = (expires * 1e3) as i64 <= ctx.server_ms;
    let alive = match told.first() {
        // Its key lives as long as its entry: where one of them ran out it was killed or hangs.
        Some(Reply::Bulk(b)) => Some(!b.is_empty() && !expired),
        Some(Reply::Nil) => Some(false),
        _ => None,
    };
    let active = proto::number(&fields, 9);
    let state = (!fields.is_empty()).then(|| {
        let status = word(7).unwrap_or_else(|| "?".into());
        format!("{status}, {active} of {} busy", proto::number(&fields, 4))
    });
    let worker = Worker {
        name: "server".into(),
        host: word(1).or(host),
        pid,
        alive,
        // Renewed every 5 s to live 10 s longer.
        beat_ms: (alive == Some(false)).then(|| (expires * 1e3) as i64 - 10_000),
        state,
        runs: tasks(told.get(1)),
    };
    (queues.collect(), worker)
}

/// What a server runs: type, queue and start of each task.
fn tasks(reply: Option<&Reply>) -> Vec<(String, Option<i64>)> {
    let pairs = reply.and_then(super::hash_pairs).unwrap_or_default().0;
    pairs
        .iter()
        .map(|(_, info)| {
            let fields = proto::fields(info.as_slice());
            let kind = proto::bytes(&fields, 5).unwrap_or(b"?");
            let began = proto::bytes(&fields, 8).and_then(proto::timestamp_ms);
            (Bytes::from(kind).escaped(), began)
        })
        .collect()
}

/// What all keys of the queue begin with.
fn base(key: &Bytes) -> &[u8] {
    key.as_slice().strip_suffix(PENDING).unwrap_or(key.as_slice())
}

fn name(key: &Bytes) -> Bytes {
    let base = base(key);
    base.strip_prefix(b"asynq:{").and_then(|n| n.strip_suffix(b"}")).unwrap_or(base).into()
}

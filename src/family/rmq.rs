//! adjust/rmq: the set `rmq::queues`, a ready list for each, and a list of unacknowledged deliveries for each
//! connection that takes from it.

use std::collections::{BTreeMap, BTreeSet};

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::crew::Worker;
use super::site::{Part, Site, SiteQueue, count, is_type, join, members};
use super::{Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct RmqFamily;

/// Connections looked at, and queues of one connection.
const MOST_CONNECTIONS: usize = 100;
const MOST_QUEUES: usize = 100;
/// Queues of which it is asked whether they are named as on a cluster.
const MOST_NAMES: usize = 1000;
/// Replies of `site_reads`, for each connection before the last round, and for each queue of a connection in it.
const FIRST: usize = 2;
const PER_CONNECTION: usize = 2;
const PER_QUEUE: usize = 2;

impl QueueFamily for RmqFamily {
    fn id(&self) -> &'static str {
        "rmq"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["rmq::queues"]
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        key == b"rmq::queues"
    }

    fn owns(&self, key: &[u8]) -> bool {
        key.starts_with(b"rmq::")
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        &*fact.key_type == "set" && fact.key.as_slice() == b"rmq::queues"
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let all = |key: Bytes| Read::Members { key, cursor: "0".into() };
        vec![all(clue.clone()), all("rmq::connections".into())]
    }

    fn site_more(&self, _: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let names = members(replies.first()).unwrap_or_default();
        let hashed = names.iter().take(MOST_NAMES).map(|name| Read::Type(queue_key(name, true, b"ready")));
        let connections = members(replies.get(1)).unwrap_or_default();
        let each = connections.iter().take(MOST_CONNECTIONS).flat_map(|c| {
            let of = |end: &[u8]| join(&[b"rmq::connection::", c.as_slice(), end]);
            [Read::Pttl(of(b"::heartbeat")), Read::Members { key: of(b"::queues"), cursor: "0".into() }]
        });
        hashed.chain(each).collect()
    }

    fn site_deep(&self, _: &Bytes, replies: &[Reply]) -> Vec<Read> {
        let seen = Seen::read(replies);
        let pairs = seen.connections.iter().flat_map(|c| c.queues.iter().map(|q| (&c.name, q)));
        pairs
            .flat_map(|(connection, queue)| {
                let of = |end: &[u8]| {
                    let bare = bracketed(queue, seen.is_hashed(queue));
                    join(&[
                        b"rmq::connection::",
                        connection.as_slice(),
                        b"::queue::",
                        bare.as_slice(),
                        b"::",
                        end,
                    ])
                };
                [Read::ListLen(of(b"unacked")), Read::SetLen(of(b"consumers"))]
            })
            .collect()
    }

    fn site(&self, _: &Bytes, replies: &[Reply], ctx: &Context) -> Option<Site> {
        members(replies.first())?;
        let seen = Seen::read(replies);
        let mut held = seen.last_round.chunks(PER_QUEUE);
        // Connections of each queue, with its unacknowledged deliveries and consumers there.
        let mut takers: BTreeMap<&Bytes, Vec<Taker<'_>>> = BTreeMap::new();
        for connection in &seen.connections {
            for queue in &connection.queues {
                let told = held.next().unwrap_or_default();
                let taker = Taker { connection, unacked: count(told.first()), consumers: count(told.get(1)) };
                takers.entry(queue).or_default().push(taker);
            }
        }
        let queues = seen.names.iter().map(|name| {
            let mine = takers.get(name).map(Vec::as_slice).unwrap_or_default();
            let sum = |of: &dyn Fn(&Taker<'_>) -> Option<u64>| {
                let all = mine.iter().try_fold(0_u64, |sum, one| Some(sum.saturating_add(of(one)?)));
                all.filter(|_| seen.all)
            };
            let details = mine.iter().map(|taker| taker.worker().detail(ctx));
            SiteQueue {
                key: queue_key(name, seen.is_hashed(name), b"ready"),
                part: Part {
                    in_flight: sum(&|t| t.unacked),
                    workers: sum(&|t| if t.connection.alive? { t.consumers } else { Some(0) }),
                    details: details.collect(),
                    ..Part::default()
                },
            }
        });
        Some(Site { queues: queues.collect(), registry: true })
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let base = key.as_slice().strip_suffix(b"ready").unwrap_or(key.as_slice());
        vec![SetPlace::new(TaskSet::Failed, join(&[base, b"rejected"]))]
    }

    fn holders(&self, _: &Bytes) -> Option<Bytes> {
        Some("rmq::connections".into())
    }

    fn held_by(&self, key: &Bytes, connection: &Bytes) -> Vec<SetPlace> {
        let base = key.as_slice().strip_suffix(b"ready").unwrap_or(key.as_slice());
        let queue = base.strip_prefix(b"rmq::").unwrap_or(base);
        let held = join(&[b"rmq::connection::", connection.as_slice(), b"::", queue, b"unacked"]);
        vec![SetPlace::new(TaskSet::InFlight, held)]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let base = key.as_slice().strip_suffix(b"ready").unwrap_or(key.as_slice());
        vec![list_look(key, PushEnd::Left, memory), Read::ListLen(join(&[base, b"rejected"]))]
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
        queue.failed = count(replies.get(1));
        settle_list(&mut queue, &look, None, memory, ctx);
        // Deliveries are free text: only some tell a time.
        queue.oldest = oldest(look.depth, look.next_time_ms(), memory, ctx);
        Some(queue)
    }
}

/// Queue names stand in brackets, on a cluster in braces.
fn bracketed(name: &Bytes, hashed: bool) -> Bytes {
    let (open, close): (&[u8], &[u8]) = if hashed { (b"{", b"}") } else { (b"[", b"]") };
    join(&[open, name.as_slice(), close])
}

fn queue_key(name: &Bytes, hashed: bool, end: &[u8]) -> Bytes {
    join(&[b"rmq::queue::", bracketed(name, hashed).as_slice(), b"::", end])
}

fn name(key: &Bytes) -> Bytes {
    let bare = key.as_slice().strip_prefix(b"rmq::queue::").unwrap_or(key.as_slice());
    let bare = bare.strip_suffix(b"::ready").unwrap_or(bare);
    match bare {
        [b'[' | b'{', name @ .., b']' | b'}'] => name.into(),
        other => other.into(),
    }
}

struct Connection {
    name: Bytes,
    /// False when its heartbeat, renewed every second to live a minute, ran out.
    alive: Option<bool>,
    queues: Vec<Bytes>,
}

/// A connection as one of the queues sees it.
struct Taker<'a> {
    connection: &'a Connection,
    unacked: Option<u64>,
    consumers: Option<u64>,
}

impl Taker<'_> {
    fn worker(&self) -> Worker {
        let or = |n: Option<u64>| n.map_or_else(|| "?".into(), |n| n.to_string());
        let alive = self.connection.alive;
        let stuck = if alive == Some(false) { ", stuck until a cleaner runs" } else { "" };
        let state = format!("{} consumers, {} unacknowledged{stuck}", or(self.consumers), or(self.unacked));
        let name = format!("connection {}", self.connection.name);
        Worker { name, alive, state: Some(state), ..Worker::default() }
    }
}

/// The replies of all rounds, sorted out.
struct Seen<'a> {
    names: Vec<Bytes>,
    connections: Vec<Connection>,
    /// All connections and their queues are there.
    all: bool,
    last_round: &'a [Reply],
    /// Names that stand in braces.
    hashed: BTreeSet<Bytes>,
}

impl<'a> Seen<'a> {
    fn read(replies: &'a [Reply]) -> Self {
        let names = members(replies.first()).unwrap_or_default();
        let asked = names.len().min(MOST_NAMES);
        let listed = members(replies.get(1));
        let shown = listed.as_ref().map_or(0, |l| l.len().min(MOST_CONNECTIONS));
        let types = replies.get(FIRST..FIRST + asked).unwrap_or_default();
        let is_list = |(name, kind): (&Bytes, &Reply)| is_type(Some(kind), "list").then(|| name.clone());
        let hashed = names.iter().zip(types).filter_map(is_list).collect();
        let told = replies.get(FIRST + asked..).unwrap_or_default();
        let (told, last_round) = told.split_at(told.len().min(shown * PER_CONNECTION));
        let mut all = listed.as_ref().is_some_and(|l| l.len() == shown);
        let connections = listed
            .unwrap_or_default()
            .into_iter()
            .zip(told.chunks(PER_CONNECTION))
            .map(|(name, told)| {
                let queues = members(told.get(1));
                all &= queues.as_ref().is_some_and(|q| q.len() <= MOST_QUEUES);
                let mut queues = queues.unwrap_or_default();
                queues.truncate(MOST_QUEUES);
                let alive = told.first().and_then(Reply::as_int).map(|ttl| ttl != -2);
                Connection { name, alive, queues }
            })
            .collect();
        Self { names, connections, all, last_round, hashed }
    }

    fn is_hashed(&self, name: &Bytes) -> bool {
        self.hashed.contains(name)
    }
}

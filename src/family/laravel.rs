//! Laravel's Redis queue: a list `<prefix>queues:<queue>` with `:delayed`, `:reserved` and `:notify` beside it;
//! Horizon's supervisors where it runs.

use super::backlog::{begin, left_of, list_look, look_at, oldest, settle_list};
use super::crew::{Worker, live};
use super::scored::{Scored, due};
use super::site::{Site, count, element, is_set, join, json, single, text};
use super::{Context, KeyFact, QueueFamily, QueueMemory, Read, SetPlace, TaskSet, UsualPrefix};
use crate::domain::queue::{Detail, PushEnd};
use crate::domain::{Bytes, Queue, Reply};

/// See the module.
pub struct LaravelFamily;

/// Before the queue's name, in every key.
const MARK: &[u8] = b"queues:";
const ENDS: [&[u8]; 3] = [b":delayed", b":reserved", b":notify"];
/// Horizon's supervisors looked at, what is read of each, and where their replies begin.
const MOST_SUPERVISORS: u32 = 32;
const SUPERVISOR_FIELDS: [&str; 3] = ["processes", "status", "pid"];
const FIRST: usize = 5;

impl QueueFamily for LaravelFamily {
    fn id(&self) -> &'static str {
        "laravel"
    }

    fn well_known(&self) -> &'static [&'static str] {
        &["queues:default"]
    }

    // Laravel makes one of the application's name unless it is told another; nothing is put behind it.
    fn usual_prefix(&self) -> Option<UsualPrefix> {
        Some(UsualPrefix { text: "", colon: false })
    }

    fn application<'a>(&self, key: &'a [u8], _: Option<&'a [u8]>) -> &'a [u8] {
        position(key).and_then(|at| key.get(..at)).unwrap_or_default()
    }

    fn may_be_clue(&self, key: &[u8]) -> bool {
        word_at(key).is_some()
    }

    fn owns(&self, key: &[u8]) -> bool {
        word_at(key).is_some() && ENDS.iter().any(|end| key.ends_with(end))
    }

    fn is_clue(&self, fact: &KeyFact) -> bool {
        let (key, kind) = (fact.key.as_slice(), &*fact.key_type);
        position(key).is_some() && matches!(kind, "list" | "zset") && !key.ends_with(b":notify")
    }

    fn site_reads(&self, clue: &Bytes) -> Vec<Read> {
        let base = stem(clue);
        let first = |end: &[u8]| Read::ZsetLook { key: join(&[base, end]), count: 1 };
        vec![
            Read::ElementHead { key: base.into(), index: 0, max: 512 },
            first(b":delayed"),
            first(b":reserved"),
        ]
    }

    fn site(&self, clue: &Bytes, replies: &[Reply], _: &Context) -> Option<Site> {
        let member = |at: usize| Scored::or_none(replies.get(at)).next().cloned();
        let ours = [element(replies.first()), member(1), member(2)].iter().flatten().any(is_job);
        ours.then(|| single(stem(clue).into(), None))
    }

    fn sets_at(&self, key: &Bytes) -> Vec<SetPlace> {
        let of = |set, end: &[u8]| SetPlace::new(set, join(&[key.as_slice(), end]));
        vec![
            of(TaskSet::InFlight, b":reserved").timed("another may take it", 1),
            of(TaskSet::Scheduled, b":delayed").due(1),
        ]
    }

    fn reads(&self, key: &Bytes, _: PushEnd, memory: &QueueMemory) -> Vec<Read> {
        let of = |end: &str| join(&[key.as_slice(), end.as_bytes()]);
        let horizon = horizon(key);
        vec![
            list_look(key, PushEnd::Right, memory),
            Read::Due { key: of(":reserved"), per_second: 1 },
            Read::Due { key: of(":delayed"), per_second: 1 },
            Read::ZsetLook { key: join(&[horizon.as_slice(), b"supervisors"]), count: MOST_SUPERVISORS },
            Read::SortedLen(join(&[horizon.as_slice(), b"failed_jobs"])),
        ]
    }

    fn more_reads(&self, key: &Bytes, replies: &[Reply]) -> Vec<Read> {
        Scored::or_none(replies.get(3))
            .first
            .iter()
            .flat_map(|(name, _)| {
                let of = join(&[horizon(key).as_slice(), b"supervisor:", name.as_slice()]);
                SUPERVISOR_FIELDS.map(|f| Read::HashHead { key: of.clone(), field: f.into(), max: 2048 })
            })
            .collect()
    }

    fn interpret(
        &self,
        fact: &KeyFact,
        previous: Option<&Queue>,
        memory: &mut QueueMemory,
        replies: &[Reply],
        ctx: &Context,
    ) -> Option<Queue> {
        let mut queue = begin(self.id(), &name(&fact.key), fact, PushEnd::Right, previous, memory, ctx);
        let Some(look) = look_at(&mut queue, replies.first()) else { return left_of(queue) };
        let ((reserved, overdue), (delayed, _)) = (due(replies.get(1)), due(replies.get(2)));
        queue.in_flight = reserved;
        queue.scheduled = delayed;
        if let Some(n) = overdue.filter(|n| *n > 0) {
            let text = format!("{n} taken jobs ran longer than retry_after: they are tried again");
            queue.details.push(Detail::new("timed out", text));
        }
        supervise(&mut queue, &fact.key, memory.siblings == 1, replies, ctx);
        settle_list(&mut queue, &look, None, memory, ctx);
        queue.oldest = oldest(look.depth, look.next_time_ms(), memory, ctx);
        Some(queue)
    }
}

/// What Horizon tells, where it runs.
fn supervise(queue: &mut Queue, key: &Bytes, only_one: bool, replies: &[Reply], ctx: &Context) {
    let Some(supervisors) = Scored::parse(replies.get(3)).filter(|s| !s.first.is_empty()) else { return };
    let name = bare(key);
    let told = replies.get(FIRST..).unwrap_or_default().chunks(SUPERVISOR_FIELDS.len());
    let crew: Vec<(Option<u64>, Worker)> = supervisors
        .first
        .iter()
        .zip(told)
        .map(|((supervisor, seen), fields)| {
            let alive = is_set(fields.get(2));
            let mine = processes(fields.first(), name);
            let word = |at: usize| text(fields.get(at)).map(|b| b.escaped());
            let state = word(1).map(|status| {
                let mine = mine.map_or_else(|| "?".into(), |n| n.to_string());
                format!("{status}, {mine} processes on this queue")
            });
            let beat_ms = Some((seen * 1e3) as i64);
            let name = format!("supervisor {supervisor}");
            (mine, Worker { name, pid: word(2), alive, beat_ms, state, ..Worker::default() })
        })
        .collect();
    let all = supervisors.len.is_none_or(|n| n == crew.len() as u64);
    let known = live(crew.iter().map(|(_, w)| w), all).is_some();
    let sum =
        crew.iter().filter(|(_, w)| w.alive == Some(true)).try_fold(0_u64, |sum, (n, _)| Some(sum + (*n)?));
    queue.workers = sum.filter(|_| known);
    let here = crew.iter().filter(|(mine, w)| w.alive == Some(false) || *mine != Some(0));
    queue.details.extend(here.map(|(_, w)| w.detail(ctx)));
    match count(replies.get(4)) {
        Some(n) if only_one || n == 0 => queue.failed = Some(n),
        Some(n) => queue.details.push(Detail::new("failed jobs", format!("{n} of all queues, in Horizon"))),
        None => {}
    }
}

/// Processes of a supervisor that take from this queue: `{"redis:default,mails":3}`.
fn processes(reply: Option<&Reply>, queue: &[u8]) -> Option<u64> {
    let told = json(reply)?;
    let takes = |key: &str| {
        let names = key.split_once(':').map_or(key, |(_, names)| names);
        names.split(',').any(|n| n.as_bytes() == queue)
    };
    let told = told.as_object()?;
    Some(told.iter().filter(|(key, _)| takes(key)).filter_map(|(_, n)| n.as_u64()).sum())
}

/// Where the mark stands, if something follows it.
fn position(key: &[u8]) -> Option<usize> {
    let anywhere = || key.windows(MARK.len()).position(|w| w == MARK);
    // Of a prefix that was told, any letter may be the last one.
    word_at(key).or_else(|| anywhere().filter(|at| key.len() > at + MARK.len()))
}

/// The same where it begins a word, as it does behind the prefixes that Laravel makes itself.
fn word_at(key: &[u8]) -> Option<usize> {
    let begins =
        |at: usize| at.checked_sub(1).is_none_or(|b| !key.get(b).is_some_and(u8::is_ascii_alphanumeric));
    let at = key.windows(MARK.len()).enumerate().position(|(at, w)| w == MARK && begins(at))?;
    (key.len() > at + MARK.len()).then_some(at)
}

/// The queue's own key, out of that of a list or sorted set beside it.
fn stem(clue: &Bytes) -> &[u8] {
    let key = clue.as_slice();
    ENDS.iter().find_map(|end| key.strip_suffix(*end)).unwrap_or(key)
}

/// Prefix of the application.
fn prefix(key: &Bytes) -> &[u8] {
    LaravelFamily.application(key.as_slice(), None)
}

/// The queue's name without prefix and hash tag.
fn bare(key: &Bytes) -> &[u8] {
    let name = key.as_slice().get(prefix(key).len() + MARK.len()..).unwrap_or_default();
    name.strip_prefix(b"{").and_then(|n| n.strip_suffix(b"}")).unwrap_or(name)
}

/// The queue's name; the prefix stays, so that applications are told apart.
fn name(key: &Bytes) -> Bytes {
    join(&[prefix(key), bare(key)])
}

/// What Horizon's keys begin with by default: the application's name as in the prefix of the queues.
fn horizon(key: &Bytes) -> Bytes {
    let prefix = prefix(key);
    for (end, own) in [(&b"_database_"[..], &b"_horizon:"[..]), (b"-database-", b"-horizon:")] {
        if let Some(slug) = prefix.strip_suffix(end) {
            return join(&[slug, own]);
        }
    }
    join(&[prefix, b"horizon:"])
}

/// True for the head of a job's JSON.
fn is_job(head: &Bytes) -> bool {
    let has = |needle: &[u8]| head.as_slice().windows(needle.len()).any(|w| w == needle);
    has(b"\"uuid\":") && has(b"\"displayName\":") || has(b"\"job\":\"Illuminate\\\\Queue\\\\")
}

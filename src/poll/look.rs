//! One look at the keys of a node: re-read what is known, search for what is new.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cost::CostMeter;
use super::due;
use super::events::EventWatch;
use super::fleet::Shared;
use super::keys::KeyTable;
use super::prefixes::Prefixes;
use super::refusals::{Refusals, SOME_KEYS};
use super::sample::Sampler;
use super::scout::Scout;
use super::search::Search;
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, NodeMeta, Reply, Stamp};
use crate::family::list::queue_of_processing;
use crate::family::registry::Kind;
use crate::family::{Context, Dialect, KeyFact, Read, Registry};
use crate::redis_io::{CallError, Reader};

/// Locks read again in one tick at the most; more are read in rotation.
pub(super) const LOCKS_A_TICK: usize = 2000;
/// A slot on its way is asked after for so long after the last answer.
const ARRIVING: Duration = Duration::from_secs(10);
/// Bytes of a key that is kept: memory is bounded by the number of keys. A longer one is left out, and that is said.
const LONGEST_KEY: usize = 4 << 10;
/// Reads in one pipeline: few enough that other clients of the server hardly notice.
pub(super) const READS_A_PIPELINE: usize = 250;

/// What one look works with.
pub(super) struct Look<'a> {
    pub(super) reader: &'a mut Reader,
    pub(super) registry: &'a Registry,
    pub(super) meta: &'a NodeMeta,
    pub(super) table: &'a mut KeyTable,
    pub(super) search: &'a mut Search,
    pub(super) scout: &'a mut Scout,
    pub(super) shared: &'a Shared,
    pub(super) sampler: &'a mut Sampler,
    pub(super) cost: &'a mut CostMeter,
    pub(super) denied: &'a mut BTreeSet<(&'static str, String)>,
    pub(super) refusals: &'a mut Refusals,
    pub(super) in_cluster: bool,
    pub(super) dialect: &'a mut Dialect,
    pub(super) rtt: Duration,
    pub(super) clock_offset_ms: i64,
    pub(super) rate_window: Duration,
    pub(super) max_keys: usize,
    pub(super) keys_total: Option<u64>,
    /// Events of queues of which nothing else tells the rates.
    pub(super) events: &'a EventWatch,
    /// Changes under these prefixes are pushed.
    pub(super) tracked: Option<Arc<Prefixes>>,
}

impl Look<'_> {
    /// Reads the known locks and queues again.
    pub(super) async fn reread(&mut self, interval: Duration) -> Result<(), CallError> {
        let (now, soon) = (Instant::now(), interval * 2);
        let due = match &self.tracked {
            None => self.table.due_locks(LOCKS_A_TICK, now, soon),
            Some(tracked) => self.table.due_untracked(LOCKS_A_TICK, now, soon, interval, tracked),
        };
        self.reread_locks(&due).await?;
        let keys = self.table.due_queues(interval, now);
        self.read_queues(&keys).await
    }

    /// Queues configured by name are watched also while their list does not exist.
    pub(super) fn add_configured_queues(&mut self) {
        for key in self.registry.configured_queues(&self.meta.id).collect::<Vec<_>>() {
            if !self.table.knows(&key) {
                let fact = KeyFact { key, key_type: "list".into(), lock_pattern: false, queue_pattern: true };
                self.table.add_queue(fact, "list", true);
            }
        }
    }

    /// Finds out what new keys are and reads them for the first time; all that stood at `searched` was known. Returns those that are neither locks nor queues although a pattern matches.
    pub(super) async fn take_in(
        &mut self,
        keys: Vec<Bytes>,
        searched: Option<Instant>,
    ) -> Result<Vec<Bytes>, CallError> {
        let mut others = Vec::new();
        let (mut candidates, mut clues) = (Vec::new(), Vec::new());
        for key in keys.into_iter().filter(|key| !self.table.knows(key)) {
            let (lock, queue) = self.registry.candidate(key.as_slice());
            if (lock || queue) && key.len() > LONGEST_KEY {
                self.search.truncate();
            } else if lock || queue {
                candidates.push((key, (lock, queue)));
            } else if self.registry.seeks_sites()
                && !key.as_slice().starts_with(b"redwarden:")
                && (self.registry.may_be_clue(key.as_slice())
                    || (!self.table.restricted && self.sampler.wants(key.as_slice())))
            {
                clues.push(key);
            }
        }
        // First, so that a library's list is never shown as a plain one.
        self.try_clues(clues).await?;
        candidates.retain(|(key, _)| !self.table.knows(key));
        for chunk in candidates.chunks(READS_A_PIPELINE) {
            let reads: Vec<Read> = chunk.iter().map(|(key, _)| Read::Type(key.clone())).collect();
            let types = self.read("locks", &reads).await?;
            let mut facts = Vec::with_capacity(chunk.len());
            for ((key, (lock, queue)), reply) in chunk.iter().zip(types) {
                // TYPE denied: believe the pattern, the reads will say what is not permitted.
                let key_type: Arc<str> = match &reply {
                    Reply::Status(name) => name.as_str().into(),
                    // It has left for another node of the cluster, which lists it.
                    Reply::Error(e) if e.redirect().is_some() => continue,
                    Reply::Error(_) if *lock => "string".into(),
                    Reply::Error(_) => "list".into(),
                    _ => continue,
                };
                // A family's own pattern brought it here, perhaps: then its value alone proves nothing.
                let lock_pattern = *lock && self.registry.matches_lock_pattern(key.as_slice());
                facts.push(KeyFact { key: key.clone(), key_type, lock_pattern, queue_pattern: *queue });
            }
            let told =
                if self.registry.seeks_sites() { self.try_facts(&facts).await? } else { BTreeSet::new() };
            let (mut locks, mut queues) = (Vec::new(), Vec::new());
            for fact in facts.into_iter().filter(|fact| !told.contains(&fact.key)) {
                if self.table.len() + locks.len() + queues.len() >= self.max_keys {
                    self.search.truncate();
                    break;
                }
                match self.registry.recognise(&fact) {
                    Some(Kind::Lock(_)) => locks.push(fact),
                    Some(Kind::Queue(family)) => {
                        let fact = self.whose_processing(fact, family.id());
                        queues.push((fact, family.id()));
                    }
                    None => others.push(fact.key),
                }
            }
            self.read_locks(&locks, searched).await?;
            // Of the right name and type, and yet no lock stands in it.
            let none = locks.into_iter().filter(|fact| !self.table.locks.contains_key(&fact.key));
            others.extend(none.map(|fact| fact.key));
            let keys: Vec<Bytes> = queues.iter().map(|(fact, _)| fact.key.clone()).collect();
            for (fact, family) in queues {
                self.table.add_queue(fact, family, false);
            }
            self.read_queues(&keys).await?;
        }
        Ok(others)
    }

    /// The queue itself where this list holds what was taken from it, by the user's patterns: it may be empty just now.
    fn whose_processing(&self, fact: KeyFact, family: &str) -> KeyFact {
        let queue = queue_of_processing(fact.key.as_slice()).filter(|_| family == "list");
        match queue.filter(|queue| self.registry.candidate(queue.as_slice()).1) {
            Some(key) => KeyFact { key, ..fact },
            None => fact,
        }
    }

    pub(super) async fn read_locks(
        &mut self,
        facts: &[KeyFact],
        searched: Option<Instant>,
    ) -> Result<(), CallError> {
        for chunk in facts.chunks(READS_A_PIPELINE / 4) {
            let mut reads = Vec::new();
            let mut spans = Vec::with_capacity(chunk.len());
            for fact in chunk {
                let Some(Kind::Lock(family)) = self.registry.recognise(fact) else { continue };
                let previous = self.table.locks.get(&fact.key).map(|e| e.lock.clone());
                let wanted = family.reads(&fact.key, previous.as_deref());
                spans.push((fact, family, previous, reads.len()..reads.len() + wanted.len()));
                reads.extend(wanted);
            }
            let replies = self.read("locks", &reads).await?;
            let ctx = self.context(false);
            for (fact, family, previous, span) in spans {
                let replies = replies.get(span).unwrap_or_default();
                if has_left(replies) {
                    self.table.remove_lock(&fact.key);
                    continue;
                }
                // One that may have been taken while nobody could see it is held for longer, perhaps.
                let seen = |at| self.table.sight.is_clear(&fact.key, at, ctx.at.mono);
                let ctx = Context { is_new: searched.is_some_and(seen), ..ctx.clone() };
                match family.interpret(fact, previous.as_deref(), replies, &ctx) {
                    Some(lock) => self.table.put_lock(fact.clone(), lock),
                    None => self.table.end_lock(&fact.key, ctx.at),
                }
            }
        }
        Ok(())
    }

    pub(super) async fn read_queues(&mut self, keys: &[Bytes]) -> Result<(), CallError> {
        let siblings = self.table.siblings(self.registry);
        for chunk in keys.chunks(READS_A_PIPELINE / 5) {
            let mut reads = Vec::new();
            let mut spans = Vec::with_capacity(chunk.len());
            for key in chunk {
                let Some(entry) = self.table.queues.get(key) else { continue };
                let Some(family) = self.registry.queue_family(entry.family) else { continue };
                let push = self.registry.push_end(&self.meta.id, key);
                let wanted = family.reads(key, push, &entry.memory);
                spans.push((key, family, push, reads.len()..reads.len() + wanted.len()));
                reads.extend(wanted);
            }
            let replies = self.read("queues", &reads).await?;
            let mut more_reads = Vec::new();
            let mut more_spans = Vec::with_capacity(spans.len());
            for (key, family, _, span) in &spans {
                let wanted = family.more_reads(key, replies.get(span.clone()).unwrap_or_default());
                more_spans.push(more_reads.len()..more_reads.len() + wanted.len());
                more_reads.extend(wanted);
            }
            let more =
                if more_reads.is_empty() { Vec::new() } else { self.read("queues", &more_reads).await? };
            for ((key, family, push, span), more_span) in spans.into_iter().zip(more_spans) {
                let cost = due::cost(reads.get(span.clone()).unwrap_or_default())
                    + due::cost(more_reads.get(more_span.clone()).unwrap_or_default());
                let mut all = replies.get(span).unwrap_or_default().to_vec();
                all.extend_from_slice(more.get(more_span).unwrap_or_default());
                let ctx = Context { push, ..self.context(false) };
                let Some(entry) = self.table.queues.get(key) else { continue };
                let mut memory = entry.memory.clone();
                if has_left(&all) {
                    self.table.put_queue(key, None, memory, Duration::ZERO);
                    continue;
                }
                let kin = (family.id(), entry.application(key, family));
                memory.events.told = self.events.take(self.meta.db, key);
                memory.events.left_out = self.events.left_out(self.meta.db, key);
                memory.siblings = siblings.get(&kin).copied().unwrap_or(1);
                let mut queue =
                    family.interpret(&entry.fact, entry.queue.as_deref(), &mut memory, &all, &ctx);
                if let Some(queue) = &mut queue {
                    queue.application = kin.1;
                }
                if let (Some(queue), Some(consumers)) = (&mut queue, &self.table.consumers) {
                    consumers.enter(queue, family.blocks_for());
                }
                self.table.put_queue(key, queue, memory, cost);
            }
        }
        Ok(())
    }

    pub(super) fn context(&self, is_new: bool) -> Context {
        let at = Stamp::now();
        let wall = at.wall.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        Context {
            node: self.meta.id.clone(),
            db: self.meta.db,
            at,
            server_ms: wall + self.clock_offset_ms,
            push: crate::domain::queue::PushEnd::Left,
            is_new,
            rate_window: self.rate_window,
        }
    }

    /// Sends reads; a server without EVAL_RO gets the same scripts by EVAL, one without scripts plain lengths.
    async fn read(&mut self, pane: &'static str, reads: &[Read]) -> Result<Vec<Reply>, CallError> {
        self.read_for(Some(pane), reads).await
    }

    /// [`Look::read`] of what nobody asked for by name: what is refused is left out and not told.
    pub(super) async fn read_quietly(&mut self, reads: &[Read]) -> Result<Vec<Reply>, CallError> {
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        self.read_for(None, reads).await
    }

    async fn read_for(
        &mut self,
        pane: Option<&'static str>,
        reads: &[Read],
    ) -> Result<Vec<Reply>, CallError> {
        loop {
            let mut replies = self.ask(pane, reads).await?;
            if reads.iter().zip(&replies).any(|(read, reply)| self.may_arrive(read, reply)) {
                // Rare, and large: no part of every look.
                Box::pin(self.ask_for_arriving(reads, &mut replies)).await?;
            }
            let mut scripts_refused = None;
            for (read, reply) in reads.iter().zip(&replies) {
                if let (Some(pane), Some(command)) = (pane, read.denied_inside(reply, *self.dialect)) {
                    self.denied.insert((pane, command.to_string()));
                    self.reader.was_denied_inside(1);
                }
                let Some(error) = reply.as_error() else {
                    self.refusals.allowed(read);
                    continue;
                };
                let is_script = read.is_script() && *self.dialect != Dialect::NoScripts;
                let refused = error.is_unknown_command() || (error.is_denied() && !about_keys(error));
                // A command inside a script that is not permitted says nothing of scripts.
                let whole = !error.message.contains("script");
                // The in-flight list of a queue is only looked for: its key may lie outside the user's patterns.
                let aside = matches!(read, Read::ListLen(_)) && about_keys(error);
                if is_script && refused && whole {
                    scripts_refused = Some(error);
                } else if let Some(pane) = pane.filter(|_| !aside) {
                    let what = if error.is_denied_inside() { read.runs() } else { read.needs() };
                    self.note_denied(pane, what, error);
                    if error.is_denied_somewhere() {
                        let what = if about_keys(error) { SOME_KEYS } else { what };
                        self.refusals.refused((pane, what), read.needs(), Instant::now());
                    }
                }
            }
            let Some(error) = scripts_refused else { return Ok(replies) };
            *self.dialect = match *self.dialect {
                Dialect::EvalRo if error.is_unknown_command() => Dialect::Eval,
                _ => Dialect::NoScripts,
            };
        }
    }

    /// True when ASKING may find here what this node of a cluster does not own yet. Types are asked for first, the rest
    /// only where that found something.
    fn may_arrive(&self, read: &Read, reply: &Reply) -> bool {
        let moved = reply.as_error().is_some_and(|e| e.code == "MOVED");
        let lately = || self.table.arriving_until.is_some_and(|until| Instant::now() < until);
        moved && (matches!(read, Read::Type(_)) || lately())
    }

    /// Reads once more, with ASKING: SCAN lists keys that have arrived with a slot on its way.
    async fn ask_for_arriving(&mut self, reads: &[Read], replies: &mut [Reply]) -> Result<(), CallError> {
        let started = Instant::now();
        let pairs = reads.iter().zip(replies.iter_mut());
        let (again, places): (Vec<Read>, Vec<&mut Reply>) =
            pairs.filter(|(read, reply)| self.may_arrive(read, reply)).map(|(r, p)| (r.clone(), p)).unzip();
        let asked = self.reader.read_asking(&again, *self.dialect).await?;
        self.cost.add(again.len(), started.elapsed(), self.rtt);
        for (reply, answer) in places.into_iter().zip(asked) {
            if answer.as_error().is_none() {
                self.table.arriving_until = Some(started + ARRIVING);
            }
            *reply = answer;
        }
        Ok(())
    }

    pub(super) fn note_denied(&mut self, pane: &'static str, command: &str, error: &ReplyError) {
        if error.is_denied_somewhere() {
            let what = if about_keys(error) { SOME_KEYS } else { command };
            self.denied.insert((pane, what.to_string()));
        }
    }
}

/// True when the first answer says that the key is on another node of the cluster: that one lists it.
fn has_left(replies: &[Reply]) -> bool {
    replies.first().and_then(Reply::as_error).is_some_and(|error| error.redirect().is_some())
}

/// NOPERM for the key, not for the command.
pub(super) fn about_keys(error: &ReplyError) -> bool {
    error.message.to_ascii_lowercase().contains("key")
}

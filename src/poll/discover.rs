//! Libraries' queues: follows the clues that the search and the usual names give, and looks at known sites again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::look::{Look, READS_A_PIPELINE, about_keys};
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, Reply};
use crate::family::{KeyFact, QueueFamily, Read, Site};
use crate::redis_io::CallError;

/// Time between two looks at the sites of a node.
const SITES_EVERY: Duration = Duration::from_secs(5);
/// Clues of one family that are followed at once.
const CLUES_A_PIPELINE: usize = 25;
/// Pages of one set: about a thousand members each.
const MOST_PAGES: usize = 16;

impl Look<'_> {
    /// Looks for clues under the usual names and at the known sites again, when it is time.
    pub(super) async fn look_at_sites(&mut self) -> Result<(), CallError> {
        let now = Instant::now();
        if !self.registry.seeks_sites() || self.table.sites_read.is_some_and(|at| now < at + SITES_EVERY) {
            self.denied.extend(self.table.sites_denied.iter().cloned());
            return Ok(());
        }
        self.table.sites_read = Some(now);
        self.table.sites_denied.clear();
        if !self.table.restricted {
            let usual: Vec<Bytes> =
                self.registry.well_known().filter(|key| !self.table.sites.contains_key(key)).collect();
            self.try_clues(usual).await?;
        }
        let mut known: BTreeMap<&'static str, Vec<Bytes>> = BTreeMap::new();
        for (clue, family) in &self.table.sites {
            known.entry(family).or_default().push(clue.clone());
        }
        for (family, clues) in known {
            let Some(family) = self.registry.queue_family(family) else { continue };
            for (clue, told) in clues.iter().zip(self.follow(&clues, family).await?) {
                if !told {
                    self.table.remove_site(clue);
                }
            }
        }
        Ok(())
    }

    /// Asks for the types of keys that may be clues and follows those that are.
    pub(super) async fn try_clues(&mut self, keys: Vec<Bytes>) -> Result<(), CallError> {
        for chunk in keys.chunks(READS_A_PIPELINE) {
            let reads: Vec<Read> = chunk.iter().map(|key| Read::Type(key.clone())).collect();
            // Nobody promised that these keys may be read: what is refused here is not worth a word.
            let types = self.read_quietly(&reads).await?;
            for (key, reply) in chunk.iter().zip(&types) {
                if reply.as_error().is_some_and(|e| e.is_denied() && about_keys(e)) {
                    self.table.restricted = true;
                    self.table.settle_clue(key);
                }
            }
            let fact = |(key, reply): (&Bytes, Reply)| match reply {
                Reply::Status(key_type) if key_type != "none" => Some(KeyFact {
                    key: key.clone(),
                    key_type: key_type.as_str().into(),
                    lock_pattern: false,
                    queue_pattern: false,
                }),
                _ => None,
            };
            let facts: Vec<KeyFact> = chunk.iter().zip(types).filter_map(fact).collect();
            self.try_facts(&facts).await?;
        }
        Ok(())
    }

    /// Follows those keys of known type that are clues; returns their keys.
    pub(super) async fn try_facts(&mut self, facts: &[KeyFact]) -> Result<BTreeSet<Bytes>, CallError> {
        let mut told = BTreeSet::new();
        let registry = self.registry;
        for family in registry.queue_families() {
            let clues: Vec<Bytes> = facts
                .iter()
                .filter(|fact| family.is_clue(fact) && !told.contains(&fact.key))
                .map(|fact| fact.key.clone())
                .collect();
            for (clue, ours) in clues.iter().zip(self.follow(&clues, family).await?) {
                if ours {
                    self.sampler.hit(clue.as_slice());
                    told.insert(clue.clone());
                }
            }
        }
        Ok(told)
    }

    /// Looks at clues of one family and takes their queues in. False for those that are not this family's.
    async fn follow(&mut self, clues: &[Bytes], family: &dyn QueueFamily) -> Result<Vec<bool>, CallError> {
        let mut told = Vec::with_capacity(clues.len());
        let mut fresh = Vec::new();
        for chunk in clues.chunks(CLUES_A_PIPELINE) {
            let (reads, spans) = joined(chunk.iter().map(|clue| family.site_reads(clue)));
            let replies = self.read_pages(&reads).await?;
            let of = |span: &Range<usize>| replies.get(span.clone()).unwrap_or_default();
            let mut known: Vec<Vec<Reply>> = spans.iter().map(|span| of(span).to_vec()).collect();
            for round in [QueueFamily::site_more, QueueFamily::site_deep] {
                let (more, more_spans) =
                    joined(chunk.iter().zip(&known).map(|(clue, known)| round(family, clue, known)));
                let mut more_replies = Vec::with_capacity(more.len());
                for part in more.chunks(READS_A_PIPELINE) {
                    more_replies.extend(self.read_quietly(part).await?);
                }
                for (known, span) in known.iter_mut().zip(more_spans) {
                    known.extend_from_slice(more_replies.get(span).unwrap_or_default());
                }
            }
            let ctx = self.context(false);
            for ((clue, span), all) in chunk.iter().zip(&spans).zip(known) {
                if let (Some(read), Some(error)) =
                    (reads.get(span.start), all.first().and_then(Reply::as_error))
                {
                    self.note_site_denied(read, error);
                }
                let site = family.site(clue, &all, &ctx);
                told.push(site.is_some());
                if let Some(site) = site {
                    fresh.extend(self.take_site(clue, family.id(), site));
                }
            }
        }
        self.read_queues(&fresh).await?;
        Ok(told)
    }

    /// A registry of the right name and type that may not be read is worth a word; other keys are not.
    fn note_site_denied(&mut self, read: &Read, error: &ReplyError) {
        if error.is_denied() && !about_keys(error) {
            let note = ("queues", read.needs().to_string());
            self.denied.insert(note.clone());
            self.table.sites_denied.insert(note);
        }
    }

    /// The replies with sets whole, as far as they are bounded.
    async fn read_pages(&mut self, reads: &[Read]) -> Result<Vec<Reply>, CallError> {
        let mut replies = self.read_quietly(reads).await?;
        for (read, reply) in reads.iter().zip(&mut replies) {
            let Read::Members { key, .. } = read else { continue };
            for _ in 1..MOST_PAGES {
                let Some(cursor) = cursor(reply).filter(|c| c.as_slice() != b"0") else { break };
                let next = Read::Members { key: key.clone(), cursor };
                let Some(page) = self.read_quietly(&[next]).await?.pop() else { break };
                append(reply, page);
            }
        }
        Ok(replies)
    }

    /// Enters the queues of a site; returns those that are new.
    fn take_site(&mut self, clue: &Bytes, family: &'static str, site: Site) -> Vec<Bytes> {
        let mut fresh = Vec::new();
        let mut listed = Vec::with_capacity(site.queues.len());
        for queue in site.queues {
            listed.push(queue.key.clone());
            if !self.table.holds(&queue.key, family) {
                if self.table.len() >= self.max_keys {
                    self.search.truncate();
                    break;
                }
                self.table.adopt(&queue.key, family);
                fresh.push(queue.key.clone());
            }
            self.table.set_part(&queue.key, clue, queue.part);
        }
        if site.registry {
            self.table.put_site(clue, family, &listed);
        } else {
            self.table.settle_clue(clue);
        }
        fresh
    }
}

/// Reads of several as one list, and where each one's are.
fn joined(each: impl Iterator<Item = Vec<Read>>) -> (Vec<Read>, Vec<Range<usize>>) {
    let (mut reads, mut spans) = (Vec::new(), Vec::new());
    for mut wanted in each {
        spans.push(reads.len()..reads.len() + wanted.len());
        reads.append(&mut wanted);
    }
    (reads, spans)
}

fn cursor(page: &Reply) -> Option<Bytes> {
    page.as_array()?.first()?.as_bytes()
}

/// Adds a page of SSCAN to those before it.
fn append(reply: &mut Reply, page: Reply) {
    let (Reply::Array(before), Reply::Array(page)) = (reply, page) else { return };
    let mut page = page.into_iter();
    let (Some(cursor), Some(Reply::Array(members))) = (page.next(), page.next()) else { return };
    if let [old_cursor, Reply::Array(all)] = before.as_mut_slice() {
        *old_cursor = cursor;
        all.extend(members);
    }
}

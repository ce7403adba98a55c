//! The one place where families are registered, and the patterns that make a key a candidate.

use super::{KeyFact, LockFamily, QueueFamily, list::ListFamily, setnx::SetnxFamily};
use super::{
    bull::BullFamily, celery::CeleryFamily, rq::RqFamily, sidekiq::SidekiqFamily, stream::StreamFamily,
};
use crate::config::Config;
use crate::domain::glob::Glob;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, NodeId};

/// All families and patterns in force.
pub struct Registry {
    locks: Vec<Box<dyn LockFamily>>,
    queues: Vec<Box<dyn QueueFamily>>,
    lock_globs: Vec<Glob>,
    queue_globs: Vec<Glob>,
    configured: Vec<crate::config::QueueConfig>,
    default_push: PushEnd,
}

/// What a key is to us.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// A lock of this family.
    Lock(&'a dyn LockFamily),
    /// A queue of this family.
    Queue(&'a dyn QueueFamily),
}

impl Registry {
    /// The families with the configuration's patterns.
    pub fn new(config: &Config) -> Self {
        Self {
            locks: vec![Box::new(SetnxFamily)],
            queues: queue_families(),
            lock_globs: config.lock_patterns.iter().map(|p| Glob::new(p)).collect(),
            queue_globs: config.queue_patterns.iter().map(|p| Glob::new(p)).collect(),
            configured: config.queues.clone(),
            default_push: config.push,
        }
    }

    /// The single pattern, when there is just one and no library's queues are looked for: then the server can filter.
    pub fn only_pattern(&self) -> Option<&str> {
        match (self.lock_globs.as_slice(), self.queue_globs.as_slice()) {
            ([one], []) => Some(one.source()),
            _ => None,
        }
    }

    /// True when no key needs to be searched for.
    pub fn is_idle(&self) -> bool {
        self.lock_globs.is_empty() && self.queue_globs.is_empty()
    }

    /// Which patterns a key matches: lock, queue. Our own keys match none.
    pub fn candidate(&self, key: &[u8]) -> (bool, bool) {
        if key.starts_with(b"redwarden:") {
            return (false, false);
        }
        let hit = |globs: &[Glob]| globs.iter().any(|g| g.matches(key));
        (hit(&self.lock_globs), hit(&self.queue_globs) && !self.queues.iter().any(|f| f.owns(key)))
    }

    /// True when libraries' queues are looked for: whoever watches no queue pattern wants no queues.
    pub fn seeks_sites(&self) -> bool {
        !self.queue_globs.is_empty()
    }

    /// Clues by their usual names.
    pub fn well_known(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.queues.iter().flat_map(|f| f.well_known()).map(|k| Bytes::from(*k))
    }

    /// True when a key's name alone makes it worth asking for its type.
    pub fn may_be_clue(&self, key: &[u8]) -> bool {
        !key.starts_with(b"redwarden:") && self.queues.iter().any(|f| f.may_be_clue(key))
    }

    /// The queue families in the order of registration.
    pub fn queue_families(&self) -> impl Iterator<Item = &dyn QueueFamily> {
        self.queues.iter().map(AsRef::as_ref)
    }

    /// The family that is surest about a key of known type.
    pub fn recognise(&self, fact: &KeyFact) -> Option<Kind<'_>> {
        let lock = self.locks.iter().map(|f| (f.recognise(fact), f)).max_by_key(|(sure, _)| *sure);
        let queue = self.queues.iter().map(|f| (f.recognise(fact), f)).max_by_key(|(sure, _)| *sure);
        match (lock.filter(|l| l.0 > 0), queue.filter(|q| q.0 > 0)) {
            (Some((a, _)), Some((b, queue))) if b > a => Some(Kind::Queue(queue.as_ref())),
            (Some((_, lock)), _) => Some(Kind::Lock(lock.as_ref())),
            (None, Some((_, queue))) => Some(Kind::Queue(queue.as_ref())),
            (None, None) => None,
        }
    }

    /// The lock family of that id.
    pub fn lock_family(&self, id: &str) -> Option<&dyn LockFamily> {
        self.locks.iter().find(|f| f.id() == id).map(AsRef::as_ref)
    }

    /// The queue family of that id.
    pub fn queue_family(&self, id: &str) -> Option<&dyn QueueFamily> {
        self.queues.iter().find(|f| f.id() == id).map(AsRef::as_ref)
    }

    /// Which end producers push to, for this key on this node.
    pub fn push_end(&self, node: &NodeId, key: &Bytes) -> PushEnd {
        self.configured
            .iter()
            .find(|q| {
                q.key.as_bytes() == key.as_slice() && q.node.as_deref().is_none_or(|n| n == node.as_str())
            })
            .map_or(self.default_push, |q| q.push)
    }

    /// Keys of queues configured by name for this node.
    pub fn configured_queues<'a>(&'a self, node: &'a NodeId) -> impl Iterator<Item = Bytes> + 'a {
        self.configured
            .iter()
            .filter(move |q| q.node.as_deref().is_none_or(|n| n == node.as_str()))
            .map(|q| Bytes::from(q.key.as_str()))
    }
}

/// The queue libraries. Where several may claim a clue the first one that recognises it wins.
fn queue_families() -> Vec<Box<dyn QueueFamily>> {
    vec![
        Box::new(ListFamily),
        Box::new(RqFamily),
        Box::new(CeleryFamily),
        Box::new(BullFamily::BULLMQ),
        Box::new(BullFamily::BULL),
        Box::new(SidekiqFamily),
        Box::new(StreamFamily),
    ]
}

//! The families and patterns in force: which keys are candidates, and what a key is.
//!
//! [`catalogue`] is the one place where libraries are registered.

pub mod canaries;
pub mod catalogue;
mod patterns;

use super::{KeyFact, LockFamily, QueueFamily, portalocker};
use crate::config::Config;
use crate::domain::glob::Glob;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, NodeId};

pub use canaries::Canaries;
pub use catalogue::{
    LockFamilies, lock_family, lock_family_ids, prefixed_queue_families, queue_family, queue_family_ids,
};

use catalogue::{all_queue_families, lock_families, own_rows};
use patterns::{OwnPatterns, Prefix, prefixes};

/// All families and patterns in force.
pub struct Registry {
    locks: Vec<Box<dyn LockFamily>>,
    queues: Vec<Box<dyn QueueFamily>>,
    lock_globs: Vec<Glob>,
    own: OwnPatterns,
    queue_globs: Vec<Glob>,
    prefixes: Vec<Prefix>,
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
        let locks = lock_families(&own_rows(config), &config.disabled_families);
        Self {
            own: OwnPatterns::new(locks.iter().flat_map(|f| f.patterns())),
            locks,
            prefixes: prefixes(config),
            queues: all_queue_families(config),
            lock_globs: config.lock_patterns.iter().map(|p| Glob::new(p)).collect(),
            queue_globs: config.queue_patterns.iter().map(|p| Glob::new(p)).collect(),
            configured: config.queues.clone(),
            default_push: config.push,
        }
    }

    /// The single pattern, when there is just one and no library's queues are looked for: then the server can filter.
    pub fn only_pattern(&self) -> Option<&str> {
        match (self.lock_globs.as_slice(), self.queue_globs.as_slice()) {
            ([one], []) if self.own.is_empty() => Some(one.source()),
            _ => None,
        }
    }

    /// True when locks that are connections are looked for.
    pub fn seeks_connections(&self) -> bool {
        self.locks.iter().any(|family| family.owns(portalocker::ID, super::recipe::CONNECTION))
    }

    /// True when no key needs to be searched for.
    pub fn is_idle(&self) -> bool {
        self.lock_globs.is_empty() && self.queue_globs.is_empty() && self.own.is_empty()
    }

    /// True when a generic (configured) lock pattern matches.
    pub fn matches_lock_pattern(&self, key: &[u8]) -> bool {
        self.lock_globs.iter().any(|g| g.matches(key))
    }

    /// What the keys of the watched patterns on this node begin with, and whether a family brought the pattern;
    /// those that may begin with anything are left out.
    pub fn prefixes(&self, node: &NodeId) -> Vec<(Bytes, bool)> {
        let named = self.configured_queues(node).map(|key| (key, false));
        let generic = self.lock_globs.iter().chain(&self.queue_globs).map(|g| (g, false));
        let all = generic.chain(self.own.globs().map(|g| (g, true)));
        let prefixes = all.map(|(glob, own)| (Bytes::from(glob.literal_prefix()), own));
        prefixes.chain(named).filter(|(prefix, _)| !prefix.is_empty()).collect()
    }

    /// Which patterns a key matches: lock (generic or a family's own), queue. Our own keys match none.
    pub fn candidate(&self, key: &[u8]) -> (bool, bool) {
        if key.starts_with(b"redwarden:") {
            return (false, false);
        }
        let lock = self.matches_lock_pattern(key) || self.own.matches(key);
        let queue = self.queue_globs.iter().any(|g| g.matches(key));
        (lock, queue && !self.is_owned(key))
    }

    /// True when libraries' queues are looked for: whoever watches no queue pattern wants no queues.
    pub fn seeks_sites(&self) -> bool {
        !self.queue_globs.is_empty()
    }

    /// Clues by their usual names.
    pub fn well_known(&self) -> impl Iterator<Item = Bytes> + '_ {
        let usual = self.queues.iter().flat_map(|f| f.well_known()).map(|k| Bytes::from(*k));
        usual.chain(self.prefixes.iter().flat_map(|prefix| self.under(prefix)))
    }

    /// The usual names as they are under another prefix.
    fn under(&self, prefix: &Prefix) -> Vec<Bytes> {
        let names = self.queue_family(prefix.family).map(QueueFamily::well_known).unwrap_or_default();
        let renamed = |name: &&str| Some([prefix.text.as_str(), name.strip_prefix(prefix.usual)?].concat());
        names.iter().filter_map(renamed).map(|name| name.as_str().into()).collect()
    }

    fn is_owned(&self, key: &[u8]) -> bool {
        self.queues.iter().any(|f| f.owns(key)) || self.usually(key).any(|(family, key)| family.owns(&key))
    }

    /// What this key would be called under the usual prefix, for each family that has another one it begins with.
    fn usually<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = (&'a dyn QueueFamily, Vec<u8>)> {
        self.prefixes.iter().filter_map(move |prefix| {
            let rest = key.strip_prefix(prefix.text.as_bytes())?;
            Some((self.queue_family(prefix.family)?, [prefix.usual.as_bytes(), rest].concat()))
        })
    }

    /// True when a key's name alone makes it worth asking for its type.
    pub fn may_be_clue(&self, key: &[u8]) -> bool {
        !key.starts_with(b"redwarden:")
            && (self.queues.iter().any(|f| f.may_be_clue(key))
                || self.usually(key).any(|(family, key)| family.may_be_clue(&key)))
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

//! The one place where families are registered, and the patterns that make a key a candidate.

use std::sync::{Arc, LazyLock};

use super::huey::HueyHash;
use super::list::ListFamily;
use super::own::OwnFamily;
use super::permits::ExpirablePermits;
use super::portalocker::{self, Portalocker};
use super::readers::Readers;
use super::redisson::Redisson;
use super::rows::Row;
use super::semaphore::Semaphores;
use super::string::StringLocks;
use super::unique_jobs::UniqueJobs;
use super::{KeyFact, LockFamily, QueueFamily};
use super::{
    arq::ArqFamily, dramatiq::DramatiqFamily, huey_queue::HueyFamily, saq::SaqFamily, streaq::StreaqFamily,
    taskiq::TaskiqFamily,
};
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

fn own_rows(config: &Config) -> Arc<[Row]> {
    config.lock_families.iter().cloned().map(Row::new).collect()
}

fn lock_families(own: &Arc<[Row]>, disabled: &[String]) -> Vec<Box<dyn LockFamily>> {
    let mut all: Vec<Box<dyn LockFamily>> =
        vec![Box::new(StringLocks::new(own.clone(), disabled)), Box::new(Semaphores::without(disabled))];
    let on = |id: &str| !disabled.iter().any(|d| d == id);
    if on("redisson") {
        all.push(Box::new(Redisson));
        all.push(Box::new(ExpirablePermits));
    }
    if on("huey") {
        all.push(Box::new(HueyHash));
    }
    if on("sidekiq-unique-jobs") {
        all.push(Box::new(UniqueJobs));
    }
    if on("madelson") {
        all.push(Box::new(Readers));
    }
    if on(portalocker::ID) {
        all.push(Box::new(Portalocker));
    }
    all
}

/// The lock families that release what was seen, whatever is searched for. Cheap to clone.
#[derive(Clone)]
pub struct LockFamilies(Arc<Vec<Box<dyn LockFamily>>>);

impl LockFamilies {
    /// The program's families and those of the configuration.
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(lock_families(&own_rows(config), &[])))
    }

    /// The id as it is kept, where a family releases locks of that id in keys of this type.
    pub fn find_id(&self, id: &str, key_type: &str) -> Option<&'static str> {
        self.find(id, key_type)?;
        let own = ["setnx", "unknown", "symfony", "redis-semaphore"];
        lock_family_ids().into_iter().chain(own).chain(super::rows::ids()).find(|known| *known == id)
    }

    /// The one that releases locks of this id in keys of this type.
    pub fn find(&self, id: &str, key_type: &str) -> Option<&dyn LockFamily> {
        self.0.iter().find(|f| f.owns(id, key_type)).map(AsRef::as_ref)
    }
}

impl Default for LockFamilies {
    /// The program's own.
    fn default() -> Self {
        Self(Arc::new(lock_families(&Arc::from([]), &[])))
    }
}

/// The program's own lock family that releases locks of this id in keys of this type, whatever is searched for.
pub fn lock_family(id: &str, key_type: &str) -> Option<&'static dyn LockFamily> {
    static ALL: LazyLock<LockFamilies> = LazyLock::new(LockFamilies::default);
    ALL.find(id, key_type)
}

/// The queue family of this id.
pub fn queue_family(id: &str) -> Option<&'static dyn QueueFamily> {
    static ALL: LazyLock<Vec<Box<dyn QueueFamily>>> = LazyLock::new(queue_families);
    ALL.iter().find(|f| f.id() == id).map(AsRef::as_ref)
}

/// Ids of all lock families that can be switched off, sorted.
pub fn lock_family_ids() -> Vec<&'static str> {
    let rows = super::rows::built_in().iter().map(|row| row.id);
    let code = ["redisson", "huey", "symfony", "sidekiq-unique-jobs", portalocker::ID];
    let mut ids: Vec<&str> = rows.chain(code).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The families' own patterns, by the first byte they ask for: nearly every key is passed over after one look.
struct OwnPatterns {
    by_first: Vec<Vec<Glob>>,
    anywhere: Vec<Glob>,
}

impl OwnPatterns {
    fn new(globs: impl Iterator<Item = Glob>) -> Self {
        let mut own = Self { by_first: vec![Vec::new(); 256], anywhere: Vec::new() };
        for glob in globs {
            let bucket = match glob.source().bytes().next() {
                Some(b'*' | b'?' | b'[' | b'\\') | None => Some(&mut own.anywhere),
                Some(first) => own.by_first.get_mut(usize::from(first)),
            };
            if let Some(bucket) = bucket.filter(|b| !b.contains(&glob)) {
                bucket.push(glob);
            }
        }
        own
    }

    fn globs(&self) -> impl Iterator<Item = &Glob> {
        self.by_first.iter().flatten().chain(&self.anywhere)
    }

    fn is_empty(&self) -> bool {
        self.anywhere.is_empty() && self.by_first.iter().all(Vec::is_empty)
    }

    fn matches(&self, key: &[u8]) -> bool {
        let first = key.first().and_then(|b| self.by_first.get(usize::from(*b)));
        first.into_iter().flatten().chain(&self.anywhere).any(|g| g.matches(key))
    }
}

/// A prefix under which a library writes beside its usual one.
struct Prefix {
    family: &'static str,
    usual: &'static str,
    /// With the colon that the library puts behind it.
    text: String,
}

fn prefixes(config: &Config) -> Vec<Prefix> {
    let mut all = Vec::new();
    for family in queue_families() {
        let Some(usual) = family.usual_prefix() else { continue };
        for text in config.queue_prefixes.get(family.id()).into_iter().flatten() {
            let colon = if usual.colon && !text.ends_with(':') { ":" } else { "" };
            all.push(Prefix { family: family.id(), usual: usual.text, text: format!("{text}{colon}") });
        }
    }
    all
}

/// Ids of all queue libraries.
pub fn queue_family_ids() -> Vec<&'static str> {
    queue_families().iter().map(|family| family.id()).collect()
}

/// Ids of those of which the prefix can be chosen.
pub fn prefixed_queue_families() -> Vec<&'static str> {
    let chosen = queue_families().into_iter().filter(|family| family.usual_prefix().is_some());
    chosen.map(|family| family.id()).collect()
}

/// What the user describes comes first: it is surer than any guess.
fn all_queue_families(config: &Config) -> Vec<Box<dyn QueueFamily>> {
    let own = config.queue_families.iter().map(|schema| Box::new(OwnFamily::new(schema.clone())) as _);
    own.chain(queue_families()).collect()
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
        Box::new(HueyFamily),
        Box::new(ArqFamily),
        Box::new(SaqFamily),
        Box::new(DramatiqFamily),
        Box::new(StreaqFamily),
        Box::new(TaskiqFamily),
        Box::new(super::resque::ResqueFamily),
        Box::new(super::laravel::LaravelFamily),
        Box::new(super::asynq::AsynqFamily),
        Box::new(super::gocraft_work::GocraftWorkFamily),
        Box::new(super::rmq::RmqFamily),
        Box::new(super::apalis::ApalisFamily),
        Box::new(super::bee_queue::BeeQueueFamily),
        Box::new(super::kue::KueFamily),
        Box::new(super::machinery::MachineryFamily),
        Box::new(StreamFamily),
    ]
}

//! The one place where the libraries are registered: a new one is one line here.

use std::sync::{Arc, LazyLock};

use crate::config::Config;
use crate::family::huey::HueyHash;
use crate::family::list::ListFamily;
use crate::family::own::OwnFamily;
use crate::family::permits::ExpirablePermits;
use crate::family::portalocker::{self, Portalocker};
use crate::family::readers::Readers;
use crate::family::redisson::Redisson;
use crate::family::rows::{self, Row};
use crate::family::semaphore::Semaphores;
use crate::family::string::StringLocks;
use crate::family::unique_jobs::UniqueJobs;
use crate::family::{LockFamily, QueueFamily};
use crate::family::{
    apalis::ApalisFamily, arq::ArqFamily, asynq::AsynqFamily, bee_queue::BeeQueueFamily, bull::BullFamily,
    celery::CeleryFamily, dramatiq::DramatiqFamily, gocraft_work::GocraftWorkFamily, huey_queue::HueyFamily,
    kue::KueFamily, laravel::LaravelFamily, machinery::MachineryFamily, resque::ResqueFamily, rmq::RmqFamily,
    rq::RqFamily, saq::SaqFamily, sidekiq::SidekiqFamily, stream::StreamFamily, streaq::StreaqFamily,
    taskiq::TaskiqFamily,
};

pub(super) fn own_rows(config: &Config) -> Arc<[Row]> {
    config.lock_families.iter().cloned().map(Row::new).collect()
}

pub(super) fn lock_families(own: &Arc<[Row]>, disabled: &[String]) -> Vec<Box<dyn LockFamily>> {
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
        lock_family_ids().into_iter().chain(own).chain(rows::ids()).find(|known| *known == id)
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
    let rows = rows::built_in().iter().map(|row| row.id);
    let code = ["redisson", "huey", "symfony", "sidekiq-unique-jobs", portalocker::ID];
    let mut ids: Vec<&str> = rows.chain(code).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
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
pub(super) fn all_queue_families(config: &Config) -> Vec<Box<dyn QueueFamily>> {
    let own = config.queue_families.iter().map(|schema| Box::new(OwnFamily::new(schema.clone())) as _);
    own.chain(queue_families()).collect()
}

/// The queue libraries. Where several may claim a clue the first one that recognises it wins.
pub(super) fn queue_families() -> Vec<Box<dyn QueueFamily>> {
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
        Box::new(ResqueFamily),
        Box::new(LaravelFamily),
        Box::new(AsynqFamily),
        Box::new(GocraftWorkFamily),
        Box::new(RmqFamily),
        Box::new(ApalisFamily),
        Box::new(BeeQueueFamily),
        Box::new(KueFamily),
        Box::new(MachineryFamily),
        Box::new(StreamFamily),
    ]
}

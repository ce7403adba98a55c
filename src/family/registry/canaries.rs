//! What is needed to make canaries.

use std::sync::Arc;

use super::catalogue::all_queue_families;
use crate::config::{CanaryTask, Config};
use crate::domain::Bytes;
use crate::family::QueueFamily;

/// Who makes canaries, of what, and where it is refused. Cheap to clone.
#[derive(Clone, Default)]
pub struct Canaries {
    families: Arc<Vec<Box<dyn QueueFamily>>>,
    tasks: Arc<[CanaryTask]>,
    prefixes: Arc<[String]>,
    /// Only tasks that the configuration names are sent.
    pub production: bool,
}

impl Canaries {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self {
            families: Arc::new(all_queue_families(config)),
            tasks: config.canaries.clone().into(),
            // Only Celery keeps what several queues share under names that a queue's own key does not tell.
            prefixes: config.queue_prefixes.get("celery").cloned().unwrap_or_default().into(),
            production: config.production,
        }
    }

    /// The family of that id.
    pub fn family(&self, id: &str) -> Option<&dyn QueueFamily> {
        self.families.iter().find(|f| f.id() == id).map(AsRef::as_ref)
    }

    /// The task that the configuration calls safe for this queue: of its own, else of its family.
    pub fn task(&self, family: &str, key: &Bytes) -> Option<&CanaryTask> {
        CanaryTask::of(&self.tasks, family, key)
    }

    /// What stands before all keys of the application of which this is a queue, as configured.
    pub fn prefix(&self, family: &str, key: &Bytes) -> &[u8] {
        let all = self.prefixes.iter().map(String::as_bytes);
        let fits = all.filter(|prefix| family == "celery" && key.as_slice().starts_with(prefix));
        fits.max_by_key(|prefix| prefix.len()).unwrap_or_default()
    }
}

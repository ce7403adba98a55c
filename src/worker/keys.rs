//! Names of the worker's own keys: beside the queue, in the same hash slot, versioned, told from every other queue's.

use uuid::Uuid;

use crate::domain::{Bytes, slots};

/// True for keys redwarden keeps for itself: they are never listed as queues or locks, and no worker takes from them.
pub fn is_own_key(key: &[u8]) -> bool {
    key.starts_with(b"redwarden:")
}

/// The keys of one worker on one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The queue itself.
    pub queue: Bytes,
    /// Sorted set of workers: member the worker's id, score when it was last heard (server's milliseconds).
    pub workers: Bytes,
    /// Dead-letter list: real tasks that failed for good. Never trimmed.
    pub failed: Bytes,
    /// Test tasks that failed, the last 1,000.
    pub failed_tests: Bytes,
    prefix: Vec<u8>,
}

impl Keys {
    /// The keys beside this queue.
    pub fn new(queue: &Bytes) -> Self {
        let prefix = prefix(queue.as_slice());
        Self {
            queue: queue.clone(),
            workers: join(&prefix, "workers"),
            failed: join(&prefix, "failed"),
            failed_tests: join(&prefix, "failed-tests"),
            prefix,
        }
    }

    /// List of the tasks this worker has taken and not finished.
    pub fn processing(&self, worker: Uuid) -> Bytes {
        join(&self.prefix, &format!("processing:{worker}"))
    }

    /// Sorted set of failed tasks that are tried again, by when they are due (server's milliseconds). `real`: those
    /// of workers with a command; a worker without one must never take them.
    pub fn retries(&self, real: bool) -> Bytes {
        join(&self.prefix, if real { "retries" } else { "test-retries" })
    }

    /// List of the retries this worker has taken and not finished.
    pub fn retrying(&self, worker: Uuid, real: bool) -> Bytes {
        let name = if real { "retrying" } else { "test-retrying" };
        join(&self.prefix, &format!("{name}:{worker}"))
    }

    /// Lives as long as the worker does, and its TTL longer.
    pub fn heartbeat(&self, worker: Uuid) -> Bytes {
        join(&self.prefix, &format!("heartbeat:{worker}"))
    }
}

fn join(prefix: &[u8], name: &str) -> Bytes {
    [prefix, name.as_bytes()].concat().into()
}

/// A prefix whose keys fall into the queue's slot, different for each queue.
fn prefix(queue: &[u8]) -> Vec<u8> {
    if slots::hash_tag(queue).is_some() {
        // Its own tag is the first one in our name, too.
        [b"redwarden:k:", queue, b":v1:"].concat()
    } else if !queue.is_empty() && !queue.contains(&b'}') {
        [b"redwarden:{", queue, b"}:v1:"].concat()
    } else {
        // Such a name cannot stand inside a tag: any short tag of the same slot does.
        let wanted = slots::slot_of(queue);
        let tag = (0..u32::MAX)
            .map(|n| n.to_string())
            .find(|tag| slots::slot_of(tag.as_bytes()) == wanted)
            .unwrap_or_default();
        [b"redwarden:x:{", tag.as_bytes(), b"}:", queue, b":v1:"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_never_shared() {
        let id = Uuid::nil();
        let plain = Keys::new(&"jobs".into());
        assert_eq!(
            plain.processing(id).to_string(),
            "redwarden:{jobs}:v1:processing:00000000-0000-0000-0000-000000000000"
        );
        let names = ["jobs", "{jobs}", "{jobs}:a", "{jobs}:b", "a}b", "{}a", "", "a{b", "}{"];
        let mut workers: Vec<Bytes> = names.iter().map(|n| Keys::new(&(*n).into()).workers).collect();
        assert!(workers.iter().all(|k| is_own_key(k.as_slice())));
        workers.sort();
        workers.dedup();
        assert_eq!(workers.len(), names.len());
    }

    #[test]
    fn keys_fall_into_the_slot_of_their_queue() {
        for queue in ["jobs", "{jobs}:a", "a}b", "{}a", "a{b"] {
            let keys = Keys::new(&queue.into());
            assert_eq!(slots::slot_of(keys.failed.as_slice()), slots::slot_of(queue.as_bytes()), "{queue}");
        }
    }
}

//! Keys beside a lock that tell whether its holder is alive: heartbeats and results that its library keeps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Read;
use super::site::{join, text};
use crate::domain::presence::{HolderState, Presence};
use crate::domain::{Bytes, Lock, Reply, Stamp};

/// What such keys told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Witness {
    /// Of the holder itself.
    pub presence: Option<Presence>,
    /// The name of its client in CLIENT LIST.
    pub client: Option<Bytes>,
    /// The worker that runs its task.
    pub worker: Option<Bytes>,
    /// Its task is one of Celery, whose workers are known only by what they listen to.
    pub of_celery: bool,
}

/// Bytes of a task's result that are looked at: its status, and who runs it, stand in front.
const RESULT: u32 = 512;

/// Reads that tell of this lock's holder; none for most libraries.
pub fn reads(lock: &Lock) -> Vec<Read> {
    let Some(token) = lock.token.known().map(Bytes::as_slice) else { return Vec::new() };
    let field = |key: Bytes, field: &str| vec![Read::HashHead { key, field: field.into(), max: 128 }];
    match lock.family {
        // RQ 3: the scheduler's own hash, which it keeps alive with the lock. Before, the value was a pid.
        "rq" if token.len() == 32 => scheduler(lock).map(|key| field(key, "hostname")).unwrap_or_default(),
        "bullmq" => job(lock).map(|(_, key)| field(key.into(), "pb")).unwrap_or_default(),
        "celery-singleton" => vec![Read::Head(join(&[b"celery-task-meta-", token]), RESULT)],
        _ => Vec::new(),
    }
}

/// What the answers to [`reads`] tell.
pub fn tell(lock: &Lock, replies: &[Reply], at: Stamp) -> Witness {
    let of = |state, words: String| Witness {
        presence: Some(Presence::new(state, words, at)),
        ..Witness::default()
    };
    match (lock.family, replies.first()) {
        ("rq", Some(Reply::Nil)) => of(
            HolderState::Gone,
            "its scheduler's heartbeat ran out: the hash rq:scheduler:ID is not there".into(),
        ),
        ("rq", Some(Reply::Bulk(host))) => {
            of(HolderState::Alive, format!("its scheduler on {host} has a heartbeat"))
        }
        ("bullmq", reply) => Witness { client: worker(lock, reply), ..Witness::default() },
        ("celery-singleton", Some(reply)) => super::errand::task(reply, at).unwrap_or_default(),
        _ => Witness::default(),
    }
}

/// `rq:scheduler-lock:QUEUE` -> `rq:scheduler:ID`.
fn scheduler(lock: &Lock) -> Option<Bytes> {
    let key = lock.id.key.as_slice();
    let at = key.windows(15).position(|w| w == b"scheduler-lock:")?;
    Some(join(&[key.get(..at)?, b"scheduler:", lock.token.known()?.as_slice()]))
}

/// `PREFIX:QUEUE:ID:lock` -> queue with its prefix, and the job's key.
fn job(lock: &Lock) -> Option<(&[u8], &[u8])> {
    let job = lock.id.key.as_slice().strip_suffix(b":lock")?;
    let at = job.iter().rposition(|b| *b == b':')?;
    Some((job.get(..at)?, job))
}

/// BullMQ names a worker's client `PREFIX:BASE64(QUEUE):w:NAME`.
fn worker(lock: &Lock, reply: Option<&Reply>) -> Option<Bytes> {
    let name = text(reply)?;
    let (base, _) = job(lock)?;
    let at = base.iter().position(|b| *b == b':')?;
    let (prefix, queue) = (base.get(..=at)?, base.get(at + 1..)?);
    Some(join(&[prefix, STANDARD.encode(queue).as_bytes(), b":w:", name.as_slice()]))
}

/// Celery writes `{"status": "SUCCESS", ...`.
pub(super) fn status(head: &[u8]) -> Option<&str> {
    let rest = head.strip_prefix(b"{\"status\":")?.trim_ascii_start().strip_prefix(b"\"")?;
    std::str::from_utf8(rest.split(|b| *b == b'"').next()?).ok()
}

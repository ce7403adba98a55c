//! Failed jobs of RQ back into their queue, as its own `requeue` does: the job's hash says that it waits, its id goes
//! to the end of the list, and out of the registry of failed jobs.
//!
//! Source: rq 1.16, 2.6 and 3.0, `FailedJobRegistry.requeue`. Jobs that need more than that (a rate limit, a time to
//! live of their own) are left to RQ.

use super::{Failed, Guard, JOBS, Job, Look, len_of};
use crate::domain::{Bytes, Command, Reply};

/// Fields of a job's hash that decide; the last two must not be there.
const FIELDS: [&str; 4] = ["status", "origin", "ttl", "rate_limit_key"];

/// The keys of a queue.
struct Keys {
    /// Set of the queues.
    queues: Bytes,
    /// Sorted set of failed jobs.
    failed: Bytes,
    prefix: Vec<u8>,
    /// Name of the queue.
    name: Vec<u8>,
}

impl Keys {
    /// From the key of the list, `rq:queue:NAME` under any prefix that ends with a colon.
    fn of(list: &Bytes) -> Option<Self> {
        let key = list.as_slice();
        let at = key.windows(6).position(|w| w == b"queue:")?;
        let (prefix, name) = (key.get(..at)?, key.get(at + 6..)?);
        if !prefix.ends_with(b":") || name.is_empty() {
            return None;
        }
        let join = |middle: &[u8], name: &[u8]| Bytes::from([prefix, middle, name].concat());
        Some(Self {
            queues: join(b"queues", b""),
            failed: join(b"failed:", name),
            prefix: prefix.to_vec(),
            name: name.to_vec(),
        })
    }

    fn job(&self, id: &Bytes) -> Bytes {
        [self.prefix.as_slice(), b"job:", id.as_slice()].concat().into()
    }
}

/// `None`: it is no queue of RQ.
pub(super) async fn find(look: &mut Look<'_>) -> Result<Option<Failed>, String> {
    let list = look.list;
    let Some(keys) = Keys::of(list) else { return Ok(None) };
    let registered = Command::new("SISMEMBER").arg(keys.queues.clone()).arg(list.clone());
    // RQ alone keeps whole keys there; Sidekiq and Resque keep names.
    if look.ask(&[registered]).await?.first().and_then(Reply::as_int) != Some(1) {
        return Ok(None);
    }
    let count = look.tell(&[Command::new("ZCARD").arg(keys.failed.clone())]).await?;
    let (seconds, micros) = look.clock().await?;
    let at = time(seconds, micros).ok_or("the server's clock could not be read: nothing was done")?;
    let ids = look.ids(&keys.failed).await?;
    let hashes: Vec<Bytes> = ids.iter().map(|id| keys.job(id)).collect();
    let told = look.fields(&hashes, &FIELDS).await?;
    let (mut jobs, mut left_out) = (Vec::new(), 0);
    for (id, fields) in ids.into_iter().zip(&told) {
        let fits = match fields.as_slice() {
            [Some(status), Some(origin), None, None] => {
                status.as_slice() == b"failed" && origin.as_slice() == keys.name
            }
            _ => false,
        };
        if fits {
            jobs.push(job(&keys, list, &id, &at));
        } else {
            left_out += 1;
        }
        if jobs.len() == JOBS {
            break;
        }
    }
    Ok(Some(Failed {
        guards: vec![
            Guard::TypeIs { key: list.clone(), key_type: "list", absent_ok: true },
            Guard::SetMember { key: keys.queues.clone(), member: list.clone() },
        ],
        from: keys.failed,
        count: len_of(count.first()),
        jobs,
        after: Vec::new(),
        stay: (
            left_out,
            "are gone, have a rate limit or a time to live of their own; `rq requeue` knows more",
        ),
        way: "RQ's own requeue",
        notes: Vec::new(),
    }))
}

fn job(keys: &Keys, list: &Bytes, id: &Bytes, at: &str) -> Job {
    let job = keys.job(id);
    let guards = vec![
        Guard::ZsetMember { key: keys.failed.clone(), member: id.clone() },
        Guard::HashFieldEquals { key: job.clone(), field: "status".into(), value: "failed".into() },
        Guard::HashFieldEquals { key: job.clone(), field: "origin".into(), value: keys.name.clone().into() },
        Guard::HashFieldAbsent { key: job.clone(), field: "ttl".into() },
        Guard::HashFieldAbsent { key: job.clone(), field: "rate_limit_key".into() },
    ];
    let says = ["status", "queued", "enqueued_at", at, "started_at", "", "ended_at", ""];
    let steps = vec![
        says.iter().fold(Command::new("HSET").arg(job.clone()), |set, word| set.arg(*word)),
        Command::new("HDEL").arg(job).arg("exc_info"),
        Command::new("RPUSH").arg(list.clone()).arg(id.clone()),
        Command::new("ZREM").arg(keys.failed.clone()).arg(id.clone()),
    ];
    Job { guards, steps }
}

/// A time as RQ writes it.
fn time(seconds: i64, micros: i64) -> Option<String> {
    let at = jiff::Timestamp::new(seconds, i32::try_from(micros.checked_mul(1_000)?).ok()?).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_queue_under_any_prefix() {
        let keys = |list: &str| {
            let keys = Keys::of(&list.into())?;
            Some([keys.job(&"1".into()), keys.queues, keys.failed].map(|key| key.to_string()))
        };
        let of = |prefix: &str, name: &str| {
            Some(
                ["job:1".into(), "queues".into(), format!("failed:{name}")]
                    .map(|key| format!("{prefix}{key}")),
            )
        };
        assert_eq!(keys("rq:queue:default"), of("rq:", "default"));
        assert_eq!(keys("app:rq:queue:a:queue:b"), of("app:rq:", "a:queue:b"));
        for other in ["queue:default", "rq:queue:", "jobs", ""] {
            assert_eq!(keys(other), None, "{other}");
        }
    }

    #[test]
    fn the_time_is_written_as_rq_does() {
        assert_eq!(time(1_767_323_045, 6).as_deref(), Some("2026-01-02T03:04:05.000006Z"));
        assert_eq!(super::super::clock(Some(&Reply::Nil)), None);
    }
}

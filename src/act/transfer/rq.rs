//! Failed jobs of RQ back into their queue, as its own `requeue` does: the job's hash says that it waits, its id goes
//! to the end of the list, and out of the registry of failed jobs.
//!
//! Source: rq 1.16, 2.6 and 3.0, `FailedJobRegistry.requeue`. Jobs that need more than that (a rate limit, a time to
//! live of their own) are left to RQ.

use super::super::plan::Guard;
use super::super::prepare::blank;
use super::super::services::{Services, named};
use super::super::session::Session;
use super::super::{Plan, Prepared};
use super::{Transfer, TransferPick};
use crate::domain::{Bytes, Command, NodeId, Reply};

/// Jobs in one plan: each brings five comparisons and four commands.
const JOBS: u64 = 20;
/// Failed jobs looked at for such as can be moved.
const LOOKED_AT: u64 = 200;
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

/// The plan for the first of them, and how many are meant in all; `None`: it is no queue of RQ.
pub(super) async fn prepare(
    services: &Services,
    wish: &Transfer,
) -> Result<Option<(Prepared, Session, u64)>, String> {
    let list = &wish.queue.key;
    let Some(keys) = Keys::of(list) else { return Ok(None) };
    let (node, db) = (&wish.queue.node, wish.queue.db);
    let mut session = Session::open(services, node, db, list).await?;
    let looks = [
        Command::new("SISMEMBER").arg(keys.queues.clone()).arg(list.clone()),
        Command::new("ZCARD").arg(keys.failed.clone()),
        Command::new("ZRANGE").arg(keys.failed.clone()).arg(0_i64).arg(LOOKED_AT as i64 - 1),
        Command::new("TIME"),
    ];
    let replies = session.writer.pipeline(&looks).await.map_err(|e| named(node, &e))?;
    // RQ alone keeps whole keys there; Sidekiq and Resque keep names.
    if replies.first().and_then(Reply::as_int) != Some(1) {
        return Ok(None);
    }
    let refused = |reply: &Reply| reply.as_error().map(|e| format!("{}: {e}", keys.failed));
    if let Some(why) = replies.iter().skip(1).find_map(refused) {
        return Err(why);
    }
    let failed = replies.get(1).and_then(Reply::as_int).map_or(0, i64::unsigned_abs);
    let TransferPick::Oldest(wanted) = wish.pick else {
        return Err("one job of RQ is requeued by its id: rq requeue ID".into());
    };
    let total = wanted.max(1).min(failed);
    let ids: Vec<Bytes> = replies
        .get(2)
        .and_then(Reply::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Reply::as_bytes)
        .collect();
    if ids.is_empty() {
        return Err(format!("{} is empty: there is nothing to do", keys.failed));
    }
    let at = clock(replies.get(3)).ok_or("the server's clock could not be read: nothing was done")?;
    let (jobs, left_out) = fit(&mut session, node, &keys, ids, total.min(JOBS)).await?;
    let n = jobs.len() as u64;
    if n == 0 {
        return Err(format!(
            "none of the failed jobs of {list} can be moved back from here ({left_out} looked at): they are gone, have a rate limit or a time to live of their own; `rq requeue` knows more"
        ));
    }
    let target = session.target(db);
    let mut plan = blank(services, wish.intent(), target, &keys.failed);
    plan.guards.push(Guard::TypeIs { key: list.clone(), key_type: "list", absent_ok: true });
    plan.guards.push(Guard::SetMember { key: keys.queues.clone(), member: list.clone() });
    for id in &jobs {
        add(&mut plan, &keys, list, id, &at);
    }
    let what = if n == 1 { "1 failed job".into() } else { format!("{n} failed jobs") };
    plan.effects.push(format!("moves {what} of {failed} back to {list}, as RQ's own requeue does"));
    if total > n {
        plan.effects.push(format!("and so on until {total} are, in batches of {JOBS}, each compared anew"));
    }
    plan.effects.push("they are run again by RQ's workers".into());
    if left_out > 0 {
        plan.warnings.push(format!(
            "{left_out} failed jobs stay: they are gone, have a rate limit or a time to live of their own"
        ));
    }
    Ok(Some((Prepared { plan, needs_force: None }, session, total)))
}

/// Those of the jobs that can be moved, `most` at most, and how many before them cannot.
async fn fit(
    session: &mut Session,
    node: &NodeId,
    keys: &Keys,
    ids: Vec<Bytes>,
    most: u64,
) -> Result<(Vec<Bytes>, u64), String> {
    let look = |id: &Bytes| {
        FIELDS.iter().fold(Command::new("HMGET").arg(keys.job(id)), |look, field| look.arg(*field))
    };
    let looks: Vec<Command> = ids.iter().map(look).collect();
    let replies = session.writer.pipeline(&looks).await.map_err(|e| named(node, &e))?;
    let (mut jobs, mut left_out) = (Vec::new(), 0);
    for (id, reply) in ids.into_iter().zip(&replies) {
        if let Some(error) = reply.as_error() {
            return Err(format!("{}: {error}", keys.job(&id)));
        }
        let fields: Vec<Option<Bytes>> =
            reply.as_array().unwrap_or_default().iter().map(Reply::as_bytes).collect();
        let fits = match fields.as_slice() {
            [Some(status), Some(origin), None, None] => {
                status.as_slice() == b"failed" && origin.as_slice() == keys.name
            }
            _ => false,
        };
        if fits {
            jobs.push(id);
        } else {
            left_out += 1;
        }
        if jobs.len() as u64 >= most {
            break;
        }
    }
    Ok((jobs, left_out))
}

fn add(plan: &mut Plan, keys: &Keys, list: &Bytes, id: &Bytes, at: &str) {
    let job = keys.job(id);
    plan.guards.extend([
        Guard::ZsetMember { key: keys.failed.clone(), member: id.clone() },
        Guard::HashFieldEquals { key: job.clone(), field: "status".into(), value: "failed".into() },
        Guard::HashFieldEquals { key: job.clone(), field: "origin".into(), value: keys.name.clone().into() },
        Guard::HashFieldAbsent { key: job.clone(), field: "ttl".into() },
        Guard::HashFieldAbsent { key: job.clone(), field: "rate_limit_key".into() },
    ]);
    let says = ["status", "queued", "enqueued_at", at, "started_at", "", "ended_at", ""];
    plan.steps.extend([
        says.iter().fold(Command::new("HSET").arg(job.clone()), |set, word| set.arg(*word)),
        Command::new("HDEL").arg(job).arg("exc_info"),
        Command::new("RPUSH").arg(list.clone()).arg(id.clone()),
        Command::new("ZREM").arg(keys.failed.clone()).arg(id.clone()),
    ]);
}

/// The server's time as RQ writes it.
fn clock(reply: Option<&Reply>) -> Option<String> {
    let parts = reply?.as_array()?;
    let part = |i: usize| match parts.get(i)? {
        Reply::Int(n) => Some(*n),
        reply => reply.as_bytes()?.as_utf8()?.parse().ok(),
    };
    let at = jiff::Timestamp::new(part(0)?, i32::try_from(part(1)?.checked_mul(1_000)?).ok()?).ok()?;
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
        let time = Reply::Array(vec![Reply::Bulk("1767323045".into()), Reply::Bulk("6".into())]);
        assert_eq!(clock(Some(&time)).as_deref(), Some("2026-01-02T03:04:05.000006Z"));
        assert_eq!(clock(Some(&Reply::Nil)), None);
    }
}

//! Failed jobs of BullMQ and Bull, as `queue.retryJobs()` and `job.retry()` put them back: the job's hash forgets how
//! it ended, its id goes to the producers' end of `wait`, and out of the sorted set of failed jobs.
//!
//! Source: BullMQ 4.18, 5.81 and 6.7, `moveJobsToWait-8.lua`; Bull 4.16, `reprocessJob-6.lua`. Jobs with a priority
//! of their own or a parent touch more keys than that, and are left to the library.

use super::{Failed, Guard, JOBS, Job, Look, bytes_of, is_another_type, len_of};
use crate::domain::{Bytes, Command, Reply};

/// Events kept where the queue does not say: the library's default.
const EVENTS: &str = "10000";
/// Fields of a job's hash that decide: it is there, and it is neither prioritized nor a child.
const FIELDS: [&str; 3] = ["name", "priority", "parentKey"];

/// `None`: it is neither's queue.
pub(super) async fn find(look: &mut Look<'_>) -> Result<Option<Failed>, String> {
    let Some(base) = look.list.as_slice().strip_suffix(b":wait") else { return Ok(None) };
    let of = |end: &str| Bytes::from([base, end.as_bytes()].concat());
    let meta = ["version", "opts.maxLenEvents", "paused"];
    let looks = [
        meta.iter().fold(Command::new("HMGET").arg(of(":meta")), |look, field| look.arg(*field)),
        Command::new("TYPE").arg(of(":events")),
        Command::new("TYPE").arg(of(":jobs")),
        Command::new("TYPE").arg(of(":id")),
        Command::new("TYPE").arg(of(":meta-paused")),
        Command::new("ZCARD").arg(of(":failed")),
    ];
    let replies = look.ask(&looks).await?;
    if is_another_type(&replies) {
        return Ok(None);
    }
    if let Some(error) = replies.iter().find_map(Reply::as_error) {
        return Err(format!("{}: {error}", of(":meta")));
    }
    let told = bytes_of(replies.first());
    let field = |at: usize| told.get(at).cloned().flatten();
    let is = |at: usize, kind: &str| {
        replies.get(at).and_then(Reply::as_bytes).is_some_and(|t| t.as_slice() == kind.as_bytes())
    };
    let version = field(0).filter(|version| version.as_slice().starts_with(b"bullmq"));
    let bullmq = version.is_some() || (field(1).is_some() && is(1, "stream"));
    // bee-queue keeps all jobs in one hash of that name.
    if !bullmq && (is(2, "hash") || !is(3, "string")) {
        return Ok(None);
    }
    if field(2).is_some() || !is(4, "none") {
        return Err("the queue is paused: nothing was done; go on with it first".into());
    }
    let keys = Keys {
        wait: look.list.clone(),
        failed: of(":failed"),
        meta: of(":meta"),
        events: bullmq.then(|| (of(":events"), field(1).unwrap_or_else(|| EVENTS.into()))),
        marker: version.as_ref().and_then(major).filter(|major| *major >= 5).map(|_| of(":marker")),
        base: base.to_vec(),
    };
    let (seconds, micros) = look.clock().await?;
    let now_ms = seconds.saturating_mul(1_000).saturating_add(micros / 1_000);
    let ids = look.ids(&keys.failed).await?;
    let hashes: Vec<Bytes> = ids.iter().map(|id| keys.job(id)).collect();
    let jobs_told = look.fields(&hashes, &FIELDS).await?;
    let (mut jobs, mut left_out) = (Vec::new(), 0);
    for (id, fields) in ids.into_iter().zip(&jobs_told) {
        match fields.as_slice() {
            [Some(_), priority, None] if priority.as_ref().is_none_or(|p| p.as_slice() == b"0") => {
                jobs.push(keys.back(&id, priority.as_ref(), now_ms));
            }
            _ => left_out += 1,
        }
        if jobs.len() == JOBS {
            break;
        }
    }
    let marker = keys.marker.as_ref().map(|key| Command::new("ZADD").arg(key.clone()).arg(0_i64).arg("0"));
    Ok(Some(Failed {
        guards: vec![
            Guard::TypeIs { key: keys.wait.clone(), key_type: "list", absent_ok: true },
            Guard::HashFieldAbsent { key: keys.meta.clone(), field: "paused".into() },
            Guard::Absent { key: of(":meta-paused") },
        ],
        from: keys.failed,
        count: len_of(replies.get(5)),
        jobs,
        after: marker.into_iter().collect(),
        stay: (left_out, "are gone, have a priority of their own or a parent; job.retry() knows more"),
        way: if bullmq { "BullMQ's retryJobs" } else { "Bull's job.retry" },
        notes: Vec::new(),
    }))
}

struct Keys {
    wait: Bytes,
    failed: Bytes,
    meta: Bytes,
    /// BullMQ's events, and how many of them are kept.
    events: Option<(Bytes, Bytes)>,
    /// At which idle workers of BullMQ 5 and later sleep.
    marker: Option<Bytes>,
    base: Vec<u8>,
}

impl Keys {
    fn job(&self, id: &Bytes) -> Bytes {
        [self.base.as_slice(), b":", id.as_slice()].concat().into()
    }

    fn back(&self, id: &Bytes, priority: Option<&Bytes>, now_ms: i64) -> Job {
        let job = self.job(id);
        let mut guards = vec![
            Guard::ZsetMember { key: self.failed.clone(), member: id.clone() },
            Guard::HashFieldExists { key: job.clone(), field: "name".into() },
            Guard::HashFieldAbsent { key: job.clone(), field: "parentKey".into() },
            Guard::Absent { key: [job.as_slice(), b":lock"].concat().into() },
        ];
        let field = Bytes::from("priority");
        guards.push(match priority {
            Some(value) => Guard::HashFieldEquals { key: job.clone(), field, value: value.clone() },
            None => Guard::HashFieldAbsent { key: job.clone(), field },
        });
        let mut steps = Vec::new();
        match &self.events {
            Some((events, kept)) => steps.push(
                ["*", "event", "waiting", "jobId"]
                    .iter()
                    .fold(
                        Command::new("XADD").arg(events.clone()).arg("MAXLEN").arg("~").arg(kept.clone()),
                        |add, word| add.arg(*word),
                    )
                    .arg(id.clone())
                    .arg("prev")
                    .arg("failed"),
            ),
            None => steps.push(Command::new("HSET").arg(job.clone()).arg("retriedOn").arg(now_ms)),
        }
        steps.extend([
            Command::new("LPUSH").arg(self.wait.clone()).arg(id.clone()),
            Command::new("HDEL").arg(job).arg("finishedOn").arg("processedOn").arg("failedReason"),
            Command::new("ZREM").arg(self.failed.clone()).arg(id.clone()),
        ]);
        Job { guards, steps }
    }
}

/// `bullmq:5.81.5` gives 5.
fn major(version: &Bytes) -> Option<u32> {
    version.as_utf8()?.rsplit(':').next()?.split('.').next()?.parse().ok()
}

//! Sidekiq's dead jobs and Resque's failed ones: whole jobs in JSON, of all queues in one key. What the application
//! gave its job, the arguments, goes back byte for byte.
//!
//! Source: Sidekiq 6.4 to 8.1, `SortedEntry#retry` and `Client#atomic_push`; node-resque 9 `retryAndRemoveFailed` and
//! Resque 3.0 `Failure::Redis.requeue`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Failed, Guard, JOBS, Job, LOOKED_AT, Look};
use crate::domain::{Bytes, Command, Reply};

/// The fields of a job, each as it is written.
type Fields = BTreeMap<String, Box<RawValue>>;
/// Whether an element is a job of this queue, and what is pushed for it.
type Again<'a> = dyn Fn(&Fields) -> Option<Bytes> + Sync + 'a;

/// `None`: no queue of these.
pub(super) async fn find(look: &mut Look<'_>) -> Result<Option<Failed>, String> {
    let list = look.list;
    let Some((namespace, name)) = parts(list.as_slice()) else { return Ok(None) };
    let of = |end: &str| Bytes::from([namespace, end.as_bytes()].concat());
    let queues = of("queues");
    let looks = [
        Command::new("SISMEMBER").arg(queues.clone()).arg(name),
        Command::new("TYPE").arg(of("dead")),
        Command::new("TYPE").arg(of("failed")),
        Command::new("TYPE").arg(of("workers")),
    ];
    let replies = look.ask(&looks).await?;
    let is = |at: usize, kind: &str| {
        replies.get(at).and_then(Reply::as_bytes).is_some_and(|t| t.as_slice() == kind.as_bytes())
    };
    if replies.first().and_then(Reply::as_int) != Some(1) {
        return Ok(None);
    }
    let (seconds, micros) = look.clock().await?;
    let push = |name: &'static str, job: Bytes| {
        [
            Command::new("SADD").arg(queues.clone()).arg(name_of(list)),
            Command::new(name).arg(list.clone()).arg(job),
        ]
    };
    let dead = of("dead");
    let failed = of("failed");
    // Resque's workers stand in a set; Sidekiq keeps no such key.
    if is(1, "zset") && !is(3, "set") {
        let again = |fields: &Fields| sidekiq(fields, name, (seconds, micros));
        let job = |element: &Bytes, job: Bytes| Job {
            guards: vec![Guard::ZsetMember { key: dead.clone(), member: element.clone() }],
            steps: push("LPUSH", job)
                .into_iter()
                .chain([Command::new("ZREM").arg(dead.clone()).arg(element.clone())])
                .collect(),
        };
        let mut found = jobs(look, &dead, &again, &job).await?;
        found.way = "Sidekiq's own retry";
        found.notes.push("client middleware of the application, such as for unique jobs, is not run".into());
        return Ok(Some(found));
    }
    if is(2, "list") {
        let again = |fields: &Fields| resque(fields, name);
        let job = |element: &Bytes, job: Bytes| Job {
            guards: vec![Guard::ListHolds {
                key: failed.clone(),
                value: element.clone(),
                searched: super::super::SEARCHED,
            }],
            steps: push("RPUSH", job)
                .into_iter()
                .chain([Command::new("LREM").arg(failed.clone()).arg(1_i64).arg(element.clone())])
                .collect(),
        };
        let mut found = jobs(look, &failed, &again, &job).await?;
        found.way = "Resque's own requeue";
        return Ok(Some(found));
    }
    if is(3, "set") {
        return Err(format!("{failed} is empty: there is nothing to do"));
    }
    Ok(None)
}

/// Those of this queue among the first, else among the last elements of the key.
async fn jobs(
    look: &Look<'_>,
    key: &Bytes,
    again: &Again<'_>,
    job: &(dyn Fn(&Bytes, Bytes) -> Job + Sync),
) -> Result<Failed, String> {
    let (mut jobs, mut others, mut too_long, mut len, mut seen) = (Vec::new(), 0, 0, 0, 0);
    for backwards in [false, true] {
        let (all, heads) = look.heads(key, backwards).await?;
        (len, seen) = (all, heads.len() as u64);
        (others, too_long) = (0, 0);
        for (whole, element) in &heads {
            let is_whole = *whole == element.len() as u64;
            let fields = || serde_json::from_slice::<Fields>(element.as_slice()).ok();
            let again = is_whole.then(fields).flatten().and_then(|fields| {
                let meant = look.only.is_none_or(|only| only == element || is_called(&fields, only));
                again(&fields).filter(|_| meant)
            });
            match again {
                Some(again) => jobs.push(job(element, again)),
                None if is_whole => others += 1,
                None => too_long += 1,
            }
        }
        if !jobs.is_empty() || all <= u64::from(LOOKED_AT) {
            break;
        }
    }
    // Only where all that was seen is of this queue, all that there is may be.
    let count = if seen == jobs.len() as u64 { len } else { jobs.len() as u64 };
    let mut notes = Vec::new();
    if len > seen && count < len {
        notes.push(format!(
            "only {seen} of the {len} jobs in {key} were looked at: more of this queue may be there"
        ));
    }
    if others > 0 && !jobs.is_empty() {
        notes.push(format!("{others} others in {key} are of other queues"));
    }
    if jobs.is_empty() && too_long == 0 && len > 0 {
        return Err(format!(
            "none of the {seen} jobs looked at in {key} ({len} in all) is of this queue, or it is not the one named"
        ));
    }
    jobs.truncate(JOBS);
    Ok(Failed {
        from: key.clone(),
        count,
        guards: vec![Guard::TypeIs { key: look.list.clone(), key_type: "list", absent_ok: true }],
        jobs,
        after: Vec::new(),
        stay: (too_long, "are longer than 16 KiB: use the library's own tools"),
        way: "",
        notes,
    })
}

fn is_called(fields: &Fields, id: &Bytes) -> bool {
    text(fields, "jid").is_some_and(|jid| jid.as_bytes() == id.as_slice())
}

/// The job as Sidekiq pushes it again: one try less, and queued now.
fn sidekiq(fields: &Fields, queue: &[u8], (seconds, micros): (i64, i64)) -> Option<Bytes> {
    text(fields, "jid")?;
    if text(fields, "queue")?.as_bytes() != queue || fields.contains_key("at") {
        return None;
    }
    let mut job = fields.clone();
    if let Some(tries) = fields.get("retry_count") {
        let tries: i64 = tries.get().parse().ok()?;
        job.insert("retry_count".into(), raw(tries.checked_sub(1)?.to_string())?);
    }
    // Up to version 7 times are seconds with a fraction, from 8 on milliseconds.
    let in_ms = fields.get("created_at").is_some_and(|at| !at.get().contains(['.', 'e', 'E']));
    let now = if in_ms {
        seconds.checked_mul(1_000)?.checked_add(micros / 1_000)?.to_string()
    } else {
        format!("{seconds}.{micros:06}")
    };
    job.insert("enqueued_at".into(), raw(now)?);
    serde_json::to_vec(&job).ok().map(Bytes::from)
}

/// The job that failed, as it was pushed.
fn resque(fields: &Fields, queue: &[u8]) -> Option<Bytes> {
    if text(fields, "queue")?.as_bytes() != queue {
        return None;
    }
    let payload = fields.get("payload")?;
    let parts: Fields = serde_json::from_str(payload.get()).ok()?;
    (parts.contains_key("class") && parts.contains_key("args")).then(|| payload.get().into())
}

fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// Namespace, with its colon, and name of the queue: `queue:NAME` under any namespace.
fn parts(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = if key.starts_with(b"queue:") { 0 } else { key.windows(7).position(|w| w == b":queue:")? + 1 };
    let (namespace, name) = (key.get(..at)?, key.get(at + 6..)?);
    (!name.is_empty()).then_some((namespace, name))
}

fn name_of(key: &Bytes) -> Bytes {
    parts(key.as_slice()).map(|(_, name)| name.into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        serde_json::from_str(json).expect("a job")
    }

    #[test]
    fn arguments_come_back_as_they_were_written() {
        let dead = r#"{"class":"A","args":[12345678901234567890.10,1e400,"\u00e9"],"jid":"j","queue":"q","retry_count":3,"created_at":1.5}"#;
        let job = sidekiq(&fields(dead), b"q", (17, 6)).expect("a job of that queue");
        assert_eq!(
            job.to_string(),
            r#"{"args":[12345678901234567890.10,1e400,"\u00e9"],"class":"A","created_at":1.5,"enqueued_at":17.000006,"jid":"j","queue":"q","retry_count":2}"#
        );
        let eight = dead.replace("1.5", "1500");
        let job = sidekiq(&fields(&eight), b"q", (17, 6_000)).expect("a job of that queue");
        assert!(job.to_string().contains(r#""enqueued_at":17006,"#), "{job}");
    }

    #[test]
    fn what_is_not_a_job_of_this_queue_stays() {
        for other in [
            r#"{"class":"A","args":[],"jid":"j","queue":"other"}"#,
            r#"{"class":"A","args":[],"queue":"q"}"#,
            r#"{"jid":"j","queue":"q","at":5}"#,
            r#"{"jid":"j","queue":"q","retry_count":"x"}"#,
        ] {
            assert_eq!(sidekiq(&fields(other), b"q", (1, 1)), None, "{other}");
        }
        for other in [
            r#"{"queue":"q","payload":{"class":"A"}}"#,
            r#"{"queue":"q","payload":"text"}"#,
            r#"{"queue":"other","payload":{"class":"A","args":[]}}"#,
        ] {
            assert_eq!(resque(&fields(other), b"q"), None, "{other}");
        }
        let payload = resque(&fields(r#"{"queue":"q","payload":{"class":"A","args":[1.0]}}"#), b"q");
        assert_eq!(payload, Some(r#"{"class":"A","args":[1.0]}"#.into()));
    }

    #[test]
    fn a_namespace_may_stand_before_the_queue() {
        assert_eq!(parts(b"queue:a:b"), Some((&b""[..], &b"a:b"[..])));
        assert_eq!(parts(b"app:queue:a"), Some((&b"app:"[..], &b"a"[..])));
        for other in ["queue:", "jobs", "app:queue:"] {
            assert_eq!(parts(other.as_bytes()), None, "{other}");
        }
    }
}

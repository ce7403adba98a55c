//! SAQ: a job of a function of the user's; one that no worker has fails once, and SAQ keeps that in the job.

use serde_json::{Value, json};

use super::{Canary, Tells, Told, Wish, also, args, element, last_line, named, tagged};
use crate::act::plan::Guard;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::read::PART;
use crate::family::site::{join, text};

/// Seconds that SAQ keeps it after its end, if we don't take it away before.
const KEPT: u64 = 60;
/// Seconds it may run.
const LIMIT: u64 = 30;

/// The job.
pub(in crate::family) fn canary(wish: &Wish<'_>) -> Result<Canary, String> {
    let function = named("saq", wish)?;
    let base = wish.key.as_slice().strip_suffix(b":queued").unwrap_or(wish.key.as_slice());
    let name = base.strip_prefix(b"saq:").unwrap_or(base);
    let name = std::str::from_utf8(name).map_err(|e| {
        format!("its name is no text ({e}), which a job of SAQ has to hold: nothing was sent")
    })?;
    let id = tagged(wish.id);
    let key = join(&[b"saq:job:", name.as_bytes(), b":", id.as_bytes()]);
    let job = json!({
        "function": function, "kwargs": args(wish, json!({})), "queue": name, "key": id, "queued": wish.now_ms,
        "status": "queued", "timeout": LIMIT, "retries": 1, "ttl": KEPT,
    });
    let all = join(&[base, b":incomplete"]);
    let mut canary = element(wish, id, key.clone(), PushEnd::Right);
    canary.guards.push(Guard::Absent { key: key.clone() });
    let put = Command::new("SET").arg(key.clone()).arg(job.to_string());
    let count = Command::new("ZADD").arg(all.clone()).arg(0_i64).arg(key.clone());
    canary.steps.splice(0..0, [put, count]);
    let forget = vec![Command::new("ZREM").arg(all).arg(key.clone()), Command::new("DEL").arg(key.clone())];
    canary.told = vec![Read::Head(key.clone(), PART)];
    canary.tells = Tells::End;
    also(&mut canary, Vec::new(), forget);
    canary.sweep = vec![Command::new("DEL").arg(key)];
    canary.effects.push(format!(
        "a worker of SAQ runs {} and counts one job more; the job is taken away afterwards",
        crate::domain::bytes::escape_text(function)
    ));
    Ok(canary)
}

/// What the job itself tells.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    let Some(job) = text(replies.first()) else { return Told::Nothing };
    if job.is_empty() {
        return Told::Gone;
    }
    let job: Value = serde_json::from_slice(job.as_slice()).unwrap_or_default();
    let field = |name: &str| job.get(name).and_then(Value::as_str);
    let worker = field("worker_id").map(|id| Bytes::from(id).escaped());
    match field("status") {
        Some("active") => Told::Picked(worker),
        Some("complete") => Told::Done(worker),
        Some("failed") => Told::Failed(worker, last_line(field("error").unwrap_or_default())),
        Some("aborted" | "aborting") => Told::Failed(worker, "it was aborted".into()),
        _ => Told::Nothing,
    }
}

//! bee-queue: a job with data of the user's, for every job runs the app's one handler.

use serde_json::{Value, json};

use super::{Canary, Tells, Told, Wish, also, element, needs, tagged};
use crate::act::plan::Guard;
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::read::PART;
use crate::family::site::{join, text};

/// The job.
pub(in crate::family) fn canary(base: &[u8], wish: &Wish<'_>) -> Result<Canary, String> {
    let payload = wish.task.and_then(|task| task.payload.as_ref());
    let payload = payload.ok_or_else(|| needs("bee-queue", "payload = '{\"FIELD\": \"...{id}...\"}'"))?;
    // A name of its own leaves the counter of jobs alone.
    let id = tagged(wish.id);
    let data: Value = serde_json::from_slice(payload.fill(id.as_bytes()).as_slice())
        .map_err(|e| format!("the configured payload is no JSON ({e}), which a job of bee-queue holds"))?;
    let options = json!({ "timestamp": wish.now_ms, "stacktraces": [] });
    let job = json!({ "data": data, "options": options, "status": "created" });
    let of = |end: &[u8]| join(&[base, end]);
    let (jobs, field) = (of(b":jobs"), Bytes::from(id.as_str()));
    let mut canary = element(wish, id, field.clone(), PushEnd::Left);
    canary.guards.push(Guard::HashFieldAbsent { key: jobs.clone(), field: field.clone() });
    let put = Command::new("HSET").arg(jobs.clone()).arg(field.clone()).arg(job.to_string());
    canary.steps.insert(0, put);
    canary.told = vec![Read::HashHead { key: jobs.clone(), field: field.clone(), max: PART }];
    canary.tells = Tells::End;
    let forget = Command::new("HDEL").arg(jobs).arg(field.clone());
    also(&mut canary, Vec::new(), vec![forget.clone()]);
    let ended = |state: &[u8]| Command::new("SREM").arg(of(state)).arg(field.clone());
    canary.sweep = vec![ended(b":succeeded"), ended(b":failed"), forget];
    canary.effects.push("the app's handler runs it; the job is taken away afterwards".into());
    canary
        .effects
        .push("where bee-queue itself removes jobs that end, only that it was taken can be seen".into());
    Ok(canary)
}

/// What the job tells.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    if matches!(replies.first(), Some(Reply::Nil)) {
        return Told::Gone;
    }
    let Some(job) = text(replies.first()) else { return Told::Nothing };
    let job: Value = serde_json::from_slice(job.as_slice()).unwrap_or_default();
    match job.get("status").and_then(Value::as_str) {
        Some("succeeded") => Told::Done(None),
        Some("failed") => {
            let why = job.pointer("/options/stacktraces/0").and_then(Value::as_str);
            let first = why.and_then(|trace| trace.lines().next()).unwrap_or("it does not say why");
            Told::Failed(None, escape_text(first))
        }
        _ => Told::Nothing,
    }
}

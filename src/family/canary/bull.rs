//! BullMQ and Bull: a job of the user's own kind, for any name runs the app's processor.

use serde_json::json;

use super::{Canary, Tells, Told, Wish, args, element, from_list, needs, tagged, task};
use crate::act::plan::Guard;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::site::{is_type, join, text};

/// Seconds that the library keeps it after its end, if we don't take it away before.
const KEPT: u64 = 60;

/// What the dialog asks: version and pause.
pub(in crate::family) fn reads(base: &[u8]) -> Vec<Read> {
    let meta = |field: &str| Read::HashHead { key: join(&[base, b":meta"]), field: field.into(), max: 64 };
    vec![meta("version"), meta("paused"), Read::Type(join(&[base, b":meta-paused"]))]
}

/// The job.
pub(in crate::family) fn canary(family: &str, base: &[u8], wish: &Wish<'_>) -> Result<Canary, String> {
    let name = task(wish, None).ok_or_else(|| needs(family, "task = \"JOB NAME\""))?;
    let flag = text(wish.replies.get(1)).is_some_and(|flag| flag.as_slice() == b"1");
    if flag || is_type(wish.replies.get(2), "string") {
        return Err("the queue is paused: nothing was sent".into());
    }
    // A name of its own leaves the counter of jobs alone.
    let id = tagged(wish.id);
    let of = |end: &[u8]| join(&[base, end]);
    let job = join(&[base, b":", id.as_bytes()]);
    let kept = json!({ "age": KEPT });
    let opts = json!({ "jobId": id, "attempts": 1, "removeOnComplete": kept, "removeOnFail": kept });
    let hset = [
        ("name", name.into()),
        ("data", args(wish, json!({ "redwarden": id })).to_string().into()),
        ("opts", opts.to_string().into()),
        ("timestamp", Bytes::from(wish.now_ms)),
        ("delay", "0".into()),
        ("priority", "0".into()),
    ]
    .into_iter()
    .fold(Command::new("HSET").arg(job.clone()), |hset, (field, value)| hset.arg(field).arg(value));
    let pushed = element(wish, id.clone(), id.as_str().into(), PushEnd::Left);
    let mut steps = vec![hset];
    steps.extend(pushed.steps.clone());
    // Idle workers of BullMQ 5 and later sleep at the marker.
    if family == "bullmq" && major(wish.replies).is_some_and(|major| major >= 5) {
        steps.push(Command::new("ZADD").arg(of(b":marker")).arg(0_i64).arg("0"));
    }
    let read = |field: &str| Read::HashHead { key: job.clone(), field: field.into(), max: 256 };
    let ended = |state: &[u8]| Command::new("ZREM").arg(of(state)).arg(id.as_str());
    let mut canary = Canary {
        guards: [pushed.guards.clone(), vec![Guard::Absent { key: job.clone() }]].concat(),
        steps,
        told: ["timestamp", "processedOn", "finishedOn", "failedReason", "pb"].map(read).into(),
        tells: Tells::End,
        removal: Ok(Box::new(from_list(wish.key, &Bytes::from(id.as_str()), std::slice::from_ref(&job)))),
        sweep: vec![
            ended(b":completed"),
            ended(b":failed"),
            Command::new("DEL").arg(join(&[job.as_slice(), b":logs"])),
            Command::new("DEL").arg(job),
        ],
        ..pushed
    };
    canary
        .effects
        .push(format!("the app's processor runs a job called {}", crate::domain::bytes::escape_text(name)));
    canary.effects.push(
        "its job is taken away afterwards; what the library wrote of it into its events and metrics stays"
            .into(),
    );
    Ok(canary)
}

/// `bullmq:5.81.5` gives 5.
fn major(replies: &[Reply]) -> Option<u32> {
    let version = text(replies.first())?;
    version.as_utf8()?.rsplit(':').next()?.split('.').next()?.parse().ok()
}

/// What the job's hash tells.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    let is = |at: usize| text(replies.get(at)).is_some_and(|value| !value.is_empty());
    let worker = text(replies.get(4)).filter(|name| !name.is_empty()).map(|name| name.escaped());
    match replies.first() {
        Some(Reply::Nil) => Told::Gone,
        Some(Reply::Bulk(_)) if is(2) && is(3) => {
            Told::Failed(worker, text(replies.get(3)).map(|why| why.escaped()).unwrap_or_default())
        }
        Some(Reply::Bulk(_)) if is(2) => Told::Done(worker),
        Some(Reply::Bulk(_)) if is(1) => Told::Picked(worker),
        _ => Told::Nothing,
    }
}

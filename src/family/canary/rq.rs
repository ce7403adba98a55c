//! RQ: a job that calls `time.sleep(0)`, which every Python has, in the form of the queue's own jobs.

use serde_json::{Value, json};

use super::{Canary, Tells, Told, Wish, args, element, from_list, paused, pickle, tagged, task};
use crate::act::plan::Guard;
use crate::decode::{Redactor, decode};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::read::PART;
use crate::family::scored::Scored;
use crate::family::site::{element as head_of, join, text};

/// Seconds after which a job that nobody took is gone by itself: its id in the list is then passed over by workers.
const LIFE: u64 = 7200;
/// Seconds that RQ keeps it after its end, if we don't take it away before.
const KEPT: &str = "60";
/// Seconds it may run.
const LIMIT: &str = "30";
/// Replies before those of [`more`].
const FIRST: usize = 5;

/// What the dialog asks: registered, suspended, and jobs of which the form can be copied.
pub(in crate::family) fn reads(prefix: &[u8], name: &[u8], key: &Bytes) -> Vec<Read> {
    let ended = |state: &[u8]| Read::ZsetLook { key: join(&[prefix, state, b":", name]), count: 1 };
    vec![
        Read::SetMember(join(&[prefix, b"queues"]), key.clone()),
        Read::Type(join(&[prefix, b"suspended"])),
        Read::ElementHead { key: key.clone(), index: -1, max: 256 },
        ended(b"finished"),
        ended(b"failed"),
    ]
}

/// The data of those jobs.
pub(in crate::family) fn more(prefix: &[u8], replies: &[Reply]) -> Vec<Read> {
    let waits = head_of(replies.get(2));
    let ended = [3, 4].map(|at| Scored::or_none(replies.get(at)).next().cloned());
    let ids = std::iter::once(waits).chain(ended).flatten();
    ids.map(|id| Read::part(&join(&[prefix, b"job:", id.as_slice()]), "data")).collect()
}

/// The job.
pub(in crate::family) fn canary(prefix: &[u8], name: &[u8], wish: &Wish<'_>) -> Result<Canary, String> {
    if matches!(wish.replies.first(), Some(Reply::Int(0))) {
        return Err("RQ's set of queues does not name it: nothing was sent".into());
    }
    let function = task(wish, Some("time.sleep")).unwrap_or_default();
    let call = args(wish, json!([0]));
    let args = call.as_array().cloned().unwrap_or_default();
    let form = form(wish.replies);
    let data: Bytes = match form {
        Some(Form::Json) => Bytes::from(json!([function, null, args, {}]).to_string()),
        _ => pickle::call(function, &args).into(),
    };
    let id = tagged(wish.id);
    let job = join(&[prefix, b"job:", id.as_bytes()]);
    let ms = i64::try_from(wish.now_ms).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(ms).map_err(|e| format!("the server's clock: {e}"))?;
    let at = at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let shown: Vec<String> = args.iter().map(Value::to_string).collect();
    let fields: [(&str, Bytes); 9] = [
        ("status", "queued".into()),
        ("created_at", at.as_str().into()),
        ("enqueued_at", at.as_str().into()),
        ("origin", name.into()),
        ("description", format!("{function}({}) {id}", shown.join(", ")).into()),
        ("timeout", LIMIT.into()),
        ("result_ttl", KEPT.into()),
        ("failure_ttl", KEPT.into()),
        ("data", data),
    ];
    let mut hset = Command::new("HSET").arg(job.clone());
    for (field, value) in fields {
        hset = hset.arg(field).arg(value);
    }
    let pushed = element(wish, id.clone(), id.as_str().into(), PushEnd::Right);
    let mut steps = vec![hset, Command::new("EXPIRE").arg(job.clone()).arg(LIFE)];
    steps.extend(pushed.steps.clone());
    let of = |state: &[u8]| Command::new("ZREM").arg(join(&[prefix, state, b":", name])).arg(id.as_str());
    let results = join(&[prefix, b"results:", id.as_bytes()]);
    let mut canary = Canary {
        guards: [pushed.guards.clone(), vec![Guard::Absent { key: job.clone() }]].concat(),
        steps,
        told: ["status", "worker_name"]
            .map(|field| Read::HashHead { key: job.clone(), field: field.into(), max: 256 })
            .into(),
        tells: Tells::End,
        removal: Ok(Box::new(from_list(wish.key, &Bytes::from(id.as_str()), std::slice::from_ref(&job)))),
        sweep: vec![
            of(b"finished"),
            of(b"failed"),
            Command::new("DEL").arg(results),
            Command::new("DEL").arg(job),
        ],
        ..pushed
    };
    canary.effects.push(format!("a worker of RQ calls {function} and counts one job more"));
    canary
        .effects
        .push("its job, its result and its place in RQ's registries are taken away afterwards".into());
    if form.is_none() {
        let why = "no job of this queue tells its serializer: pickle, RQ's default, is assumed, and a worker with another one fails on it";
        canary.warnings.push(why.into());
    }
    if matches!(wish.replies.get(1), Some(Reply::Status(kind)) if kind != "none") {
        paused(&mut canary);
    }
    Ok(canary)
}

/// How the queue's jobs are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Pickle,
    Json,
}

fn form(replies: &[Reply]) -> Option<Form> {
    replies.iter().skip(FIRST).find_map(|reply| {
        let data = text(Some(reply))?;
        let nothing_secret = Redactor::new(std::iter::empty());
        let how = decode(data.as_slice(), data.len() < PART as usize, &nothing_secret).how;
        match how.split(", ").last() {
            Some("json") => Some(Form::Json),
            Some(inner) if inner.starts_with("pickle") => Some(Form::Pickle),
            _ => None,
        }
    })
}

/// What the job's hash tells.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    let worker = text(replies.get(1)).filter(|name| !name.is_empty()).map(|name| name.escaped());
    match replies.first() {
        Some(Reply::Nil) => Told::Gone,
        Some(Reply::Bulk(status)) => match status.as_slice() {
            b"started" => Told::Picked(worker),
            b"finished" => Told::Done(worker),
            b"failed" => Told::Failed(worker, "RQ counts it as failed: its worker's log says why".into()),
            b"canceled" | b"stopped" => Told::Failed(worker, format!("it was {status}")),
            _ => Told::Nothing,
        },
        _ => Told::Nothing,
    }
}

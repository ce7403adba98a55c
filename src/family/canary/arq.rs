//! arq: a job of a function of the user's; one that no worker has fails once, and arq keeps that as its result.

use serde_json::json;

use super::{Canary, Tells, Told, Wish, also, args, member, named, pickle, pickled, tagged};
use crate::act::plan::Guard;
use crate::decode::Facts;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::read::PART;
use crate::family::scored::Scored;
use crate::family::site::{is_type, join, text};

/// Milliseconds after which a job that nobody took is gone by itself; arq's own last a day.
const LIFE_MS: u64 = 7_200_000;

/// What the dialog asks: a job of which the form can be compared.
pub(in crate::family) fn reads(key: &Bytes) -> Vec<Read> {
    vec![Read::ZsetLook { key: key.clone(), count: 1 }]
}

/// Its data.
pub(in crate::family) fn more(replies: &[Reply]) -> Vec<Read> {
    let scheduled = Scored::or_none(replies.first());
    scheduled.next().map(|id| Read::Head(of("job", id), PART)).into_iter().collect()
}

/// The job.
pub(in crate::family) fn canary(wish: &Wish<'_>) -> Result<Canary, String> {
    let function = named("arq", wish)?;
    let id = Bytes::from(tagged(wish.id));
    let (job, result) = (of("job", &id), of("result", &id));
    let call = json!({ "t": null, "f": function, "a": args(wish, json!([])), "k": {}, "et": wish.now_ms });
    let put = Command::new("PSETEX").arg(job.clone()).arg(LIFE_MS).arg(pickle::of(&call));
    let mut canary = member(wish, tagged(wish.id), id.clone(), wish.now_ms.into());
    canary.guards.push(Guard::Absent { key: job.clone() });
    canary.steps.insert(0, put);
    // A job that runs keeps its place: only the key of its run tells.
    let run = of("in-progress", &id);
    canary.told = vec![Read::Type(run.clone()), Read::Head(result.clone(), PART), Read::Type(job.clone())];
    canary.tells = Tells::End;
    also(&mut canary, vec![Guard::Absent { key: run }], vec![Command::new("DEL").arg(job)]);
    canary.sweep = vec![Command::new("DEL").arg(result)];
    canary.effects.push(format!(
        "a worker of arq runs {}, and its result is taken away afterwards",
        crate::domain::bytes::escape_text(function)
    ));
    pickled(&mut canary, text(wish.replies.get(1)).as_ref())?;
    Ok(canary)
}

/// The key of its run, its result, and the job itself.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    if let Some(result) = text(replies.get(1)).filter(|result| !result.is_empty()) {
        let facts = Facts::read(result.as_slice(), result.len() < PART as usize);
        let field = |name: &str| facts.as_ref().and_then(|facts| facts.field(name));
        return match field("s").as_deref() {
            // None: written by a serializer of the app's own.
            Some("true") | None => Told::Done(None),
            Some(_) => Told::Failed(None, field("r").unwrap_or_else(|| "it does not say why".into())),
        };
    }
    match replies.first() {
        Some(Reply::Status(kind)) if kind != "none" => Told::Picked(None),
        _ if is_type(replies.get(2), "none") => Told::Gone,
        _ => Told::Nothing,
    }
}

fn of(what: &str, id: &Bytes) -> Bytes {
    join(&[b"arq:", what.as_bytes(), b":", id.as_slice()])
}

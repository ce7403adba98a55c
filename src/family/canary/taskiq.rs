//! taskiq: a task of the user's as JSON; one that no worker has is logged and dropped.

use serde_json::json;

use super::{Canary, Tells, Told, Wish, args, element, named, stream, tagged};
use crate::decode::Facts;
use crate::domain::queue::PushEnd;
use crate::domain::{Command, Reply};
use crate::family::Read;
use crate::family::read::PART;
use crate::family::site::{is_type, text};

/// What the dialog asks: a list or a stream, and the groups of that.
pub(in crate::family) fn reads(key: &crate::domain::Bytes) -> Vec<Read> {
    vec![Read::Type(key.clone()), Read::StreamGroups(key.clone())]
}

/// The task.
pub(in crate::family) fn canary(wish: &Wish<'_>) -> Result<Canary, String> {
    let name = named("taskiq", wish)?;
    let id = tagged(wish.id);
    let call = args(wish, json!([]));
    let task = json!({
        "task_id": id, "task_name": name, "labels": {}, "labels_types": {}, "args": call, "kwargs": {},
    });
    let mut canary = if is_type(wish.replies.first(), "stream") {
        stream::entry(wish, vec![("data".into(), task.to_string())], &stream::names(wish.replies.get(1)))
    } else {
        let mut canary = element(wish, id.clone(), task.to_string().into(), PushEnd::Left);
        canary.told = vec![Read::Head(id.as_str().into(), PART)];
        canary.tells = Tells::Perhaps;
        canary
            .effects
            .push("how it ended is seen where results are kept in this database under no prefix".into());
        canary
    };
    // Results of either kind stand under the task's own name.
    canary.sweep.push(Command::new("DEL").arg(id));
    canary.effects.insert(0, format!("a worker of taskiq runs {}", crate::domain::bytes::escape_text(name)));
    canary.warnings.push("a worker that has no task of this name logs it and drops it".into());
    Ok(canary)
}

/// The result, if it is kept here; or what the groups of a stream tell.
pub(in crate::family) fn told(canary: &Canary, replies: &[Reply]) -> Told {
    if canary.tells != Tells::Perhaps {
        return stream::told(canary, replies);
    }
    let Some(result) = text(replies.first()).filter(|result| !result.is_empty()) else {
        return Told::Nothing;
    };
    let facts = Facts::read(result.as_slice(), result.len() < PART as usize);
    let field = |name: &str| facts.as_ref().and_then(|facts| facts.field(name));
    match field("is_err").as_deref() {
        Some("true") => Told::Failed(None, field("error").unwrap_or_else(|| "it does not say why".into())),
        _ => Told::Done(None),
    }
}

//! Huey: a task of the user's; one that the app does not have is logged and lost.

use serde_json::json;

use super::{Canary, Tells, Told, Wish, args, element, member, named, pickle, pickled, tagged};
use crate::decode::Facts;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::read::PART;
use crate::family::scored::Scored;
use crate::family::site::{element as head_of, is_type, join, text};

/// Bytes of the time in front of a task in the queue by priority.
const TIME_BYTES: usize = 8;

/// What the dialog asks: a list, or a sorted set by priority; and a task of which the form can be compared.
pub(in crate::family) fn reads(key: &Bytes) -> Vec<Read> {
    vec![
        Read::Type(key.clone()),
        Read::ElementHead { key: key.clone(), index: -1, max: PART },
        Read::ZsetLook { key: key.clone(), count: 1 },
    ]
}

/// The task.
pub(in crate::family) fn canary(app: &[u8], wish: &Wish<'_>) -> Result<Canary, String> {
    let name = named("huey", wish)?;
    let id = tagged(wish.id);
    let call = args(wish, json!([]));
    let message = Bytes::from(pickle::huey(&id, name, call.as_array().map_or(&[], Vec::as_slice)));
    let by_priority = is_type(wish.replies.first(), "zset");
    let (mut canary, seen) = if by_priority {
        let micros = wish.now_ms.saturating_mul(1000).to_be_bytes();
        let waiting = Scored::or_none(wish.replies.get(2));
        let seen = waiting.next().map(|task| task.as_slice().get(TIME_BYTES..).unwrap_or_default().into());
        (member(wish, id.clone(), join(&[&micros, message.as_slice()]), "0".into()), seen)
    } else {
        let seen = head_of(wish.replies.get(1));
        (element(wish, id.clone(), message, PushEnd::Left), seen)
    };
    if is_type(wish.replies.first(), "none") {
        let why = "the queue is empty: Huey's usual list is assumed, and an app with priorities never finds the task there";
        canary.warnings.push(why.into());
    }
    let (results, own) = (join(&[b"huey.results.", app]), join(&[b"huey.r.", app, b".", id.as_bytes()]));
    canary.told = vec![
        Read::HashHead { key: results.clone(), field: id.as_str().into(), max: PART },
        Read::Head(own.clone(), PART),
    ];
    canary.tells = Tells::Perhaps;
    canary.sweep = vec![Command::new("HDEL").arg(results).arg(id.as_str()), Command::new("DEL").arg(own)];
    canary.effects.push(format!("a consumer of Huey runs {}", crate::domain::bytes::escape_text(name)));
    canary.effects.push(
        "how it ended is seen where it leaves a result or an error, which is taken away afterwards; else only that it was taken".into(),
    );
    canary.warnings.push("an app that has no task of this name logs it and drops it".into());
    pickled(&mut canary, seen.as_ref())?;
    Ok(canary)
}

/// The result, if it left one.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    let results = [0, 1].into_iter().filter_map(|at| text(replies.get(at)));
    let Some(result) = results.into_iter().find(|result| !result.is_empty()) else { return Told::Nothing };
    let facts = Facts::read(result.as_slice(), result.len() < PART as usize);
    match facts.as_ref().filter(|facts| facts.makes() == Some("huey.utils.Error")) {
        Some(error) => {
            Told::Failed(None, error.field("error").unwrap_or_else(|| "it does not say why".into()))
        }
        None => Told::Done(None),
    }
}

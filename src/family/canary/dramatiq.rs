//! dramatiq: a message for an actor of the user's, not to be tried again; one for an actor that no worker has goes to the
//! dead ones at once.

use serde_json::json;

use super::{Canary, Tells, Told, Wish, also, args, element, named, tagged};
use crate::act::plan::Guard;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::read::PART;
use crate::family::site::join;

const DIED: &str =
    "it went to the dead ones: it failed, or no worker has this actor; its worker's log says which";

/// The message.
pub(in crate::family) fn canary(wish: &Wish<'_>) -> Result<Canary, String> {
    let actor = named("dramatiq", wish)?;
    let queue = wish.key.as_slice();
    let name = queue.rsplit(|b| *b == b':').next().unwrap_or(queue);
    let name = std::str::from_utf8(name).map_err(|e| {
        format!("its name is no text ({e}), which a message of dramatiq has to hold: nothing was sent")
    })?;
    let id = tagged(wish.id);
    let message = json!({
        "queue_name": name, "actor_name": actor, "args": args(wish, json!([])), "kwargs": {},
        "options": { "redis_message_id": id, "max_retries": 0 }, "message_id": id,
        "message_timestamp": wish.now_ms,
    });
    let of = |end: &[u8]| join(&[queue, end]);
    let (messages, dead, dead_messages) = (of(b".msgs"), of(b".XQ"), of(b".XQ.msgs"));
    let rid = Bytes::from(id.as_str());
    let mut canary = element(wish, id, rid.clone(), PushEnd::Right);
    canary.guards.push(Guard::HashFieldAbsent { key: messages.clone(), field: rid.clone() });
    let put = Command::new("HSET").arg(messages.clone()).arg(rid.clone()).arg(message.to_string());
    canary.steps.insert(0, put);
    // In this order: a message that died between the two reads is then found among the dead ones.
    canary.told = vec![
        Read::HashField(messages.clone(), rid.clone()),
        Read::HashHead { key: dead_messages.clone(), field: rid.clone(), max: PART },
    ];
    canary.tells = Tells::End;
    also(&mut canary, Vec::new(), vec![Command::new("HDEL").arg(messages).arg(rid.clone())]);
    canary.sweep = vec![
        Command::new("ZREM").arg(dead).arg(rid.clone()),
        Command::new("HDEL").arg(dead_messages).arg(rid),
    ];
    canary.effects.push(format!(
        "a worker of dramatiq runs {}; done means acknowledged, for dramatiq keeps nothing of a message that is",
        crate::domain::bytes::escape_text(actor)
    ));
    canary.effects.push("if it fails it is taken away from the dead ones afterwards".into());
    Ok(canary)
}

/// Whether it still is there, or among the dead ones.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    match (replies.first(), replies.get(1)) {
        // A message that is not tried again dies as it was sent: without the traceback.
        (_, Some(Reply::Bulk(_))) => Told::Failed(None, DIED.into()),
        (Some(Reply::Int(0)), Some(Reply::Nil)) => Told::Done(None),
        // Scripts are not permitted: the length of the message stands for it.
        (_, dead) if dead.and_then(Reply::as_int).is_some_and(|len| len > 0) => {
            Told::Failed(None, DIED.into())
        }
        (Some(Reply::Int(0)), Some(Reply::Int(0))) => Told::Done(None),
        _ => Told::Nothing,
    }
}

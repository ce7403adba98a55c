//! Celery: `celery.accumulate`, which is registered in every app and gives its arguments back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Canary, Tells, Told, Wish, args, element, tagged, task};
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::site::{join, text};

/// Bytes of a result that are read.
const RESULT: u32 = 1024;

/// The message. The list of priority 0, the most urgent, is the queue's own key.
pub(in crate::family) fn canary(wish: &Wish<'_>) -> Result<Canary, String> {
    let queue = wish.key.as_slice().strip_prefix(wish.prefix).unwrap_or(wish.key.as_slice());
    let Ok(queue) = std::str::from_utf8(queue) else {
        return Err("its name is no text, which a message of Celery has to hold: nothing was sent".into());
    };
    let id = tagged(wish.id);
    let name = task(wish, Some("celery.accumulate")).unwrap_or_default();
    let call = args(wish, json!([id]));
    let shown: Vec<String> = call.as_array().into_iter().flatten().map(Value::to_string).collect();
    let body = json!([call, {}, { "callbacks": null, "errbacks": null, "chain": null, "chord": null }]);
    let message = json!({
        "body": STANDARD.encode(body.to_string()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py", "task": name, "id": id, "root_id": id, "parent_id": null, "group": null,
            "retries": 0, "eta": null, "expires": null, "timelimit": [null, null],
            "argsrepr": format!("({},)", shown.join(", ")), "kwargsrepr": "{}", "origin": "redwarden",
        },
        "properties": {
            "correlation_id": id, "delivery_mode": 2, "delivery_tag": id, "priority": 0,
            "delivery_info": { "exchange": "", "routing_key": queue }, "body_encoding": "base64",
        },
    });
    let result = join(&[b"celery-task-meta-", id.as_bytes()]);
    // Where results have a prefix, too, it is of an option of their own; most often the same.
    let prefixed = (!wish.prefix.is_empty()).then(|| join(&[wish.prefix, result.as_slice()]));
    let mut canary = element(wish, id.clone(), message.to_string().into(), PushEnd::Left);
    canary.told = vec![
        Read::HashField(join(&[wish.prefix, b"unacked"]), id.as_str().into()),
        Read::Head(result.clone(), RESULT),
    ];
    canary.told.extend(prefixed.iter().map(|key| Read::Head(key.clone(), RESULT)));
    canary.tells = Tells::Perhaps;
    canary.effects.push(format!("a worker runs {name}"));
    canary.effects.push(
        "how it ended is seen where results are kept in this database, and that result is taken away afterwards; elsewhere it runs out by itself".into(),
    );
    canary.warnings.push("an app that does not accept JSON logs and drops it".into());
    canary
        .sweep
        .extend([Some(result), prefixed].into_iter().flatten().map(|key| Command::new("DEL").arg(key)));
    Ok(canary)
}

/// Held by a worker, or the result it left.
pub(in crate::family) fn told(replies: &[Reply]) -> Told {
    let mut results = replies.iter().skip(1).filter_map(|reply| text(Some(reply)));
    let result = results.find(|text| !text.is_empty());
    if let Some(result) = result {
        let json: Value = serde_json::from_slice(result.as_slice()).unwrap_or_default();
        let field = |name: &str| json.get(name).and_then(Value::as_str).map(escape_text);
        let worker = field("worker");
        // Cut short when it is long: the status stands first.
        let has = |status: &str| holds(&result, &format!("\"status\": \"{status}\""));
        let status = field("status");
        let is = |status_is: &str| status.as_deref() == Some(status_is) || has(status_is);
        if is("SUCCESS") {
            return Told::Done(worker);
        }
        for failed in ["FAILURE", "REVOKED", "REJECTED"] {
            if is(failed) {
                let kind = json.get("result").and_then(|r| r.get("exc_type")).and_then(Value::as_str);
                return Told::Failed(worker, escape_text(kind.unwrap_or(failed)));
            }
        }
        if is("STARTED") {
            return Told::Picked(worker);
        }
    }
    if matches!(replies.first(), Some(Reply::Int(1))) { Told::Picked(None) } else { Told::Nothing }
}

fn holds(bytes: &Bytes, part: &str) -> bool {
    bytes.as_slice().windows(part.len()).any(|window| window == part.as_bytes())
}

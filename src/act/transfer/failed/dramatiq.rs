//! Dead messages of dramatiq back into their queue. It has no way of its own to do so: they go in just as its
//! `enqueue` writes a message, with the message as it was last, and out of the dead ones.
//!
//! Source: dramatiq 2.2, `brokers/redis/dispatch.lua` (`enqueue`, `nack`). What is not the message of this queue
//! under its own id is left alone.

use serde_json::Value;

use super::{CARRIED, Failed, Guard, JOBS, Job, Look, bytes_of, is_another_type, len_of};
use crate::domain::{Bytes, Command, Reply};

/// `None`: it is no queue of dramatiq.
pub(super) async fn find(look: &mut Look<'_>) -> Result<Option<Failed>, String> {
    let list = look.list;
    let Some(at) = list.as_slice().iter().rposition(|b| *b == b':') else { return Ok(None) };
    let (namespace, name) = list.as_slice().split_at(at);
    let name = name.get(1..).unwrap_or_default();
    let of = |end: &str| Bytes::from([list.as_slice(), end.as_bytes()].concat());
    let (dead, letters, messages) = (of(".XQ"), of(".XQ.msgs"), of(".msgs"));
    let beats = Bytes::from([namespace, b":__heartbeats__"].concat());
    let looks = [("ZCARD", &beats), ("ZCARD", &dead), ("HLEN", &letters)]
        .map(|(c, key)| Command::new(c).arg(key.clone()));
    let replies = look.ask(&looks).await?;
    if is_another_type(&replies) || len_of(replies.first()) == 0 {
        return Ok(None);
    }
    if let Some(error) = replies.iter().find_map(Reply::as_error) {
        return Err(format!("{dead}: {error}"));
    }
    let ids = look.ids(&dead).await?;
    let ask = |command: &'static str| {
        let one = |id: &Bytes| Command::new(command).arg(letters.clone()).arg(id.clone());
        ids.iter().map(one).collect::<Vec<_>>()
    };
    let sizes = look.tell(&ask("HSTRLEN")).await?;
    let small = |reply: &Reply| (1..=u64::from(CARRIED)).contains(&len_of(Some(reply)));
    let asks: Vec<Command> = ask("HGET")
        .into_iter()
        .zip(&sizes)
        .filter(|(_, len)| small(len))
        .map(|(ask, _)| ask)
        .take(JOBS)
        .collect();
    let told = bytes_of(Some(&Reply::Array(look.tell(&asks).await?)));
    let (mut jobs, mut left_out) = (Vec::new(), sizes.iter().filter(|len| !small(len)).count() as u64);
    for (ask, message) in asks.iter().zip(told) {
        let (Some(id), Some(message)) = (ask.args.last(), message) else { continue };
        if !is_of(&message, id, name) {
            left_out += 1;
            continue;
        }
        jobs.push(Job {
            guards: vec![
                Guard::ZsetMember { key: dead.clone(), member: id.clone() },
                Guard::HashFieldEquals { key: letters.clone(), field: id.clone(), value: message.clone() },
                Guard::HashFieldAbsent { key: messages.clone(), field: id.clone() },
            ],
            steps: vec![
                Command::new("HSET").arg(messages.clone()).arg(id.clone()).arg(message),
                Command::new("RPUSH").arg(list.clone()).arg(id.clone()),
                Command::new("HDEL").arg(letters.clone()).arg(id.clone()),
                Command::new("ZREM").arg(dead.clone()).arg(id.clone()),
            ],
        });
    }
    Ok(Some(Failed {
        guards: vec![Guard::TypeIs { key: list.clone(), key_type: "list", absent_ok: true }],
        count: len_of(replies.get(1)),
        jobs,
        from: dead,
        after: Vec::new(),
        stay: (left_out, "are gone, longer than 16 KiB or no message of this queue"),
        way: "dramatiq's own enqueue",
        notes: vec!["a message keeps its count of retries: one that fails again is soon dead again".into()],
    }))
}

/// True for a message of this queue under this id.
fn is_of(message: &Bytes, id: &Bytes, queue: &[u8]) -> bool {
    let Ok(message) = serde_json::from_slice::<Value>(message.as_slice()) else { return false };
    let is =
        |value: Option<&Value>, bytes: &[u8]| value.and_then(Value::as_str).map(str::as_bytes) == Some(bytes);
    is(message.get("queue_name"), queue)
        && is(message.get("options").and_then(|options| options.get("redis_message_id")), id.as_slice())
}

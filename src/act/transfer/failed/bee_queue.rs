//! Failed jobs of bee-queue, as its own `job.retry()` puts them back: out of the set of failed ones, to the producers'
//! end of the list. The job itself stands in the hash as it is.
//!
//! Source: bee-queue 2.0, `lib/job.js`.

use super::{Failed, Guard, JOBS, Job, LOOKED_AT, Look, bytes_of, is_another_type, len_of};
use crate::domain::{Bytes, Command, Reply};

/// `None`: it is no queue of bee-queue.
pub(super) async fn find(look: &mut Look<'_>) -> Result<Option<Failed>, String> {
    let Some(base) = look.list.as_slice().strip_suffix(b":waiting") else { return Ok(None) };
    let of = |end: &str| Bytes::from([base, end.as_bytes()].concat());
    let (hash, failed) = (of(":jobs"), of(":failed"));
    let some = match look.only {
        Some(id) => Command::new("SISMEMBER").arg(failed.clone()).arg(id.clone()),
        None => Command::new("SRANDMEMBER").arg(failed.clone()).arg(u64::from(LOOKED_AT)),
    };
    let looks = [Command::new("HLEN").arg(hash.clone()), Command::new("SCARD").arg(failed.clone()), some];
    let replies = look.ask(&looks).await?;
    if is_another_type(&replies) || len_of(replies.first()) == 0 {
        return Ok(None);
    }
    if let Some(error) = replies.iter().find_map(Reply::as_error) {
        return Err(format!("{failed}: {error}"));
    }
    let ids: Vec<Bytes> = match look.only {
        Some(id) => vec![id.clone()],
        None => bytes_of(replies.get(2)).into_iter().flatten().collect(),
    };
    let asks: Vec<Command> =
        ids.iter().map(|id| Command::new("HEXISTS").arg(hash.clone()).arg(id.clone())).collect();
    let there = look.tell(&asks).await?;
    let (kept, gone): (Vec<_>, Vec<_>) =
        ids.into_iter().zip(&there).partition(|(_, reply)| reply.as_int() == Some(1));
    let list = look.list;
    let job = |id: Bytes| Job {
        guards: vec![
            Guard::SetMember { key: failed.clone(), member: id.clone() },
            Guard::HashFieldExists { key: hash.clone(), field: id.clone() },
        ],
        steps: vec![
            Command::new("LPUSH").arg(list.clone()).arg(id.clone()),
            Command::new("SREM").arg(failed.clone()).arg(id),
        ],
    };
    Ok(Some(Failed {
        guards: vec![Guard::TypeIs { key: list.clone(), key_type: "list", absent_ok: true }],
        count: len_of(replies.get(1)),
        jobs: kept.into_iter().take(JOBS).map(|(id, _)| job(id)).collect(),
        from: failed.clone(),
        after: Vec::new(),
        stay: (gone.len() as u64, "stand in no job's place any more"),
        way: "bee-queue's job.retry",
        notes: vec!["its failed jobs stand in a set, without an order: they go back in any".into()],
    }))
}

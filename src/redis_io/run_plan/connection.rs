//! A plan that ends a client's connection. CLIENT may not be called by scripts, so it is compared right before.
//!
//! Nothing can come between that makes it hit another: an id belongs to one client for the life of the server
//! process, the connection is the same for both commands, and a client whose name is a lock's does not change it.

use super::{Ran, refusal, refusal_of, server_time, unknown};
use crate::act::plan::Plan;
use crate::act::{NotDone, Outcome};
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::Writer;

pub(super) async fn run(writer: &mut Writer, plan: &Plan, client: (u64, &Bytes), deadline_ms: u64) -> Ran {
    match attempt(writer, plan, client, deadline_ms).await {
        Ok(outcome) => outcome.into(),
        Err(why) => why.into(),
    }
}

async fn attempt(
    writer: &mut Writer,
    plan: &Plan,
    (id, name): (u64, &Bytes),
    deadline_ms: u64,
) -> Result<Outcome, NotDone> {
    // CLIENT LIST ID came with 6.2; the whole list tells the same.
    let list =
        writer.call(&Command::new("CLIENT LIST")).await.map_err(|e| NotDone::NotSent(e.to_string()))?;
    let list = match list {
        Reply::Bulk(list) => list,
        Reply::Error(error) => return Err(refusal("CLIENT|LIST", &error.to_string())),
        _ => return Err(NotDone::NotSent("the list of clients was not understood".into())),
    };
    let holders = crate::family::portalocker::holders(&list);
    match holders.iter().find(|holder| holder.id == id) {
        Some(holder) if holder.name == *name => {}
        Some(_) => return Err(NotDone::Changed),
        None => return Err(NotDone::Gone),
    }
    let server_ms = server_time(writer).await?;
    if server_ms > deadline_ms {
        return Err(NotDone::Late);
    }
    let mut replies = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        match writer.call(step).await {
            Ok(Reply::Error(error)) if replies.is_empty() => return Ok(refusal_of("CLIENT|KILL", &error)),
            Ok(Reply::Error(error)) => {
                return Ok(Outcome::Partly { ran: replies.len(), error: error.to_string() });
            }
            // It went by itself after the look.
            Ok(Reply::Int(0)) => return Err(NotDone::Gone),
            Ok(reply) => replies.push(reply),
            Err(error) => return Ok(unknown(&error)),
        }
    }
    Ok(Outcome::Done { replies, pttl_before_ms: -1, server_ms })
}

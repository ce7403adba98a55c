//! The plan that pushes elements to a queue, after a look at whose queue it is.

use super::blank;
use crate::act::plan::Guard;
use crate::act::services::{Services, named};
use crate::act::session::Session;
use crate::act::{Prepared, inspect_queue};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, QueueId};

/// Elements in one command: Lua's stack and the server's time bound it.
const PUSH_BATCH: usize = 100;
/// Elements in one action.
const MAX_PUSH: usize = 10_000;

pub(super) async fn enqueue(
    services: &Services,
    queue: &QueueId,
    payloads: &[Bytes],
    push: PushEnd,
    library: Option<&'static str>,
    force: bool,
) -> Result<(Prepared, Session), String> {
    if payloads.is_empty() || payloads.len() > MAX_PUSH {
        return Err(format!("between 1 and {MAX_PUSH} elements can be pushed at once"));
    }
    let mut reader = services.reader(&queue.node, queue.db, &queue.key).await?;
    let found = inspect_queue(&mut reader, &queue.key, queue.db).await.map_err(|e| named(&queue.node, &e))?;
    drop(reader);
    if let Some(refusal) = found.refusal() {
        return Err(refusal);
    }
    let session = Session::open(services, &queue.node, queue.db, &queue.key).await?;
    let mut plan = blank(services, "enqueue", session.target(queue.db), &queue.key);
    plan.guards.push(Guard::TypeIs { key: queue.key.clone(), key_type: "list", absent_ok: true });
    let name = match push {
        PushEnd::Left => "LPUSH",
        PushEnd::Right => "RPUSH",
    };
    for batch in payloads.chunks(PUSH_BATCH) {
        let mut step = Command::new(name).arg(queue.key.clone());
        step.args.extend(batch.iter().cloned());
        plan.steps.push(step);
    }
    let what = if payloads.len() == 1 { "1 element".into() } else { format!("{} elements", payloads.len()) };
    plan.effects.push(match found.depth {
        Some(0) => format!("pushes {what} to the empty list"),
        Some(depth) => format!("pushes {what}; {depth} stand before"),
        None => format!("pushes {what}"),
    });
    plan.warnings.extend(found.notes());
    let known = library
        .filter(|_| found.library().is_none())
        .map(|library| format!("it is a queue of {library}: its workers may take this task and fail on it"));
    let against = match (known, found.needs_force()) {
        (Some(known), Some(why)) => Some(format!("{known}; {why}")),
        (known, why) => known.or(why),
    };
    if force {
        plan.warnings.extend(against.iter().cloned());
    }
    Ok((Prepared { plan, needs_force: against.filter(|_| !force) }, session))
}

//! The look before the first task is taken: a list, and not some library's.

use super::spec::{Source, WorkerSpec};
use super::trouble::Trouble;
use crate::act::inspect::{KeyKind, inspect_queue};
use crate::config::Endpoint;
use crate::domain::node::Reason;
use crate::redis_io::{ClientRole, connect};

/// Refuses a key of another type always, and with a command also a queue whose tasks look like some library's or for
/// which others wait, unless forced. Test tasks are ours: taking those harms nobody. Reads only.
/// `Ok`: what is to be said about it all the same.
pub(super) async fn may_take(
    spec: &WorkerSpec,
    source: &Source,
    endpoint: &Endpoint,
) -> Result<Vec<String>, Trouble> {
    let mut reader = connect(endpoint, ClientRole::Worker, spec.timeout).await?;
    // While it loads its data it answers nothing else either: that is to be waited for, not a reason to refuse.
    if let Err(error) = reader.ping().await
        && error.reason != Reason::Noperm
    {
        return Err(error.into());
    }
    let found = inspect_queue(&mut reader, &source.queue.key, source.queue.db).await?;
    if let KeyKind::Other(kind) = &found.kind {
        return Err(Trouble::Never(format!(
            "{} is a {kind}, not a list: nothing was taken",
            source.queue.key
        )));
    }
    if source.exec.is_none() {
        return Ok(Vec::new());
    }
    if spec.force {
        return Ok(found.notes());
    }
    let mut reasons = Vec::new();
    if let Some(library) = found.library() {
        reasons.push(format!(
            "its tasks look like {library}'s, whose own bookkeeping a command run here would break"
        ));
    }
    match &found.blocked {
        Some(clients) if !clients.is_empty() => reasons.push(format!(
            "other consumers wait for list elements in this database and would lose tasks to this worker: {}{}",
            clients[..clients.len().min(3)].join(", "),
            if clients.len() > 3 { ", ..." } else { "" }
        )),
        _ => {}
    }
    if let Some(why) = &found.unseen {
        reasons.push(format!("its elements could not be looked at ({why}): they may be some library's"));
    }
    if reasons.is_empty() {
        return Ok(found.notes());
    }
    Err(Trouble::Never(format!("refused without force on {}: {}", source.queue.key, reasons.join("; "))))
}

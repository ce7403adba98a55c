//! After a batch: what became of each released lock, and of those whose outcome is not known.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::run::Ran;
use super::{BatchEvent, NODES_AT_ONCE};
use crate::act::follow::{resolved, stuck};
use crate::act::found::{Found, look};
use crate::act::services::Services;
use crate::act::undo::Shelf;
use crate::act::{ActionEvent, Outcome, Ticket};
use crate::domain::NodeId;
use crate::redis_io::Reader;

/// Re-reads each released lock one and two seconds after its release and tells each finding once; locks whose outcome
/// is not known are looked up when their node answers again. Says no more of the locks once the batch was undone.
pub(in crate::act) async fn watch_released(
    services: &Services,
    shelf: &Shelf,
    ticket: Ticket,
    ran: Vec<Ran>,
    events: &mpsc::Sender<ActionEvent>,
) {
    let (mut done, mut unknown) = (ByNode::new(), ByNode::new());
    for ran in ran {
        let kind = match ran.outcome {
            Outcome::Done { .. } => &mut done,
            Outcome::Unknown(_) => &mut unknown,
            _ => continue,
        };
        kind.entry(ran.plan.target.node.clone()).or_default().push(ran);
    }
    let one_node = |ran: Vec<Ran>| async move {
        let mut told: BTreeMap<usize, Found> = BTreeMap::new();
        let mut kept: Option<((u32, NodeId), Reader)> = None;
        for pass in 1..=2 {
            // A node that does not answer is not asked for each of its locks.
            let mut silent: Option<Found> = None;
            for ran in &ran {
                tokio::time::sleep_until((ran.ended + Duration::from_secs(pass)).into()).await;
                let found = match &silent {
                    Some(silent) => silent.clone(),
                    None => look_at(services, ran, &mut kept).await,
                };
                if kept.is_none() {
                    silent = Some(found.clone());
                }
                if shelf.is_undone(ticket) || events.is_closed() {
                    return;
                }
                if told.get(&ran.at) != Some(&found) {
                    tell(events, ticket, ran.at, stuck(&found)).await;
                    told.insert(ran.at, found);
                }
            }
        }
    };
    stream::iter(done.into_values()).for_each_concurrent(NODES_AT_ONCE, one_node).await;
    let _ = events.send(ActionEvent::Batch(ticket, BatchEvent::Watched)).await;
    let one_silent_node = |ran: Vec<Ran>| async move {
        for ran in &ran {
            let found = resolved(services, &ran.plan, events).await;
            tell(events, ticket, ran.at, found).await;
        }
    };
    stream::iter(unknown.into_values()).for_each_concurrent(NODES_AT_ONCE, one_silent_node).await;
}

/// Locks of each node.
type ByNode = BTreeMap<NodeId, Vec<Ran>>;

/// Looks on the connection of the lock before; on one of its own where that says nothing. None is kept when the node
/// cannot be reached.
async fn look_at(services: &Services, ran: &Ran, kept: &mut Option<((u32, NodeId), Reader)>) -> Found {
    let target = &ran.plan.target;
    let place = (target.db, target.node.clone());
    if let Some((at, mut reader)) = kept.take()
        && at == place
    {
        let found = look(&mut reader, &ran.plan).await;
        if !matches!(found, Found::Unreadable(_)) {
            *kept = Some((at, reader));
            return found;
        }
    }
    match services.reader(&target.node, target.db, &ran.plan.subject).await {
        Ok(mut reader) => {
            let found = look(&mut reader, &ran.plan).await;
            *kept = Some((place, reader));
            found
        }
        Err(why) => Found::Unreadable(why),
    }
}

async fn tell(events: &mpsc::Sender<ActionEvent>, ticket: Ticket, at: usize, text: String) {
    let _ = events.send(ActionEvent::Batch(ticket, BatchEvent::Afterwards(at, text))).await;
}

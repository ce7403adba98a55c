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
/// is not known are looked up when their node answers again. Ends without a word once the batch was undone.
pub(in crate::act) async fn watch_released(
    services: &Services,
    shelf: &Shelf,
    ticket: Ticket,
    ran: Vec<Ran>,
    events: &mpsc::Sender<ActionEvent>,
) {
    let mut by_node: BTreeMap<NodeId, Vec<Ran>> = BTreeMap::new();
    for ran in ran {
        by_node.entry(ran.plan.target.node.clone()).or_default().push(ran);
    }
    let one_node = |ran: Vec<Ran>| async move {
        let done = ran.iter().filter(|ran| matches!(ran.outcome, Outcome::Done { .. }));
        let mut told: BTreeMap<usize, Found> = BTreeMap::new();
        let mut reader: Option<((u32, NodeId), Reader)> = None;
        for pass in 1..=2 {
            for ran in done.clone() {
                tokio::time::sleep_until((ran.ended + Duration::from_secs(pass)).into()).await;
                let found = look_at(services, ran, &mut reader).await;
                if shelf.is_undone(ticket) || events.is_closed() {
                    return;
                }
                if told.get(&ran.at) != Some(&found) {
                    tell(events, ticket, ran.at, stuck(&found)).await;
                    told.insert(ran.at, found);
                }
            }
        }
        for ran in ran.iter().filter(|ran| matches!(ran.outcome, Outcome::Unknown(_))) {
            let found = resolved(services, &ran.plan, events).await;
            tell(events, ticket, ran.at, found).await;
        }
    };
    let nodes = stream::iter(by_node.into_values());
    nodes.for_each_concurrent(NODES_AT_ONCE, one_node).await;
}

/// Looks on the connection of the lock before; on one of its own where that says nothing.
async fn look_at(services: &Services, ran: &Ran, kept: &mut Option<((u32, NodeId), Reader)>) -> Found {
    let target = &ran.plan.target;
    let place = (target.db, target.node.clone());
    if let Some((at, reader)) = kept
        && *at == place
    {
        match look(reader, &ran.plan).await {
            Found::Unreadable(_) => *kept = None,
            found => return found,
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

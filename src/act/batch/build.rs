//! Prepares the plans of a batch: each lock is looked at once more, its plan made as for a release of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};

use super::kept::KeptLock;
use super::{FleetPlan, Item, MOST_CONNECTIONS, MOST_LOCKS, NODES_AT_ONCE, Part};
use crate::act::prepare::{self, PreparedAction};
use crate::act::services::Services;
use crate::act::session::Session;
use crate::act::{NotDone, Plan, Request, put_back};
use crate::domain::{LockId, NodeId};
use crate::redis_io::{ClientRole, connect};

/// A batch ready to run: the plan that is shown, and the connections that must not be closed until then.
pub(in crate::act) struct Batch {
    pub(in crate::act) plan: FleetPlan,
    /// By the lock's number. Where there is none, one is opened when its turn comes.
    pub(super) sessions: BTreeMap<usize, Session>,
}

/// Prepares a release of many. `looked` hears how many locks were looked at so far.
pub(in crate::act) async fn build(
    services: &Services,
    items: Vec<Item>,
    looked: impl Fn(usize) + Sync,
) -> Result<Batch, String> {
    if services.permit.is_none() {
        return Err(NotDone::ReadOnlyMode.to_string());
    }
    if items.is_empty() || items.len() > MOST_LOCKS {
        return Err(format!("between 1 and {MOST_LOCKS} locks can be released at once, not {}", items.len()));
    }
    let id = uuid::Uuid::new_v4();
    let mut by_node: BTreeMap<NodeId, Vec<(usize, Item)>> = BTreeMap::new();
    for (at, item) in items.into_iter().enumerate() {
        by_node.entry(item.lock.node.clone()).or_default().push((at, item));
    }
    let (done, open) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (done, open, looked) = (&done, &open, &looked);
    let one_node = |(node, items): (NodeId, Vec<(usize, Item)>)| async move {
        let mut silent: Option<String> = None;
        let mut made = Vec::with_capacity(items.len());
        for (at, item) in items {
            let lock = item.lock.clone();
            let result = match &silent {
                Some(why) => Err(why.clone()),
                None => one(services, item, open).await,
            };
            if silent.is_none() && result.is_err() {
                silent = unreachable(services, &node, lock.db).await;
            }
            looked(done.fetch_add(1, Ordering::Relaxed) + 1);
            made.push((at, lock, result));
        }
        made
    };
    let mut made: Vec<_> = stream::iter(by_node).map(one_node).buffer_unordered(NODES_AT_ONCE).concat().await;
    made.sort_by_key(|(at, ..)| *at);
    Ok(assemble(id, "release", made))
}

type Made = (usize, LockId, Result<(Plan, Option<Session>), String>);

fn assemble(id: uuid::Uuid, intent: &'static str, made: Vec<Made>) -> Batch {
    let mut parts = Vec::with_capacity(made.len());
    let mut sessions = BTreeMap::new();
    for (at, lock, result) in made {
        let plan = result.map(|(mut plan, session)| {
            plan.batch = Some(id);
            sessions.extend(session.map(|session| (at, session)));
            plan
        });
        parts.push(Part { lock, plan });
    }
    Batch { plan: FleetPlan { id, intent, parts }, sessions }
}

/// The plan of one lock, with its connection where what it proves would be lost with it.
async fn one(services: &Services, item: Item, open: &AtomicUsize) -> Result<(Plan, Option<Session>), String> {
    let request = Request::Release { lock: item.lock, seen: item.seen };
    let PreparedAction { prepared, session, .. } = prepare::build(services, request).await?;
    if let Some(why) = prepared.needs_force {
        return Err(why);
    }
    let plan = prepared.plan;
    let only_there = plan.unchanged || (plan.client().is_some() && plan.target.run_id.is_none());
    if !only_there {
        return Ok((plan, None));
    }
    if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
        return Err(format!(
            "a connection of its own must watch it until it is released, and a batch keeps {MOST_CONNECTIONS} at most: release it in another one"
        ));
    }
    Ok((plan, Some(session)))
}

/// Prepares the undo of a batch, on the connections that watched the keys since.
pub(in crate::act) async fn build_undo(services: &Services, kept: Vec<KeptLock>) -> Result<Batch, String> {
    if services.permit.is_none() {
        return Err(NotDone::ReadOnlyMode.to_string());
    }
    let mut made: Vec<Made> = Vec::with_capacity(kept.len());
    let mut silent: BTreeMap<NodeId, String> = BTreeMap::new();
    for (at, KeptLock { lock, released }) in kept.into_iter().enumerate() {
        let result = match (released, silent.get(&lock.node)) {
            (Err(why), _) => Err(why),
            (Ok(_), Some(why)) => Err(why.clone()),
            (Ok(mut released), None) => match put_back::undo(services, &mut released).await {
                Ok(prepared) => Ok((prepared.plan, Some(released.session))),
                Err(why) => {
                    silent.extend(
                        unreachable(services, &lock.node, lock.db).await.map(|why| (lock.node.clone(), why)),
                    );
                    Err(why)
                }
            },
        };
        made.push((at, lock, result));
    }
    Ok(assemble(uuid::Uuid::new_v4(), "undo", made))
}

/// A sentence when the node cannot be reached at all: then its other locks are not tried, one deadline after another.
pub(super) async fn unreachable(services: &Services, node: &NodeId, db: u32) -> Option<String> {
    let endpoint = match services.endpoint(node, db) {
        Ok(endpoint) => endpoint,
        Err(why) => return Some(why),
    };
    let mut reader = match connect(&endpoint, ClientRole::Act, services.timeout).await {
        Ok(reader) => reader,
        Err(error) => return Some(format!("{node}: {error}")),
    };
    reader.ping().await.err().map(|error| format!("{node}: {error}"))
}

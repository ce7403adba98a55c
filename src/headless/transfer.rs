//! `redwarden queues move`, `requeue` and `drop`: tasks in bounded batches, each a plan of its own.

use std::sync::Arc;

use super::place::{one_node, services};
use super::release::{confirmed, report};
use super::{EXIT_NOT_DONE, EXIT_OK, EXIT_USAGE, Out};
use crate::act::transfer::{BATCH, Transfer, TransferPick, TransferTo, moved};
use crate::act::{NotDone, Outcome, Plan, Request, executor};
use crate::cli::{Destination, Move, Pick};
use crate::config::{Config, Endpoint, NodeConfig};
use crate::domain::{Bytes, NodeId, QueueId, Reply};
use crate::family::{Dialect, Read, Registry};
use crate::redis_io::{ClientRole, connect};

/// A list that somebody works on changes between two looks: so many batches in a row are tried anew.
const TRIES: u32 = 5;

/// Runs the command; returns its exit code.
pub async fn transfer(config: &Arc<Config>, nodes: &[NodeConfig], wish: &Move, out: &mut Out<'_>) -> u8 {
    // Of dead letters the queue itself may be empty, and so its key be gone.
    let looked_for = match wish.to {
        Destination::Back => crate::worker::keys::Keys::new(&wish.from).failed,
        _ => wish.from.clone(),
    };
    let (node, endpoint) = match one_node(config, nodes, wish.place.node.clone(), &looked_for, out).await {
        Ok(found) => found,
        Err(code) => return code,
    };
    let db = wish.place.db.unwrap_or(endpoint.db);
    let place = format!("{looked_for} on {node}");
    let request = |n: u64| Request::Transfer(transfer_of(config, &node, db, wish, n));
    let services = services(config, nodes);
    // What stands there now is meant, not what failing tasks add meanwhile.
    let endpoint = Endpoint { db, ..endpoint };
    let depth = match depth_of(config, &endpoint, &looked_for).await {
        Ok(depth) => depth,
        Err(why) => {
            out.say(format!("{place}: {why}"));
            return EXIT_NOT_DONE;
        }
    };
    let total = match &wish.pick {
        Pick::Element(_) => 1,
        Pick::Oldest(n) => (*n).min(depth).max(1),
    };
    let mut action = match services.prepare(request(total)).await {
        Ok(action) => action,
        Err(why) => {
            out.say(format!("{place}: {why}"));
            return EXIT_NOT_DONE;
        }
    };
    describe(&action.prepared().plan, total, out);
    if wish.dry_run {
        return EXIT_OK;
    }
    match confirmed(wish.yes, "Go on?", out) {
        Some(true) => {}
        Some(false) => {
            out.say("nothing was done: cancelled");
            return EXIT_NOT_DONE;
        }
        None => {
            out.say("nothing was done: nobody is there to confirm; --yes goes on without asking");
            return EXIT_USAGE;
        }
    }
    let (mut done, mut tries) = (0, 0);
    loop {
        let (plan, outcome) = executor::execute(action).await;
        match &outcome {
            Outcome::Done { replies, .. } => {
                let n = moved(&plan, replies);
                done += n;
                tries = 0;
                out.say(format!("{place}: {done} of {total}"));
                if done >= total || n == 0 {
                    break;
                }
            }
            // Its oldest task was taken by somebody: look again, a few times.
            Outcome::NotDone(NotDone::Changed) if tries < TRIES => tries += 1,
            other => return report(&place, &format!("done after {done} tasks"), other, out),
        }
        action = match services.prepare(request(total - done)).await {
            Ok(action) => action,
            Err(why) => {
                // Emptied by somebody else, too: there is nothing left to do.
                out.say(format!("{place}: {why}"));
                break;
            }
        };
    }
    out.say(format!("{place}: {done} tasks {}", past(&wish.to)));
    if done > 0 { EXIT_OK } else { EXIT_NOT_DONE }
}

fn past(to: &Destination) -> &'static str {
    match to {
        Destination::Back => "moved back into their queue",
        Destination::List(_) => "moved",
        Destination::Nowhere => "removed",
    }
}

fn transfer_of(config: &Config, node: &NodeId, db: u32, wish: &Move, left: u64) -> Transfer {
    let registry = Registry::new(config);
    let to = match &wish.to {
        Destination::Back => TransferTo::Back,
        Destination::Nowhere => TransferTo::Nowhere,
        Destination::List(key) => {
            TransferTo::List(key.clone(), wish.push.unwrap_or_else(|| registry.push_end(node, key)))
        }
    };
    let own = registry.push_end(node, &wish.from);
    Transfer {
        queue: QueueId { node: node.clone(), db, key: wish.from.clone() },
        push: if to == TransferTo::Back { wish.push.unwrap_or(own) } else { own },
        to,
        pick: match &wish.pick {
            Pick::Element(element) => TransferPick::Element(element.clone()),
            Pick::Oldest(_) => TransferPick::Oldest(left.min(BATCH)),
        },
    }
}

/// How many tasks stand in the list.
async fn depth_of(config: &Config, endpoint: &Endpoint, key: &Bytes) -> Result<u64, String> {
    let mut reader =
        connect(endpoint, ClientRole::Act, config.timeout).await.map_err(|error| error.to_string())?;
    let replies = reader.read(&[Read::ListLen(key.clone())], Dialect::default()).await;
    match replies.map_err(|error| error.to_string())?.first() {
        Some(Reply::Int(n)) => Ok(n.unsigned_abs()),
        Some(Reply::Error(error)) => Err(error.to_string()),
        _ => Err("its length was not understood".into()),
    }
}

pub(super) fn describe(plan: &Plan, total: u64, out: &mut Out<'_>) {
    out.say(format!("{} on {} (db {})", plan.subject, plan.target.node, plan.target.db));
    let mut steps = plan.steps.iter().peekable();
    while let Some(step) = steps.next() {
        let mut same = 1;
        while steps.next_if(|next| *next == step).is_some() {
            same += 1;
        }
        let times = if same > 1 { format!("{same} x ") } else { String::new() };
        out.say(format!("  {times}{step}"));
    }
    for line in plan.effects.iter().chain(&plan.warnings) {
        out.say(format!("  {line}"));
    }
    if total > BATCH {
        out.say(format!("  and so on, in batches of {BATCH}, each compared anew"));
    }
}

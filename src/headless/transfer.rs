//! `redwarden queues move`, `requeue` and `drop`: tasks in bounded batches, each a plan of its own.

use std::sync::Arc;

use super::place::{one_node, services};
use super::release::{confirmed, report};
use super::{EXIT_NOT_DONE, EXIT_OK, EXIT_USAGE, Out};
use crate::act::transfer::{DrainEnd, Transfer, TransferPick, TransferTo, drain};
use crate::act::{Plan, Request};
use crate::cli::{Destination, Move, Pick};
use crate::config::{Config, NodeConfig};
use crate::domain::{NodeId, QueueId};
use crate::family::Registry;

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
    let wanted = transfer_of(config, &node, db, wish);
    let services = services(config, nodes);
    let action = match services.prepare(Request::Transfer(wanted.clone())).await {
        Ok(action) => action,
        Err(why) => {
            out.say(format!("{place}: {why}"));
            return EXIT_NOT_DONE;
        }
    };
    describe(&action.prepared().plan, out);
    // Of a library's queue they stand elsewhere than ours do.
    let place = format!("{} on {node}", action.prepared().plan.subject);
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
    // What stood there when it was confirmed is meant, not what failing tasks add meanwhile.
    let told = |done, total| out.say(format!("{place}: {done} of {total}"));
    let drained = drain(&services, &wanted, action, || false, told).await;
    if let Some(gap) = &drained.audit_gap {
        out.say(format!("{place}: {gap}"));
    }
    match &drained.end {
        DrainEnd::Batch(_, outcome) => {
            return report(&place, &format!("done after {} tasks", drained.done), outcome, out);
        }
        // Emptied by somebody else, too: there is nothing left to do.
        DrainEnd::Short(why) => out.say(format!("{place}: {why}")),
        DrainEnd::All | DrainEnd::Stopped => {}
    }
    out.say(format!("{place}: {} tasks {}", drained.done, past(&wish.to)));
    if drained.done > 0 { EXIT_OK } else { EXIT_NOT_DONE }
}

fn past(to: &Destination) -> &'static str {
    match to {
        Destination::Back => "moved back into their queue",
        Destination::List(_) => "moved",
        Destination::Nowhere => "removed",
    }
}

fn transfer_of(config: &Config, node: &NodeId, db: u32, wish: &Move) -> Transfer {
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
            Pick::Oldest(n) => TransferPick::Oldest(*n),
        },
    }
}

pub(super) fn describe(plan: &Plan, out: &mut Out<'_>) {
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
}

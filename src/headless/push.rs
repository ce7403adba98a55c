//! `redwarden queues push QUEUE [PAYLOAD]`: the enqueue plan of the dashboard without the form.

use std::sync::Arc;

use super::place::{Candidate, ambiguous, candidates, services, uncertain};
use super::release::{confirmed, refuse, report};
use super::{EXIT_NOT_DONE, EXIT_OK, EXIT_USAGE, Out};
use crate::act::{Request, executor};
use crate::app::task::envelope;
use crate::cli::Push;
use crate::config::{Config, NodeConfig};
use crate::domain::{Bytes, QueueId, Stamp};
use crate::family::Registry;

/// Runs the command; returns its exit code.
pub async fn push(config: Arc<Config>, nodes: &[NodeConfig], wish: Push, out: &mut Out<'_>) -> u8 {
    let mut problems = Vec::new();
    let mut found = match candidates(&config, nodes, &wish.place, &wish.key, &mut problems).await {
        Ok(found) => found,
        Err(error) => return refuse(&error, out),
    };
    for problem in &problems {
        out.say(problem);
    }
    // Where it exists counts; where it exists nowhere it could be made on each.
    if found.iter().any(|c| c.exists) {
        found.retain(|c| c.exists);
    }
    if found.len() > 1 && !wish.place.all_nodes {
        return refuse(&ambiguous(&wish.key, &found, true), out);
    }
    // The queue may stand on a node that is down right now: do not make another one beside it.
    let told = wish.place.all_nodes || wish.place.node.is_some();
    if !told && !problems.is_empty() && found.iter().any(|c| !c.exists) {
        return refuse(&uncertain(&wish.key), out);
    }
    if found.is_empty() {
        out.say(format!("{}: not pushed: no primary answered", wish.key));
        return EXIT_NOT_DONE;
    }
    let mut worst = EXIT_OK;
    for candidate in found {
        worst = worst.max(push_one(&config, nodes, &candidate, &wish, out).await);
    }
    // With --all-nodes a node that could not be asked is one where nothing was pushed.
    worst.max(if problems.is_empty() || !wish.place.all_nodes { EXIT_OK } else { EXIT_NOT_DONE })
}

async fn push_one(
    config: &Arc<Config>,
    nodes: &[NodeConfig],
    candidate: &Candidate,
    wish: &Push,
    out: &mut Out<'_>,
) -> u8 {
    let place = format!("{} on {}", wish.key, candidate.node);
    let push = wish.push.unwrap_or_else(|| Registry::new(config).push_end(&candidate.node, &wish.key));
    let payloads: Vec<Bytes> = (0..wish.count)
        .map(|_| match &wish.payload {
            Some(payload) => payload.clone(),
            None => envelope(&uuid::Uuid::new_v4().to_string(), &Stamp::now().rfc3339()).into(),
        })
        .collect();
    let request = Request::Enqueue {
        queue: QueueId { node: candidate.node.clone(), db: candidate.endpoint.db, key: wish.key.clone() },
        payloads: payloads.clone(),
        push,
        library: None,
        force: wish.force,
    };
    let action = match services(config, nodes).prepare(request).await {
        Ok(action) => action,
        Err(why) => {
            out.say(format!("{place}: not pushed: {why}"));
            return EXIT_NOT_DONE;
        }
    };
    if let Some(why) = &action.prepared().needs_force {
        out.say(format!("{place}: not pushed: {why}; --force pushes all the same"));
        return EXIT_NOT_DONE;
    }
    for warning in &action.prepared().plan.warnings {
        out.say(format!("{place}: {warning}"));
    }
    // A test task is harmless and the command says all: a question is asked only for a payload of the user's.
    if wish.payload.is_some() && out.interactive && confirmed(wish.yes, "Push it?", out) == Some(false) {
        out.say("not pushed: cancelled");
        return EXIT_NOT_DONE;
    }
    if config.production && !wish.yes && !out.interactive {
        out.say("not pushed: this profile is production; --yes confirms");
        return EXIT_USAGE;
    }
    let (_plan, outcome) = executor::execute(action).await;
    if matches!(outcome, crate::act::Outcome::Done { .. }) {
        for payload in &payloads {
            let _ = writeln!(out.data, "{payload}");
        }
    }
    report(&place, "pushed", &outcome, out)
}

//! `redwarden locks release KEY...`, `--filter`: one fleet plan for many locks, a result for each.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::place::{ambiguous, candidates, services};
use super::release::{confirmed, connection, look, refuse};
use super::{EXIT_NOT_DONE, EXIT_OK, EXIT_USAGE, Out, watch};
use crate::act::batch::{BatchEvent, FleetPlan, Item, MOST_LOCKS, Part};
use crate::act::{ActionCommand, ActionEvent, Outcome, Seen, Ticket, audit, executor};
use crate::app::columns::At;
use crate::app::command::Panel;
use crate::app::filter::Filter;
use crate::cli::{Format, ReleaseMany};
use crate::config::{Config, NodeConfig};
use crate::domain::node::NodeState;
use crate::domain::presence::HolderState;
use crate::domain::stamp::short;
use crate::domain::{Lock, Stamp};
use crate::family::Registry;

/// The executor of this command has one action.
const TICKET: Ticket = Ticket(1);

/// Runs the command; returns its exit code: 0 all released, 1 some not, 2 usage, 3 of some it is not known.
pub async fn release_many(
    config: Arc<Config>,
    nodes: &[NodeConfig],
    wish: ReleaseMany,
    out: &mut Out<'_>,
) -> std::io::Result<u8> {
    let chosen = match &wish.filter {
        Some(text) => by_filter(&config, text, &wish, out).await,
        None => by_key(&config, nodes, &wish, out).await,
    };
    let (mut locks, mut worst) = match chosen {
        Ok(chosen) => chosen,
        Err(code) => return Ok(code),
    };
    if locks.is_empty() {
        out.say("not released: there is no such lock");
        return Ok(EXIT_NOT_DONE);
    }
    if locks.len() > MOST_LOCKS {
        out.say(format!(
            "{} locks are meant and a batch takes {MOST_LOCKS}: these are the first; run it again for the others",
            locks.len()
        ));
        locks.truncate(MOST_LOCKS);
        worst = EXIT_NOT_DONE;
    }
    let (events, mut inbox) = mpsc::channel(256);
    let executor = executor::spawn_with(services(&config, nodes), events);
    let items = locks.iter().map(item).collect();
    let _ = executor.send(ActionCommand::PrepareBatch(TICKET, items)).await;
    let plan = match prepared(&mut inbox).await {
        Ok(plan) => plan,
        Err(why) => {
            out.say(format!("not released: {why}"));
            return Ok(EXIT_NOT_DONE);
        }
    };
    describe(&plan, out);
    let now = Stamp::now().mono;
    let alive = locks.iter().filter(|lock| lock.holder_state(now) == HolderState::Alive).count();
    if alive > 0 {
        out.say(format!("{alive}x its holder is alive and will go on without the lock"));
    }
    let ready: Vec<usize> = plan.ready().map(|(at, _)| at).collect();
    worst = worst.max(if ready.len() < plan.parts.len() { EXIT_NOT_DONE } else { EXIT_OK });
    let mut results = Results::new();
    if !wish.dry_run && !ready.is_empty() {
        match agreed(&config, &wish, ready.len(), out) {
            Some(true) => {}
            Some(false) => {
                out.say("not released: cancelled");
                return Ok(EXIT_NOT_DONE);
            }
            None => {
                out.say("not released: nobody is there to confirm; --yes releases without asking");
                return Ok(EXIT_USAGE);
            }
        }
        let _ = executor.send(ActionCommand::ExecuteBatch(TICKET, ready)).await;
        results = carried_out(&plan, &mut inbox, out).await;
    }
    if wish.format == Some(Format::Json) {
        serde_json::to_writer_pretty(&mut *out.data, &document(&plan, &results, wish.dry_run))?;
        writeln!(out.data)?;
        out.data.flush()?;
    }
    Ok(results.values().map(|one| one.outcome.exit_code()).fold(worst, u8::max))
}

fn item(lock: &Lock) -> Item {
    let seen = Seen {
        family: lock.family,
        key_type: lock.key_type.clone(),
        token: lock.token.clone(),
        ttl: lock.ttl.clone(),
        read_at: lock.read_at,
    };
    Item { lock: lock.id.clone(), seen }
}

/// Locks that a filter lets through, by one look at the fleet, and the least exit code: not all nodes may have been
/// looked at.
async fn by_filter(
    config: &Arc<Config>,
    text: &str,
    wish: &ReleaseMany,
    out: &mut Out<'_>,
) -> Result<(Vec<Lock>, u8), u8> {
    let filter = match Filter::parse(Panel::Locks, text) {
        Ok(filter) if !filter.is_empty() => filter,
        Ok(_) => {
            out.say("--filter: an empty filter means every lock there is: say which, such as holder:web-3");
            return Err(EXIT_USAGE);
        }
        Err(why) => {
            out.say(format!("--filter: {why}"));
            return Err(EXIT_USAGE);
        }
    };
    let fleet = watch::watch(config.clone(), None).await;
    let mut least = EXIT_OK;
    for node in &fleet.nodes {
        let snapshot = &node.snapshot;
        let why = match (&snapshot.status.state, &snapshot.scan.error) {
            (NodeState::Down, _) => "it does not answer".to_owned(),
            (_, Some(error)) => error.clone(),
            _ => continue,
        };
        out.say(format!("{}: its locks are not known: {why}", snapshot.meta.id));
        least = EXIT_NOT_DONE;
    }
    let now = Stamp::now().mono;
    let at = At { rules: &config.rules, now, fleet: &fleet };
    let locks = fleet.locks.iter().filter(|lock| {
        filter.lock(lock, at)
            && !lock.has_ended(now)
            && wish.place.node.as_deref().is_none_or(|node| lock.id.node.as_str() == node)
            && wish.place.db.is_none_or(|db| lock.id.db == db)
    });
    Ok((locks.map(|lock| Lock::clone(lock)).collect(), least))
}

/// Named locks, each looked for on all nodes. One that is on several, or that is no lock, stops all of it.
async fn by_key(
    config: &Arc<Config>,
    nodes: &[NodeConfig],
    wish: &ReleaseMany,
    out: &mut Out<'_>,
) -> Result<(Vec<Lock>, u8), u8> {
    let registry = Registry::new(config);
    let (mut locks, mut least) = (Vec::new(), EXIT_OK);
    for key in wish.keys.iter().take(MOST_LOCKS + 1) {
        let mut problems = Vec::new();
        let found = candidates(config, nodes, &wish.place, key, &mut problems)
            .await
            .map_err(|error| refuse(&error, out))?;
        for problem in &problems {
            out.say(problem);
            least = EXIT_NOT_DONE;
        }
        let mut holding = Vec::new();
        for mut candidate in found {
            if candidate.exists || connection(&registry, &mut candidate, key).await.is_some() {
                holding.push(candidate);
            }
        }
        if holding.len() > 1 && !wish.place.all_nodes {
            return Err(refuse(&ambiguous(key, &holding, true), out));
        }
        if holding.is_empty() {
            out.say(format!("{key}: not released: no node that answered has it"));
            least = EXIT_NOT_DONE;
        }
        for mut candidate in holding {
            match look(&registry, &mut candidate, key).await {
                Ok(lock) => locks.push(lock),
                Err(why) => {
                    out.say(format!("{key} on {}: not released: {why}", candidate.node));
                    least = EXIT_NOT_DONE;
                }
            }
        }
    }
    Ok((locks, least))
}

async fn prepared(inbox: &mut mpsc::Receiver<ActionEvent>) -> Result<FleetPlan, String> {
    while let Some(event) = inbox.recv().await {
        if let ActionEvent::Batch(_, BatchEvent::Prepared(result)) = event {
            return *result;
        }
    }
    Err("the executor ended".into())
}

/// What became of a lock.
struct Done {
    outcome: Outcome,
    /// What the last look at it found, where it was released.
    afterwards: Option<String>,
}

/// By the number of the lock in the plan.
type Results = BTreeMap<usize, Done>;

/// Says each outcome as it comes, and then of each released lock whether that stuck.
async fn carried_out(
    plan: &FleetPlan,
    inbox: &mut mpsc::Receiver<ActionEvent>,
    out: &mut Out<'_>,
) -> Results {
    let mut results = Results::new();
    while let Some(event) = inbox.recv().await {
        match event {
            ActionEvent::Batch(_, BatchEvent::Outcome(at, outcome)) => {
                if let Some(part) = plan.parts.get(at) {
                    super::release::report(&place(part), "released", &outcome, out);
                }
                results.insert(at, Done { outcome, afterwards: None });
            }
            ActionEvent::Batch(_, BatchEvent::Afterwards(at, found)) => {
                if let Some(part) = plan.parts.get(at) {
                    out.say(format!("{}: {found}", place(part)));
                }
                if let Some(one) = results.get_mut(&at) {
                    one.afterwards = Some(found);
                }
            }
            ActionEvent::Batch(_, BatchEvent::Note(text)) => out.say(text),
            // Nobody waits for a node that may not answer for long.
            ActionEvent::Batch(_, BatchEvent::Watched) => break,
            _ => {}
        }
    }
    results
}

fn place(part: &Part) -> String {
    format!("{} on {}", part.lock.key, part.lock.node)
}

/// What will be done, on stderr: stdout stays data.
fn describe(plan: &FleetPlan, out: &mut Out<'_>) {
    for part in &plan.parts {
        match &part.plan {
            Ok(plan) => {
                out.say(format!("{} (db {}):", place(part), part.lock.db));
                for step in &plan.steps {
                    out.say(format!("  {step}"));
                }
            }
            Err(why) => out.say(format!("{}: not released: {why}", place(part))),
        }
    }
    let (soon, longest) = plan.soon_free();
    if !soon.is_empty() {
        out.say(format!("{} free themselves within {}: wait instead?", soon.len(), short(longest)));
    }
    for (count, words) in plan.effects().into_iter().chain(plan.warnings()) {
        out.say(format!("{count}x {words}"));
    }
}

/// On production a person types how many; `None` when nobody is there.
fn agreed(config: &Config, wish: &ReleaseMany, many: usize, out: &mut Out<'_>) -> Option<bool> {
    if wish.yes || !config.production || !out.interactive {
        return confirmed(wish.yes, &format!("Release these {many} locks?"), out);
    }
    let _ = write!(out.talk, "This is PRODUCTION: type how many locks are released ({many}): ");
    let _ = out.talk.flush();
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Some(answer.trim() == many.to_string())
}

fn document(plan: &FleetPlan, results: &Results, dry_run: bool) -> Value {
    let locks: Vec<Value> = plan
        .parts
        .iter()
        .enumerate()
        .map(|(at, part)| {
            let result = results.get(&at);
            let (outcome, detail) = match (&part.plan, result.map(|one| &one.outcome)) {
                (Err(why), _) => ("refused", Some(why.clone())),
                (Ok(_), None) => ("planned", None),
                (Ok(_), Some(outcome)) => (outcome.code(), detail(outcome)),
            };
            let known = part.plan.as_ref().ok();
            let steps = |plan: &crate::act::Plan| plan.steps.iter().map(audit::shown).collect::<Vec<_>>();
            let millis = |left: Duration| u64::try_from(left.as_millis()).ok();
            let key = &part.lock.key;
            let exact = || base64::engine::general_purpose::STANDARD.encode(key.as_slice());
            let mut lock = json!({
                "node": part.lock.node.as_str(),
                "db": part.lock.db,
                "key": key.escaped(),
                "outcome": outcome,
                "detail": detail,
                "afterwards": result.and_then(|one| one.afterwards.clone()),
                "commands": known.map(steps),
                "warnings": known.map(|plan| &plan.warnings),
                "frees_in_ms": known.and_then(|plan| plan.frees_in).and_then(millis),
            });
            if key.as_utf8().is_none() {
                lock["key_b64"] = json!(exact());
            }
            lock
        })
        .collect();
    json!({ "schema": 1, "batch": plan.id.to_string(), "dry_run": dry_run, "locks": locks })
}

fn detail(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Done { .. } => None,
        Outcome::NotDone(why) => Some(why.to_string()),
        Outcome::Partly { ran, error } => Some(format!("{ran} steps ran, then: {error}")),
        Outcome::Unknown(why) => Some(why.clone()),
    }
}

//! The canary as an action: its plan, the way of its task through the queue, and what is taken away afterwards.

mod stage;
mod trace;

use std::time::Duration;

use tokio::sync::mpsc;

use super::execute::carry_out;
use super::plan::{Guard, Plan, Undo};
use super::prepare::blank;
use super::services::{Services, named};
use super::session::Session;
use super::{ActionEvent, NotDone, Outcome, Prepared, PreparedAction, Ticket};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, NodeId, QueueId, Reply};
use crate::family::canary::Place;
use crate::family::{Canary, Read, Wish};
use crate::redis_io::run_plan::server_time;

pub use stage::Stage;
pub use trace::Trail;

/// The plain list of test tasks, for those that no library's queue takes. Watched by the default patterns.
pub const TEST_QUEUE: &str = "queue:redwarden-test";
/// How long the dashboard follows a canary. Then it is taken away again if it still waits.
pub const FOLLOWED: Duration = Duration::from_secs(300);
/// Between the end of a task and the cleaning: its worker may still write its last words.
const SETTLE: Duration = Duration::from_secs(1);

/// A canary with the family that knows its way.
#[derive(Clone, PartialEq, Debug)]
pub struct Sent {
    /// Id of the family.
    pub family: &'static str,
    /// The test task.
    pub canary: Canary,
}

/// The plan. `Err` is a sentence, escaped: why there is no harmless task.
pub(super) async fn prepare(
    services: &Services,
    queue: &QueueId,
    (family, application): (&'static str, &Bytes),
    push: PushEnd,
    id: &str,
) -> Result<(Prepared, Session, Sent), String> {
    let QueueId { node, db, key } = queue;
    let canaries = &services.canaries;
    let known = canaries.family(family).ok_or_else(|| format!("no queue family is called {family}"))?;
    let task = canaries.task(family, key);
    if canaries.production && task.is_none() {
        return Err(format!(
            "this profile is production: only a task that [[canary]] in the configuration file calls safe is sent, and none is named for queues of {family}"
        ));
    }
    // One that nobody configured is seen by the search.
    let prefix = match canaries.prefix(family, key) {
        b"" if key.as_slice().starts_with(application.as_slice()) => application.as_slice(),
        configured => configured,
    };
    let mut reader = services.reader(node, *db, key).await?;
    let mut scripts = super::scripts::Scripts::default();
    let failed = |e| named(node, &e);
    let mut replies = scripts.read(&mut reader, &known.canary_reads(key, prefix)).await.map_err(failed)?;
    let more = known.canary_more(key, &replies);
    replies.extend(scripts.read(&mut reader, &more).await.map_err(failed)?);
    let depth = scripts.read(&mut reader, &[Read::ListLen(key.clone())]).await.map_err(failed)?;
    drop(reader);
    let mut session = Session::open(services, node, *db, key).await?;
    let now_ms = server_time(&mut session.writer).await.map_err(|why| why.to_string())?;
    let mut canary = known.canary(&Wish { key, push, id, task, prefix, now_ms, replies: &replies })?;
    let mut plan = blank(services, "canary", session.target(*db), key);
    plan.guards.clone_from(&canary.guards);
    plan.steps.clone_from(&canary.steps);
    if let (Place::List { .. }, Some(Reply::Int(before))) = (&canary.place, depth.first()) {
        plan.effects.push(match before {
            0 => "nothing stands before it".into(),
            n => format!("{n} stand before it"),
        });
    }
    plan.effects.append(&mut canary.effects.clone());
    plan.warnings.append(&mut canary.warnings);
    plan.undo = match &canary.removal {
        Ok(parts) => {
            plan.effects.push("is taken away again if nobody takes it in time; u does so at once".into());
            Undo::Remove(parts.clone())
        }
        Err(why) => Undo::No(why),
    };
    Ok((Prepared { plan, needs_force: None }, session, Sent { family, canary }))
}

/// Follows a canary for the dashboard and cleans up.
pub(super) async fn report(
    services: &Services,
    ticket: Ticket,
    plan: &Plan,
    sent: &Sent,
    undone: &(dyn Fn() -> bool + Sync),
    events: &mpsc::Sender<ActionEvent>,
) {
    let queue = QueueId { node: plan.target.node.clone(), db: plan.target.db, key: plan.subject.clone() };
    let mut trail = Trail::new(services, plan, sent, FOLLOWED);
    let end = loop {
        let news = trail.step().await;
        if undone() || events.is_closed() {
            return;
        }
        let Some((stage, after)) = news else { continue };
        let (queue, id) = (queue.clone(), sent.canary.id.clone());
        let _ = events.send(ActionEvent::Canary { ticket, queue, id, stage: stage.clone(), after }).await;
        if stage.is_end() {
            break stage;
        }
    };
    if let Some(words) = clean(services, plan, &sent.canary, &end).await {
        let _ = events.send(ActionEvent::Afterwards(ticket, words)).await;
    }
}

/// Takes away what a canary left behind, as a plan of its own. Gives a sentence if that did not go as it should, or
/// if the task was taken away while it waited.
pub async fn clean(services: &Services, plan: &Plan, canary: &Canary, end: &Stage) -> Option<String> {
    match (end, &canary.removal) {
        (Stage::NotTaken, Ok(parts)) => {
            let outcome = run(services, plan, parts.guards.clone(), parts.steps.clone()).await;
            Some(match outcome {
                Outcome::Done { .. } => format!("{}: nobody took it: taken away again", canary.id),
                Outcome::NotDone(NotDone::Gone | NotDone::Changed) => {
                    format!("{}: somebody took it just now", canary.id)
                }
                other => format!("{}: it was not taken away: {}", canary.id, words(&other)),
            })
        }
        (Stage::NotTaken, Err(why)) => Some(format!("{}: {why}", canary.id)),
        (Stage::Done(_) | Stage::Failed(..) | Stage::Taken, _) if !canary.sweep.is_empty() => {
            tokio::time::sleep(SETTLE).await;
            match run(services, plan, Vec::new(), canary.sweep.clone()).await {
                Outcome::Done { .. } => None,
                other => Some(format!("{}: what it left was not taken away: {}", canary.id, words(&other))),
            }
        }
        _ => None,
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { .. } => "done".into(),
        Outcome::NotDone(why) => why.to_string(),
        Outcome::Partly { error, .. } => error.clone(),
        Outcome::Unknown(why) => format!("unknown: {why}"),
    }
}

async fn run(services: &Services, of: &Plan, guards: Vec<Guard>, steps: Vec<Command>) -> Outcome {
    let (node, db, key): (&NodeId, u32, &Bytes) = (&of.target.node, of.target.db, &of.subject);
    let session = match Session::open(services, node, db, key).await {
        Ok(session) => session,
        Err(why) => return Outcome::NotDone(NotDone::NotSent(why)),
    };
    let mut plan = blank(services, "canary-clean", session.target(db), key);
    plan.guards = guards;
    plan.steps = steps;
    if let Err(why) = session.check(&mut plan, node) {
        return Outcome::NotDone(why);
    }
    let prepared = Prepared { plan, needs_force: None };
    let services = services.clone();
    carry_out(PreparedAction { prepared, session, services, canary: None, tasks: 0 }).await.outcome
}

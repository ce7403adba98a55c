//! Carries out a confirmed plan once: audit, alive?, run, audit.

use std::time::{Duration, Instant};

use super::audit::refusal;
use super::plan::{Back, Guard, Restore, Undo};
use super::prepare::PreparedAction;
use super::route::MOST_HOPS;
use super::services::Services;
use super::session::Session;
use super::undo::{Released, Undoable};
use super::{NotDone, Outcome, Plan};
use crate::domain::LockId;
use crate::redis_io::run_plan::{Ran, run_plan};

/// How long a plan waits for keys of which some are here and some there.
const WAIT_FOR_SLOT: Duration = Duration::from_secs(2);
/// Time between two tries meanwhile.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// What a carried out plan left behind.
pub(super) struct Carried {
    pub(super) plan: Plan,
    pub(super) outcome: Outcome,
    /// After a release: whether it can be undone.
    pub(super) undoable: Option<Undoable>,
    /// The outcome could not be written down.
    pub(super) audit_gap: Option<String>,
}

pub(super) async fn carry_out(action: PreparedAction) -> Carried {
    let PreparedAction { prepared, session, services } = action;
    let mut plan = prepared.plan;
    let end = |plan, why| Carried { plan, outcome: Outcome::NotDone(why), undoable: None, audit_gap: None };
    if let Some(why) = prepared.needs_force {
        return end(plan, NotDone::NotSent(format!("it needs force: {why}")));
    }
    if let Err(error) = services.audit.before(&plan).await {
        let why = refusal(services.audit.path(), &error);
        return end(plan, why);
    }
    let back = back(&plan);
    let (ran, session) = match session.ready(&services, &plan).await {
        Ok(session) => {
            run_where_it_is(&services, &mut plan, session, back.as_ref().is_some_and(watched)).await
        }
        Err(why) => (Ran::from(why), None),
    };
    let audit_gap = services.audit.after(&plan, &ran.outcome).await.err().map(|error| {
        format!("the outcome could not be written to {}: {error}", services.audit.path().display())
    });
    let undoable = match (&ran.outcome, session) {
        (Outcome::Done { pttl_before_ms, server_ms, .. }, Some(session)) if plan.intent == "release" => {
            Some(match back {
                None => Undoable::No(match plan.undo {
                    Undo::No(why) => why.into(),
                    _ => "its value was too long to be kept: it cannot be undone".into(),
                }),
                Some(back) if watched(&back) && !ran.watched_free => Undoable::No(
                    "the key was used again right after the release, its slot is being moved, or it may not be watched: it cannot be undone"
                        .into(),
                ),
                Some(_) if *pttl_before_ms < -1 => {
                    Undoable::No("its TTL at the release is not known: it cannot be undone".into())
                }
                Some(back) => Undoable::Yes(Box::new(Released {
                    lock: LockId {
                        node: plan.target.node.clone(),
                        db: plan.target.db,
                        key: plan.subject.clone(),
                    },
                    restore: restore(back, *pttl_before_ms, *server_ms),
                    session,
                })),
            })
        }
        _ => None,
    };
    Carried { plan, outcome: ran.outcome, undoable, audit_gap }
}

/// Runs the plan; where the cluster says that its keys are elsewhere by now, nothing ran, and it is run there.
///
/// What is proven by WATCH since the dialog or since a release cannot be proven on another connection: such a plan
/// stays where it is. Each node it goes to is written down before anything is sent there.
async fn run_where_it_is(
    services: &Services,
    plan: &mut Plan,
    mut session: Session,
    then_watch: bool,
) -> (Ran, Option<Session>) {
    let started = Instant::now();
    let mut hops = 0;
    loop {
        let ran = run_plan(&mut session.writer, plan, session.means, then_watch).await;
        let pause = match &ran.outcome {
            Outcome::NotDone(NotDone::Moved(_)) if hops < MOST_HOPS => Duration::ZERO,
            Outcome::NotDone(NotDone::Moving) if started.elapsed() < WAIT_FOR_SLOT => BETWEEN_TRIES,
            _ => return (ran, Some(session)),
        };
        if plan.unchanged || plan.undo_of.is_some() {
            return (ran, Some(session));
        }
        tokio::time::sleep(pause).await;
        hops += 1;
        let fresh = Session::open(services, &plan.target.node, plan.target.db, &plan.subject).await;
        session = match fresh {
            Ok(fresh) => fresh,
            Err(why) => return (NotDone::NotSent(why).into(), None),
        };
        let target = session.target(plan.target.db);
        if target != plan.target {
            plan.target = target;
            if let Err(error) = services.audit.before(plan).await {
                return (refusal(services.audit.path(), &error).into(), None);
            }
        }
    }
}

/// What an undo puts back, where a release can be undone.
fn back(plan: &Plan) -> Option<Back> {
    if plan.intent != "release" {
        return None;
    }
    match &plan.undo {
        Undo::No(_) => None,
        Undo::Parts(parts) => Some(Back::Parts(parts.clone())),
        Undo::Value => plan.guards.iter().find_map(|guard| match guard {
            Guard::StringEquals { value, .. } => Some(Back::Value(value.clone())),
            _ => None,
        }),
    }
}

/// True when the key must not be used until the undo.
fn watched(back: &Back) -> bool {
    match back {
        Back::Value(_) => true,
        Back::Parts(parts) => parts.alone,
    }
}

fn restore(back: Back, pttl_before_ms: i64, server_ms: u64) -> Restore {
    let key_left = u64::try_from(pttl_before_ms).ok();
    let pttl_ms = match &back {
        Back::Parts(parts) => match parts.until_ms.map(|until| until.saturating_sub(server_ms)) {
            Some(own) => Some(key_left.map_or(own, |key| own.min(key))),
            None => key_left,
        },
        Back::Value(_) => key_left,
    };
    Restore {
        back,
        pttl_ms,
        key_until_ms: key_left.map(|left| server_ms.saturating_add(left)),
        released_at_ms: server_ms,
    }
}

//! Carries out a confirmed plan once: audit, alive?, run, audit.

use super::audit::refusal;
use super::plan::{Guard, Restore};
use super::prepare::PreparedAction;
use super::undo::{Released, Undoable};
use super::{NotDone, Outcome, Plan};
use crate::domain::LockId;
use crate::redis_io::run_plan::{Ran, run_plan};

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
    let plan = prepared.plan;
    let end = |plan, why| Carried { plan, outcome: Outcome::NotDone(why), undoable: None, audit_gap: None };
    if let Some(why) = prepared.needs_force {
        return end(plan, NotDone::NotSent(format!("it needs force: {why}")));
    }
    if let Err(error) = services.audit.before(&plan).await {
        let why = refusal(services.audit.path(), &error);
        return end(plan, why);
    }
    let value = undo_value(&plan);
    let (ran, session) = match session.ready(&services, &plan).await {
        Ok(mut session) => {
            let ran = run_plan(&mut session.writer, &plan, session.means, value.is_some()).await;
            (ran, Some(session))
        }
        Err(why) => (Ran::from(why), None),
    };
    let audit_gap = services.audit.after(&plan, &ran.outcome).await.err().map(|error| {
        format!("the outcome could not be written to {}: {error}", services.audit.path().display())
    });
    let undoable = match (&ran.outcome, session) {
        (Outcome::Done { pttl_before_ms, server_ms, .. }, Some(session)) if plan.intent == "release" => {
            Some(match value {
                None if plan.guards.iter().any(|g| matches!(g, Guard::HashFieldExists { .. } | Guard::ZsetMember { .. })) => {
                    Undoable::No("this kind of lock cannot be put back".into())
                }
                None => Undoable::No("its value was too long to be kept: it cannot be undone".into()),
                Some(_) if !ran.watched_free => Undoable::No(
                    "the key was used again right after the release, or may not be watched: it cannot be undone"
                        .into(),
                ),
                Some(_) if *pttl_before_ms < -1 => {
                    Undoable::No("its TTL at the release is not known: it cannot be undone".into())
                }
                Some(value) => Undoable::Yes(Box::new(Released {
                    lock: LockId {
                        node: plan.target.node.clone(),
                        db: plan.target.db,
                        key: plan.subject.clone(),
                    },
                    restore: Restore {
                        value,
                        pttl_ms: u64::try_from(*pttl_before_ms).ok(),
                        released_at_ms: *server_ms,
                    },
                    session,
                })),
            })
        }
        _ => None,
    };
    Carried { plan, outcome: ran.outcome, undoable, audit_gap }
}

/// The whole value, where a release can be undone.
fn undo_value(plan: &Plan) -> Option<crate::domain::Bytes> {
    let value = plan.guards.iter().find_map(|guard| match guard {
        Guard::StringEquals { value, .. } => Some(value.clone()),
        _ => None,
    });
    value.filter(|_| plan.intent == "release")
}

//! The plan that tells who still waits for a lock that is gone: what its release would have sent.

use super::blank;
use super::release::add_steps;
use crate::act::plan::Guard;
use crate::act::services::{Services, named};
use crate::act::session::Session;
use crate::act::{NotDone, Prepared};
use crate::domain::LockId;
use crate::family::LockFamily;

/// `Err`: the lock is gone and nobody is known to wait for it.
pub(super) async fn wake(
    services: &Services,
    lock: &LockId,
    family: &dyn LockFamily,
    mut session: Session,
) -> Result<(Prepared, Session), String> {
    let gone = || NotDone::Gone.to_string();
    let reads = family.wake_reads(&lock.key);
    if reads.is_empty() {
        return Err(gone());
    }
    let replies = session.writer.pipeline(&reads).await.map_err(|e| named(&lock.node, &e))?;
    let recipe = family.wake(&lock.key, &replies).ok_or_else(gone)?;
    let mut plan = blank(services, "wake", session.target(lock.db), &lock.key);
    plan.guards.push(Guard::Absent { key: lock.key.clone() });
    plan.guards.extend(recipe.guards);
    add_steps(&mut plan, recipe.steps, recipe.sharded && session.sharded);
    plan.effects.extend(recipe.effects);
    plan.warnings.extend(recipe.warnings);
    plan.undo = recipe.undo;
    Ok((Prepared { plan, needs_force: None }, session))
}

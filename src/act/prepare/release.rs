//! The plan of a release: what the lock's family does, behind the proof that it still is the lock seen.

use std::time::Duration;

use super::identity::guarded;
use super::{blank, family_of, short};
use crate::act::plan::{Plan, Undo};
use crate::act::services::{Services, named};
use crate::act::session::Session;
use crate::act::{NotDone, Prepared, Seen};
use crate::domain::lock::{Token, Ttl};
use crate::domain::{Command, LockId, Reply};
use crate::family::recipe::CONNECTION;
use crate::family::{LockFamily, Recipe};

/// A lock that frees itself within this time is better waited for.
pub(in crate::act) const SHORT_TTL: Duration = Duration::from_secs(15);

pub(super) async fn release(
    services: &Services,
    lock: &LockId,
    seen: &Seen,
) -> Result<(Prepared, Session), String> {
    let family = family_of(services, seen)?;
    let (mut plan, session, pttl, recipe) = if &*seen.key_type == "string" {
        // A family that refuses does so before anything is asked of the server.
        let recipe = family.release(seen.family, &lock.key, &seen.token, &[])?;
        let proof = recipe.proof();
        let (plan, session, pttl) = guarded(services, "release", lock, seen, proof).await?;
        (plan, session, pttl, recipe)
    } else if &*seen.key_type == CONNECTION {
        connected(services, lock, seen, family).await?
    } else {
        looked_up(services, lock, seen, family).await?
    };
    plan.guards.extend(recipe.guards);
    for step in recipe.steps {
        // In a cluster Redisson's clients may listen to the shard's channel instead; a message to both is harmless.
        if recipe.sharded && session.sharded && step.name() == "PUBLISH" {
            let mut sharded = step.clone();
            if let Some(name) = sharded.args.first_mut() {
                *name = "SPUBLISH".into();
            }
            plan.steps.push(sharded);
        }
        plan.steps.push(step);
    }
    plan.effects.extend(recipe.effects);
    if !recipe.tells {
        plan.effects.push("its holder is not told: if it is alive it goes on without the lock".into());
    }
    plan.warnings.extend(recipe.warnings);
    if let Undo::No(why) = recipe.undo {
        plan.warnings.push(why.into());
    }
    plan.undo = recipe.undo;
    // One of several holders ends before its key does.
    let own = match &seen.ttl {
        Ttl::Left(left) if &*seen.key_type == "zset" => {
            Some(left.saturating_sub(seen.read_at.mono.elapsed()))
        }
        _ => None,
    };
    let key = u64::try_from(pttl).ok().map(Duration::from_millis);
    plan.frees_in = key.into_iter().chain(own).min();
    if let Some(left) = plan.frees_in.filter(|left| *left <= SHORT_TTL) {
        plan.warnings.push(format!("it frees itself in {}: wait instead?", short(left)));
    }
    if matches!(seen.token, Token::Long { .. }) {
        plan.warnings.push("its value is too long to be kept: this release cannot be undone".into());
    }
    Ok((Prepared { plan, needs_force: None }, session))
}

/// A plan for a lock that is no string: its family looks at the server and gives the guards that prove identity.
async fn looked_up(
    services: &Services,
    lock: &LockId,
    seen: &Seen,
    family: &dyn LockFamily,
) -> Result<(Plan, Session, i64, Recipe), String> {
    let mut session = Session::open(services, &lock.node, lock.db, &lock.key).await?;
    let plan = blank(services, "release", session.target(lock.db), &lock.key);
    let mut reads = family.release_reads(&lock.key, &seen.token);
    reads.push(Command::new("PTTL").arg(lock.key.clone()));
    let mut replies = session.writer.pipeline(&reads).await.map_err(|e| named(&lock.node, &e))?;
    let pttl = replies.pop().unwrap_or(Reply::Nil);
    for (read, reply) in reads.iter().zip(&replies) {
        let about_it = read.args.get(1) == Some(&lock.key);
        match reply {
            Reply::Error(e) if about_it && e.is_denied() => {
                return Err(NotDone::Denied(read.name()).to_string());
            }
            Reply::Error(e) if about_it && e.code == "WRONGTYPE" => {
                return Err(NotDone::WrongType.to_string());
            }
            Reply::Error(e) if about_it => return Err(NotDone::Refused(e.to_string()).to_string()),
            _ => {}
        }
    }
    let pttl = match pttl {
        Reply::Int(-2) => return Err(NotDone::Gone.to_string()),
        Reply::Int(pttl) => pttl,
        Reply::Error(e) if e.is_denied() => return Err(NotDone::Denied("PTTL".into()).to_string()),
        _ => return Err(format!("{}: the answers were not understood", lock.node)),
    };
    let recipe = family.release(seen.family, &lock.key, &seen.token, &replies)?;
    Ok((plan, session, pttl, recipe))
}

/// A plan for a lock that is a connection: the client is looked for when the dialog opens.
async fn connected(
    services: &Services,
    lock: &LockId,
    seen: &Seen,
    family: &dyn LockFamily,
) -> Result<(Plan, Session, i64, Recipe), String> {
    let mut session = Session::open(services, &lock.node, lock.db, &lock.key).await?;
    if session.node != lock.node {
        return Err(format!(
            "{}: the cluster answers for its name on {}: close the connection by hand, with CLIENT KILL on {}",
            lock.node, session.node, lock.node
        ));
    }
    let plan = blank(services, "release", session.target(lock.db), &lock.key);
    let list = session.writer.call(&Command::new("CLIENT LIST")).await.map_err(|e| named(&lock.node, &e))?;
    match &list {
        Reply::Error(e) if e.is_denied() => return Err(NotDone::Denied("CLIENT|LIST".into()).to_string()),
        Reply::Error(e) => return Err(NotDone::Refused(e.to_string()).to_string()),
        _ => {}
    }
    let recipe = family.release(seen.family, &lock.key, &seen.token, &[list])?;
    Ok((plan, session, -1, recipe))
}

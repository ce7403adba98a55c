//! Makes a plan out of a request: looks at the server when the dialog opens and refuses what cannot be proven.

mod enqueue;
mod expire;
mod identity;
pub(super) mod release;
mod wake;

use std::time::Duration;

use super::plan::{Plan, Target, Undo};
use super::services::Services;
use super::session::Session;
use super::{NotDone, Prepared, Request, Seen};
use crate::domain::Bytes;
use crate::family::LockFamily;

/// A plan with the connection it will run on.
pub struct PreparedAction {
    pub(super) prepared: Prepared,
    pub(super) session: Session,
    pub(super) services: Services,
    pub(super) canary: Option<Box<super::canary::Sent>>,
    /// Tasks that a transfer is about in all, this batch included; else 0.
    pub(super) tasks: u64,
}

impl PreparedAction {
    /// The plan and whether it wants force.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Tasks that a transfer is about in all, this batch included; of anything else 0.
    pub fn tasks(&self) -> u64 {
        self.tasks
    }

    /// The test task that it sends, if it sends one.
    pub fn canary(&self) -> Option<&super::canary::Sent> {
        self.canary.as_deref()
    }
}

/// Prepares a request. `Err` is a sentence, escaped; nothing was changed.
pub(super) async fn build(services: &Services, request: Request) -> Result<PreparedAction, String> {
    if services.permit.is_none() {
        return Err(NotDone::ReadOnlyMode.to_string());
    }
    let (mut canary, mut tasks) = (None, 0);
    let (seen_on, (mut prepared, session)) = match request {
        Request::Release { lock, seen } => {
            (lock.node.clone(), release::release(services, &lock, &seen).await?)
        }
        Request::Expire { lock, seen, ttl } => {
            (lock.node.clone(), expire::expire(services, &lock, &seen, ttl).await?)
        }
        Request::Enqueue { queue, payloads, push, library, force } => {
            (queue.node.clone(), enqueue::enqueue(services, &queue, &payloads, push, library, force).await?)
        }
        Request::Transfer(wish) => {
            let (prepared, session, total) = super::transfer::prepare(services, &wish).await?;
            tasks = total;
            (wish.queue.node, (prepared, session))
        }
        Request::Canary { queue, family, push, application, id } => {
            let (prepared, session, made) =
                super::canary::prepare(services, &queue, (family, &application), push, &id).await?;
            canary = Some(Box::new(made));
            (queue.node, (prepared, session))
        }
        Request::Undo { .. } => {
            return Err("only the session that released a lock can undo it".into());
        }
    };
    session.check(&mut prepared.plan, &seen_on).map_err(|why| why.to_string())?;
    Ok(PreparedAction { prepared, session, services: services.clone(), canary, tasks })
}

/// A plan without guards, steps and sentences yet.
pub(super) fn blank(services: &Services, intent: &'static str, target: Target, subject: &Bytes) -> Plan {
    Plan {
        id: uuid::Uuid::new_v4(),
        intent,
        target,
        subject: subject.clone(),
        guards: Vec::new(),
        unchanged: false,
        steps: Vec::new(),
        valid_for: services.valid_for(),
        effects: Vec::new(),
        warnings: Vec::new(),
        undo: Undo::No(""),
        undo_of: None,
        frees_in: None,
        batch: None,
    }
}

/// The family that releases what was seen.
fn family_of<'s>(services: &'s Services, seen: &Seen) -> Result<&'s dyn LockFamily, String> {
    services.families.find(seen.family, &seen.key_type).ok_or_else(|| {
        format!(
            "no release is known for {} in a key of type {}",
            seen.family,
            crate::domain::bytes::escape_text(&seen.key_type)
        )
    })
}

/// A duration in at most two units.
pub(super) fn short(d: Duration) -> String {
    let d = if d.as_secs() > 0 {
        Duration::from_secs(d.as_secs())
    } else {
        Duration::from_millis(d.as_millis() as u64)
    };
    let text = humantime::format_duration(d).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

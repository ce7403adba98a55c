//! The plan that gives a lock without an end a TTL.

use std::time::Duration;

use super::identity::guarded;
use super::{family_of, short};
use crate::act::plan::Guard;
use crate::act::services::Services;
use crate::act::session::Session;
use crate::act::{Prepared, Seen};
use crate::domain::{Command, LockId};
use crate::family::recipe::Proof;

pub(super) async fn expire(
    services: &Services,
    lock: &LockId,
    seen: &Seen,
    ttl: Duration,
) -> Result<(Prepared, Session), String> {
    let millis = u64::try_from(ttl.as_millis()).ok().filter(|ms| *ms > 0 && *ms < 1 << 50);
    let millis = millis.ok_or("the TTL must be at least one millisecond")?;
    if &*seen.key_type != "string" {
        return Err(format!(
            "its key is a {} that may hold more than this lock: a TTL would end all of it",
            crate::domain::bytes::escape_text(&seen.key_type)
        ));
    }
    let constant =
        family_of(services, seen).is_ok_and(|f| f.is_constant(seen.family, &lock.key, &seen.token));
    let proof = if constant { Proof::Untouched } else { Proof::Value };
    let (mut plan, session, pttl) = guarded(services, "expire", lock, seen, proof).await?;
    if let Ok(left) = u64::try_from(pttl) {
        return Err(format!("it has a TTL already: {} are left", short(Duration::from_millis(left))));
    }
    plan.guards.push(Guard::NoTtl { key: lock.key.clone() });
    plan.steps.push(Command::new("PEXPIRE").arg(lock.key.clone()).arg(millis));
    plan.effects
        .push(format!("the lock frees itself {} after this, unless its holder renews it", short(ttl)));
    plan.warnings.push("a holder that is alive and needs longer loses the lock without being told".into());
    Ok((Prepared { plan, needs_force: None }, session))
}

//! The plan of an undo: puts a released lock back, only where that is still right.

use std::time::Duration;

use super::plan::{Back, Guard, Parts, Plan, Restore};
use super::prepare::{blank, short};
use super::services::Services;
use super::undo::Released;
use super::{NotDone, Prepared};
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::run_plan::refused;

/// The plan that puts a released lock back, on the connection that watched its key since.
pub(super) async fn undo(services: &Services, released: &mut Released) -> Result<Prepared, String> {
    let lost = |why: String| {
        format!(
            "the connection that watched the key since its release is gone, so \"not used since\" cannot be proven ({why})"
        )
    };
    let now_ms = crate::redis_io::run_plan::server_time(&mut released.session.writer)
        .await
        .map_err(|why| lost(why.to_string()))?;
    let rest_ms = match released.restore.pttl_ms {
        None => None,
        Some(pttl) => {
            let gone = now_ms.saturating_sub(released.restore.released_at_ms);
            let rest = pttl.saturating_sub(gone);
            if rest == 0 {
                return Err(NotDone::Expired.to_string());
            }
            Some(rest)
        }
    };
    let key = &released.lock.key;
    let exists = Command::new("EXISTS").arg(key.clone());
    let exists = released.session.writer.call(&exists).await.map_err(|e| lost(e.to_string()))?;
    let free = match exists {
        Reply::Int(0) => true,
        Reply::Error(error) => return Err(refused("EXISTS", &error).to_string()),
        _ => false,
    };
    let mut plan = blank(services, "undo", released.session.target(released.lock.db), key);
    plan.undo_of = Some(released.restore.clone());
    match &released.restore.back {
        Back::Value(value) if free => value_back(&mut plan, key, value, rest_ms),
        Back::Parts(parts) if free || !parts.alone => {
            parts_back(&mut plan, key, parts, free, &released.restore);
        }
        Back::Value(_) | Back::Parts(_) => return Err(NotDone::Taken.to_string()),
    }
    Ok(Prepared { plan, needs_force: None })
}

fn value_back(plan: &mut Plan, key: &Bytes, value: &Bytes, rest_ms: Option<u64>) {
    plan.guards.push(Guard::Absent { key: key.clone() });
    plan.unchanged = true;
    let set = Command::new("SET").arg(key.clone()).arg(value.clone());
    plan.effects.push(match rest_ms {
        Some(rest) => format!(
            "puts the same token back with what is left of its TTL: {}, less what passes until it runs",
            short(Duration::from_millis(rest))
        ),
        None => "puts the same token back without a TTL, as it was".into(),
    });
    plan.effects.push("only if nobody used the key since its release, proven by WATCH".into());
    plan.steps.push(match rest_ms {
        Some(rest) => set.arg("PX").arg(rest),
        None => set,
    });
}

fn parts_back(plan: &mut Plan, key: &Bytes, parts: &Parts, free: bool, restore: &Restore) {
    plan.guards.clone_from(&parts.guards);
    plan.steps = parts.steps.iter().map(|step| until(step, restore.released_at_ms)).collect();
    plan.effects.push(parts.words.clone());
    if free {
        plan.guards.push(Guard::Absent { key: key.clone() });
        // Nobody else set an end to the key: it gets the one it had.
        if let Some(until) =
            restore.key_until_ms.filter(|_| plan.steps.iter().any(|s| s.args.get(1) == Some(key)))
        {
            plan.steps.push(Command::new("PEXPIREAT").arg(key.clone()).arg(until));
        }
    }
    plan.unchanged = parts.alone;
    plan.effects.push(if parts.alone {
        "only if nobody used the key since its release, proven by WATCH".into()
    } else {
        "only if its place is still free".into()
    });
}

/// A TTL as it was at the release ends when it would have ended then.
fn until(step: &Command, released_at_ms: u64) -> Command {
    let [name, key, left] = step.args.as_slice() else { return step.clone() };
    let left = left.as_utf8().and_then(|text| text.parse::<u64>().ok());
    match left.filter(|_| name.as_slice() == b"PEXPIRE") {
        Some(left) => Command::new("PEXPIREAT").arg(key.clone()).arg(released_at_ms.saturating_add(left)),
        None => step.clone(),
    }
}

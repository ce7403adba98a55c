//! The same plan where scripts are not permitted: WATCH, read the guards, TIME, MULTI, steps, EXEC.
//!
//! The deadline is compared right before MULTI; WATCH then covers whatever happens until EXEC runs.

use super::{Ran, refusal_of, refused, server_time, split_tail, steps_to_send, unknown};
use crate::act::plan::{Guard, Plan};
use crate::act::{NotDone, Outcome};
use crate::domain::{Command, Reply};
use crate::redis_io::Writer;
use crate::redis_io::script::begin;

pub(super) async fn run(writer: &mut Writer, plan: &Plan, deadline_ms: u64, tail: &[Command]) -> Ran {
    match check(writer, plan, deadline_ms).await {
        Ok(checked) => commit(writer, plan, checked, tail).await,
        Err(why) => {
            // A courtesy: the connection ends with the action anyway.
            let _ = writer.call(&Command::new("UNWATCH")).await;
            why.into()
        }
    }
}

/// What the check found, all in milliseconds.
struct Checked {
    pttl_before: i64,
    server: u64,
    /// For an undo: what is left of the TTL.
    rest: Option<u64>,
}

async fn check(writer: &mut Writer, plan: &Plan, deadline_ms: u64) -> Result<Checked, NotDone> {
    if !plan.unchanged {
        super::watch(writer, &plan.keys()).await?;
    }
    let mut reads: Vec<Command> = plan.guards.iter().flat_map(guard_reads).collect();
    reads.push(Command::new("PTTL").arg(plan.subject.clone()));
    let replies = writer.pipeline(&reads).await.map_err(|error| NotDone::NotSent(error.to_string()))?;
    let (pttl, guarded) = replies.split_last().ok_or(NotDone::Touched)?;
    let mut guarded = guarded.iter();
    for guard in &plan.guards {
        let replies: Vec<&Reply> = guarded.by_ref().take(guard_reads(guard).len()).collect();
        holds(guard, &replies)?;
    }
    let server_ms = server_time(writer).await?;
    if server_ms > deadline_ms {
        return Err(NotDone::Late);
    }
    let rest = match plan.undo_of.as_ref().and_then(|r| Some((r.pttl_ms?, r.released_at_ms))) {
        None => None,
        Some((pttl, released)) => {
            let rest = pttl.saturating_sub(server_ms.saturating_sub(released));
            Some(rest).filter(|rest| *rest > 0).ok_or(NotDone::Expired).map(Some)?
        }
    };
    Ok(Checked { pttl_before: pttl.as_int().unwrap_or(-3), server: server_ms, rest })
}

/// Reads that tell whether a guard holds; never more than the length that was seen and one byte.
fn guard_reads(guard: &Guard) -> Vec<Command> {
    let key = guard.key().clone();
    let range = |len: u64| Command::new("GETRANGE").arg(key.clone()).arg(0_i64).arg(len);
    match guard {
        Guard::StringEquals { value, .. } => {
            vec![range(value.len() as u64), Command::new("EXISTS").arg(key.clone())]
        }
        Guard::StringLen { .. } => vec![Command::new("STRLEN").arg(key.clone())],
        Guard::StringDigest { len, .. } => vec![Command::new("STRLEN").arg(key.clone()), range(*len)],
        Guard::TypeIs { .. } => vec![Command::new("TYPE").arg(key.clone())],
        Guard::Absent { .. } => vec![Command::new("EXISTS").arg(key.clone())],
        Guard::NoTtl { .. } => vec![Command::new("PTTL").arg(key.clone())],
        Guard::HashFieldExists { field, .. } => vec![
            Command::new("HEXISTS").arg(key.clone()).arg(field.clone()),
            Command::new("EXISTS").arg(key.clone()),
        ],
        Guard::HashFieldEquals { field, .. } => vec![
            Command::new("HGET").arg(key.clone()).arg(field.clone()),
            Command::new("EXISTS").arg(key.clone()),
        ],
        Guard::ZsetMember { member, .. } => vec![
            Command::new("ZSCORE").arg(key.clone()).arg(member.clone()),
            Command::new("EXISTS").arg(key.clone()),
        ],
        Guard::HashLen { .. } => vec![Command::new("HLEN").arg(key.clone())],
        Guard::ListElement { index, .. } => vec![Command::new("LINDEX").arg(key.clone()).arg(*index)],
        Guard::ListHolds { value, searched, .. } => vec![
            Command::new("LPOS").arg(key.clone()).arg(value.clone()).arg("MAXLEN").arg(*searched),
            Command::new("EXISTS").arg(key.clone()),
        ],
        Guard::HashFieldAbsent { field, .. } => {
            vec![Command::new("HEXISTS").arg(key.clone()).arg(field.clone())]
        }
        Guard::ZsetMemberAbsent { member, .. } => {
            vec![Command::new("ZSCORE").arg(key.clone()).arg(member.clone())]
        }
        Guard::ZsetLenAtMost { .. } => vec![Command::new("ZCARD").arg(key.clone())],
        Guard::SetMember { member, .. } => vec![
            Command::new("SISMEMBER").arg(key.clone()).arg(member.clone()),
            Command::new("EXISTS").arg(key.clone()),
        ],
        Guard::SetMemberAbsent { member, .. } => {
            vec![Command::new("SISMEMBER").arg(key.clone()).arg(member.clone())]
        }
        Guard::ClientNamed { .. } => Vec::new(),
    }
}

fn holds(guard: &Guard, replies: &[&Reply]) -> Result<(), NotDone> {
    if let Some(error) = replies.iter().find_map(|reply| reply.as_error()) {
        return Err(refused("a read of the key", error));
    }
    let int = |index: usize| replies.get(index).and_then(|reply| reply.as_int());
    let bytes = |index: usize| replies.get(index).and_then(|reply| reply.as_bytes()).unwrap_or_default();
    let length = |len: u64| match int(0) {
        Some(0) => Err(NotDone::Gone),
        Some(is) if u64::try_from(is) == Ok(len) => Ok(()),
        _ => Err(NotDone::Changed),
    };
    match guard {
        Guard::StringEquals { .. } if int(1) != Some(1) => Err(NotDone::Gone),
        Guard::StringEquals { value, .. } if bytes(0) != *value => Err(NotDone::Changed),
        Guard::StringEquals { .. } => Ok(()),
        Guard::StringLen { len, .. } | Guard::HashLen { len, .. } => length(*len),
        Guard::StringDigest { len, sha1, .. } => {
            length(*len)?;
            if bytes(1).sha1() == *sha1 { Ok(()) } else { Err(NotDone::Changed) }
        }
        Guard::TypeIs { key_type, absent_ok, .. } => match bytes(0).as_slice() {
            b"none" if *absent_ok => Ok(()),
            b"none" => Err(NotDone::Gone),
            is if is == key_type.as_bytes() => Ok(()),
            _ => Err(NotDone::WrongType),
        },
        Guard::Absent { .. } => {
            if int(0) == Some(0) {
                Ok(())
            } else {
                Err(NotDone::Taken)
            }
        }
        Guard::HashFieldExists { .. } | Guard::SetMember { .. } if int(0) == Some(1) => Ok(()),
        Guard::HashFieldEquals { value, .. }
            if replies.first().and_then(|r| r.as_bytes()).as_ref() == Some(value) =>
        {
            Ok(())
        }
        Guard::ZsetMember { .. } if !matches!(replies.first(), None | Some(Reply::Nil)) => Ok(()),
        Guard::ListElement { value, .. } => match replies.first().and_then(|r| r.as_bytes()) {
            Some(is) if is == *value => Ok(()),
            Some(_) => Err(NotDone::Changed),
            None => Err(NotDone::Gone),
        },
        Guard::ListHolds { .. } if int(0).is_some() => Ok(()),
        Guard::HashFieldExists { .. }
        | Guard::HashFieldEquals { .. }
        | Guard::ZsetMember { .. }
        | Guard::SetMember { .. }
        | Guard::ListHolds { .. } => {
            if int(1) == Some(0) {
                Err(NotDone::Gone)
            } else {
                Err(NotDone::Changed)
            }
        }
        Guard::HashFieldAbsent { .. } | Guard::SetMemberAbsent { .. } if int(0) == Some(0) => Ok(()),
        Guard::ZsetMemberAbsent { .. } if matches!(replies.first(), Some(Reply::Nil)) => Ok(()),
        Guard::ZsetLenAtMost { len, .. }
            if int(0).is_some_and(|is| is <= i64::try_from(*len).unwrap_or(i64::MAX)) =>
        {
            Ok(())
        }
        Guard::HashFieldAbsent { .. }
        | Guard::SetMemberAbsent { .. }
        | Guard::ZsetMemberAbsent { .. }
        | Guard::ZsetLenAtMost { .. } => Err(NotDone::Taken),
        // Compared by `connection`, which alone runs such plans.
        Guard::ClientNamed { .. } => Err(NotDone::Changed),
        Guard::NoTtl { .. } => match int(0) {
            Some(-1) => Ok(()),
            Some(-2) => Err(NotDone::Gone),
            _ => Err(NotDone::Touched),
        },
    }
}

async fn commit(writer: &mut Writer, plan: &Plan, checked: Checked, tail: &[Command]) -> Ran {
    let mut steps = steps_to_send(plan);
    if let Some(rest) = checked.rest {
        for set in steps.iter_mut().filter(|step| step.name() == "SET") {
            set.args.extend(["PX".into(), rest.into()]);
        }
    }
    match begin(writer).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return refusal_of("MULTI", &error).into(),
        // No step has left yet.
        Err(error) => return NotDone::NotSent(error.to_string()).into(),
    }
    let mut commands = steps.clone();
    commands.push(Command::new("EXEC"));
    commands.extend_from_slice(tail);
    let mut replies = match writer.pipeline(&commands).await {
        Ok(replies) => replies,
        Err(error) => return unknown(&error).into(),
    };
    let watched_free = split_tail(&mut replies, tail);
    let exec = replies.pop().unwrap_or(Reply::Nil);
    if let Some((queued, Reply::Error(error))) =
        replies.iter().enumerate().find(|(_, reply)| matches!(reply, Reply::Error(_)))
    {
        // A command was refused as it was queued: EXEC has aborted and nothing ran.
        let name = commands.get(queued).map(Command::name).unwrap_or_default();
        return refusal_of(&name, error).into();
    }
    let outcome = match exec {
        Reply::Nil => Outcome::NotDone(NotDone::Touched),
        Reply::Error(error) => refusal_of("EXEC", &error),
        Reply::Array(replies) => executed(&steps, replies, &checked),
        _ => Outcome::Unknown("the answer of EXEC was not understood".into()),
    };
    Ran { watched_free: watched_free && matches!(outcome, Outcome::Done { .. }), outcome }
}

fn executed(steps: &[Command], replies: Vec<Reply>, checked: &Checked) -> Outcome {
    let failed = replies.iter().enumerate().find_map(|(i, reply)| reply.as_error().map(|e| (i, e)));
    match failed {
        None => Outcome::Done { replies, pttl_before_ms: checked.pttl_before, server_ms: checked.server },
        Some((index, error)) => match replies.iter().filter(|r| r.as_error().is_none()).count() {
            0 => refusal_of(&steps.get(index).map(Command::name).unwrap_or_default(), error),
            ran => Outcome::Partly { ran, error: error.to_string() },
        },
    }
}

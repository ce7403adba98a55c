//! A plan as one EVAL of `assets/scripts/plan.lua`, alone or between the WATCH of its dialog and EXEC.

use std::sync::LazyLock;

use super::{Ran, refusal, refusal_of, split_tail, steps_to_send, unknown};
use crate::act::plan::{Guard, Plan};
use crate::act::{NotDone, Outcome};
use crate::domain::script::code;
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::Writer;
use crate::redis_io::script::begin;

static SCRIPT: LazyLock<Bytes> = LazyLock::new(|| code(include_str!("../../../assets/scripts/plan.lua")));

/// The script with a deadline that has passed and nothing to do: changes nothing anywhere.
pub(super) fn dry_run(subject: &Bytes) -> Command {
    Command::new("EVAL").arg(SCRIPT.clone()).arg(1_i64).arg(subject.clone()).arg(0_i64)
}

/// Runs it. `None`: scripts are not permitted, and nothing was done.
pub(super) async fn run(writer: &mut Writer, plan: &Plan, deadline_ms: u64, tail: &[Command]) -> Option<Ran> {
    let eval = render(plan, deadline_ms);
    let mut commands = vec![eval];
    if plan.unchanged {
        match begin(writer).await {
            Ok(Ok(())) => commands.push(Command::new("EXEC")),
            Ok(Err(error)) => return Some(refusal_of("MULTI", &error).into()),
            // The script has not left yet.
            Err(error) => return Some(NotDone::NotSent(error.to_string()).into()),
        }
    }
    commands.extend_from_slice(tail);
    let mut replies = match writer.pipeline(&commands).await {
        Ok(replies) => replies,
        Err(error) => return Some(unknown(&error).into()),
    };
    let watched_free = split_tail(&mut replies, tail);
    let outcome = match replies.as_slice() {
        [_, Reply::Nil] => Outcome::NotDone(NotDone::Touched),
        // EXECABORT: the reason stands where EVAL was queued.
        [Reply::Error(error), _] | [_, Reply::Error(error)] => refusal_of("EVAL", error),
        [_, Reply::Array(executed)] => read_answer(plan, executed.first()),
        [Reply::Error(error)] if error.is_denied() || error.is_unknown_command() => return None,
        [answer] => read_answer(plan, Some(answer)),
        _ => Outcome::Unknown("the answer was not understood".into()),
    };
    Some(Ran { watched_free: watched_free && matches!(outcome, Outcome::Done { .. }), outcome })
}

fn render(plan: &Plan, deadline_ms: u64) -> Command {
    let keys = plan.keys();
    let mut eval = Command::new("EVAL").arg(SCRIPT.clone()).arg(keys.len() as u64);
    eval.args.extend(keys.iter().cloned());
    let (ttl, released): (Bytes, Bytes) = match &plan.undo_of {
        Some(restore) => match restore.pttl_ms {
            Some(pttl) => (pttl.into(), restore.released_at_ms.into()),
            None => (Bytes::default(), Bytes::default()),
        },
        None => (Bytes::default(), Bytes::default()),
    };
    eval = eval.arg(deadline_ms).arg(ttl).arg(released).arg(plan.guards.len() as u64);
    for guard in &plan.guards {
        let (kind, first, second) = guard_args(guard);
        let index = keys.iter().position(|key| key == guard.key()).map_or(1, |i| i as u64 + 1);
        eval = eval.arg(kind).arg(index).arg(first).arg(second);
    }
    let steps = steps_to_send(plan);
    eval = eval.arg(steps.len() as u64);
    for step in steps {
        eval = eval.arg(step.args.len() as u64);
        eval.args.extend(step.args);
    }
    eval
}

/// Name of the guard in the script and its two arguments.
fn guard_args(guard: &Guard) -> (&'static str, Bytes, Bytes) {
    let none = Bytes::default;
    match guard {
        Guard::StringEquals { value, .. } => ("equals", value.clone(), none()),
        Guard::StringLen { len, .. } => ("length", (*len).into(), none()),
        Guard::StringDigest { len, sha1, .. } => ("digest", (*len).into(), sha1.as_str().into()),
        Guard::TypeIs { key_type, absent_ok, .. } => {
            ("type", (*key_type).into(), if *absent_ok { "1".into() } else { none() })
        }
        Guard::Absent { .. } => ("absent", none(), none()),
        Guard::NoTtl { .. } => ("nottl", none(), none()),
        Guard::HashFieldExists { field, .. } => ("hexists", field.clone(), none()),
        Guard::HashFieldEquals { field, value, .. } => ("hequals", field.clone(), value.clone()),
        Guard::ZsetMember { member, .. } => ("zmember", member.clone(), none()),
        Guard::ListElement { index, value, .. } => ("lindex", (*index).into(), value.clone()),
        Guard::ListHolds { value, searched, .. } => ("lpos", value.clone(), (*searched).into()),
        Guard::HashLen { len, .. } => ("hlen", (*len).into(), none()),
        Guard::HashFieldAbsent { field, .. } => ("hnofield", field.clone(), none()),
        Guard::ZsetMemberAbsent { member, .. } => ("znomember", member.clone(), none()),
        Guard::ZsetLenAtMost { len, .. } => ("zatmost", (*len).into(), none()),
        Guard::SetMember { member, .. } => ("smember", member.clone(), none()),
        Guard::SetMemberAbsent { member, .. } => ("snomember", member.clone(), none()),
        // Scripts may not ask for clients: such a plan never comes here.
        Guard::ClientNamed { .. } => ("client", none(), none()),
    }
}

/// What the script answered.
fn read_answer(plan: &Plan, answer: Option<&Reply>) -> Outcome {
    if let Some(Reply::Error(error)) = answer {
        return refusal_of("EVAL", error);
    }
    let Some([word, detail, pttl, now, replies]) = answer.and_then(Reply::as_array) else {
        return Outcome::Unknown("the answer of the script was not understood".into());
    };
    let text = |reply: &Reply| {
        reply.as_bytes().map(|b| String::from_utf8_lossy(b.as_slice()).into_owned()).unwrap_or_default()
    };
    let replies = replies.as_array().unwrap_or_default();
    let why = match text(word).as_str() {
        "DONE" => {
            return Outcome::Done {
                replies: replies.to_vec(),
                pttl_before_ms: pttl.as_int().unwrap_or(-3),
                server_ms: now.as_int().and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
            };
        }
        "STEP" if replies.is_empty() => {
            let step = plan.steps.first().map(Command::name).unwrap_or_default();
            refusal(&step, &text(detail))
        }
        "STEP" => {
            let error = crate::domain::bytes::escape_text(&text(detail));
            return Outcome::Partly { ran: replies.len(), error };
        }
        "LATE" => NotDone::Late,
        "GONE" => NotDone::Gone,
        "CHANGED" => NotDone::Changed,
        "WRONGTYPE" => NotDone::WrongType,
        "TAKEN" => NotDone::Taken,
        "TOUCHED" => NotDone::Touched,
        "EXPIRED" => NotDone::Expired,
        _ => refusal("a read of the key", &text(detail)),
    };
    Outcome::NotDone(why)
}

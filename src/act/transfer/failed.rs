//! Failed jobs that a library keeps go back into their queue as the library itself puts them there: one plan for some
//! of them, each compared with what was read of it. Libraries whose way back is not known, or needs more than keys
//! tell, are refused with what to do instead.

mod bee_queue;
mod bull;
mod dramatiq;
mod json_jobs;
mod rq;

use super::super::plan::Guard;
use super::super::prepare::blank;
use super::super::scripts::Scripts;
use super::super::services::{Services, named};
use super::super::session::Session;
use super::super::{Plan, Prepared};
use super::{Transfer, TransferPick};
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, Command, NodeId, Reply};
use crate::family::{Read, Since, TaskKind};

/// Jobs in one plan: each brings a few comparisons and commands.
const JOBS: usize = 20;
/// Failed jobs looked at for such as can be moved, from either end.
const LOOKED_AT: u32 = 200;
/// A job that must be carried whole is left alone above this many bytes.
const CARRIED: u32 = 16 * 1024;

/// The failed jobs of one queue.
struct Failed {
    /// The key they stand in.
    from: Bytes,
    /// How many are meant to go back in all, were all asked for.
    count: u64,
    /// What must hold whichever job it is.
    guards: Vec<Guard>,
    /// Those that can be moved.
    jobs: Vec<Job>,
    /// What is sent once, behind the jobs' own steps.
    after: Vec<Command>,
    /// How many were looked at and stay, and why, behind "they".
    stay: (u64, &'static str),
    /// Whose way it is: `RQ's own requeue`.
    way: &'static str,
    /// What else must be known, in sentences.
    notes: Vec<String>,
}

/// One failed job.
struct Job {
    guards: Vec<Guard>,
    /// The last one takes it out of the failed ones.
    steps: Vec<Command>,
}

/// What the libraries' files look with.
struct Look<'a> {
    services: &'a Services,
    node: &'a NodeId,
    db: u32,
    /// The key of the queue.
    list: &'a Bytes,
    /// Only this job: its id, or the element it is.
    only: Option<&'a Bytes>,
    session: Session,
}

impl Look<'_> {
    async fn ask(&mut self, looks: &[Command]) -> Result<Vec<Reply>, String> {
        self.session.writer.pipeline(looks).await.map_err(|e| named(self.node, &e))
    }

    /// The same, where an error or a refusal is the end.
    async fn tell(&mut self, looks: &[Command]) -> Result<Vec<Reply>, String> {
        let replies = self.ask(looks).await?;
        match replies.iter().zip(looks).find_map(|(reply, look)| Some((reply.as_error()?, look))) {
            Some((error, look)) => Err(format!("{look}: {error}")),
            None => Ok(replies),
        }
    }

    /// The first ids of a sorted set, or the one that is meant.
    async fn ids(&mut self, set: &Bytes) -> Result<Vec<Bytes>, String> {
        if let Some(id) = self.only {
            return Ok(vec![id.clone()]);
        }
        let range = Command::new("ZRANGE").arg(set.clone()).arg(0_i64).arg(i64::from(LOOKED_AT) - 1);
        let replies = self.tell(&[range]).await?;
        Ok(bytes_of(replies.first()).into_iter().flatten().collect())
    }

    /// These fields of each hash.
    async fn fields(&mut self, hashes: &[Bytes], names: &[&str]) -> Result<Vec<Vec<Option<Bytes>>>, String> {
        let ask = |hash: &Bytes| {
            names.iter().fold(Command::new("HMGET").arg(hash.clone()), |ask, name| ask.arg(*name))
        };
        let asks: Vec<Command> = hashes.iter().map(ask).collect();
        Ok(self.tell(&asks).await?.iter().map(|reply| bytes_of(Some(reply))).collect())
    }

    /// Elements at one end of a key: the whole length of each, and its first bytes.
    async fn heads(&self, key: &Bytes, backwards: bool) -> Result<(u64, Vec<(u64, Bytes)>), String> {
        let mut reader = self.services.reader(self.node, self.db, key).await?;
        let read = Read::TaskHeads {
            key: key.clone(),
            kind: TaskKind::Any,
            since: Since::All,
            backwards,
            count: LOOKED_AT,
            max: CARRIED,
        };
        let replies = Scripts::default().read(&mut reader, &[read]).await;
        let replies = replies.map_err(|e| named(self.node, &e))?;
        if let Some(error) = replies.iter().find_map(Reply::as_error) {
            return Err(format!("{key}: {error}"));
        }
        let listed = replies.first().and_then(Reply::as_array).ok_or("jobs are read by EVAL_RO")?;
        let number = |reply: &Reply| u64::try_from(reply.as_int()?).ok();
        let head = |reply: &Reply| match reply.as_array()? {
            [len, head] => Some((number(len)?, head.as_bytes()?)),
            _ => None,
        };
        let len = listed.first().and_then(number).unwrap_or_default();
        Ok((len, listed.iter().skip(1).filter_map(head).collect()))
    }

    /// The server's clock: seconds and microseconds since the epoch.
    async fn clock(&mut self) -> Result<(i64, i64), String> {
        let replies = self.tell(&[Command::new("TIME")]).await?;
        clock(replies.first()).ok_or_else(|| "the server's clock could not be read: nothing was done".into())
    }
}

fn clock(reply: Option<&Reply>) -> Option<(i64, i64)> {
    let parts = reply?.as_array()?;
    let part = |i: usize| match parts.get(i)? {
        Reply::Int(n) => Some(*n),
        reply => reply.as_bytes()?.as_utf8()?.parse().ok(),
    };
    Some((part(0)?, part(1)?))
}

/// The elements of an array: `None` for each that is not there.
fn bytes_of(reply: Option<&Reply>) -> Vec<Option<Bytes>> {
    reply.and_then(Reply::as_array).unwrap_or_default().iter().map(Reply::as_bytes).collect()
}

/// How many, as a length command says.
fn len_of(reply: Option<&Reply>) -> u64 {
    reply.and_then(Reply::as_int).map_or(0, i64::unsigned_abs)
}

/// A reply is an error only where the key has another type: then this library is not the one.
fn is_another_type(replies: &[Reply]) -> bool {
    let wrong = |error: &ReplyError| error.code == "WRONGTYPE";
    replies.iter().filter_map(Reply::as_error).any(wrong)
}

/// The plan for the first of them, and how many are meant in all; `None`: no library is known to keep failed jobs of
/// this queue.
pub(super) async fn prepare(
    services: &Services,
    wish: &Transfer,
) -> Result<Option<(Prepared, Session, u64)>, String> {
    let (list, node, db) = (&wish.queue.key, &wish.queue.node, wish.queue.db);
    let only = match &wish.pick {
        TransferPick::Element(element) => Some(element),
        TransferPick::Oldest(_) => None,
    };
    let session = Session::open(services, node, db, list).await?;
    let mut look = Look { services, node, db, list, only, session };
    let Some(found) = find(&mut look).await? else { return Ok(None) };
    let session = look.session;
    plan(services, wish, session, found).map(Some)
}

async fn find(look: &mut Look<'_>) -> Result<Option<Failed>, String> {
    if let Some(found) = rq::find(look).await? {
        return Ok(Some(found));
    }
    if let Some(found) = json_jobs::find(look).await? {
        return Ok(Some(found));
    }
    if let Some(found) = bull::find(look).await? {
        return Ok(Some(found));
    }
    if let Some(found) = bee_queue::find(look).await? {
        return Ok(Some(found));
    }
    dramatiq::find(look).await
}

fn plan(
    services: &Services,
    wish: &Transfer,
    session: Session,
    found: Failed,
) -> Result<(Prepared, Session, u64), String> {
    let list = &wish.queue.key;
    let Failed { from, count, guards, jobs, after, stay: (left_out, why), way, notes } = found;
    let wanted = match wish.pick {
        TransferPick::Oldest(wanted) => wanted.max(1),
        TransferPick::Element(_) => 1,
    };
    let total = wanted.min(count);
    let jobs: Vec<Job> =
        jobs.into_iter().take(JOBS.min(usize::try_from(total).unwrap_or(usize::MAX))).collect();
    let n = jobs.len() as u64;
    if n == 0 && left_out == 0 {
        return Err(format!("{from} is empty: there is nothing to do"));
    }
    if n == 0 {
        return Err(format!(
            "none of the failed jobs of {list} can be moved back from here ({left_out} looked at): they {why}"
        ));
    }
    let target = session.target(wish.queue.db);
    let mut plan: Plan = blank(services, wish.intent(), target, &from);
    plan.guards = guards;
    for job in jobs {
        plan.guards.extend(job.guards);
        plan.steps.extend(job.steps);
    }
    plan.steps.extend(after);
    let what = if n == 1 { "1 failed job".into() } else { format!("{n} failed jobs") };
    plan.effects.push(format!("moves {what} of {count} back to {list}, as {way} does"));
    if total > n {
        plan.effects.push(format!("and so on until {total} are, in batches of {JOBS}, each compared anew"));
    }
    plan.effects.push("they are run again by its workers".into());
    if left_out > 0 {
        plan.warnings.push(format!("{left_out} failed jobs stay: they {why}"));
    }
    plan.warnings.extend(notes);
    Ok((Prepared { plan, needs_force: None }, session, total))
}

/// What moves the failed tasks of a library back.
pub(super) fn instead(library: &str) -> String {
    let by = match library {
        "RQ" => "`rq requeue --queue NAME --all`",
        "Sidekiq" => "its Web UI, or Sidekiq::RetrySet.new.retry_all and Sidekiq::DeadSet.new.retry_all",
        "Resque" => "its Web UI, or Resque::Failure.requeue",
        "BullMQ" => "queue.retryJobs()",
        "bee-queue" => "job.retry()",
        "Laravel" => "`php artisan queue:retry all`: its failed jobs are in a table of the application's",
        "asynq" => "`asynq task runall --queue=NAME --state=archived`, or asynqmon",
        "gocraft/work" => "its web UI, or Client.RetryAllDeadJobs",
        "rmq" => "queue.ReturnRejected in the application",
        "Celery" | "huey" | "arq" | "taskiq" | "machinery" | "SAQ" | "streaQ" => {
            return format!(
                "{library} keeps none of them in a form that could be queued again: send them again from the application"
            );
        }
        _ => return "use its own tools".into(),
    };
    format!("use {by}")
}

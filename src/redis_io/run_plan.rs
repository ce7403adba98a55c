//! Runs a plan: the deadline from the server's own clock first, then one script, or the same plan as a transaction.
//!
//! Two renderers of the same data: `script` where EVAL is permitted, `transaction` (WATCH, reads, MULTI,
//! steps, EXEC) where it is not. Neither knows what kind of action it runs.

mod connection;
mod script;
mod transaction;

use crate::act::plan::{Guard, Plan};
use crate::act::{NotDone, Outcome};
use crate::domain::bytes::escape_text;
use crate::domain::reply::{Redirect, ReplyError};
use crate::domain::{Bytes, Command, Reply};

use super::Writer;
use super::error::CallError;

/// By what means a connection can run plans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// The script.
    Script,
    /// WATCH / MULTI / EXEC: scripts are not permitted there.
    Transaction,
}

/// What became of a plan, and whether its connection now watches a subject that was free right afterwards.
#[derive(Clone, PartialEq, Debug)]
pub struct Ran {
    /// The outcome.
    pub outcome: Outcome,
    /// WATCH was taken in the same write as the plan and EXISTS said 0: "not used since" can be proven there.
    pub watched_free: bool,
}

impl From<Outcome> for Ran {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, watched_free: false }
    }
}

impl From<NotDone> for Ran {
    fn from(why: NotDone) -> Self {
        Outcome::NotDone(why).into()
    }
}

/// Asks by a dry run of the script, whose deadline has passed, whether scripts may run here: `Err` within says that
/// another node has the key.
pub async fn means_of(writer: &mut Writer, subject: &Bytes) -> Result<Result<Means, Redirect>, CallError> {
    let redirected = |reply: &Reply| reply.as_error().and_then(ReplyError::redirect);
    let reply = writer.call(&script::dry_run(subject)).await?;
    if let Some(redirect) = redirected(&reply) {
        return Ok(Err(redirect));
    }
    if matches!(reply, Reply::Array(_)) {
        return Ok(Ok(Means::Script));
    }
    // A right that is missing is noticed before a slot that is elsewhere.
    let reply = writer.call(&Command::new("PTTL").arg(subject.clone())).await?;
    Ok(redirected(&reply).map_or(Ok(Means::Transaction), Err))
}

/// WATCHes the keys of a plan that says `unchanged`, before they are read for its dialog.
pub async fn watch(writer: &mut Writer, keys: &[Bytes]) -> Result<(), NotDone> {
    let command = keys.iter().cloned().fold(Command::new("WATCH"), Command::arg);
    match writer.call(&command).await {
        Ok(Reply::Error(error)) => Err(refused("WATCH", &error)),
        Ok(_) => Ok(()),
        Err(error) => Err(NotDone::NotSent(error.to_string())),
    }
}

/// Runs the plan once and never again. A plan that says `unchanged` must run on the connection that WATCHed.
///
/// With `then_watch` the subject is WATCHed in the same write, so that an undo can prove it was not used since.
pub async fn run_plan(writer: &mut Writer, plan: &Plan, means: Means, then_watch: bool) -> Ran {
    let now_ms = match server_time(writer).await {
        Ok(now_ms) => now_ms,
        Err(why) => return why.into(),
    };
    let deadline_ms = now_ms + u64::try_from(plan.valid_for.as_millis()).unwrap_or(u64::MAX / 2);
    if let Some(client) = plan.client() {
        return connection::run(writer, plan, client, deadline_ms).await;
    }
    let tail = if then_watch { watch_tail(&plan.subject) } else { Vec::new() };
    let mut ran = match means {
        Means::Script => match script::run(writer, plan, deadline_ms, &tail).await {
            Some(ran) => ran,
            None => transaction::run(writer, plan, deadline_ms, &tail).await,
        },
        Means::Transaction => transaction::run(writer, plan, deadline_ms, &tail).await,
    };
    if let Outcome::NotDone(NotDone::Replica(words)) = &mut ran.outcome
        && let Some(primary) = primary_of(writer).await
    {
        *words = format!("its primary is {primary}");
    }
    ran
}

fn watch_tail(subject: &Bytes) -> Vec<Command> {
    vec![Command::new("WATCH").arg(subject.clone()), Command::new("EXISTS").arg(subject.clone())]
}

/// Reads the replies of [`watch_tail`] off the end.
fn split_tail(replies: &mut Vec<Reply>, tail: &[Command]) -> bool {
    let rest = replies.split_off(replies.len().saturating_sub(tail.len()));
    matches!(rest.as_slice(), [Reply::Status(_), Reply::Int(0)])
}

/// TIME in milliseconds since the epoch, on this very connection: a frozen server fails here, before anything is sent.
pub async fn server_time(writer: &mut Writer) -> Result<u64, NotDone> {
    match writer.call(&Command::new("TIME")).await {
        Ok(Reply::Error(error)) => Err(refused("TIME", &error)),
        Ok(reply) => {
            time_ms(&reply).ok_or_else(|| NotDone::NotSent("the server's clock was not understood".into()))
        }
        Err(error) => Err(NotDone::NotSent(error.to_string())),
    }
}

fn time_ms(reply: &Reply) -> Option<u64> {
    let [seconds, micros] = reply.as_array()? else { return None };
    let seconds = u64::try_from(seconds.as_int()?).ok()?;
    Some(seconds * 1000 + u64::try_from(micros.as_int()?).ok()? / 1000)
}

/// `host:port` of the primary of a replica, escaped.
async fn primary_of(writer: &mut Writer) -> Option<String> {
    let info = writer.call(&Command::new("INFO replication")).await.ok()?.as_bytes()?;
    let text = String::from_utf8_lossy(info.as_slice()).into_owned();
    let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    Some(escape_text(&format!("{}:{}", field("master_host")?.trim(), field("master_port")?.trim())))
}

/// The steps as they are sent: an undo's SET without the PX of its dialog, for what is left is computed last.
fn steps_to_send(plan: &Plan) -> Vec<Command> {
    let mut steps = plan.steps.clone();
    if plan.undo_of.as_ref().is_some_and(|restore| restore.pttl_ms.is_some()) {
        for set in steps.iter_mut().filter(|step| step.name() == "SET") {
            set.args.truncate(3);
        }
    }
    steps
}

/// What the server's words mean for a plan of which nothing ran yet.
fn refusal(command: &str, words: &str) -> NotDone {
    let lower = words.to_ascii_lowercase();
    let in_script = "the user executing the script can't";
    let denied = ["noperm", in_script, "acl failure", "no permissions", "has no permission"];
    if denied.iter().any(|part| lower.contains(part)) {
        let what = match () {
            () if lower.contains("channel") => format!("the channel of {command}"),
            () if lower.contains("key") && !lower.contains("command") => "this key".to_owned(),
            () => command.to_owned(),
        };
        NotDone::Denied(escape_text(&what))
    } else if words.starts_with("WRONGTYPE") || lower.contains("wrong kind of value") {
        NotDone::WrongType
    } else if words.starts_with("READONLY") || lower.contains("read only replica") {
        NotDone::Replica("it takes no writes".into())
    } else {
        NotDone::Refused(escape_text(words))
    }
}

/// The same for an error reply, which may also say that the key is elsewhere.
pub fn refused(command: &str, error: &ReplyError) -> NotDone {
    match (error.redirect(), error.code.as_str()) {
        (Some(Redirect { host, port, .. }), _) => NotDone::Moved(escape_text(&format!("{host}:{port}"))),
        (None, "TRYAGAIN") => NotDone::Moving,
        _ => refusal(command, &error.to_string()),
    }
}

fn refusal_of(command: &str, error: &ReplyError) -> Outcome {
    Outcome::NotDone(refused(command, error))
}

/// Sent, and no answer: it may have run.
fn unknown(error: &CallError) -> Outcome {
    Outcome::Unknown(error.to_string())
}

impl Guard {
    /// The key it looks at.
    pub fn key(&self) -> &Bytes {
        match self {
            Self::StringEquals { key, .. }
            | Self::StringLen { key, .. }
            | Self::StringDigest { key, .. }
            | Self::TypeIs { key, .. }
            | Self::Absent { key }
            | Self::HashFieldExists { key, .. }
            | Self::HashFieldEquals { key, .. }
            | Self::HashLen { key, .. }
            | Self::ZsetMember { key, .. }
            | Self::ListElement { key, .. }
            | Self::ListHolds { key, .. }
            | Self::HashFieldAbsent { key, .. }
            | Self::ZsetMemberAbsent { key, .. }
            | Self::ZsetLenAtMost { key, .. }
            | Self::SetMember { key, .. }
            | Self::SetMemberAbsent { key, .. }
            | Self::ClientNamed { channel: key, .. }
            | Self::NoTtl { key } => key,
        }
    }
}

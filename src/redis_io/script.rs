//! Scripts and transactions as commands: the script first, WATCH and MULTI where EVAL is not to be had.

use super::error::CallError;
use super::writer::Writer;
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, Command, Reply};

/// `EVAL script numkeys keys args`.
pub fn eval(script: &str, keys: &[&Bytes], args: &[Bytes]) -> Command {
    let command = Command::new("EVAL");
    // `Command::new` splits at spaces: the script is an argument of its own.
    let mut command = command.arg(script).arg(keys.len() as u64);
    command.args.extend(keys.iter().map(|key| (*key).clone()));
    command.args.extend(args.iter().cloned());
    command
}

/// True when EVAL itself is denied or gone, so that the same must be done by WATCH and MULTI. A command denied
/// inside a script is another thing.
pub fn is_eval_refused(error: &ReplyError) -> bool {
    (error.is_denied() && error.message.to_ascii_lowercase().contains("'eval'")) || error.is_unknown_command()
}

/// Runs the commands as one transaction. `Ok(Ok(None))`: a watched key was touched and nothing ran;
/// `Ok(Err(_))`: the server refused, and nothing ran.
pub async fn transaction(
    writer: &mut Writer,
    commands: Vec<Command>,
) -> Result<Result<Option<Vec<Reply>>, ReplyError>, CallError> {
    if let Err(refused) = begin(writer).await? {
        return Ok(Err(refused));
    }
    let mut all = commands;
    all.push(Command::new("EXEC"));
    let replies = writer.pipeline(&all).await?;
    // A refusal while queueing says more than the EXECABORT that follows it.
    let refused = replies.iter().find_map(Reply::as_error).cloned();
    match replies.into_iter().next_back() {
        Some(Reply::Array(results)) => Ok(Ok(Some(results))),
        Some(Reply::Nil) => Ok(Ok(None)),
        _ => {
            Ok(Err(refused.unwrap_or(ReplyError { code: "ERR".into(), message: "no answer to EXEC".into() })))
        }
    }
}

/// MULTI, with its answer awaited: where it is denied, commands sent along with it would run at once, one by one.
pub(super) async fn begin(writer: &mut Writer) -> Result<Result<(), ReplyError>, CallError> {
    match writer.call(&Command::new("MULTI")).await? {
        Reply::Error(error) => Ok(Err(error)),
        _ => Ok(Ok(())),
    }
}

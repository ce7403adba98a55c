//! One connection: commands out, replies in, one deadline around each call. Not shared outside this module.

use std::time::Duration;

use redis::aio::MultiplexedConnection;

use super::denials::Counter;
use super::error::CallError;
use crate::domain::bytes::escape_text;
use crate::domain::reply::ReplyError;
use crate::domain::{Command, Reply};

/// A connection after its handshake. A connection that timed out is dropped, not reused: the caller must
/// let go of it when an error says `broken`.
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    pub(super) timeout: Duration,
    pub(super) driver: tokio::task::JoinHandle<()>,
    /// How often the server's ACL refused us something.
    pub(super) denials: Counter,
    /// How often the server answered CLUSTERDOWN here: it counts that among its errors.
    pub(super) cluster_downs: u64,
    /// Keys here are on their way to this node: ASKING goes before each command, or once before a transaction.
    pub(super) asking: bool,
    /// Between MULTI and EXEC, where ASKING would be queued itself.
    pub(super) in_multi: bool,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    pub(super) fn new(
        connection: MultiplexedConnection,
        timeout: Duration,
        driver: tokio::task::JoinHandle<()>,
        denials: Counter,
    ) -> Self {
        Self { connection, timeout, driver, denials, cluster_downs: 0, asking: false, in_multi: false }
    }

    /// Sends all commands in one write; the replies stand in the same order, refused ones as `Reply::Error`.
    pub(super) async fn pipeline(&mut self, commands: &[Command]) -> Result<Vec<Reply>, CallError> {
        self.pipeline_within(commands, self.timeout).await
    }

    /// [`Link::pipeline`] with a deadline of its own.
    pub(super) async fn pipeline_within(
        &mut self,
        commands: &[Command],
        deadline: Duration,
    ) -> Result<Vec<Reply>, CallError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::Pipeline::with_capacity(commands.len());
        // Which of the replies answer what was asked for.
        let mut wanted = Vec::with_capacity(commands.len());
        for command in commands {
            let name = if self.asking { command.name() } else { String::new() };
            if self.asking && !self.in_multi {
                pipe.add_command(redis::cmd("ASKING"));
                wanted.push(false);
            }
            self.in_multi = (self.in_multi || name == "MULTI") && name != "EXEC" && name != "DISCARD";
            pipe.add_command(to_cmd(command));
            wanted.push(true);
        }
        let sent = self.connection.send_packed_commands(&pipe, 0, wanted.len());
        match tokio::time::timeout(deadline, sent).await {
            Ok(Ok(values)) => {
                let answered = values.into_iter().zip(wanted).filter(|(_, wanted)| *wanted);
                let replies: Vec<Reply> = answered.map(|(value, _)| to_reply(value)).collect();
                self.denials.take(&replies);
                let errors = replies.iter().filter_map(Reply::as_error);
                self.cluster_downs += errors.filter(|e| e.code == "CLUSTERDOWN").count() as u64;
                Ok(replies)
            }
            Ok(Err(error)) => Err(CallError::from_redis(&error)),
            Err(_elapsed) => {
                let name = commands.first().map(Command::name).unwrap_or_default();
                Err(CallError::timeout(&format!(
                    "{name} not answered within {}",
                    humantime::format_duration(deadline)
                )))
            }
        }
    }

    /// One command.
    pub(super) async fn call(&mut self, command: &Command) -> Result<Reply, CallError> {
        self.call_within(command, self.timeout).await
    }

    /// One command with a deadline of its own, for commands that block.
    pub(super) async fn call_within(
        &mut self,
        command: &Command,
        deadline: Duration,
    ) -> Result<Reply, CallError> {
        let mut replies = self.pipeline_within(std::slice::from_ref(command), deadline).await?;
        Ok(replies.pop().unwrap_or(Reply::Nil))
    }
}

fn to_cmd(command: &Command) -> redis::Cmd {
    let mut cmd = redis::Cmd::new();
    for arg in &command.args {
        cmd.arg(arg.as_slice());
    }
    cmd
}

pub(super) fn to_reply(value: redis::Value) -> Reply {
    use redis::Value;
    match value {
        Value::Int(i) => Reply::Int(i),
        Value::BulkString(bytes) => Reply::Bulk(bytes.into()),
        Value::SimpleString(text) => Reply::Status(text),
        Value::Okay => Reply::Status("OK".into()),
        Value::Array(items) | Value::Set(items) => Reply::Array(items.into_iter().map(to_reply).collect()),
        Value::Map(pairs) => Reply::Map(pairs.into_iter().map(|(k, v)| (to_reply(k), to_reply(v))).collect()),
        Value::Attribute { data, .. } => to_reply(*data),
        Value::Double(d) => Reply::Double(d),
        Value::Boolean(b) => Reply::Bool(b),
        Value::VerbatimString { text, .. } => Reply::Bulk(text.into()),
        Value::BigNumber(digits) => Reply::Bulk(digits.into()),
        Value::Push { data, .. } => Reply::Array(data.into_iter().map(to_reply).collect()),
        Value::ServerError(error) => Reply::Error(ReplyError {
            code: escape_text(error.code()),
            message: escape_text(error.details().unwrap_or_default()),
        }),
        // Nil, and kinds this library does not know yet.
        _ => Reply::Nil,
    }
}

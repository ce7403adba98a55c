//! A connection on which the server pushes which keys changed: `CLIENT TRACKING` in broadcasting mode.
//!
//! The server keeps what a tracking client does not read, without limit. A client that has subscribed to a channel
//! falls under its limit for Pub/Sub clients instead, so this one always has; who must stop reading (Ctrl-Z) closes
//! the connection first.

use std::sync::Arc;
use std::time::Duration;

use redis::{PushInfo, PushKind, Value};
use tokio::task::AbortHandle;

use super::connect::{ClientRole, client_name, open_push};
use super::error::CallError;
use super::link::Link;
use crate::config::Endpoint;
use crate::domain::node::Reason;
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, Command, Reply};

/// The channel that is only there to be subscribed to. Nobody publishes on it.
pub const CHANNEL: &str = "redwarden:push";

/// What came on a push connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pushed {
    /// These keys changed, in whatever database.
    Changed(Vec<Bytes>),
    /// Anything may have changed: FLUSHALL, FLUSHDB.
    Everything,
    /// A message on a channel that was subscribed to.
    Message {
        /// The channel.
        channel: Bytes,
        /// What was published.
        text: Bytes,
    },
    /// The connection is gone.
    Closed,
}

/// Takes what is pushed. Called on the task that reads the connection: it must not wait.
pub type PushSink = Arc<dyn Fn(Pushed) + Send + Sync>;

/// Why there are no pushes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// This server or this user will go on refusing: a sentence.
    Never(String),
    /// Something that may pass.
    Now(CallError),
}

/// An open push connection; dropping it closes it.
pub struct PushLink {
    link: Link,
}

impl PushLink {
    /// Connects and names the connection. Nothing is tracked yet.
    pub async fn open(endpoint: &Endpoint, timeout: Duration, sink: PushSink) -> Result<Self, Refusal> {
        let mut link = open_push(endpoint, timeout, sink).await.map_err(|error| {
            let text = error.detail.to_ascii_lowercase();
            if error.reason == Reason::Noperm {
                Refusal::Never("HELLO is not permitted".into())
            } else if ["unknown command", "noproto", "resp3"].iter().any(|sign| text.contains(sign)) {
                Refusal::Never("this server does not speak RESP3".into())
            } else {
                Refusal::Now(error)
            }
        })?;
        let name = Command::new("CLIENT SETNAME").arg(client_name(ClientRole::Push));
        // A courtesy that may be refused.
        link.call(&name).await.map_err(Refusal::Now)?;
        Ok(Self { link })
    }

    /// Ends the connection from elsewhere, for example before this process is stopped.
    pub fn abort_handle(&self) -> AbortHandle {
        self.link.driver.abort_handle()
    }

    /// False once it is gone.
    pub fn is_open(&self) -> bool {
        !self.link.driver.is_finished()
    }

    /// Asks for notices of all keys that begin with one of these; none may be the beginning of another.
    pub async fn track(&mut self, prefixes: &[Bytes]) -> Result<(), Refusal> {
        let subscribe = Command::new("SUBSCRIBE").arg(CHANNEL);
        self.must(&subscribe, "SUBSCRIBE").await?;
        let tracking =
            prefixes.iter().fold(Command::new("CLIENT TRACKING").arg("ON").arg("BCAST"), |c, p| {
                c.arg("PREFIX").arg(p.clone())
            });
        self.must(&tracking, "CLIENT TRACKING").await
    }

    /// Asks for the messages of a channel.
    pub async fn subscribe(&mut self, channel: &Bytes) -> Result<(), Refusal> {
        self.must(&Command::new("SUBSCRIBE").arg(channel.clone()), "SUBSCRIBE").await
    }

    /// Asks for them no more.
    pub async fn unsubscribe(&mut self, channel: &Bytes) -> Result<(), Refusal> {
        self.must(&Command::new("UNSUBSCRIBE").arg(channel.clone()), "UNSUBSCRIBE").await
    }

    /// True when it still answers.
    pub async fn ping(&mut self) -> bool {
        matches!(self.link.call(&Command::new("PING")).await, Ok(reply) if reply.as_error().is_none_or(ReplyError::is_denied))
    }

    async fn must(&mut self, command: &Command, name: &str) -> Result<(), Refusal> {
        match self.link.call(command).await {
            Ok(Reply::Error(e)) if e.is_denied() && e.message.to_ascii_lowercase().contains("channel") => {
                Err(Refusal::Never(format!("the channel {CHANNEL} is not permitted")))
            }
            Ok(Reply::Error(e)) if e.is_denied() => Err(Refusal::Never(format!("{name} is not permitted"))),
            Ok(Reply::Error(e)) if matches!(e.code.as_str(), "LOADING" | "BUSY" | "MASTERDOWN") => {
                Err(Refusal::Now(CallError::from_reply(&e)))
            }
            Ok(Reply::Error(e)) => Err(Refusal::Never(format!("{name} is not to be had there: {e}"))),
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::Now(error)),
        }
    }
}

/// Adapts a sink to the library.
pub(super) struct Sender(pub(super) PushSink);

impl redis::aio::AsyncPushSender for Sender {
    fn send(&self, info: PushInfo) -> Result<(), redis::aio::SendError> {
        match info.kind {
            PushKind::Disconnection => (self.0)(Pushed::Closed),
            PushKind::Invalidate => match info.data.into_iter().next() {
                Some(Value::Array(keys)) => {
                    let key =
                        |value| if let Value::BulkString(key) = value { Some(key.into()) } else { None };
                    (self.0)(Pushed::Changed(keys.into_iter().filter_map(key).collect()));
                }
                _ => (self.0)(Pushed::Everything),
            },
            PushKind::Message => {
                if let [Value::BulkString(channel), Value::BulkString(text)] = info.data.as_slice() {
                    let (channel, text) = (channel.clone().into(), text.clone().into());
                    (self.0)(Pushed::Message { channel, text });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

//! Where a simulated client works, and its connection: beside a key that moves it goes along.

use std::time::Duration;

use crate::config::Endpoint;
use crate::domain::node::Reason;
use crate::domain::{Command, Reply};
use crate::redis_io::{CallError, ClientRole, WritePermit, Writer};

/// Deadline of a call; a frozen demo server is no reason to hurry.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Where a client works.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// On this node.
    Node(Endpoint),
    /// On whichever of these takes writes for its key.
    Any(Vec<Endpoint>),
}

impl Place {
    /// A connection to where the key is, under this client name.
    pub(super) async fn connect(&self, name: &str, key: &str) -> Result<Client, CallError> {
        match self {
            Self::Node(endpoint) => Client::open(endpoint, name).await,
            Self::Any(endpoints) => {
                for endpoint in endpoints {
                    let Ok(mut client) = Client::open(endpoint, name).await else { continue };
                    if client.takes_writes_for(key).await {
                        return Ok(client);
                    }
                }
                Err(CallError::new(Reason::Other, "no node takes writes for the key"))
            }
        }
    }
}

/// A connection of a simulated client. An answer that says "not here any more" ends it like a broken one.
pub(super) struct Client(Writer);

impl Client {
    async fn open(endpoint: &Endpoint, name: &str) -> Result<Self, CallError> {
        let permit = WritePermit::for_own_servers();
        let mut writer = Writer::open(endpoint, ClientRole::Demo, TIMEOUT, permit).await?;
        writer.call(&Command::new("CLIENT SETNAME").arg(name)).await?;
        Ok(Self(writer))
    }

    async fn takes_writes_for(&mut self, key: &str) -> bool {
        let asked = [Command::new("ROLE"), Command::new("EXISTS").arg(key)];
        let Ok(replies) = self.0.pipeline(&asked).await else { return false };
        let [Reply::Array(role), Reply::Int(_)] = replies.as_slice() else { return false };
        role.first().and_then(Reply::as_bytes).is_some_and(|role| role == "master".into())
    }

    /// One command.
    pub(super) async fn call(&mut self, command: &Command) -> Result<Reply, CallError> {
        self.0.call(command).await.and_then(still_here)
    }

    /// One command with a deadline of its own, for those that block.
    pub(super) async fn call_within(
        &mut self,
        command: &Command,
        deadline: Duration,
    ) -> Result<Reply, CallError> {
        self.0.call_within(command, deadline).await.and_then(still_here)
    }

    /// Several commands in one write.
    pub(super) async fn pipeline(&mut self, commands: &[Command]) -> Result<Vec<Reply>, CallError> {
        self.0.pipeline(commands).await?.into_iter().map(still_here).collect()
    }
}

fn still_here(reply: Reply) -> Result<Reply, CallError> {
    const ELSEWHERE: [&str; 5] = ["MOVED", "ASK", "CLUSTERDOWN", "READONLY", "UNBLOCKED"];
    match reply {
        Reply::Error(error) if ELSEWHERE.contains(&error.code.as_str()) => Err(CallError::from_reply(&error)),
        other => Ok(other),
    }
}

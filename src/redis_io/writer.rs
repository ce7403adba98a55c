//! A connection that may write. It can't be built without a [`WritePermit`], which read-only mode never gives out.

use std::time::Duration;

use super::connect::{ClientRole, open};
use super::error::CallError;
use super::link::Link;
use super::permit::WritePermit;
use crate::config::Endpoint;
use crate::domain::{Command, Reply};

/// A connection that may run any command.
pub struct Writer {
    link: Link,
}

impl Writer {
    /// Connects for writing.
    pub async fn open(
        endpoint: &Endpoint,
        role: ClientRole,
        timeout: Duration,
        _permit: WritePermit,
    ) -> Result<Self, CallError> {
        Ok(Self { link: open(endpoint, role, timeout).await? })
    }

    /// From now on asks for keys whose slot is on its way to this node (ASKING).
    pub fn ask(&mut self) {
        self.link.asking = true;
    }

    /// One command within the connection's deadline.
    pub async fn call(&mut self, command: &Command) -> Result<Reply, CallError> {
        self.link.call(command).await
    }

    /// One command with a deadline of its own, for those that block.
    pub async fn call_within(&mut self, command: &Command, deadline: Duration) -> Result<Reply, CallError> {
        self.link.call_within(command, deadline).await
    }

    /// Several commands in one write.
    pub async fn pipeline(&mut self, commands: &[Command]) -> Result<Vec<Reply>, CallError> {
        self.link.pipeline(commands).await
    }
}

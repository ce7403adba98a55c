//! Keeps one simulated client on stage: connects, lets it play, and comes back when its node failed.

use std::time::Duration;

use super::cast::Part;
use crate::config::Endpoint;
use crate::domain::{Command, Reply};
use crate::redis_io::{CallError, ClientRole, WritePermit, Writer};

/// Deadline of a call; a frozen demo server is no reason to hurry.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One simulated client: its name on the server, and what it does.
#[derive(Clone, Debug)]
pub(super) struct Role {
    /// As in CLIENT LIST; not `redwarden:...`, so that the dashboard takes it for somebody else's.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) part: Part,
}

/// Puts in place what is there before the curtain rises. A failure shows on screen soon enough.
pub(super) async fn seed(endpoint: &Endpoint, roles: &[Role]) {
    let Ok(mut writer) = connect(endpoint, "seed").await else { return };
    for role in roles {
        let commands = match &role.part {
            Part::Lock(lock) => lock.seed(role.name),
            Part::Queue(queue) => queue.seed(),
            Part::Consumer { .. } => Vec::new(),
        };
        let _ = writer.pipeline(&commands).await;
    }
}

/// Plays until the process ends.
pub(super) async fn play(endpoint: Endpoint, role: Role) {
    loop {
        if let Ok(mut writer) = connect(&endpoint, role.name).await {
            let _node_failed = perform(&mut writer, &role).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn connect(endpoint: &Endpoint, name: &str) -> Result<Writer, CallError> {
    let permit = WritePermit::for_own_servers();
    let mut writer = Writer::open(endpoint, ClientRole::Demo, TIMEOUT, permit).await?;
    writer.call(&Command::new("CLIENT SETNAME").arg(name)).await?;
    Ok(writer)
}

async fn perform(writer: &mut Writer, role: &Role) -> Result<(), CallError> {
    match &role.part {
        Part::Lock(lock) => lock.play(writer, role.name).await,
        Part::Queue(queue) => queue.play(writer).await,
        Part::Consumer { queue } => consume(writer, queue).await,
    }
}

/// A worker as most are written: blocked on its queue most of the time.
async fn consume(writer: &mut Writer, queue: &str) -> Result<(), CallError> {
    let take = Command::new("BRPOP").arg(queue).arg(20_i64);
    loop {
        let reply = writer.call_within(&take, Duration::from_secs(25)).await?;
        if matches!(reply, Reply::Array(_)) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

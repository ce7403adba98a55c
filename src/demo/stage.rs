//! Keeps one simulated client on stage: connects, lets it play, and comes back when its node failed.

use std::time::Duration;

use super::cast::Part;
use super::locks::Exit;
use super::place::{Client, Place};
use crate::domain::{Command, Reply};
use crate::redis_io::CallError;

/// One simulated client: its name on the server, and what it does.
#[derive(Clone, Debug)]
pub(super) struct Role {
    /// As in CLIENT LIST; not `redwarden:...`, so that the dashboard takes it for somebody else's.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) part: Part,
}

/// Puts in place what is there before the curtain rises. A failure shows on screen soon enough.
pub(super) async fn seed(place: &Place, roles: &[Role]) {
    for role in roles {
        let Ok(mut client) = place.connect("seed", role.part.key()).await else { continue };
        let commands = match &role.part {
            Part::Lock(lock) => lock.seed(role.name),
            Part::Queue(queue) => queue.seed(),
            Part::Consumer { .. } => Vec::new(),
        };
        let _ = client.pipeline(&commands).await;
    }
}

/// Plays until the process ends, or until the client dies.
pub(super) async fn play(place: Place, role: Role) {
    loop {
        let played = match place.connect(role.name, role.part.key()).await {
            // Who leaves the stage closes its connection.
            Ok(mut client) => perform(&mut client, &role).await,
            Err(error) => Err(error),
        };
        let pause = match played {
            Ok(Exit::ForGood) => return,
            Ok(Exit::BackIn(pause)) => pause,
            // Its node failed, or its key moved.
            Err(_) => Duration::from_secs(1),
        };
        tokio::time::sleep(pause).await;
    }
}

async fn perform(client: &mut Client, role: &Role) -> Result<Exit, CallError> {
    match &role.part {
        Part::Lock(lock) => lock.play(client, role.name).await,
        Part::Queue(queue) => queue.play(client).await.map(|()| Exit::BackIn(Duration::from_secs(1))),
        Part::Consumer { queue } => {
            consume(client, queue).await.map(|()| Exit::BackIn(Duration::from_secs(1)))
        }
    }
}

/// A worker as most are written: blocked on its queue most of the time.
async fn consume(client: &mut Client, queue: &str) -> Result<(), CallError> {
    let take = Command::new("BRPOP").arg(queue).arg(20_i64);
    loop {
        let reply = client.call_within(&take, Duration::from_secs(25)).await?;
        if matches!(reply, Reply::Array(_)) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

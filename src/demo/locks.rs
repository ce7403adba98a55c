//! Simulated lock holders.

use std::time::Duration;

use uuid::Uuid;

use super::place::Client;
use crate::domain::Command;
use crate::redis_io::CallError;

/// Compare-and-renew, as lock libraries do it.
const RENEW: &str =
    "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('PEXPIRE',KEYS[1],ARGV[2]) end return 0";
/// Compare-and-delete, as lock libraries do it.
const RELEASE: &str =
    "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0";

/// A holder that dies lives for so long: the dashboard sees it first.
const LIVES: Duration = Duration::from_secs(12);

/// How a client left the stage.
#[derive(Clone, Copy, Debug)]
pub(super) enum Exit {
    /// For good.
    ForGood,
    /// Its process is started again after so long.
    BackIn(Duration),
}

/// How a holder treats its lock.
#[derive(Clone, Copy, Debug)]
pub(super) enum Habit {
    /// Renews it as long as it lives; once lost, comes back for it after a while.
    Renewed {
        /// Time between renewals.
        every: Duration,
    },
    /// Takes it, works, gives it back.
    TakenAndReleased {
        /// How long it works.
        hold: Duration,
        /// How long it does without.
        gap: Duration,
    },
    /// Died between SETNX and EXPIRE: the classic stuck lock. Once released it stays so.
    NeverExpires,
    /// Took it with a long TTL and died: nobody renews it. Its next life takes it when it has run out.
    HolderDied,
}

/// A lock and its holder's habit.
#[derive(Clone, Debug)]
pub(super) struct LockPart {
    /// The key.
    pub(super) key: &'static str,
    /// TTL at each taking; of no meaning to a lock that never expires.
    pub(super) ttl: Duration,
    /// What its holder does.
    pub(super) habit: Habit,
}

impl LockPart {
    /// What is held before the demo begins.
    pub(super) fn seed(&self, holder: &str) -> Vec<Command> {
        match self.habit {
            Habit::NeverExpires => vec![Command::new("SETNX").arg(self.key).arg(token(holder))],
            Habit::HolderDied => vec![self.take(&token(holder))],
            Habit::Renewed { .. } | Habit::TakenAndReleased { .. } => Vec::new(),
        }
    }

    /// Plays until the connection fails, or until its client dies.
    pub(super) async fn play(&self, client: &mut Client, holder: &str) -> Result<Exit, CallError> {
        let mut token = token(holder);
        loop {
            match self.habit {
                Habit::Renewed { every } => {
                    client.call(&self.take(&token)).await?;
                    tokio::time::sleep(every).await;
                    let renewed = client.call(&self.scripted(RENEW, &token).arg(self.ttl_ms())).await?;
                    if renewed.as_int() != Some(1) {
                        // Taken away from it: a restarted process comes back with a new token.
                        tokio::time::sleep(Duration::from_secs(10)).await;
                        token = self::token(holder);
                    }
                }
                Habit::TakenAndReleased { hold, gap } => {
                    client.call(&self.take(&token)).await?;
                    tokio::time::sleep(hold).await;
                    client.call(&self.scripted(RELEASE, &token)).await?;
                    tokio::time::sleep(gap).await;
                    token = self::token(holder);
                }
                Habit::HolderDied => {
                    client.call(&self.take(&token)).await?;
                    tokio::time::sleep(LIVES).await;
                    return Ok(Exit::BackIn(self.ttl));
                }
                Habit::NeverExpires => {
                    tokio::time::sleep(LIVES).await;
                    return Ok(Exit::ForGood);
                }
            }
        }
    }

    fn take(&self, token: &str) -> Command {
        Command::new("SET").arg(self.key).arg(token).arg("NX").arg("PX").arg(self.ttl_ms())
    }

    fn scripted(&self, script: &str, token: &str) -> Command {
        Command::new("EVAL").arg(script).arg(1_i64).arg(self.key).arg(token)
    }

    fn ttl_ms(&self) -> i64 {
        i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX)
    }
}

fn token(holder: &str) -> String {
    format!("{holder}:{}", Uuid::new_v4())
}

//! Moves what a worker left in its lists back to where it came from, in batches.

use uuid::Uuid;

use super::{Session, consuming_end, elements, int};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::script::{eval, is_eval_refused, transaction};
use crate::worker::trouble::Trouble;

const RECOVER: &str = include_str!("../../../assets/scripts/worker_recover.lua");
const RECOVER_RETRIES: &str = include_str!("../../../assets/scripts/worker_recover_retries.lua");

/// Elements one script call moves at most, so that the server is not held up.
const BATCH: u64 = 500;

/// Where tasks that a worker held go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// The consuming end of the queue, the oldest to be taken next.
    Queue,
    /// Those that rest, due at once; `true`: real ones.
    Retries(bool),
}

/// One move: keys, and whether the owner must be dead.
struct Move {
    home: Home,
    to: Bytes,
    from: Bytes,
    heartbeat: Bytes,
    /// `dead` or `own`, as the scripts name it.
    whose: &'static str,
}

impl Session {
    /// Moves that worker's tasks back. Returns how many.
    pub(super) async fn recover(
        &mut self,
        home: Home,
        id: Uuid,
        whose: &'static str,
    ) -> Result<u64, Trouble> {
        let keys = &self.me.keys;
        let (to, from) = match home {
            Home::Queue => (keys.queue.clone(), keys.processing(id)),
            Home::Retries(real) => (keys.retries(real), keys.retrying(id, real)),
        };
        let batch = Move { home, to, from, heartbeat: keys.heartbeat(id), whose };
        let mut moved = 0;
        loop {
            let n = if self.scripts {
                match self.writer.call(&self.recovery(&batch)).await? {
                    Reply::Error(e) if is_eval_refused(&e) => {
                        self.scripts = false;
                        continue;
                    }
                    reply => int(Some(&reply))?,
                }
            } else {
                self.recover_watched(&batch).await?
            };
            moved += n.max(0).unsigned_abs();
            if n < BATCH as i64 {
                return Ok(moved);
            }
        }
    }

    fn recovery(&self, batch: &Move) -> Command {
        let keys = [&batch.to, &batch.from, &batch.heartbeat];
        match batch.home {
            Home::Queue => {
                let args = [consuming_end(self.me.push).into(), BATCH.into(), batch.whose.into()];
                eval(RECOVER, &keys, &args)
            }
            Home::Retries(_) => eval(RECOVER_RETRIES, &keys, &[BATCH.into(), batch.whose.into()]),
        }
    }

    /// One batch without scripts. Returns 0 as well when somebody touched the keys: the next look does it.
    async fn recover_watched(&mut self, batch: &Move) -> Result<i64, Trouble> {
        let Move { to, from, heartbeat, .. } = batch;
        let replies = self
            .writer
            .pipeline(&[
                Command::new("WATCH").arg(from.clone()).arg(heartbeat.clone()),
                Command::new("EXISTS").arg(heartbeat.clone()),
                Command::new("LRANGE").arg(from.clone()).arg(0_i64).arg(BATCH as i64 - 1),
            ])
            .await?;
        if let Some(Reply::Error(e)) = replies.first() {
            return Err(e.into());
        }
        let alive = batch.whose == "dead" && int(replies.get(1))? != 0;
        let elements = elements(replies.get(2))?;
        if alive || elements.is_empty() {
            self.writer.call(&Command::new("UNWATCH")).await?;
            return Ok(0);
        }
        // MULTI does not undo: the first command would be refused and the trim not, were that key of another type.
        let wanted = if batch.home == Home::Queue { "list" } else { "zset" };
        let kind = self.type_of(to).await?;
        if kind.as_slice() != wanted.as_bytes() && kind.as_slice() != b"none" {
            self.writer.call(&Command::new("UNWATCH")).await?;
            return Err(Trouble::Never(format!("{to} is a {kind}, not a {wanted}")));
        }
        let n = elements.len() as i64;
        let trim = Command::new("LTRIM").arg(from.clone()).arg(n).arg(-1_i64);
        let moves = vec![self.back(batch, elements), trim];
        match transaction(&mut self.writer, moves).await? {
            Ok(Some(_)) => Ok(n),
            Ok(None) => Ok(0),
            Err(e) => Err((&e).into()),
        }
    }

    fn back(&self, batch: &Move, elements: Vec<Bytes>) -> Command {
        let name = match (batch.home, self.me.push) {
            (Home::Retries(_), _) => "ZADD",
            (Home::Queue, PushEnd::Left) => "RPUSH",
            (Home::Queue, PushEnd::Right) => "LPUSH",
        };
        elements.into_iter().fold(Command::new(name).arg(batch.to.clone()), |command, element| {
            match batch.home {
                Home::Queue => command.arg(element),
                Home::Retries(_) => command.arg(0_i64).arg(element),
            }
        })
    }
}

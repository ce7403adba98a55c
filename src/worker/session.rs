//! One life of the worker's control connection: registration, heartbeat, recovery of what dead workers left.

mod recover;
mod retries;
mod settle;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::hand::Slot;
use super::keys::Keys;
use super::trouble::Trouble;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::Writer;
use crate::redis_io::script::{eval, is_eval_refused};
use recover::Home;
pub(super) use retries::Due;
pub(super) use settle::{Fate, Settlement};

const PUT_BACK: &str = include_str!("../../assets/scripts/worker_put_back.lua");

/// A dead worker stays registered this long: a command of its that the server still had in its buffers may
/// move a task to its list after we looked, and somebody must look again.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);
/// Workers looked at.
const WORKERS: i64 = 1000;

/// The end consumers take from, as the scripts name it.
pub(super) fn consuming_end(push: PushEnd) -> &'static str {
    match push {
        PushEnd::Left => "right",
        PushEnd::Right => "left",
    }
}

/// Who works where.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) keys: Keys,
    pub(super) id: Uuid,
    pub(super) push: PushEnd,
    /// It has a command for real tasks.
    pub(super) real: bool,
    pub(super) ttl: Duration,
}

impl Identity {
    pub(super) fn processing(&self) -> Bytes {
        self.keys.processing(self.id)
    }

    pub(super) fn retries(&self) -> Bytes {
        self.keys.retries(self.real)
    }

    pub(super) fn retrying(&self) -> Bytes {
        self.keys.retrying(self.id, self.real)
    }

    pub(super) fn heartbeat(&self) -> Bytes {
        self.keys.heartbeat(self.id)
    }
}

/// What a heartbeat found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    /// The key had run out: others may have taken our tasks over.
    pub(super) was_expired: bool,
    /// Length of our processing lists.
    pub(super) processing: u64,
}

pub(super) struct Session {
    pub(super) writer: Writer,
    pub(super) me: Identity,
    /// When the last heartbeat that was answered was sent.
    pub(super) beaten: Instant,
    /// Fewer replicas than asked for had the last write.
    pub(super) unreplicated: bool,
    wait: Option<Command>,
    scripts: bool,
    registered: bool,
}

impl Session {
    /// `registered`: an earlier session wrote us into the register.
    /// `wait`: what to send after each removal, see [`wait_command`].
    pub(super) fn new(writer: Writer, me: Identity, registered: bool, wait: Option<Command>) -> Self {
        Self { writer, me, beaten: Instant::now(), unreplicated: false, wait, scripts: true, registered }
    }

    /// Type of a key; `none` when it does not exist.
    async fn type_of(&mut self, key: &Bytes) -> Result<Bytes, Trouble> {
        match self.writer.call(&Command::new("TYPE").arg(key.clone())).await? {
            Reply::Error(e) => Err((&e).into()),
            reply => Ok(reply.as_bytes().unwrap_or_default()),
        }
    }

    /// Renews the heartbeat, or sets it where it has run out, and says so.
    pub(super) async fn beat(&mut self) -> Result<Beat, Trouble> {
        let ttl = self.me.ttl.as_millis() as u64;
        let sent = Instant::now();
        // PEXPIRE also works when the server is out of memory; SET would not.
        let replies = self
            .writer
            .pipeline(&[
                Command::new("PEXPIRE").arg(self.me.heartbeat()).arg(ttl),
                Command::new("LLEN").arg(self.me.processing()),
                Command::new("LLEN").arg(self.me.retrying()),
            ])
            .await?;
        let was_expired = int(replies.first())? == 0;
        let mut processing = int(replies.get(1))? + int(replies.get(2))?;
        if was_expired {
            let renewal = Command::new("SET").arg(self.me.heartbeat()).arg("1").arg("PX").arg(ttl);
            let lengths = [self.me.processing(), self.me.retrying()].map(|k| Command::new("LLEN").arg(k));
            let [first, second] = lengths;
            let replies = self.writer.pipeline(&[renewal, first, second]).await?;
            if let Some(Reply::Error(e)) = replies.first() {
                return Err(e.into());
            }
            processing = int(replies.get(1))? + int(replies.get(2))?;
        }
        self.beaten = sent;
        Ok(Beat { was_expired, processing: processing.unsigned_abs() })
    }

    /// Writes us into the register of workers, under the server's time.
    async fn register(&mut self, now_ms: i64) -> Result<(), Trouble> {
        let add =
            Command::new("ZADD").arg(self.me.keys.workers.clone()).arg(now_ms).arg(self.me.id.to_string());
        match self.writer.call(&add).await? {
            // Out of memory: what runs can still be finished, and the register knows us from before.
            Reply::Error(e) if e.code == "OOM" && self.registered => Ok(()),
            Reply::Error(e) => Err((&e).into()),
            _ => {
                self.registered = true;
                Ok(())
            }
        }
    }

    /// Registers us and, if asked, moves back what dead workers of ours left. Returns how many tasks that were.
    pub(super) async fn look_around(&mut self, recover: bool) -> Result<u64, Trouble> {
        let range = Command::new("ZRANGE")
            .arg(self.me.keys.workers.clone())
            .arg(0_i64)
            .arg(WORKERS - 1)
            .arg("WITHSCORES");
        let replies = self.writer.pipeline(&[Command::new("TIME"), range]).await?;
        let now_ms = server_ms(replies.first()).unwrap_or_else(our_ms);
        self.register(now_ms).await?;
        if !recover {
            return Ok(0);
        }
        let workers = match replies.get(1) {
            Some(Reply::Error(e)) => return Err(e.into()),
            Some(reply) => members(reply),
            None => Vec::new(),
        };
        let others: Vec<(Uuid, f64)> = workers.into_iter().filter(|(id, _)| *id != self.me.id).collect();
        let looks: Vec<Command> = others
            .iter()
            .flat_map(|(id, _)| {
                let keys = &self.me.keys;
                [
                    keys.heartbeat(*id),
                    keys.processing(*id),
                    keys.retrying(*id, true),
                    keys.retrying(*id, false),
                ]
            })
            .map(|key| Command::new("EXISTS").arg(key))
            .collect();
        let replies = self.writer.pipeline(&looks).await?;
        let mut recovered = 0;
        for ((id, heard), found) in others.into_iter().zip(replies.chunks(4)) {
            let exists = |i: usize| int(found.get(i)).map(|n| n != 0);
            let (alive, leaves_tasks, leaves_retries) = (exists(0)?, exists(1)?, [exists(2)?, exists(3)?]);
            if alive {
                continue;
            }
            if leaves_tasks {
                recovered += self.recover(Home::Queue, id, "dead").await?;
            }
            for (leaves, real) in leaves_retries.into_iter().zip([true, false]) {
                if leaves {
                    recovered += self.recover(Home::Retries(real), id, "dead").await?;
                }
            }
            if !leaves_tasks
                && leaves_retries == [false, false]
                && now_ms as f64 - heard > FORGET_AFTER.as_millis() as f64
            {
                let forget = Command::new("ZREM").arg(self.me.keys.workers.clone()).arg(id.to_string());
                self.writer.call(&forget).await?;
            }
        }
        Ok(recovered)
    }

    /// Our processing lists, oldest first.
    pub(super) async fn processing(&mut self) -> Result<Vec<(Slot, Bytes)>, Trouble> {
        let range = |key| Command::new("LRANGE").arg(key).arg(0_i64).arg(-1_i64);
        let replies = self.writer.pipeline(&[range(self.me.processing()), range(self.me.retrying())]).await?;
        let mut list = Vec::new();
        for (slot, reply) in [Slot::Queue, Slot::Retries].into_iter().zip(0..) {
            list.extend(elements(replies.get(reply))?.into_iter().rev().map(|element| (slot, element)));
        }
        Ok(list)
    }

    /// Puts the task taken last back to where it came from. False: it could not be, and is still ours.
    pub(super) async fn put_back(&mut self, element: &Bytes) -> Result<bool, Trouble> {
        if !self.scripts {
            return Ok(false);
        }
        let args = [consuming_end(self.me.push).into(), element.clone()];
        let keys = [&self.me.keys.queue.clone(), &self.me.processing()];
        match self.writer.call(&eval(PUT_BACK, &keys, &args)).await? {
            Reply::Error(e) if is_eval_refused(&e) => {
                self.scripts = false;
                Ok(false)
            }
            reply => Ok(int(Some(&reply))? > 0),
        }
    }

    /// The orderly end: what is still in our list goes back, then we leave the register. Returns how many went back.
    pub(super) async fn retire(&mut self) -> Result<u64, Trouble> {
        let mut back = self.recover(Home::Queue, self.me.id, "own").await?;
        if int(Some(&self.writer.call(&Command::new("EXISTS").arg(self.me.retrying())).await?))? != 0 {
            back += self.recover(Home::Retries(self.me.real), self.me.id, "own").await?;
        }
        // Should a list not be empty (WATCH lost a race), others find it by the register.
        let lists = [self.me.processing(), self.me.retrying()].map(|key| Command::new("EXISTS").arg(key));
        let replies = self.writer.pipeline(&lists).await?;
        if int(replies.first())? == 0 && int(replies.get(1))? == 0 {
            let leave = Command::new("ZREM").arg(self.me.keys.workers.clone()).arg(self.me.id.to_string());
            self.writer.call(&leave).await?;
        }
        self.writer.call(&Command::new("DEL").arg(self.me.heartbeat())).await?;
        Ok(back)
    }
}

pub(super) fn int(reply: Option<&Reply>) -> Result<i64, Trouble> {
    match reply {
        Some(Reply::Error(e)) => Err(e.into()),
        Some(reply) => {
            reply.as_int().ok_or_else(|| Trouble::Refused("the server answered something unexpected".into()))
        }
        None => Err(Trouble::Lost("an answer is missing".into())),
    }
}

pub(super) fn elements(reply: Option<&Reply>) -> Result<Vec<Bytes>, Trouble> {
    match reply {
        Some(Reply::Error(e)) => Err(e.into()),
        Some(reply) => Ok(reply.as_array().unwrap_or_default().iter().filter_map(Reply::as_bytes).collect()),
        None => Err(Trouble::Lost("an answer is missing".into())),
    }
}

/// Members with their scores, from RESP2 (flat) or RESP3 (pairs). Strangers in the set are passed over.
fn members(reply: &Reply) -> Vec<(Uuid, f64)> {
    let member = |reply: &Reply| Uuid::parse_str(reply.as_bytes()?.as_utf8()?).ok();
    let score = |reply: &Reply| match reply {
        Reply::Double(score) => Some(*score),
        reply => reply.as_bytes()?.as_utf8()?.parse().ok(),
    };
    let items = reply.as_array().unwrap_or_default();
    let pairs: Vec<&[Reply]> = match items.first() {
        Some(Reply::Array(_)) => items.iter().filter_map(Reply::as_array).collect(),
        _ => items.chunks(2).collect(),
    };
    pairs.into_iter().filter_map(|pair| Some((member(pair.first()?)?, score(pair.get(1)?)?))).collect()
}

fn server_ms(reply: Option<&Reply>) -> Option<i64> {
    let parts = reply?.as_array()?;
    Some(parts.first()?.as_int()? * 1000 + parts.get(1)?.as_int()? / 1000)
}

pub(super) fn our_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// `WAIT` for so many replicas, no longer than half a call's deadline; `None` for no replica.
pub(super) fn wait_command(replicas: u32, timeout: Duration) -> Option<Command> {
    let ms = (timeout.as_millis() as u64 / 2).max(1);
    (replicas > 0).then(|| Command::new("WAIT").arg(u64::from(replicas)).arg(ms))
}

/// True when that many replicas have what was written before the `WAIT`.
pub(super) fn is_replicated(wait: &Command, reply: Option<&Reply>) -> bool {
    let wanted = wait.args.get(1).and_then(|n| n.as_utf8()?.parse::<i64>().ok());
    reply.and_then(Reply::as_int) >= wanted
}

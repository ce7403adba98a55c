//! Takes the next task on a connection of its own: blocking for real tasks, polling for test tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::session::{Identity, consuming_end, is_replicated};
use super::task::{Envelope, TEST_KIND};
use super::trouble::Trouble;
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::Writer;
use crate::redis_io::script::{eval, is_eval_refused, transaction};

const TAKE_TEST: &str = include_str!("../../assets/scripts/worker_take_test.lua");
const TAKE: &str = include_str!("../../assets/scripts/worker_take.lua");

/// Elements looked at for a test task.
const LOOK_AT: i64 = 100;
/// Longest element that is parsed, bytes. Our own envelopes are far shorter.
const LONGEST: u64 = 4096;
/// Bytes looked at in one go.
const BYTES: u64 = 1024 * 1024;
/// Pauses between looks that find nothing.
const IDLE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Pause where the elements are so large that a look costs the server something.
const HEAVY: Duration = Duration::from_secs(5);

/// How tasks are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// BLMOVE, Redis 6.2 and later.
    Move,
    /// BRPOPLPUSH, before 6.2 and only from the right end.
    PopPush,
    /// A polled script, for the left end before 6.2.
    Script,
    /// Test tasks by script.
    Test,
    /// Test tasks by WATCH and MULTI, where EVAL is denied.
    TestWatched,
}

/// What a look for a test task found.
enum Look {
    Found(Bytes),
    Nothing,
    Heavy,
}

pub(super) struct Taker {
    writer: Writer,
    me: Identity,
    how: How,
    timeout: Duration,
    idle: Duration,
    /// Cuts an idle pause short.
    hurry: Arc<Notify>,
    /// What to send after a task was taken, see [`wait_command`](super::session::wait_command).
    wait: Option<Command>,
}

/// Whether a try waits for a task to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Patience {
    /// Only what is there now.
    None,
    /// About a second.
    Block,
}

/// What a try found.
#[derive(Debug)]
pub(super) struct Taken {
    /// As it stood in the queue; in our processing list now.
    pub(super) element: Bytes,
    /// As many replicas as asked for have it there, too.
    pub(super) replicated: bool,
}

impl Taker {
    pub(super) fn new(
        writer: Writer,
        me: Identity,
        timeout: Duration,
        hurry: Arc<Notify>,
        wait: Option<Command>,
    ) -> Self {
        let how = if me.real { How::Move } else { How::Test };
        Self { writer, me, how, timeout, idle: IDLE.0, hurry, wait }
    }

    pub(super) fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// One try: the element moved to our processing list, if one came in time.
    pub(super) async fn take(mut self, patience: Patience) -> (Self, Result<Option<Taken>, Trouble>) {
        let result = self.confirmed(patience).await;
        (self, result)
    }

    async fn confirmed(&mut self, patience: Patience) -> Result<Option<Taken>, Trouble> {
        let Some(element) = self.once(patience).await? else { return Ok(None) };
        let replicated = match &self.wait {
            // The link allows for the whole deadline, WAIT for half of it.
            Some(wait) => is_replicated(wait, Some(&self.writer.call(wait).await?)),
            None => true,
        };
        Ok(Some(Taken { element, replicated }))
    }

    async fn once(&mut self, patience: Patience) -> Result<Option<Bytes>, Trouble> {
        let look = match self.how {
            How::Move | How::PopPush => return self.blocking(patience).await,
            How::Script => {
                let keys = [&self.me.keys.queue.clone(), &self.me.processing()];
                match self.writer.call(&eval(TAKE, &keys, &[])).await? {
                    Reply::Error(e) => return Err((&e).into()),
                    reply => reply.as_bytes().map_or(Look::Nothing, Look::Found),
                }
            }
            How::Test => self.test().await?,
            How::TestWatched => self.test_watched().await?,
        };
        let pause = match look {
            Look::Found(element) => {
                self.idle = IDLE.0;
                return Ok(Some(element));
            }
            Look::Heavy => HEAVY,
            Look::Nothing => {
                let pause = self.idle;
                self.idle = (self.idle * 2).min(IDLE.1);
                pause
            }
        };
        if patience == Patience::None {
            return Ok(None);
        }
        tokio::select! {
            () = tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)) => {}
            () = self.hurry.notified() => {}
        }
        Ok(None)
    }

    async fn blocking(&mut self, patience: Patience) -> Result<Option<Bytes>, Trouble> {
        let block = match patience {
            // The shortest that is not "for ever"; a move that does not block would need further rights.
            Patience::None => Duration::from_millis(1),
            // The heartbeat must outlive the block: else a task could be moved to the list of a worker thought dead.
            Patience::Block => (self.me.ttl / 4).clamp(Duration::from_millis(100), Duration::from_secs(1)),
        };
        let left_to_right = match self.me.push {
            PushEnd::Left => ("RIGHT", "LEFT"),
            PushEnd::Right => ("LEFT", "LEFT"),
        };
        let (queue, processing) = (self.me.keys.queue.clone(), self.me.processing());
        let (command, block) = if self.how == How::Move {
            let command = Command::new("BLMOVE").arg(queue).arg(processing);
            (command.arg(left_to_right.0).arg(left_to_right.1).arg(block.as_secs_f64().to_string()), block)
        } else {
            (Command::new("BRPOPLPUSH").arg(queue).arg(processing).arg("1"), Duration::from_secs(1))
        };
        match self.writer.call_within(&command, block + self.timeout).await? {
            Reply::Nil => Ok(None),
            Reply::Error(e) if self.how == How::Move && (e.is_unknown_command() || e.is_denied()) => {
                self.how = if self.me.push == PushEnd::Left { How::PopPush } else { How::Script };
                Ok(None)
            }
            Reply::Error(e) => Err((&e).into()),
            reply => Ok(reply.as_bytes()),
        }
    }

    async fn test(&mut self) -> Result<Look, Trouble> {
        let keys = [&self.me.keys.queue.clone(), &self.me.processing(), &self.me.heartbeat()];
        let args = [
            consuming_end(self.me.push).into(),
            LOOK_AT.into(),
            LONGEST.into(),
            BYTES.into(),
            TEST_KIND.into(),
        ];
        match self.writer.call(&eval(TAKE_TEST, &keys, &args)).await? {
            Reply::Error(e) if is_eval_refused(&e) => {
                self.how = How::TestWatched;
                self.test_watched().await
            }
            Reply::Error(e) => Err((&e).into()),
            Reply::Int(-1) => Ok(Look::Heavy),
            // -2: the heartbeat has run out; the engine sees to it.
            Reply::Int(_) => Ok(Look::Nothing),
            reply => Ok(reply.as_bytes().map_or(Look::Nothing, Look::Found)),
        }
    }

    /// The same by WATCH: elements are fetched one after the other, so that no more than [`BYTES`] and one element come.
    async fn test_watched(&mut self) -> Result<Look, Trouble> {
        let queue = self.me.keys.queue.clone();
        let watch = Command::new("WATCH").arg(queue.clone()).arg(self.me.heartbeat());
        let alive = Command::new("EXISTS").arg(self.me.heartbeat());
        let replies = self.writer.pipeline(&[watch, alive]).await?;
        if let Some(e) = replies.iter().find_map(Reply::as_error) {
            return Err(e.into());
        }
        let mut look = Look::Nothing;
        let mut seen = 0;
        if replies.get(1).and_then(Reply::as_int) == Some(1) {
            for i in 0..LOOK_AT {
                let index = if self.me.push == PushEnd::Left { -1 - i } else { i };
                let element =
                    match self.writer.call(&Command::new("LINDEX").arg(queue.clone()).arg(index)).await? {
                        Reply::Error(e) => return Err((&e).into()),
                        reply => reply.as_bytes(),
                    };
                let Some(element) = element else { break };
                seen += element.len() as u64;
                if element.len() as u64 <= LONGEST && Envelope::read(&element).test {
                    look = Look::Found(element);
                    break;
                }
                if seen > BYTES {
                    look = Look::Heavy;
                    break;
                }
            }
        }
        let Look::Found(element) = look else {
            self.writer.call(&Command::new("UNWATCH")).await?;
            return Ok(look);
        };
        let count = if self.me.push == PushEnd::Left { -1_i64 } else { 1 };
        let moves = vec![
            Command::new("LPUSH").arg(self.me.processing()).arg(element.clone()),
            Command::new("LREM").arg(queue).arg(count).arg(element.clone()),
        ];
        match transaction(&mut self.writer, moves).await? {
            Ok(Some(_)) => Ok(Look::Found(element)),
            Ok(None) => Ok(Look::Nothing),
            Err(e) => Err((&e).into()),
        }
    }
}

//! Takes the next tasks on a connection of its own: blocking for real tasks, polling for test tasks. What is there
//! and has a free place comes in one round trip; each task is moved to the processing list in a step of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::session::{Identity, consuming_end, is_replicated};
use super::task::{Envelope, TEST_KIND};
use super::trouble::Trouble;
use crate::domain::queue::PushEnd;
use crate::domain::reply::ReplyError;
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

/// What a look for tasks found.
enum Look {
    /// These, and perhaps there are more.
    Found(Vec<Bytes>, bool),
    Nothing,
    Heavy,
}

pub(super) struct Taker {
    writer: Writer,
    me: Identity,
    how: How,
    timeout: Duration,
    /// The moves that do not block are not permitted: one task at a time.
    single: bool,
    idle: Duration,
    /// Cuts an idle pause short.
    hurry: Arc<Notify>,
    /// What to send after a task was taken, see [`wait_command`](super::session::wait_command).
    wait: Option<Command>,
}

/// Whether a try waits for a task to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Patience {
    /// Only what is there now, and no more than this.
    None(usize),
    /// One task, for about a second.
    Block,
}

impl Patience {
    fn most(self) -> usize {
        match self {
            Self::None(most) => most,
            Self::Block => 1,
        }
    }
}

/// What a try found.
#[derive(Debug)]
pub(super) struct Taken {
    /// As they stood in the queue, in the order they were taken; in our processing list now.
    pub(super) elements: Vec<Bytes>,
    /// The queue may have more.
    pub(super) more: bool,
    /// As many replicas as asked for have them there, too.
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
        Self { writer, me, how, timeout, single: false, idle: IDLE.0, hurry, wait }
    }

    pub(super) fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// One try: the elements moved to our processing list, if some came in time.
    pub(super) async fn take(mut self, patience: Patience) -> (Self, Result<Taken, Trouble>) {
        let result = self.confirmed(patience).await;
        (self, result)
    }

    async fn confirmed(&mut self, patience: Patience) -> Result<Taken, Trouble> {
        let (elements, more) = self.once(patience).await?;
        let replicated = match &self.wait {
            // The link allows for the whole deadline, WAIT for half of it.
            Some(wait) if !elements.is_empty() => is_replicated(wait, Some(&self.writer.call(wait).await?)),
            _ => true,
        };
        Ok(Taken { elements, more, replicated })
    }

    async fn once(&mut self, patience: Patience) -> Result<(Vec<Bytes>, bool), Trouble> {
        let look = match (self.how, patience) {
            (How::Move | How::PopPush, Patience::None(most)) => return self.at_once(most).await,
            (How::Move | How::PopPush, Patience::Block) => return self.blocking().await,
            (How::Script, _) => {
                let keys = [&self.me.keys.queue.clone(), &self.me.processing()];
                let most = patience.most();
                found(&self.writer.call(&eval(TAKE, &keys, &[(most as u64).into()])).await?, most)?
            }
            (How::Test, _) => self.test(patience.most()).await?,
            (How::TestWatched, _) => self.test_watched().await?,
        };
        let pause = match look {
            Look::Found(elements, more) => {
                self.idle = IDLE.0;
                return Ok((elements, more));
            }
            Look::Heavy => HEAVY,
            Look::Nothing => {
                let pause = self.idle;
                self.idle = (self.idle * 2).min(IDLE.1);
                pause
            }
        };
        if patience != Patience::Block {
            return Ok((Vec::new(), false));
        }
        tokio::select! {
            () = tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)) => {}
            () = self.hurry.notified() => {}
        }
        Ok((Vec::new(), false))
    }

    /// The move of one task, and the same without blocking. `block`: how long the first waits on the server.
    fn moves(&self, block: Duration) -> (Command, Command) {
        let (queue, processing) = (self.me.keys.queue.clone(), self.me.processing());
        let named = |name: &str| Command::new(name).arg(queue.clone()).arg(processing.clone());
        if self.how == How::PopPush {
            return (named("BRPOPLPUSH").arg("1"), named("RPOPLPUSH"));
        }
        let (from, to) = match self.me.push {
            PushEnd::Left => ("RIGHT", "LEFT"),
            PushEnd::Right => ("LEFT", "LEFT"),
        };
        let ends = |command: Command| command.arg(from).arg(to);
        (ends(named("BLMOVE")).arg(block.as_secs_f64().to_string()), ends(named("LMOVE")))
    }

    /// What is there, in one pipeline.
    async fn at_once(&mut self, most: usize) -> Result<(Vec<Bytes>, bool), Trouble> {
        // The shortest that is not "for ever".
        let (first, next) = self.moves(Duration::from_millis(1));
        // BRPOPLPUSH would wait for a whole second.
        let (first, rest) = match (self.single, self.how) {
            (true, _) => (first, 0),
            (false, How::PopPush) => (next.clone(), most - 1),
            (false, _) => (first, most - 1),
        };
        let commands: Vec<Command> = std::iter::once(first).chain(std::iter::repeat_n(next, rest)).collect();
        let replies = self.writer.pipeline(&commands).await?;
        let elements: Vec<Bytes> = replies.iter().filter_map(Reply::as_bytes).collect();
        let more = elements.len() == replies.len();
        match replies.iter().find_map(Reply::as_error) {
            None => Ok((elements, more)),
            // BLMOVE came through and LMOVE did not, or RPOPLPUSH may not be sent.
            Some(e)
                if !self.single
                    && (e.is_denied() || e.is_unknown_command())
                    && (self.how == How::PopPush || replies.first().and_then(Reply::as_error).is_none()) =>
            {
                self.single = true;
                let more = !elements.is_empty() || self.how == How::PopPush;
                Ok((elements, more))
            }
            // What was moved before is ours; the next try meets the error again.
            Some(_) if !elements.is_empty() => Ok((elements, false)),
            Some(e) => self.refused(e),
        }
    }

    /// One task, waited for on the server.
    async fn blocking(&mut self) -> Result<(Vec<Bytes>, bool), Trouble> {
        // The heartbeat must outlive the block: else a task could be moved to the list of a worker thought dead.
        let block = (self.me.ttl / 4).clamp(Duration::from_millis(100), Duration::from_secs(1));
        let (command, _) = self.moves(block);
        let block = if self.how == How::Move { block } else { Duration::from_secs(1) };
        match self.writer.call_within(&command, block + self.timeout).await? {
            Reply::Nil => Ok((Vec::new(), false)),
            Reply::Error(e) => self.refused(&e),
            reply => Ok((reply.as_bytes().into_iter().collect(), true)),
        }
    }

    /// Where BLMOVE is not to be had the older way is taken from now on.
    fn refused(&mut self, e: &ReplyError) -> Result<(Vec<Bytes>, bool), Trouble> {
        if self.how == How::Move && (e.is_unknown_command() || e.is_denied()) {
            self.how = if self.me.push == PushEnd::Left { How::PopPush } else { How::Script };
            return Ok((Vec::new(), false));
        }
        Err(e.into())
    }

    async fn test(&mut self, most: usize) -> Result<Look, Trouble> {
        let keys = [&self.me.keys.queue.clone(), &self.me.processing(), &self.me.heartbeat()];
        let args = [
            consuming_end(self.me.push).into(),
            LOOK_AT.into(),
            LONGEST.into(),
            BYTES.into(),
            TEST_KIND.into(),
            (most as u64).into(),
        ];
        match self.writer.call(&eval(TAKE_TEST, &keys, &args)).await? {
            Reply::Error(e) if is_eval_refused(&e) => {
                self.how = How::TestWatched;
                self.test_watched().await
            }
            Reply::Int(-1) => Ok(Look::Heavy),
            reply => found(&reply, most),
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
                    look = Look::Found(vec![element], true);
                    break;
                }
                if seen > BYTES {
                    look = Look::Heavy;
                    break;
                }
            }
        }
        let Look::Found(elements, _) = &look else {
            self.writer.call(&Command::new("UNWATCH")).await?;
            return Ok(look);
        };
        let element = elements.first().cloned().unwrap_or_default();
        let count = if self.me.push == PushEnd::Left { -1_i64 } else { 1 };
        let moves = vec![
            Command::new("LPUSH").arg(self.me.processing()).arg(element.clone()),
            Command::new("LREM").arg(queue).arg(count).arg(element),
        ];
        match transaction(&mut self.writer, moves).await? {
            Ok(Some(_)) => Ok(look),
            Ok(None) => Ok(Look::Nothing),
            Err(e) => Err((&e).into()),
        }
    }
}

/// The elements of a script's answer. A number: none, or (-2) the heartbeat has run out and the engine sees to it.
fn found(reply: &Reply, most: usize) -> Result<Look, Trouble> {
    match reply {
        Reply::Error(e) => Err(e.into()),
        reply => {
            let elements: Vec<Bytes> =
                reply.as_array().unwrap_or_default().iter().filter_map(Reply::as_bytes).collect();
            let more = elements.len() >= most;
            Ok(if elements.is_empty() { Look::Nothing } else { Look::Found(elements, more) })
        }
    }
}

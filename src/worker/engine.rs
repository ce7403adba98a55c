//! The worker's loop: takes, runs, removes, beats; reconnects after any error and compares its list with its hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use super::board::Board;
use super::exec::Exec;
use super::hand::{Finished, Hand, Task};
use super::keys::{Keys, is_own_key};
use super::record;
use super::session::{Identity, Session, Settlement};
use super::take::Taker;
use super::task::{self, Ended};
use super::trouble::Trouble;
use super::view::{LineKind, WorkerCommand, WorkerState, WorkerView};
use super::{MAX_CONCURRENCY, WorkerSpec};
use crate::config::Endpoint;
use crate::domain::Bytes;
use crate::redis_io::WritePermit;

/// Time between two views.
const PUBLISH: Duration = Duration::from_millis(50);
/// Finished tasks removed in one pipeline.
const SETTLE_AT_ONCE: usize = 100;

mod life;

type Fetch = Pin<Box<dyn Future<Output = (Taker, Result<Option<Bytes>, Trouble>)> + Send>>;

pub(super) struct Engine {
    spec: WorkerSpec,
    endpoint: Endpoint,
    me: Identity,
    exec: Option<Exec>,
    board: Board,
    commands: mpsc::Receiver<WorkerCommand>,
    /// Nobody holds the other end any more: taken as one request to stop.
    deaf: bool,
    tasks: JoinSet<(Ended, Duration)>,
    hand: Hand,
    concurrency: usize,
    paused: bool,
    /// The state to end in.
    ending: Option<WorkerState>,
    kill: watch::Sender<bool>,
    hurry: Arc<Notify>,
    /// Id and address of the connections of the last session, as the server names them.
    former: Vec<(String, String)>,
    /// Registered once: from now on there may be something to put back.
    served: bool,
    /// Took, or could have taken, a task: a refusal from now on may pass.
    proven: bool,
    connected: bool,
    attempt: u32,
    compare: bool,
    taken_over: bool,
}

impl Engine {
    pub(super) fn new(spec: WorkerSpec, board: Board, commands: mpsc::Receiver<WorkerCommand>) -> Self {
        let mut endpoint = spec.endpoint.clone();
        endpoint.db = spec.queue.db;
        let me = Identity {
            keys: Keys::new(&spec.queue.key),
            id: Uuid::new_v4(),
            push: spec.push,
            // Shorter would make the heartbeat a burden and a hiccup a death.
            ttl: spec.heartbeat_ttl.max(Duration::from_secs(1)),
        };
        let exec = spec.exec.as_deref().map(|command| Exec {
            command: command.into(),
            queue: spec.queue.key.clone(),
            secrets: spec.secret_variables.clone().into(),
        });
        Self {
            concurrency: spec.concurrency.clamp(1, MAX_CONCURRENCY),
            spec,
            endpoint,
            me,
            exec,
            board,
            commands,
            deaf: false,
            tasks: JoinSet::new(),
            hand: Hand::default(),
            paused: false,
            ending: None,
            kill: watch::Sender::new(false),
            hurry: Arc::new(Notify::new()),
            former: Vec::new(),
            served: false,
            proven: false,
            connected: false,
            attempt: 0,
            compare: false,
            taken_over: false,
        }
    }

    /// Works until it is stopped or can't go on; the last view says which.
    pub(super) async fn run(mut self, permit: Option<WritePermit>) -> WorkerView {
        self.board.counts(0, self.concurrency);
        self.board.publish();
        let mut record = None;
        match permit {
            None => {
                self.ending = Some(WorkerState::Failed(
                    "read-only mode: a worker moves tasks, so nothing was sent".into(),
                ));
            }
            Some(_) if is_own_key(self.spec.queue.key.as_slice()) => {
                self.ending = Some(WorkerState::Failed(format!(
                    "{} is one of redwarden's own keys: name the queue itself",
                    self.spec.queue.key
                )));
            }
            Some(permit) => match record::begin(&self.spec).await {
                Ok(open) => {
                    record = Some(open);
                    self.work(permit).await;
                }
                Err(why) => self.ending = Some(WorkerState::Failed(why.to_string())),
            },
        }
        let end = self.ending.take().unwrap_or(WorkerState::Stopped);
        match &end {
            WorkerState::Failed(why) => self.board.note(format!("ended: {why}")),
            _ => self.board.note("stopped"),
        }
        if let Some(record) = record
            && let Err(gap) = record.end(record::end(&self.board.view, &end)).await
        {
            self.board.note(gap);
        }
        self.board.state(end);
        self.board.counts(self.tasks.len(), self.concurrency);
        self.board.publish();
        self.board.view
    }

    async fn serve(&mut self, session: &mut Session, taker: Taker) -> Result<(), Trouble> {
        let first = !self.served;
        // The first heartbeat of all finds no key, and nothing to take over either.
        self.taken_over |= session.beat().await?.was_expired && !first;
        // After a break others need a moment to renew their heartbeats, too: the first look comes with the next beat.
        self.look_around(session, first).await?;
        self.served = true;
        self.connected = true;
        self.compare = true;
        self.show_state();
        if first {
            let what = if self.exec.is_some() {
                "every task, by its command"
            } else {
                "only redwarden's test tasks"
            };
            self.board.note(format!("works on {}: {what}", self.spec.queue.key));
        }
        let mut idle = Some(taker);
        let mut fetch: Option<Fetch> = None;
        let period = self.me.ttl / 3;
        let mut beats = tokio::time::interval_at(Instant::now() + period, period);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut publish_at = Instant::now();
        loop {
            if self.compare && fetch.is_none() {
                self.compare(session).await?;
            }
            self.settle(session).await?;
            self.start_parked();
            if self.ending.is_some()
                && self.tasks.is_empty()
                && fetch.is_none()
                && self.hand.finished.is_empty()
            {
                return Ok(());
            }
            if !self.compare
                && self.may_take()
                && let Some(taker) = idle.take()
            {
                fetch = Some(Box::pin(taker.take()));
            }
            self.board.counts(self.tasks.len(), self.concurrency);
            tokio::select! {
                command = self.commands.recv(), if !self.deaf => self.command(command.as_ref()),
                (back, outcome) = next(&mut fetch) => {
                    fetch = None;
                    idle = Some(back);
                    self.proven |= outcome.is_ok();
                    if let Some(element) = outcome? {
                        self.taken(session, element).await?;
                    }
                }
                Some(joined) = self.tasks.join_next_with_id() => self.joined(joined),
                _ = beats.tick() => self.beat(session).await?,
                () = tokio::time::sleep_until(publish_at), if self.board.is_dirty() => {
                    self.board.publish();
                    publish_at = Instant::now() + PUBLISH;
                }
            }
        }
    }

    fn may_take(&self) -> bool {
        !self.paused && self.ending.is_none() && self.tasks.len() + self.hand.parked.len() < self.concurrency
    }

    async fn beat(&mut self, session: &mut Session) -> Result<(), Trouble> {
        let beat = session.beat().await?;
        // The session holds: the next break starts with short pauses again.
        self.attempt = 0;
        if beat.was_expired {
            self.board.note("our heartbeat had run out: other workers may have taken tasks over");
            self.taken_over = true;
        }
        // Also tells a task that a command moved whose answer never came.
        self.compare |= beat.was_expired || beat.processing != self.hand.len() as u64;
        self.look_around(session, true).await
    }

    async fn look_around(&mut self, session: &mut Session, recover: bool) -> Result<(), Trouble> {
        let recovered = session.look_around(recover).await?;
        if recovered > 0 {
            self.board.view.recovered += recovered;
            self.board.note(format!("{recovered} tasks of a dead worker put back into the queue"));
        }
        Ok(())
    }

    async fn taken(&mut self, session: &mut Session, element: Bytes) -> Result<(), Trouble> {
        if session.beaten.elapsed() >= self.me.ttl {
            // We stood still, and it may be another's by now: the list tells.
            self.compare = true;
            return self.beat(session).await;
        }
        if self.ending.is_some() || self.paused {
            if !session.put_back(&element).await? {
                self.hand.parked.push_back(Task::new(element, 1));
            }
            return Ok(());
        }
        self.start(Task::new(element, 1));
        Ok(())
    }

    fn start(&mut self, task: Task) {
        let run = task::run(
            task.element.clone(),
            task.envelope.clone(),
            self.exec.clone(),
            task.attempt,
            self.kill.subscribe(),
        );
        self.board.line(LineKind::Taken, format!("{} taken", task.label()));
        let id = self.tasks.spawn(run).id();
        self.hand.running.insert(id, task);
    }

    fn start_parked(&mut self) {
        while !self.paused && self.ending.is_none() && self.tasks.len() < self.concurrency {
            let Some(task) = self.hand.parked.pop_front() else { return };
            self.start(task);
        }
    }

    fn joined(&mut self, joined: Result<(Id, (Ended, Duration)), JoinError>) {
        let (id, ended, took) = match joined {
            Ok((id, (ended, took))) => (id, ended, took),
            Err(error) => {
                (error.id(), Ended::Failed("the worker itself failed on it".into()), Duration::ZERO)
            }
        };
        let Some(task) = self.hand.running.remove(&id) else { return };
        if ended == Ended::Killed {
            // It stays in the processing list, and goes back with the rest.
            self.board.note(format!("{} ended before it was done", task.label()));
            return;
        }
        self.hand.finished.push(Finished { task, ended, took, attempted: false });
    }

    /// Removes what is finished. After an error it stays in hand, marked as perhaps removed.
    async fn settle(&mut self, session: &mut Session) -> Result<(), Trouble> {
        while !self.hand.finished.is_empty() && !self.compare {
            let n = self.hand.finished.len().min(SETTLE_AT_ONCE);
            let settlements: Vec<Settlement> = self.hand.finished[..n]
                .iter_mut()
                .map(|finished| {
                    finished.attempted = true;
                    Settlement {
                        element: finished.task.element.clone(),
                        failed: finished.ended.is_failed(),
                        test: finished.task.envelope.test,
                    }
                })
                .collect();
            let found = session.settle(&settlements).await?;
            let settled: Vec<Finished> = self.hand.finished.drain(..n).collect();
            for (finished, found) in settled.into_iter().zip(found) {
                self.finish(&finished, found);
            }
        }
        Ok(())
    }

    /// Counts a task that is no longer in our list; `found`: it was until now.
    fn finish(&mut self, finished: &Finished, found: bool) {
        let Finished { task, ended, took, .. } = finished;
        let id = task.envelope.id.as_deref().filter(|_| task.envelope.test);
        self.board.ended(id, !ended.is_failed(), *took);
        let twice = if found {
            ""
        } else {
            self.board.view.run_twice += 1;
            "; it was no longer ours: it runs twice"
        };
        let took = humantime::format_duration(Duration::from_millis(took.as_millis() as u64));
        let (kind, word, said) = match ended {
            Ended::Failed(why) => (LineKind::Failed, "failed", why.as_str()),
            Ended::Done(said) => (LineKind::Done, "done", said.as_str()),
            Ended::Killed => return,
        };
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        self.board.line(kind, format!("{} {word} in {took}{said}{twice}", task.label()));
    }

    /// Re-reads our processing list and brings what we have in hand in line with it.
    async fn compare(&mut self, session: &mut Session) -> Result<(), Trouble> {
        let list = session.processing().await?;
        let difference = self.hand.compare(&list, self.taken_over);
        self.compare = false;
        self.taken_over = false;
        for finished in &difference.confirmed {
            self.finish(finished, true);
        }
        if difference.found > 0 {
            self.board.note(format!("{} tasks found in our own list and run", difference.found));
        }
        if difference.lost > 0 {
            self.board.note(format!("{} tasks were taken over by another worker", difference.lost));
        }
        Ok(())
    }

    fn command(&mut self, command: Option<&WorkerCommand>) {
        match command {
            None => {
                self.deaf = true;
                if self.ending.is_none() {
                    self.stop();
                }
            }
            Some(WorkerCommand::Stop) => self.stop(),
            Some(WorkerCommand::Pause) => self.paused = true,
            Some(WorkerCommand::Resume) => self.paused = false,
            Some(WorkerCommand::SetConcurrency(n)) => self.concurrency = (*n).clamp(1, MAX_CONCURRENCY),
            Some(WorkerCommand::Start { .. }) => {
                self.board.note("a worker runs already: stop it before starting another");
            }
        }
        self.hurry.notify_one();
        self.show_state();
    }

    fn stop(&mut self) {
        if self.ending.is_none() {
            self.ending = Some(WorkerState::Stopped);
            if !self.tasks.is_empty() {
                self.board.note(format!("stopping: {} tasks run to their end", self.tasks.len()));
            }
        } else {
            self.kill.send_replace(true);
        }
    }

    fn show_state(&mut self) {
        let state = match (&self.ending, self.served, self.paused) {
            (Some(_), ..) => WorkerState::Stopping,
            // Not connected any more: that is to be seen first.
            (None, true, _) if !self.connected => return,
            (None, false, _) => WorkerState::Starting,
            (None, true, true) => WorkerState::Paused,
            (None, true, false) => WorkerState::Running,
        };
        self.board.state(state);
    }
}

async fn next(fetch: &mut Option<Fetch>) -> (Taker, Result<Option<Bytes>, Trouble>) {
    match fetch {
        Some(fetch) => fetch.await,
        None => std::future::pending().await,
    }
}

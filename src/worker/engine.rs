//! The loop on one queue: takes, runs, settles, beats; reconnects after any error and compares its lists with its hand.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use super::exec::Exec;
use super::gate::Turn;
use super::hand::Hand;
use super::keys::Keys;
use super::session::{Identity, Session};
use super::shared::{Orders, Shared};
use super::spec::Source;
use super::take::{Patience, Taker};
use super::task::Ended;
use super::trouble::Trouble;
use super::view::{Counts, LineKind, WorkerState};
use crate::config::Endpoint;
use fetch::{Fetch, meanwhile, next};

mod fetch;
mod intake;
mod life;
mod primary;
mod settle;

pub(super) struct Engine {
    shared: Arc<Shared>,
    /// Which of the worker's queues.
    lane: usize,
    source: Source,
    /// Where its primary was last.
    endpoint: Option<Endpoint>,
    lineage: primary::Lineage,
    me: Identity,
    exec: Option<Exec>,
    orders: watch::Receiver<Orders>,
    gate: watch::Receiver<u64>,
    tasks: JoinSet<(Ended, Duration)>,
    hand: Hand,
    /// Tasks started so far.
    started: u64,
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
    /// When to look for retries again.
    retries_at: Instant,
    unreplicated: bool,
}

impl Engine {
    pub(super) fn new(shared: Arc<Shared>, lane: usize) -> Self {
        let spec = &shared.spec;
        let source = spec.sources[lane].clone();
        let me = Identity {
            keys: Keys::new(&source.queue.key),
            id: Uuid::new_v4(),
            push: source.push,
            real: source.exec.is_some(),
            // Shorter would make the heartbeat a burden and a hiccup a death.
            ttl: spec.heartbeat_ttl.max(Duration::from_secs(1)),
        };
        let exec = source.exec.as_deref().map(|command| Exec {
            command: command.into(),
            queue: source.queue.clone(),
            worker: me.id,
            attempts: spec.policy.retries.saturating_add(1),
            grace: spec.policy.grace,
            secrets: spec.secret_variables.clone().into(),
        });
        Self {
            lane,
            source,
            endpoint: None,
            lineage: primary::Lineage::default(),
            me,
            exec,
            orders: shared.orders.subscribe(),
            gate: shared.gate.changes(),
            tasks: JoinSet::new(),
            hand: Hand::default(),
            started: 0,
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
            retries_at: Instant::now(),
            unreplicated: false,
            shared,
        }
    }

    fn note(&self, text: impl Into<String>) {
        self.line(LineKind::Note, text.into());
    }

    fn line(&self, kind: LineKind, text: String) {
        self.shared.board().line(Some(self.lane), kind, text);
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        self.shared.board().count(self.lane, add);
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
        self.retries_at = Instant::now();
        self.show_state();
        if first {
            let what = if self.exec.is_some() {
                "every task, by its command"
            } else {
                "only redwarden's test tasks"
            };
            self.note(format!("works on {}: {what}", self.source.queue.key));
        }
        self.shared.gate.in_hand(self.lane, self.hand.parked.len() as isize);
        let mut idle = Some(taker);
        let mut fetch: Option<Fetch> = None;
        let period = self.me.ttl / 3;
        let mut beats = tokio::time::interval_at(Instant::now() + period, period);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.compare && fetch.is_none() {
                self.compare(session).await?;
            }
            // From here on a change of the gate is news.
            self.gate.borrow_and_update();
            let mut wake = self.start_parked();
            let mut held_up = !self.hand.parked.is_empty();
            if !self.compare && self.may_take() {
                held_up |= !self.take_due(session).await?;
                wake = earlier(wake, Some(self.retries_at));
                if !self.hand.parked.is_empty() {
                    wake = earlier(wake, self.start_parked());
                }
                if let Some(taker) = idle.take() {
                    match self.shared.gate.ask(self.lane, std::time::Instant::now()) {
                        Turn::Take(n) => fetch = Some(Fetch::begin(taker, Patience::None(n))),
                        Turn::Block => fetch = Some(Fetch::begin(taker, Patience::Block)),
                        Turn::NotNow(at) => {
                            held_up = true;
                            wake = earlier(wake, at.map(Instant::from_std));
                            idle = Some(taker);
                        }
                    }
                }
            }
            // The next task is on its way meanwhile: another connection, one round trip for both.
            meanwhile(&mut fetch, self.settle(session)).await?;
            if self.ending.is_some()
                && self.tasks.is_empty()
                && fetch.is_none()
                && self.hand.finished.is_empty()
            {
                return Ok(());
            }
            tokio::select! {
                _ = self.orders.changed() => self.heed(),
                (back, outcome) = next(&mut fetch) => {
                    idle = Some(back);
                    self.proven |= outcome.is_ok();
                    let taken = outcome?;
                    let (found, now) = (taken.elements.len(), std::time::Instant::now());
                    self.shared.gate.took(self.lane, found, taken.more, now);
                    if found > 0 {
                        self.taken(session, taken).await?;
                    }
                }
                Some(joined) = self.tasks.join_next_with_id() => {
                    self.joined(joined);
                    // Those that ended by now are settled, and their places filled, together.
                    while let Some(joined) = self.tasks.try_join_next_with_id() {
                        self.joined(joined);
                    }
                }
                _ = beats.tick() => self.beat(session).await?,
                _ = self.gate.changed(), if held_up => {}
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
    }

    fn may_take(&self) -> bool {
        !self.paused && self.ending.is_none()
    }

    async fn beat(&mut self, session: &mut Session) -> Result<(), Trouble> {
        let beat = session.beat().await?;
        // The session holds: the next break starts with short pauses again.
        self.attempt = 0;
        if beat.was_expired {
            self.note("our heartbeat had run out: other workers may have taken tasks over");
            self.taken_over = true;
        }
        // Also tells a task that a command moved whose answer never came.
        self.compare |= beat.was_expired || beat.processing != self.hand.len() as u64;
        self.lineage.look(&mut session.writer).await?;
        self.look_around(session, true).await
    }

    async fn look_around(&mut self, session: &mut Session, recover: bool) -> Result<(), Trouble> {
        let recovered = session.look_around(recover).await?;
        if recovered > 0 {
            self.count(|counts| counts.recovered += recovered);
            self.note(format!("{recovered} tasks of a dead worker put back into the queue"));
            self.retries_at = Instant::now();
        }
        Ok(())
    }

    /// Re-reads our lists and brings what we have in hand in line with them.
    async fn compare(&mut self, session: &mut Session) -> Result<(), Trouble> {
        let list = session.processing().await?;
        let before = self.hand.parked.len() as isize;
        let difference = self.hand.compare(&list, self.taken_over);
        self.shared.gate.in_hand(self.lane, self.hand.parked.len() as isize - before);
        self.compare = false;
        self.taken_over = false;
        for finished in &difference.confirmed {
            self.finish(finished, true);
        }
        if difference.found > 0 {
            self.note(format!("{} tasks found in our own list and run", difference.found));
        }
        if difference.lost > 0 {
            self.note(format!("{} tasks were taken over by another worker", difference.lost));
        }
        Ok(())
    }

    /// The orders changed.
    fn heed(&mut self) {
        let Orders { paused, stop, kill } = *self.orders.borrow_and_update();
        self.paused = paused;
        if stop && self.ending.is_none() {
            self.ending = Some(WorkerState::Stopped);
            if !self.tasks.is_empty() {
                self.note(format!("stopping: {} tasks run to their end", self.tasks.len()));
            }
        }
        if kill {
            self.kill.send_replace(true);
        }
        self.hurry.notify_one();
        self.show_state();
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
        self.shared.board().lane_state(self.lane, state);
    }

    fn replicated(&mut self, replicated: bool) {
        if !replicated {
            self.count(|counts| counts.unreplicated += 1);
            if !self.unreplicated {
                self.note(
                    "fewer replicas than asked for confirm what is written: a failover may repeat tasks",
                );
            }
        }
        self.unreplicated = !replicated;
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// How a task of the set was joined.
type Joined = Result<(Id, (Ended, Duration)), tokio::task::JoinError>;

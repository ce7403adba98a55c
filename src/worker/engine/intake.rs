//! From the queue into the hand, and from there to work.

use std::time::Duration;

use tokio::time::Instant;

use super::super::hand::{Slot, Task};
use super::super::session::{Due, Session};
use super::super::take::Taken;
use super::super::task::Job;
use super::super::trouble::Trouble;
use super::super::view::LineKind;
use super::Engine;

/// Time between two looks for retries that another worker scheduled.
const LOOK_FOR_RETRIES: Duration = Duration::from_secs(1);

impl Engine {
    /// Tasks are in our list now, and places in hand are kept for them.
    pub(super) async fn taken(&mut self, session: &mut Session, taken: Taken) -> Result<(), Trouble> {
        let Taken { mut elements, replicated, .. } = taken;
        self.replicated(replicated);
        if session.beaten.elapsed() >= self.me.ttl {
            // We stood still, and they may be another's by now: the list tells.
            self.compare = true;
            self.shared.gate.in_hand(self.lane, -(elements.len() as isize));
            return self.beat(session).await;
        }
        if !self.may_take() {
            // The one taken last goes back first, so that their order is the old one.
            while let Some(last) = elements.last() {
                if !session.put_back(last).await? {
                    break;
                }
                elements.pop();
                self.shared.gate.in_hand(self.lane, -1);
            }
        }
        self.hand.parked.extend(elements.into_iter().map(|element| Task::new(Slot::Queue, element, false)));
        Ok(())
    }

    /// Takes retries that are due, while there are places. False: for want of a place it did not look.
    pub(super) async fn take_due(&mut self, session: &mut Session) -> Result<bool, Trouble> {
        while self.retries_at <= Instant::now() {
            let places = self.shared.gate.reserve(self.lane, std::time::Instant::now());
            if places == 0 {
                return Ok(false);
            }
            let due = session.take_due(places).await;
            let members = match &due {
                Ok(Due::Found(members)) => members.as_slice(),
                _ => &[],
            };
            self.shared.gate.in_hand(self.lane, members.len() as isize - places as isize);
            let retries = members.iter().map(|member| Task::new(Slot::Retries, member.clone(), false));
            self.hand.parked.extend(retries);
            let wait = match due? {
                Due::Found(_) => continue,
                Due::In(wait) => wait.min(LOOK_FOR_RETRIES),
                Due::Nothing => LOOK_FOR_RETRIES,
            };
            self.retries_at = Instant::now() + wait;
        }
        Ok(true)
    }

    /// Starts what is in hand, as far as there are places. Returns when to try again, if time alone will do.
    pub(super) fn start_parked(&mut self) -> Option<Instant> {
        while self.may_take() && !self.hand.parked.is_empty() {
            if let Err(at) = self.shared.gate.start(self.lane, std::time::Instant::now()) {
                return at.map(Instant::from_std);
            }
            if let Some(task) = self.hand.parked.pop_front() {
                self.start(task);
            }
        }
        None
    }

    fn start(&mut self, task: Task) {
        let job = Job {
            payload: task.payload.clone(),
            envelope: task.envelope.clone(),
            exec: self.exec.clone(),
            attempt: task.attempt,
            again: task.again,
            limit: self.shared.spec.policy.task_timeout,
            kill: self.kill.subscribe(),
        };
        let label = task.label();
        let nth = if task.attempt > 1 { format!(", attempt {}", task.attempt) } else { String::new() };
        self.started += 1;
        {
            let mut board = self.shared.board();
            board.line(Some(self.lane), LineKind::Taken, format!("{label} taken{nth}"));
            board.started(self.lane, self.started, label, task.attempt);
            if task.attempt == 1
                && !task.again
                && let Some(waited) = task.waited()
            {
                board.waited(waited);
            }
        }
        // A task of its own for nothing would cost more than all the rest.
        if let Some(ended) = job.at_once() {
            self.ended(self.started, task, ended, Duration::ZERO);
            return;
        }
        let id = self.tasks.spawn(job.run()).id();
        self.hand.running.insert(id, (self.started, task));
    }
}

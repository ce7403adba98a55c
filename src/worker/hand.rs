//! What the worker has in hand: tasks running, finished but not yet removed, and waiting for a free place.
//! Compared with the processing list after anything that may have made the two differ.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::task::Id;

use super::retry;
use super::session::{Fate, our_ms};
use super::task::{Ended, Envelope, MAX_PARSED};
use crate::domain::Bytes;
use crate::family::list::payload_time_ms;

/// Which of our lists a task stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    /// Processing list: it came from the queue.
    Queue,
    /// List of retries.
    Retries,
}

/// A task that stands in one of our lists, as far as we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) slot: Slot,
    /// As it stands in that list.
    pub(super) element: Bytes,
    /// As it stood in the queue.
    pub(super) payload: Bytes,
    pub(super) envelope: Envelope,
    /// 1, or more when it failed before.
    pub(super) attempt: u32,
    /// It was found again after a break: an earlier run may have begun.
    pub(super) again: bool,
}

impl Task {
    pub(super) fn new(slot: Slot, element: Bytes, again: bool) -> Self {
        let (attempt, payload) = match slot {
            Slot::Queue => (1, element.clone()),
            // What somebody else put there is run as it stands.
            Slot::Retries => retry::read(&element).unwrap_or_else(|| (1, element.clone())),
        };
        Self { slot, envelope: Envelope::read(&payload), element, payload, attempt, again }
    }

    pub(super) fn label(&self) -> String {
        self.envelope.label(&self.payload)
    }

    /// How long it waited since the time its payload tells, by our clock.
    pub(super) fn waited(&self) -> Option<Duration> {
        let ms = (self.payload.len() <= MAX_PARSED).then(|| payload_time_ms(self.payload.as_slice()))??;
        u64::try_from(our_ms() - ms).ok().map(Duration::from_millis)
    }

    fn place(&self) -> (Slot, Bytes) {
        (self.slot, self.element.clone())
    }
}

/// A task whose work is over.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) task: Task,
    pub(super) ended: Ended,
    pub(super) took: Duration,
    pub(super) fate: Fate,
    /// Its removal was sent once, and no answer came.
    pub(super) attempted: bool,
}

#[derive(Default)]
pub(super) struct Hand {
    /// With the number each start has.
    pub(super) running: HashMap<Id, (u64, Task)>,
    pub(super) finished: Vec<Finished>,
    pub(super) parked: VecDeque<Task>,
}

/// How the processing list differed.
#[derive(Default)]
pub(super) struct Difference {
    /// Removed by a command of ours whose answer was lost.
    pub(super) confirmed: Vec<Finished>,
    /// In the list and unknown to us: how many were parked to be run.
    pub(super) found: usize,
    /// Waiting here and no longer in the list: others took them.
    pub(super) lost: usize,
}

impl Hand {
    pub(super) fn len(&self) -> usize {
        self.running.len() + self.finished.len() + self.parked.len()
    }

    /// Brings the hand in line with our lists (oldest first). `taken_over`: our heartbeat had run out,
    /// so that what is missing may have been moved back to the queue by another worker.
    pub(super) fn compare(&mut self, list: &[(Slot, Bytes)], taken_over: bool) -> Difference {
        let mut left: HashMap<(Slot, Bytes), usize> = HashMap::new();
        for place in list {
            *left.entry(place.clone()).or_default() += 1;
        }
        let mut claim = |place: &(Slot, Bytes)| match left.get_mut(place) {
            Some(n) if *n > 0 => {
                *n -= 1;
                true
            }
            _ => false,
        };
        let mut difference = Difference::default();
        // Equal payloads can't be told apart: those in work have the first claim, those perhaps removed the last.
        for (_, task) in self.running.values() {
            claim(&task.place());
        }
        for finished in self.finished.iter().filter(|f| !f.attempted) {
            claim(&finished.task.place());
        }
        let before = self.parked.len();
        self.parked.retain(|task| claim(&task.place()));
        difference.lost = before - self.parked.len();
        for finished in std::mem::take(&mut self.finished) {
            if finished.attempted && !claim(&finished.task.place()) && !taken_over {
                difference.confirmed.push(finished);
            } else {
                self.finished.push(finished);
            }
        }
        for place in list {
            if claim(place) {
                difference.found += 1;
                self.parked.push_back(Task::new(place.0, place.1.clone(), true));
            }
        }
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(element: &str, attempted: bool) -> Finished {
        let (took, fate) = (Duration::ZERO, Fate::Done);
        Finished { task: task(element), ended: Ended::Done(String::new()), took, fate, attempted }
    }

    fn task(element: &str) -> Task {
        Task::new(Slot::Queue, element.into(), false)
    }

    fn listed(elements: &[&str]) -> Vec<(Slot, Bytes)> {
        elements.iter().map(|element| (Slot::Queue, (*element).into())).collect()
    }

    #[test]
    fn a_lost_answer_to_a_removal_is_no_second_run() {
        let mut hand = Hand { finished: vec![finished("a", true), finished("b", false)], ..Hand::default() };
        let difference = hand.compare(&listed(&["b", "c"]), false);
        assert_eq!(difference.confirmed.len(), 1);
        assert_eq!(difference.found, 1);
        assert_eq!(hand.finished.len(), 1);
        assert_eq!(hand.parked.len(), 1);
    }

    #[test]
    fn after_a_takeover_nothing_is_confirmed_and_what_waited_is_dropped() {
        let mut hand = Hand { finished: vec![finished("a", true)], ..Hand::default() };
        hand.parked.push_back(task("p"));
        let difference = hand.compare(&[], true);
        assert!(difference.confirmed.is_empty());
        assert_eq!((difference.lost, hand.finished.len(), hand.parked.len()), (1, 1, 0));
    }

    #[test]
    fn a_retry_is_not_the_task_in_the_other_list() {
        let member = retry::member(3, &"x".into());
        let retried = Task::new(Slot::Retries, member.clone(), false);
        assert_eq!((retried.attempt, &retried.payload), (3, &"x".into()));
        let mut hand = Hand::default();
        hand.parked.push_back(retried);
        let difference = hand.compare(&[(Slot::Queue, member.clone()), (Slot::Retries, member)], false);
        assert_eq!((difference.lost, difference.found, hand.parked.len()), (0, 1, 2));
    }

    #[test]
    fn equal_payloads_are_counted() {
        let mut hand = Hand { finished: vec![finished("x", false), finished("x", true)], ..Hand::default() };
        let difference = hand.compare(&listed(&["x"]), false);
        assert_eq!((difference.confirmed.len(), difference.found), (1, 0));
        let difference = hand.compare(&listed(&["x", "x"]), false);
        assert_eq!((difference.confirmed.len(), difference.found), (0, 1));
    }
}

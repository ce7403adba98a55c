//! What the worker has in hand: tasks running, finished but not yet removed, and waiting for a free place.
//! Compared with the processing list after anything that may have made the two differ.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::task::Id;

use super::task::{Ended, Envelope};
use crate::domain::Bytes;

/// A task that stands in our processing list, as far as we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) element: Bytes,
    pub(super) envelope: Envelope,
    /// 1, or more when it may have run before.
    pub(super) attempt: u32,
}

impl Task {
    pub(super) fn new(element: Bytes, attempt: u32) -> Self {
        Self { envelope: Envelope::read(&element), element, attempt }
    }

    pub(super) fn label(&self) -> String {
        self.envelope.label(&self.element)
    }
}

/// A task whose work is over.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) task: Task,
    pub(super) ended: Ended,
    pub(super) took: Duration,
    /// Its removal was sent once, and no answer came.
    pub(super) attempted: bool,
}

#[derive(Default)]
pub(super) struct Hand {
    pub(super) running: HashMap<Id, Task>,
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

    /// Brings the hand in line with the processing list (oldest first). `taken_over`: our heartbeat had run out,
    /// so that what is missing may have been moved back to the queue by another worker.
    pub(super) fn compare(&mut self, list: &[Bytes], taken_over: bool) -> Difference {
        let mut left: HashMap<&Bytes, usize> = HashMap::new();
        for element in list {
            *left.entry(element).or_default() += 1;
        }
        let mut claim = |element: &Bytes| match left.get_mut(element) {
            Some(n) if *n > 0 => {
                *n -= 1;
                true
            }
            _ => false,
        };
        let mut difference = Difference::default();
        // Equal payloads can't be told apart: those in work have the first claim, those perhaps removed the last.
        for task in self.running.values() {
            claim(&task.element);
        }
        for finished in self.finished.iter().filter(|f| !f.attempted) {
            claim(&finished.task.element);
        }
        let before = self.parked.len();
        self.parked.retain(|task| claim(&task.element));
        difference.lost = before - self.parked.len();
        for finished in std::mem::take(&mut self.finished) {
            if finished.attempted && !claim(&finished.task.element) && !taken_over {
                difference.confirmed.push(finished);
            } else {
                self.finished.push(finished);
            }
        }
        for element in list {
            if claim(element) {
                difference.found += 1;
                self.parked.push_back(Task::new(element.clone(), 2));
            }
        }
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(element: &str, attempted: bool) -> Finished {
        let took = Duration::ZERO;
        Finished { task: Task::new(element.into(), 1), ended: Ended::Done(String::new()), took, attempted }
    }

    #[test]
    fn a_lost_answer_to_a_removal_is_no_second_run() {
        let mut hand = Hand { finished: vec![finished("a", true), finished("b", false)], ..Hand::default() };
        let difference = hand.compare(&["b".into(), "c".into()], false);
        assert_eq!(difference.confirmed.len(), 1);
        assert_eq!(difference.found, 1);
        assert_eq!(hand.finished.len(), 1);
        assert_eq!(hand.parked.len(), 1);
    }

    #[test]
    fn after_a_takeover_nothing_is_confirmed_and_what_waited_is_dropped() {
        let mut hand = Hand { finished: vec![finished("a", true)], ..Hand::default() };
        hand.parked.push_back(Task::new("p".into(), 1));
        let difference = hand.compare(&[], true);
        assert!(difference.confirmed.is_empty());
        assert_eq!((difference.lost, hand.finished.len(), hand.parked.len()), (1, 1, 0));
    }

    #[test]
    fn equal_payloads_are_counted() {
        let mut hand = Hand { finished: vec![finished("x", false), finished("x", true)], ..Hand::default() };
        let difference = hand.compare(&["x".into()], false);
        assert_eq!((difference.confirmed.len(), difference.found), (1, 0));
        let difference = hand.compare(&["x".into(), "x".into()], false);
        assert_eq!((difference.confirmed.len(), difference.found), (0, 1));
    }
}

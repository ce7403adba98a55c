//! Who may take the next task: places, weights and the rate limit that all queues of a worker share.
//!
//! Places are shared by weighted fair queueing: each start moves its queue's clock on by 1/weight, and of the queues
//! with tasks the one whose clock is behind goes first. An empty queue waits blocked without a place; what it is
//! given while none is free stands in its processing list until one is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// An empty queue is asked again among the others after this time.
const PROBE_AFTER: Duration = Duration::from_millis(100);
/// A queue that does not use its turn for this long (its node may be frozen) no longer holds up the others.
const TURN: Duration = Duration::from_millis(10);
/// Starts that come a little late may be made up for within this time.
const SLACK: Duration = Duration::from_millis(100);

/// What a queue may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Take one task if there is one, without waiting for it: a place is kept.
    Take,
    /// Wait for a task on the server: no place is kept.
    Block,
    /// Not now; ask again when the gate changes, or at that time.
    NotNow(Option<Instant>),
}

#[derive(Debug)]
struct Lane {
    weight: f64,
    clock: f64,
    /// The last try found a task.
    loaded: bool,
    probed: Option<Instant>,
    /// It would take a task and was not allowed to.
    wants: bool,
    /// A try is under way that keeps a place.
    claimed: bool,
    /// Tasks in hand that were not started yet.
    reserved: usize,
    running: usize,
}

#[derive(Debug)]
struct State {
    limit: usize,
    lanes: Vec<Lane>,
    /// Tasks a second, and when the next may start.
    pace: Option<(Duration, Instant)>,
    /// Since when a place is free.
    free_since: Option<Instant>,
}

impl State {
    fn running(&self) -> usize {
        self.lanes.iter().map(|l| l.running).sum()
    }

    fn free(&self) -> bool {
        let used: usize = self.lanes.iter().map(|l| l.running + l.reserved + usize::from(l.claimed)).sum();
        used < self.limit
    }

    fn paced(&self, now: Instant) -> Option<Instant> {
        self.pace.map(|(_, next)| next).filter(|next| *next > now)
    }

    fn note_free(&mut self, now: Instant) {
        self.free_since = if self.free() { self.free_since.or(Some(now)) } else { None };
    }
}

/// The gate.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

impl Gate {
    pub(super) fn new(limit: usize, weights: impl Iterator<Item = u32>, rate: Option<f64>) -> Self {
        let lane = |weight: u32| Lane {
            weight: f64::from(weight.max(1)),
            clock: 0.0,
            loaded: false,
            probed: None,
            wants: false,
            claimed: false,
            reserved: 0,
            running: 0,
        };
        let now = Instant::now();
        let pace = rate
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok())
            .filter(|every| !every.is_zero())
            .map(|every| (every, now));
        let state = State { limit, lanes: weights.map(lane).collect(), pace, free_since: Some(now) };
        Self { state: Mutex::new(state), changes: watch::Sender::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns true whenever somebody who was not let through may be now.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Tasks at once from now on.
    pub(super) fn set_limit(&self, limit: usize) {
        self.state().limit = limit;
        self.changed();
    }

    /// Tasks running, and how many may.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.running(), state.limit)
    }

    /// May this queue take a task?
    pub(super) fn ask(&self, lane: usize, now: Instant) -> Turn {
        let mut state = self.state();
        state.note_free(now);
        if !state.free() {
            state.lanes[lane].wants = true;
            return Turn::NotNow(None);
        }
        if let Some(next) = state.paced(now) {
            state.lanes[lane].wants = true;
            return Turn::NotNow(Some(next));
        }
        let contends = |l: &Lane| l.loaded || l.probed.is_none_or(|at| now >= at + PROBE_AFTER);
        if !contends(&state.lanes[lane]) {
            state.lanes[lane].wants = false;
            return Turn::Block;
        }
        let mine = state.lanes[lane].clock;
        let waited = state.free_since.map_or(TURN, |since| now.saturating_duration_since(since));
        let ahead = |(i, l): (usize, &Lane)| i != lane && l.wants && contends(l) && l.clock < mine;
        if waited < TURN && state.lanes.iter().enumerate().any(ahead) {
            state.lanes[lane].wants = true;
            return Turn::NotNow(Some(now + TURN));
        }
        let entry = &mut state.lanes[lane];
        (entry.wants, entry.claimed) = (false, true);
        state.free_since = None;
        state.note_free(now);
        Turn::Take
    }

    /// What a [`Turn::Take`] or [`Turn::Block`] came to. A task that was found is in hand now.
    pub(super) fn took(&self, lane: usize, found: bool, now: Instant) {
        let mut state = self.state();
        let least = state.lanes.iter().filter(|l| l.loaded).map(|l| l.clock).fold(f64::INFINITY, f64::min);
        let entry = &mut state.lanes[lane];
        entry.claimed = false;
        if found {
            // What it did not use while it was empty is no credit.
            if !entry.loaded && least.is_finite() {
                entry.clock = entry.clock.max(least);
            }
            entry.reserved += 1;
        } else {
            entry.probed = Some(now);
        }
        entry.loaded = found;
        drop(state);
        self.changed();
    }

    /// A place for a task that is taken apart from turns (a retry that is due); true: it is reserved.
    pub(super) fn reserve(&self, lane: usize, now: Instant) -> bool {
        let mut state = self.state();
        let may = state.free() && state.paced(now).is_none();
        if may {
            state.lanes[lane].reserved += 1;
        }
        may
    }

    /// Tasks came into the hand (n > 0) or left it (n < 0) without being started.
    pub(super) fn in_hand(&self, lane: usize, n: isize) {
        let mut state = self.state();
        let entry = &mut state.lanes[lane];
        entry.reserved = entry.reserved.saturating_add_signed(n);
        drop(state);
        if n < 0 {
            self.changed();
        }
    }

    /// May a task in hand start? If not: when to ask again, unless the gate changes before.
    pub(super) fn start(&self, lane: usize, now: Instant) -> Result<(), Option<Instant>> {
        let mut state = self.state();
        if state.running() >= state.limit {
            return Err(None);
        }
        if let Some(next) = state.paced(now) {
            return Err(Some(next));
        }
        if let Some((every, next)) = &mut state.pace {
            *next = (*next).max(now.checked_sub(SLACK).unwrap_or(now)) + *every;
        }
        let entry = &mut state.lanes[lane];
        entry.reserved = entry.reserved.saturating_sub(1);
        entry.running += 1;
        entry.clock += 1.0 / entry.weight;
        Ok(())
    }

    /// A task ended.
    pub(super) fn ended(&self, lane: usize) {
        let mut state = self.state();
        let entry = &mut state.lanes[lane];
        entry.running = entry.running.saturating_sub(1);
        drop(state);
        self.changed();
    }

    /// This queue takes nothing for now: a try under way was given up.
    pub(super) fn leave(&self, lane: usize) {
        let mut state = self.state();
        let entry = &mut state.lanes[lane];
        (entry.wants, entry.claimed, entry.loaded) = (false, false, false);
        drop(state);
        self.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts n tasks on a gate with one place, all queues full, and counts who got them.
    fn shares(weights: &[u32], n: usize) -> Vec<usize> {
        let gate = Gate::new(1, weights.iter().copied(), None);
        let now = Instant::now();
        let mut started = vec![0; weights.len()];
        while started.iter().sum::<usize>() < n {
            for (lane, count) in started.iter_mut().enumerate() {
                if gate.ask(lane, now) == Turn::Take {
                    gate.took(lane, true, now);
                    assert_eq!(gate.start(lane, now), Ok(()));
                    // Everybody else wants the place while it is taken.
                    (0..weights.len()).for_each(|i| {
                        let _ = gate.ask(i, now);
                    });
                    *count += 1;
                    gate.ended(lane);
                }
            }
        }
        started
    }

    #[test]
    fn places_are_shared_by_weight() {
        let got = shares(&[3, 1], 400);
        assert!(got[0].abs_diff(300) <= 2 && got[1].abs_diff(100) <= 2, "{got:?}");
        let got = shares(&[1, 1, 2], 400);
        assert!(got[2].abs_diff(200) <= 2 && got[0].abs_diff(got[1]) <= 2, "{got:?}");
    }

    #[test]
    fn an_empty_queue_blocks_without_a_place_and_is_asked_again() {
        let gate = Gate::new(1, [1, 1].into_iter(), None);
        let now = Instant::now();
        assert_eq!(gate.ask(0, now), Turn::Take);
        gate.took(0, false, now);
        assert_eq!(gate.ask(0, now), Turn::Block);
        assert_eq!(gate.ask(1, now), Turn::Take, "blocking keeps no place");
        gate.took(0, true, now);
        gate.took(1, true, now);
        assert_eq!(gate.start(1, now), Ok(()));
        assert_eq!(gate.start(0, now), Err(None), "one more than places: it waits in hand");
        gate.ended(1);
        assert_eq!(gate.ask(1, now), Turn::NotNow(None), "what is in hand comes first");
        assert_eq!(gate.start(0, now), Ok(()));
        gate.ended(0);
        assert_eq!(gate.ask(0, now + PROBE_AFTER), Turn::Take);
    }

    #[test]
    fn a_queue_that_does_not_use_its_turn_holds_nobody_up() {
        let gate = Gate::new(1, [1, 1].into_iter(), None);
        let now = Instant::now();
        // The first begins where the second stands by then: after a turn more it is ahead by one.
        for lane in [1, 0, 1, 0] {
            assert_eq!(gate.ask(lane, now), Turn::Take);
            gate.took(lane, true, now);
            assert_eq!(gate.start(lane, now), Ok(()));
            (0..2).for_each(|i| {
                let _ = gate.ask(i, now);
            });
            gate.ended(lane);
        }
        assert!(matches!(gate.ask(0, now), Turn::NotNow(Some(_))), "it is the other's turn");
        assert_eq!(gate.ask(0, now + TURN), Turn::Take);
    }

    #[test]
    fn the_rate_is_kept_whoever_starts() {
        let gate = Gate::new(10, [1, 1].into_iter(), Some(100.0));
        let begin = Instant::now();
        let mut started = 0;
        for ms in 0..1000 {
            let now = begin + Duration::from_millis(ms);
            for lane in 0..2 {
                if gate.ask(lane, now) == Turn::Take {
                    gate.took(lane, true, now);
                    if gate.start(lane, now).is_ok() {
                        started += 1;
                        gate.ended(lane);
                    } else {
                        gate.in_hand(lane, -1);
                    }
                }
            }
        }
        assert!((98..=112).contains(&started), "{started}");
    }
}

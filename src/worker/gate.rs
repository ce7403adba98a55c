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
/// A try that takes longer (its node may be frozen) no longer keeps places from the others.
const CLAIM: Duration = Duration::from_millis(100);
/// Tasks taken at once, at most: a script that looks through so many stays below a millisecond.
const BATCH: usize = 32;

/// What a queue may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Take up to so many tasks if they are there, without waiting for them: as many places are kept.
    Take(usize),
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
    /// Places kept for a try that is under way, and since when.
    claimed: Option<(usize, Instant)>,
    /// How many tasks the next try may take: it grows while as many are found.
    batch: usize,
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

    /// Places that nobody uses.
    fn free(&self, now: Instant) -> usize {
        let claimed = |l: &Lane| l.claimed.filter(|(_, since)| now < *since + CLAIM).map_or(0, |(n, _)| n);
        let used: usize = self.lanes.iter().map(|l| l.running + l.reserved + claimed(l)).sum();
        self.limit.saturating_sub(used)
    }

    /// When the first of the places that are kept for tries is given up.
    fn given_up(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(|l| l.claimed).map(|(_, since)| since + CLAIM).min()
    }

    fn paced(&self, now: Instant) -> Option<Instant> {
        self.pace.map(|(_, next)| next).filter(|next| *next > now)
    }

    /// Tasks that the pace lets start now.
    fn budget(&self, now: Instant) -> usize {
        let Some((every, next)) = self.pace else { return usize::MAX };
        let next = next.max(now.checked_sub(SLACK).unwrap_or(now));
        let Some(late) = now.checked_duration_since(next) else { return 0 };
        (late.as_nanos() / every.as_nanos().max(1)) as usize + 1
    }

    fn note_free(&mut self, now: Instant) {
        self.free_since = if self.free(now) > 0 { self.free_since.or(Some(now)) } else { None };
    }

    /// How many tasks this queue may take at once: its share of the free places, and not more than it had last time
    /// or the pace allows.
    fn grant(&self, lane: usize, contends: impl Fn(&Lane) -> bool, now: Instant) -> usize {
        let weights: f64 = self.lanes.iter().filter(|l| contends(l)).map(|l| l.weight).sum();
        let entry = &self.lanes[lane];
        let share = (self.free(now) as f64 * entry.weight / weights.max(entry.weight)).ceil() as usize;
        let reserved: usize = self.lanes.iter().map(|l| l.reserved).sum();
        share.min(entry.batch).min(self.budget(now).saturating_sub(reserved)).max(1)
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
            claimed: None,
            batch: 1,
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

    /// May this queue take tasks, and how many?
    pub(super) fn ask(&self, lane: usize, now: Instant) -> Turn {
        let mut state = self.state();
        state.note_free(now);
        if state.free(now) == 0 {
            state.lanes[lane].wants = true;
            return Turn::NotNow(state.given_up().filter(|at| *at > now));
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
        let n = state.grant(lane, contends, now);
        let entry = &mut state.lanes[lane];
        (entry.wants, entry.claimed) = (false, Some((n, now)));
        state.free_since = None;
        state.note_free(now);
        Turn::Take(n)
    }

    /// What a [`Turn::Take`] or [`Turn::Block`] came to: so many tasks are in hand now. `more`: the queue may have
    /// further ones.
    pub(super) fn took(&self, lane: usize, found: usize, more: bool, now: Instant) {
        let mut state = self.state();
        let least = state.lanes.iter().filter(|l| l.loaded).map(|l| l.clock).fold(f64::INFINITY, f64::min);
        let entry = &mut state.lanes[lane];
        let asked = entry.claimed.take().map_or(0, |(n, _)| n);
        // What it did not use while it was empty is no credit.
        if found > 0 && !entry.loaded && least.is_finite() {
            entry.clock = entry.clock.max(least);
        }
        entry.reserved += found;
        entry.batch = match (more, asked) {
            (false, _) => found.max(1),
            (true, n) if n >= entry.batch => (entry.batch * 2).min(BATCH),
            (true, _) => entry.batch,
        };
        if !more {
            entry.probed = Some(now);
        }
        entry.loaded = more;
        drop(state);
        self.changed();
    }

    /// Places for tasks that are taken apart from turns (retries that are due); so many are reserved.
    pub(super) fn reserve(&self, lane: usize, now: Instant) -> usize {
        let mut state = self.state();
        let reserved: usize = state.lanes.iter().map(|l| l.reserved).sum();
        let most = match state.paced(now) {
            Some(_) => 0,
            None => state.budget(now).saturating_sub(reserved).clamp(1, BATCH),
        };
        let n = state.free(now).min(most);
        state.lanes[lane].reserved += n;
        n
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

    /// This queue takes nothing for now: a try under way was given up, and what is in hand starts no more. When it
    /// comes back it tells by [`Gate::in_hand`] what it still holds.
    pub(super) fn leave(&self, lane: usize) {
        let mut state = self.state();
        let entry = &mut state.lanes[lane];
        (entry.wants, entry.claimed, entry.loaded, entry.reserved) = (false, None, false, 0);
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
                if gate.ask(lane, now) == Turn::Take(1) {
                    gate.took(lane, 1, true, now);
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
        assert_eq!(gate.ask(0, now), Turn::Take(1));
        gate.took(0, 0, false, now);
        assert_eq!(gate.ask(0, now), Turn::Block);
        assert_eq!(gate.ask(1, now), Turn::Take(1), "blocking keeps no place");
        gate.took(0, 1, true, now);
        gate.took(1, 1, true, now);
        assert_eq!(gate.start(1, now), Ok(()));
        assert_eq!(gate.start(0, now), Err(None), "one more than places: it waits in hand");
        gate.ended(1);
        assert_eq!(gate.ask(1, now), Turn::NotNow(None), "what is in hand comes first");
        assert_eq!(gate.start(0, now), Ok(()));
        gate.ended(0);
        assert_eq!(gate.ask(0, now + PROBE_AFTER), Turn::Take(1));
    }

    #[test]
    fn a_queue_that_does_not_use_its_turn_holds_nobody_up() {
        let gate = Gate::new(1, [1, 1].into_iter(), None);
        let now = Instant::now();
        // The first begins where the second stands by then: after a turn more it is ahead by one.
        for lane in [1, 0, 1, 0] {
            assert_eq!(gate.ask(lane, now), Turn::Take(1));
            gate.took(lane, 1, true, now);
            assert_eq!(gate.start(lane, now), Ok(()));
            (0..2).for_each(|i| {
                let _ = gate.ask(i, now);
            });
            gate.ended(lane);
        }
        assert!(matches!(gate.ask(0, now), Turn::NotNow(Some(_))), "it is the other's turn");
        assert_eq!(gate.ask(0, now + TURN), Turn::Take(1));
    }

    #[test]
    fn what_is_taken_at_once_grows_while_it_is_found_and_never_beyond_the_free_places() {
        let gate = Gate::new(8, [1].into_iter(), None);
        let now = Instant::now();
        let mut taken = 0;
        for expected in [1, 2, 4, 1] {
            assert_eq!(gate.ask(0, now), Turn::Take(expected));
            gate.took(0, expected, true, now);
            taken += expected;
        }
        assert_eq!((taken, gate.ask(0, now)), (8, Turn::NotNow(None)));
        (0..8).for_each(|_| assert_eq!(gate.start(0, now), Ok(())));
        (0..8).for_each(|_| gate.ended(0));
        assert_eq!(gate.ask(0, now), Turn::Take(8), "a place that was short says nothing of the queue");
        // It had fewer: it is empty by now.
        gate.took(0, 3, false, now);
        assert_eq!(gate.ask(0, now), Turn::Block);
    }

    #[test]
    fn free_places_are_shared_by_weight_among_those_with_tasks() {
        let gate = Gate::new(8, [3, 1].into_iter(), None);
        let now = Instant::now();
        for expected in [1, 2, 4] {
            assert_eq!(gate.ask(0, now), Turn::Take(expected));
            gate.took(0, expected, true, now);
            (0..expected).for_each(|_| assert_eq!(gate.start(0, now), Ok(())));
            (0..expected).for_each(|_| gate.ended(0));
        }
        assert_eq!(gate.ask(0, now), Turn::Take(6));
        assert_eq!(gate.ask(1, now), Turn::Take(1), "it begins with one");
    }

    #[test]
    fn a_try_that_hangs_keeps_no_place_for_long() {
        let gate = Gate::new(1, [1, 1].into_iter(), None);
        let now = Instant::now();
        assert_eq!(gate.ask(0, now), Turn::Take(1));
        assert_eq!(gate.ask(1, now), Turn::NotNow(Some(now + CLAIM)));
        assert_eq!(gate.ask(1, now + CLAIM), Turn::Take(1));
    }

    #[test]
    fn a_batch_holds_no_more_than_the_pace_lets_start() {
        // After some while without a task, a tenth of a second may be made up for.
        let gate = Gate::new(64, [1].into_iter(), Some(50.0));
        let later = Instant::now() + Duration::from_secs(1);
        gate.state().lanes[0].batch = BATCH;
        assert_eq!(gate.ask(0, later), Turn::Take(6));
        gate.took(0, 6, true, later);
        (0..6).for_each(|_| assert_eq!(gate.start(0, later), Ok(())));
        assert!(gate.start(0, later).is_err());
    }

    #[test]
    fn the_rate_is_kept_whoever_starts() {
        let gate = Gate::new(10, [1, 1].into_iter(), Some(100.0));
        let begin = Instant::now();
        let mut started = 0;
        for ms in 0..1000 {
            let now = begin + Duration::from_millis(ms);
            for lane in 0..2 {
                if let Turn::Take(n) = gate.ask(lane, now) {
                    gate.took(lane, n, true, now);
                    for _ in 0..n {
                        if gate.start(lane, now).is_ok() {
                            started += 1;
                            gate.ended(lane);
                        } else {
                            gate.in_hand(lane, -1);
                        }
                    }
                }
            }
        }
        assert!((98..=112).contains(&started), "{started}");
    }
}

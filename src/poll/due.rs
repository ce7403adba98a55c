//! Which of very many queues are read in a look. A few are all read in each; of many those at which nothing happens are
//! read less often, and all of them together get a share of the server's time that does not grow with their number.

use std::time::{Duration, Instant};

use super::keys::{KeyTable, QueueEntry};
use crate::domain::{Bytes, Queue, Stamp};
use crate::family::{QueueMemory, Read};

/// So many queues are read in each look, whatever they cost.
const FEW: usize = 50;
/// Share of the server's time for reading queues, of the time between two looks.
const SHARE: f64 = 0.01;
/// Of many queues, one at which nothing happens is read so often.
const QUIET_EVERY: Duration = Duration::from_secs(5);
/// Nothing happened for so long: it is quiet.
const QUIET_AFTER: Duration = Duration::from_secs(20);
/// Looks at a new queue until its rates can be told.
const FRESH: u32 = 3;
/// Server time of a read, about: measured on Redis 7.0 with 1,000 queues (`cargo bench --bench queues`).
const PLAIN: Duration = Duration::from_nanos(1_200);
/// The same of a script, which runs some commands.
const SCRIPT: Duration = Duration::from_micros(9);

/// Server time that these reads take, about. Not measured: our own machine may be busy, and then it would seem to be the
/// server's.
pub(super) fn cost(reads: &[Read]) -> Duration {
    reads.iter().map(|read| if read.is_script() { SCRIPT } else { PLAIN }).sum()
}

/// True when something happened between two looks at a queue.
pub(super) fn stirred(before: Option<&Queue>, then: &QueueMemory, now: &Queue, memory: &QueueMemory) -> bool {
    let figures = |q: &Queue| (q.waiting, q.in_flight, q.scheduled, q.retry, q.failed, q.paused, q.workers);
    let Some(before) = before else { return false };
    figures(before) != figures(now)
        || then.newest != memory.newest
        || then.next.as_ref().map(|(id, _)| id) != memory.next.as_ref().map(|(id, _)| id)
        || then.counters != memory.counters
}

impl QueueEntry {
    /// True when nothing happened at it for a while.
    fn is_quiet(&self, now: Instant) -> bool {
        let fresh = self.queue.as_ref().is_none_or(|queue| queue.samples < FRESH);
        let stirring = self.stirred.is_some_and(|at| now.saturating_duration_since(at.mono) < QUIET_AFTER);
        !fresh && !stirring
    }

    /// How urgent it is, from 1 on, and whether it is quiet. `None`: it is not due.
    fn urgency(&self, interval: Duration, now: Instant) -> Option<(f64, bool)> {
        let Some(queue) = &self.queue else { return Some((f64::MAX, false)) };
        let quiet = self.is_quiet(now);
        let every = if quiet { QUIET_EVERY.max(interval) } else { interval };
        let age = now.saturating_duration_since(queue.read_at.mono);
        // A look that comes a little early is not missed, and the quiet ones spread over the looks.
        (age + every / 4 >= every).then(|| (age.as_secs_f64() / every.as_secs_f64().max(1e-3), quiet))
    }
}

impl KeyTable {
    /// True when there are so many queues that not all are read in each look.
    pub(super) fn has_many_queues(&self) -> bool {
        self.queues.len() > FEW
    }

    /// The queues to be read in this look.
    pub(super) fn due_queues(&self, interval: Duration, now: Instant) -> Vec<Bytes> {
        if !self.has_many_queues() {
            return self.queues.keys().cloned().collect();
        }
        let urgent = |entry| Some((QueueEntry::urgency(entry, interval, now)?, entry));
        let mut due: Vec<((f64, bool), &QueueEntry)> = self.queues.values().filter_map(urgent).collect();
        due.sort_by(|((a, _), _), ((b, _), _)| b.total_cmp(a));
        let budget = interval.mul_f64(SHARE);
        let round = self.queues.len() as f64 * interval.as_secs_f64() / QUIET_EVERY.as_secs_f64();
        let most_quiet = (round.ceil() as usize).max(1);
        let (mut spent, mut quiets, mut keys) = (Duration::ZERO, 0, Vec::new());
        for ((_, quiet), entry) in due {
            if quiet && quiets >= most_quiet {
                continue;
            }
            spent += entry.cost;
            if spent > budget && keys.len() >= FEW {
                break;
            }
            quiets += usize::from(quiet);
            keys.push(entry.fact.key.clone());
        }
        keys
    }

    /// Something happened at this queue: it is read soon.
    pub(super) fn stir(&mut self, key: &Bytes, now: Stamp) {
        if let Some(entry) = self.queues.get_mut(key) {
            entry.stirred = Some(now);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::domain::queue::PushEnd;
    use crate::domain::{NodeId, Reply};
    use crate::family::list::ListFamily;
    use crate::family::{Context, KeyFact, QueueFamily};

    const INTERVAL: Duration = Duration::from_secs(1);

    fn table(queues: usize) -> KeyTable {
        let mut table = KeyTable::default();
        for n in 0..queues {
            let fact = KeyFact {
                key: format!("queue:{n}").into(),
                key_type: "list".into(),
                lock_pattern: false,
                queue_pattern: true,
            };
            table.add_queue(fact, "list", false);
        }
        table
    }

    /// Reads what is due, each queue with this depth; how many.
    fn look(table: &mut KeyTable, at: Stamp, depth: impl Fn(&Bytes) -> i64) -> usize {
        let due = table.due_queues(INTERVAL, at.mono);
        let ctx = Context {
            node: NodeId::new("a"),
            db: 0,
            at,
            server_ms: 0,
            push: PushEnd::Left,
            is_new: false,
            rate_window: Duration::from_secs(10),
        };
        for key in &due {
            let entry = table.queues.get(key).unwrap();
            let (fact, before, mut memory) = (entry.fact.clone(), entry.queue.clone(), entry.memory.clone());
            let cost = cost(&ListFamily.reads(key, PushEnd::Left, &memory));
            let replies = [Reply::Int(depth(key)), Reply::Int(0)];
            let queue = ListFamily.interpret(&fact, before.as_deref(), &mut memory, &replies, &ctx);
            table.put_queue(key, queue, memory, cost);
        }
        due.len()
    }

    #[test]
    fn a_few_are_read_in_each_look_and_of_many_the_quiet_ones_seldom() {
        let start = Stamp::now();
        let mut few = table(FEW);
        let mut many = table(500);
        let mut read = Vec::new();
        for second in 0..60 {
            let at = start.plus(Duration::from_secs(second));
            assert_eq!(look(&mut few, at, |_| 5), FEW);
            read.push(look(&mut many, at, |_| 5));
        }
        assert_eq!(read[..3], [500; 3], "all that is new");
        let quiet = read[30..].iter().sum::<usize>() / 30;
        assert!((70..=100).contains(&quiet), "{quiet} of 500 a look");
        assert!(read[40..].iter().all(|n| *n <= 100), "not all at once: {read:?}");
    }

    #[test]
    fn a_busy_one_among_many_is_read_in_each_look() {
        let start = Stamp::now();
        let mut many = table(500);
        let busy = Bytes::from("queue:77");
        for second in 0..60_u32 {
            let at = start.plus(Duration::from_secs(second.into()));
            look(&mut many, at, |key| if *key == busy { i64::from(second) } else { 5 });
            if second > 5 {
                let queue = many.queues.get(&busy).unwrap().queue.clone().unwrap();
                assert_eq!(queue.read_at, at);
            }
        }
        // One that is told to have changed comes at once.
        let quiet = Bytes::from("queue:78");
        let at = start.plus(Duration::from_secs(60));
        many.stir(&quiet, at);
        look(&mut many, at.plus(INTERVAL), |_| 5);
        assert_eq!(many.queues.get(&quiet).unwrap().queue.clone().unwrap().read_at, at.plus(INTERVAL));
    }

    #[test]
    fn the_share_does_not_grow_with_their_number_and_none_is_left_out() {
        let start = Stamp::now();
        let mut many = table(20_000);
        let mut second = 0;
        let mut turn = |many: &mut KeyTable| {
            second += 1;
            // All of them change all the time.
            look(many, start.plus(Duration::from_secs(second)), |_| second as i64)
        };
        // What they cost is known after they were read once.
        turn(&mut many);
        let most = (INTERVAL.mul_f64(SHARE).as_nanos() / (SCRIPT + PLAIN).as_nanos()) as usize;
        for _ in 0..40 {
            let read = turn(&mut many);
            assert!(read <= most.max(FEW), "{read} of at most {most}");
        }
        let samples = |entry: &QueueEntry| entry.queue.as_ref().map_or(0, |queue| queue.samples);
        let (least, most) =
            (many.queues.values().map(samples).min(), many.queues.values().map(samples).max());
        assert!(least >= Some(2) && most <= Some(3), "{least:?} to {most:?}");
    }
}

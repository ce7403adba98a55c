//! The search for keys: one rotating SCAN with a COUNT that adapts to what a call costs the server.

use std::time::{Duration, Instant};

use crate::domain::snapshot::{ScanProgress, SearchedOn};
use crate::domain::{Bytes, Reply, Stamp};

/// Server time that one SCAN call may take. Measured on 1M keys: COUNT 1,000 costs 0.42 ms a call.
const CALL_BUDGET: Duration = Duration::from_micros(900);
const COUNT_MIN: u32 = 50;
const COUNT_MAX: u32 = 2000;

/// A call that takes so long finds a server that is slow, whatever the COUNT: others wait for it, too. A search in a
/// hurry then rests as well, and takes about a tenth of its time.
const SLOW_CALL: Duration = Duration::from_millis(10);
const SPARING: u32 = 9;

/// The longest pause, however dear a call was: a slow moment of ours must not end the search.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How fast the search goes on after its first pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Share of the node's time.
    pub(super) share: f64,
    /// Server time in one go; there is always one call.
    pub(super) burst: Duration,
    /// Time from one go to the next, at least.
    pub(super) gap: Duration,
}

/// State of the search on one node.
pub(super) struct Search {
    cursor: Bytes,
    count: u32,
    scanned: u64,
    pub(super) progress: ScanProgress,
    truncated_now: bool,
    pass_began: Instant,
    /// When the first call of this pass was made.
    first_call: Instant,
    /// The same of the last complete pass: it saw all that stood then.
    searched: Option<Instant>,
    /// A whole pass is wanted at full speed: the first one, or after a refresh.
    pub(super) hurry: bool,
    /// When the search may go on unless it is in a hurry.
    next_at: Instant,
    /// Until then it stands still, even in a hurry.
    held_until: Option<Instant>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self {
            cursor: "0".into(),
            count: 500,
            scanned: 0,
            progress: ScanProgress::default(),
            truncated_now: false,
            pass_began: Instant::now(),
            first_call: Instant::now(),
            searched: None,
            hurry: true,
            next_at: Instant::now(),
            held_until: None,
        }
    }

    /// True before the first call of the first pass.
    pub(super) fn is_fresh(&self) -> bool {
        self.progress.passes == 0 && self.scanned == 0
    }

    /// True when the search may go on.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.held_until(now).is_none() && (self.hurry || now >= self.next_at)
    }

    /// True when it is to go on at once.
    pub(super) fn hurries(&self, now: Instant) -> bool {
        self.hurry && self.held_until(now).is_none()
    }

    /// Until when it stands still, even in a hurry.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| *until > now)
    }

    /// Stands still until then.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held_until = Some(until);
    }

    /// A call took so long: a server that is slow is left in peace for a while.
    pub(super) fn spare(&mut self, now: Instant, cost: Duration) {
        if cost > SLOW_CALL {
            self.hold(now + (cost * SPARING).min(PAUSE_MAX));
        }
    }

    /// It reads this server from now on; `anew`: another one than before, where the cursor means nothing.
    pub(super) fn read_on(&mut self, on: SearchedOn, anew: bool) {
        self.progress.on = on;
        if anew {
            (self.cursor, self.scanned, self.truncated_now) = ("0".into(), 0, false);
            self.pass_began = Instant::now();
            self.progress.share = None;
        }
    }

    /// Rests after calls that cost the server `spent`, so long that its share is kept.
    pub(super) fn rest(&mut self, now: Instant, spent: Duration, pace: Pace) {
        let pause = spent.as_secs_f64() / pace.share.max(1e-6);
        let pause = Duration::from_secs_f64(pause.min(PAUSE_MAX.as_secs_f64())).max(pace.gap);
        self.next_at = now + pause;
    }

    /// The next call is made now.
    pub(super) fn calls(&mut self, now: Instant) {
        if self.cursor.as_slice() == b"0" {
            self.first_call = now;
        }
    }

    /// When the last complete pass began: a key that is found now and was not there then is younger.
    pub(super) fn searched(&self) -> Option<Instant> {
        self.searched
    }

    pub(super) fn cursor(&self) -> &Bytes {
        &self.cursor
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Something that matched is not kept.
    pub(super) fn truncate(&mut self) {
        self.truncated_now = true;
        if !std::mem::replace(&mut self.progress.truncated, true) {
            self.progress.truncated_since = Some(Stamp::now());
        }
    }

    /// Takes in a reply of SCAN that cost the server about `cost`; returns the keys. `total` is the number of
    /// keys in the database, if known. True when the pass is complete.
    pub(super) fn advance(
        &mut self,
        reply: Reply,
        cost: Duration,
        total: Option<u64>,
    ) -> Option<(Vec<Bytes>, bool)> {
        let Reply::Array(mut parts) = reply else { return None };
        let Some(Reply::Array(keys)) = parts.pop() else { return None };
        self.cursor = parts.pop()?.as_bytes()?;
        self.scanned += u64::from(self.count);
        self.adapt(cost);
        let done = self.cursor.as_slice() == b"0";
        if done {
            self.progress.passes += 1;
            let began = std::mem::replace(&mut self.pass_began, Instant::now());
            (self.searched, self.progress.pass_time) = (Some(self.first_call), Some(began.elapsed()));
            self.progress.share = Some(1.0);
            self.progress.truncated = self.truncated_now;
            self.truncated_now = false;
            self.scanned = 0;
            self.hurry = false;
        } else {
            self.progress.share =
                total.filter(|t| *t > 0).map(|t| (self.scanned as f64 / t as f64).min(0.99));
        }
        self.progress.error = None;
        Some((keys.into_iter().filter_map(|k| k.as_bytes()).collect(), done))
    }

    fn adapt(&mut self, cost: Duration) {
        if cost > CALL_BUDGET {
            self.count = (self.count / 2).max(COUNT_MIN);
        } else if cost < CALL_BUDGET / 2 {
            self.count = (self.count + self.count / 2).min(COUNT_MAX);
        }
    }

    pub(super) fn failed(&mut self, why: String) {
        if self.progress.error.replace(why).is_none() {
            self.progress.error_since = Some(Stamp::now());
        }
    }

    /// Starts the pass again, for example on another server process.
    pub(super) fn restart(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_as_long_as_its_share_wants() {
        let mut search = Search::new();
        let now = Instant::now();
        let pace = Pace { share: 0.01, burst: Duration::ZERO, gap: Duration::ZERO };
        search.rest(now, Duration::from_millis(1), pace);
        assert!(search.is_due(now), "in a hurry it never rests");
        search.hurry = false;
        assert!(!search.is_due(now + Duration::from_millis(99)));
        assert!(search.is_due(now + Duration::from_millis(101)));
        search.rest(now, Duration::from_secs(5), pace);
        assert!(search.is_due(now + PAUSE_MAX));
        search.rest(now, Duration::ZERO, Pace { gap: Duration::from_secs(1), ..pace });
        assert!(!search.is_due(now + Duration::from_millis(999)));
    }

    fn reply(cursor: &str) -> Reply {
        Reply::Array(vec![Reply::Bulk(cursor.into()), Reply::Array(vec![Reply::Bulk("k".into())])])
    }

    #[test]
    fn count_follows_the_cost() {
        let mut search = Search::new();
        for _ in 0..20 {
            search.advance(reply("7"), Duration::from_millis(5), None);
        }
        assert_eq!(search.count(), COUNT_MIN);
        for _ in 0..20 {
            search.advance(reply("7"), Duration::from_micros(50), None);
        }
        assert_eq!(search.count(), COUNT_MAX);
        assert_eq!(search.progress.passes, 0);
        let (keys, done) = search.advance(reply("0"), Duration::ZERO, None).expect("a reply");
        assert!(done && keys.len() == 1 && search.progress.passes == 1 && !search.hurry);
    }
}

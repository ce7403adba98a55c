//! Goes on with the search for keys, on the node itself or on a replica of it.

use std::time::{Duration, Instant};

use super::look::Look;
use super::search::Pace;
use crate::domain::Reply;
use crate::redis_io::CallError;

/// A replica was given up: long enough for the look to end.
const ELSEWHERE: Duration = Duration::from_millis(50);

impl Look<'_> {
    /// To the end of the pass or `until` when in a hurry, else within the budget of server time, when it is time for a
    /// call. A server that is slow is not hurried.
    pub(super) async fn search(&mut self, until: Instant, pace: Pace) -> Result<(), CallError> {
        if self.registry.is_idle() {
            self.search.progress.passes += 1;
            self.search.hurry = false;
            return Ok(());
        }
        if !self.search.is_due(Instant::now()) {
            return Ok(());
        }
        let steady = !self.search.hurry;
        let mut spent = Duration::ZERO;
        loop {
            let Some((reply, cost)) = self.scan().await? else {
                // Where to go on is for the next look to say.
                self.search.hold(Instant::now() + ELSEWHERE);
                return Ok(());
            };
            if let Some(error) = reply.as_error() {
                self.note_denied("locks", "SCAN", error);
                self.note_denied("queues", "SCAN", error);
                self.search.failed(error.to_string());
                return Ok(());
            }
            spent += cost;
            let searched = self.search.searched();
            let Some((keys, done)) = self.search.advance(reply, cost, self.keys_total) else {
                self.search.failed("SCAN answered in an unknown shape".into());
                return Ok(());
            };
            self.take_in(keys, searched).await?;
            if done {
                self.sampler.next_pass();
            }
            let now = Instant::now();
            self.search.spare(now, cost);
            let hurry = self.search.hurries(now) && now < until;
            if done || (!hurry && spent >= pace.burst) || now >= until {
                // What haste has cost is not made up for.
                self.search.rest(now, if steady { spent } else { Duration::ZERO }, pace);
                return Ok(());
            }
        }
    }

    /// One call, and about what it cost the server; `None`: the replica that was asked is given up.
    async fn scan(&mut self) -> Result<Option<(Reply, Duration)>, CallError> {
        self.search.calls(Instant::now());
        let pattern = self.registry.only_pattern();
        let (cursor, count) = (self.search.cursor(), self.search.count());
        if self.scout.is_posted() {
            return Ok(self.scout.scan(self.shared, self.meta.db, cursor, pattern, count).await);
        }
        let started = Instant::now();
        let reply = self.reader.scan(cursor, pattern, count).await?;
        let elapsed = started.elapsed();
        // The way there takes no longer than the quickest call: a PING may have waited for others.
        self.rtt = self.rtt.min(elapsed);
        self.cost.add(1, elapsed, self.rtt);
        Ok(Some((reply, elapsed.saturating_sub(self.rtt))))
    }
}

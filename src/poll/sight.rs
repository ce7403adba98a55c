//! Until when it is known what became of a lock: what happened to it while nobody could see it is no observation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::prefixes::Prefixes;
use crate::domain::Bytes;

/// Changes that were told by looks alone may be this many looks old.
const LOOKS: u32 = 3;
/// Pushed changes are read within milliseconds; with this much between, the node or the connection stood still.
const LATE: Duration = Duration::from_secs(3);

/// A time in which each change under some prefixes was told.
#[derive(Clone)]
pub(super) struct Told {
    prefixes: Arc<Prefixes>,
    from: Instant,
    /// `None`: it goes on.
    until: Option<Instant>,
}

/// Of one server: when its changes were pushed.
#[derive(Clone, Default)]
pub(super) struct Sight {
    /// The last such time, and the one before it.
    pub(super) told: [Option<Told>; 2],
    /// Notices wait since then: of these keys only the state before is known.
    pub(super) waiting: Option<Instant>,
    /// Time that one round of looks takes.
    pub(super) round: Duration,
}

impl Sight {
    /// From now on each change under these is told.
    pub(super) fn begins(&mut self, prefixes: Arc<Prefixes>, now: Instant) {
        self.ends(now);
        let [last, _] = &mut self.told;
        let last = last.replace(Told { prefixes, from: now, until: None });
        self.told[1] = last;
    }

    /// What changed since then may not have been told.
    pub(super) fn ends(&mut self, since: Instant) {
        if let [Some(Told { until, from, .. }), _] = &mut self.told
            && until.is_none()
        {
            *until = Some(since.max(*from));
        }
    }

    /// Some notices since then are lost; later ones come.
    pub(super) fn missed(&mut self, since: Instant, now: Instant) {
        let [Some(Told { prefixes, until: None, .. }), _] = &self.told else { return };
        let prefixes = prefixes.clone();
        self.ends(since);
        self.begins(prefixes, now);
    }

    /// Whether a change of this key that is seen now, last read at `read_at`, came so lately that its moment is
    /// known, and that nothing else is likely to have happened in between.
    pub(super) fn is_clear(&self, key: &Bytes, read_at: Instant, now: Instant) -> bool {
        let covers = |told: &&Told| told.from <= read_at && told.prefixes.of(key.as_slice()).is_some();
        let told = self.told.iter().flatten().find(covers);
        let known_until = match told.map(|told| told.until) {
            Some(None) => self.waiting.unwrap_or(now),
            Some(Some(until)) => until,
            None => read_at,
        };
        let most = match told {
            Some(_) => LATE.min(self.round * LOOKS),
            None => self.round * LOOKS,
        };
        now.saturating_duration_since(known_until.max(read_at)) <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_in_a_gap_was_not_seen() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let key = Bytes::from("lock:a");
        let prefixes = Arc::new(Prefixes::covering(["lock:".into()]));
        let mut sight = Sight { round: Duration::from_secs(1), ..Sight::default() };
        assert!(sight.is_clear(&key, at(0), at(3)) && !sight.is_clear(&key, at(0), at(4)), "by looks alone");
        sight.begins(prefixes.clone(), at(10));
        assert!(sight.is_clear(&key, at(11), at(500)), "nothing was told: it stood");
        assert!(!sight.is_clear(&"other".into(), at(11), at(500)), "nobody would have told");
        assert!(!sight.is_clear(&key, at(9), at(500)), "read before changes were told");
        sight.waiting = Some(at(490));
        assert!(!sight.is_clear(&key, at(11), at(500)) && sight.is_clear(&key, at(499), at(500)));
        sight.waiting = None;
        // A flush: the gap is as long as the next reading takes.
        sight.missed(at(600), at(600));
        assert!(sight.is_clear(&key, at(11), at(601)) && !sight.is_clear(&key, at(11), at(610)));
        assert!(sight.is_clear(&key, at(601), at(900)));
        // A lost connection, noticed late, and another one.
        sight.ends(at(1000));
        assert!(!sight.is_clear(&key, at(700), at(1010)));
        assert!(sight.is_clear(&key, at(1009), at(1010)), "read again since");
        sight.begins(prefixes, at(1020));
        assert!(!sight.is_clear(&key, at(700), at(1021)));
        assert!(!sight.is_clear(&key, at(601), at(1021)));
        assert!(sight.is_clear(&key, at(1021), at(2000)));
    }
}

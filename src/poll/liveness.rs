//! Up, suspect, down: a pure state machine over looks that succeeded or missed.

use std::collections::VecDeque;

use crate::domain::Stamp;
use crate::domain::node::{FLAP_WINDOW, NodeState, NodeStatus, Reason};

/// Times of going away that are kept.
const KEPT: usize = 100;

/// Liveness of one node.
#[derive(Clone, Debug)]
pub struct Liveness {
    status: NodeStatus,
    down_after: u32,
    /// When it went away, oldest first.
    went: VecDeque<Stamp>,
}

impl Liveness {
    /// Not heard yet.
    pub fn new(down_after: u32, now: Stamp) -> Self {
        let status = NodeStatus {
            state: NodeState::Suspect,
            reason: Some(Reason::Connecting),
            detail: None,
            since: now,
            misses: 0,
            last_ok: None,
            flaps: 0,
            flapping_since: None,
        };
        Self { status, down_after: down_after.max(1), went: VecDeque::new() }
    }

    /// The status.
    pub fn status(&self) -> &NodeStatus {
        &self.status
    }

    /// It answered: up at once, whatever was before.
    pub fn answered(&mut self, now: Stamp) {
        if self.status.state != NodeState::Up {
            self.status.since = now;
        }
        self.status.state = NodeState::Up;
        self.status.reason = None;
        self.status.detail = None;
        self.status.misses = 0;
        self.status.last_ok = Some(now);
        self.count_flaps(now);
    }

    fn count_flaps(&mut self, now: Stamp) {
        while self.went.len() > KEPT || self.went.front().is_some_and(|at| now.since(*at) > FLAP_WINDOW) {
            self.went.pop_front();
        }
        self.status.flaps = self.went.len() as u32;
        self.status.flapping_since = self.went.front().copied();
    }

    /// It missed a look. `since` stays at the first miss: that is when the trouble began.
    pub fn missed(&mut self, reason: Reason, detail: &str, now: Stamp) {
        if self.status.misses == 0 {
            self.status.since = now;
        }
        if self.status.state == NodeState::Up {
            self.went.push_back(now);
        }
        self.count_flaps(now);
        self.status.misses = self.status.misses.saturating_add(1);
        self.status.state =
            if self.status.misses >= self.down_after { NodeState::Down } else { NodeState::Suspect };
        self.status.reason = Some(reason);
        self.status.detail = Some(detail.to_string()).filter(|d| !d.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn suspect_after_one_miss_down_after_three_up_at_once() {
        let start = Stamp::now();
        let at = |s| start.plus(Duration::from_secs(s));
        let mut live = Liveness::new(3, start);
        assert_eq!(live.status().reason, Some(Reason::Connecting));
        live.answered(at(1));
        assert_eq!((live.status().state, live.status().since), (NodeState::Up, at(1)));
        live.answered(at(2));
        assert_eq!(live.status().since, at(1));
        live.missed(Reason::Timeout, "x", at(3));
        assert_eq!((live.status().state, live.status().since), (NodeState::Suspect, at(3)));
        live.missed(Reason::Timeout, "x", at(4));
        live.missed(Reason::Refused, "y", at(5));
        assert_eq!((live.status().state, live.status().since), (NodeState::Down, at(3)));
        assert_eq!(live.status().reason, Some(Reason::Refused));
        assert_eq!(live.status().last_ok, Some(at(2)));
        live.answered(at(6));
        assert_eq!((live.status().state, live.status().since), (NodeState::Up, at(6)));
        assert_eq!(live.status().flaps, 1);
    }

    #[test]
    fn each_going_away_counts_for_a_while() {
        let start = Stamp::now();
        let at = |s| start.plus(Duration::from_secs(s));
        let mut live = Liveness::new(3, start);
        live.missed(Reason::Refused, "", at(0));
        assert_eq!(live.status().flaps, 0, "it was never there");
        for round in 0..4 {
            live.answered(at(10 * round + 1));
            live.missed(Reason::Refused, "", at(10 * round + 2));
            live.missed(Reason::Refused, "", at(10 * round + 3));
        }
        assert_eq!(live.status().flaps, 4);
        live.answered(at(315));
        assert_eq!(live.status().flaps, 2, "what is long past is forgotten");
        live.answered(at(400));
        assert_eq!(live.status().flaps, 0);
    }
}

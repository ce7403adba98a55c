//! Up, suspect, down: a pure state machine over looks that succeeded or missed.

use crate::domain::Stamp;
use crate::domain::node::{NodeState, NodeStatus, Reason};

/// Liveness of one node.
#[derive(Clone, Debug)]
pub struct Liveness {
    status: NodeStatus,
    down_after: u32,
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
        };
        Self { status, down_after: down_after.max(1) }
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
    }

    /// It missed a look. `since` stays at the first miss: that is when the trouble began.
    pub fn missed(&mut self, reason: Reason, detail: &str, now: Stamp) {
        if self.status.misses == 0 {
            self.status.since = now;
        }
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
    }
}

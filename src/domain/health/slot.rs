//! What is shown of one rule through time: the hysteresis that nodes and groups share.

use crate::domain::{Finding, Rules, Severity, Stamp};

/// What a rule says of itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct Terms {
    /// Stable word for scripts.
    pub(in crate::domain) code: &'static str,
    /// The next thing to try.
    pub(in crate::domain) remedy: &'static str,
    /// A single look is enough to show it.
    pub(in crate::domain) at_once: bool,
}

/// What is shown of one rule.
#[derive(Debug, Default)]
pub(in crate::domain) struct Slot {
    shown: Option<Finding>,
    /// What the last looks say instead, and how many in a row.
    candidate: Option<Severity>,
    streak: u32,
    last_bad: Option<Stamp>,
    cleared_at: Option<Stamp>,
    /// It came back soon after it had gone.
    flickers: bool,
}

impl Slot {
    /// What is shown now.
    pub(in crate::domain) fn shown(&self) -> Option<Finding> {
        self.shown.clone()
    }

    /// Takes in what the rule says at this look. `is_new`: it looked at new facts. `is_first`: there was no look
    /// before, so there is nothing to be steady against.
    pub(in crate::domain) fn take(
        &mut self,
        rule: Terms,
        verdict: Option<(Severity, String)>,
        is_new: bool,
        is_first: bool,
        rules: &Rules,
        now: Stamp,
    ) {
        let severity = verdict.as_ref().map(|(severity, _)| *severity);
        let shown = self.shown.as_ref().map(|f| f.severity);
        if severity.is_some() {
            self.last_bad = Some(now);
        }
        if severity == shown {
            self.streak = 0;
        } else {
            if self.streak == 0 || self.candidate != severity {
                self.streak = u32::from(is_new);
            } else if is_new {
                self.streak = self.streak.saturating_add(1);
            }
            self.candidate = severity;
            let at_once = is_first || (rule.at_once && severity > shown);
            let calm = severity.is_some()
                || !self.flickers
                || self.last_bad.is_none_or(|at| now.since(at) >= rules.cool_down);
            if !at_once && (self.streak < rules.samples || !calm) {
                // The figures are of now even while the weight is not settled.
                if let (Some(shown), Some((_, message))) = (&mut self.shown, verdict) {
                    shown.message = message;
                }
                return;
            }
            self.streak = 0;
            if shown.is_none() {
                self.flickers = self.cleared_at.is_some_and(|at| now.since(at) < rules.cool_down);
            }
            if severity.is_none() {
                self.cleared_at = Some(now);
            }
        }
        // A verdict that only changed its weight is as old as before.
        let since = self.shown.as_ref().and_then(|f| f.since).unwrap_or(now);
        self.shown = verdict.map(|(severity, message)| {
            Finding::new(severity, rule.code, message).with_remedy(rule.remedy).since(since)
        });
    }
}

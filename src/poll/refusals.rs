//! What this user may not do with single keys. A key whose changes are pushed is read once and then rarely, and a type is
//! asked for once: what was refused then is said until it is known to be permitted, not only at that one look.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::asides::Asides;
use crate::family::Read;

/// What is said where not a command but keys are not permitted.
pub(super) const SOME_KEYS: &str = "access to some keys";
/// Other keys may still be permitted: that some are not is said for so long, a little more than all known keys take
/// until they were read again.
const KEYS_FOR: Duration = Duration::from_secs(330);

/// See the module.
#[derive(Default)]
pub(super) struct Refusals {
    /// By pane and what is not permitted: the read that was refused, and when.
    refused: BTreeMap<(&'static str, &'static str), (&'static str, Instant)>,
    /// What need not be read.
    pub(super) asides: Asides,
}

impl Refusals {
    /// `what` was refused to this read, called by what it needs.
    pub(super) fn refused(&mut self, what: (&'static str, &'static str), read: &'static str, now: Instant) {
        self.refused.insert(what, (read, now));
    }

    /// Somebody wants to know: what was left out is asked for again.
    pub(super) fn ask_again(&mut self) {
        self.asides = Asides::default();
    }

    /// Such a read was answered.
    pub(super) fn allowed(&mut self, read: &Read) {
        if !self.refused.is_empty() {
            let needs = read.needs();
            self.refused.retain(|(_, what), (of, _)| *what == SOME_KEYS || *of != needs);
        }
    }

    /// What was refused and was not permitted since.
    pub(super) fn lately(&mut self, now: Instant) -> impl Iterator<Item = (&'static str, String)> {
        self.refused
            .retain(|(_, what), (_, at)| *what != SOME_KEYS || now.saturating_duration_since(*at) < KEYS_FOR);
        self.refused.keys().map(|(pane, what)| (*pane, (*what).to_owned()))
    }
}

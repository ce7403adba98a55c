//! Time is injected: whoever decides by time gets it from here or as an argument.

use crate::domain::Stamp;

/// A source of time.
pub trait Clock: Send + Sync {
    /// Now, on both clocks.
    fn now(&self) -> Stamp;
}

/// This machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Stamp {
        Stamp::now()
    }
}

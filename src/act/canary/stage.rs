//! Where a canary is.

/// Where a canary is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It waits; how many stand before it, where that is known.
    Waiting(Option<u64>),
    /// A worker has it; which one, escaped, where it is known.
    Picked(Option<String>),
    /// A worker did it.
    Done(Option<String>),
    /// It failed in a worker, and why; both escaped.
    Failed(Option<String>, String),
    /// It was taken, and how it ended can't be seen: the library keeps nothing of it, or not in this database.
    Taken,
    /// Nobody took it in the time given.
    NotTaken,
    /// A worker has it, and it did not end in the time given.
    NotEnded(Option<String>),
    /// It can't be found out; why, escaped.
    Unknown(String),
}

impl Stage {
    /// True when nothing more is to come.
    pub fn is_end(&self) -> bool {
        !matches!(self, Self::Waiting(_) | Self::Picked(_))
    }

    /// Stable word for JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "waiting",
            Self::Picked(_) => "picked",
            Self::Done(_) => "done",
            Self::Failed(..) => "failed",
            Self::Taken => "taken",
            Self::NotTaken => "not_taken",
            Self::NotEnded(_) => "not_ended",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The worker, where it is known.
    pub fn worker(&self) -> Option<&str> {
        match self {
            Self::Picked(by) | Self::Done(by) | Self::Failed(by, _) | Self::NotEnded(by) => by.as_deref(),
            _ => None,
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = |by: &Option<String>| by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        match self {
            Self::Waiting(None) => f.write_str("waits"),
            Self::Waiting(Some(0)) => f.write_str("waits, next in line"),
            Self::Waiting(Some(n)) => write!(f, "waits, {n} before it"),
            Self::Picked(who) => write!(f, "was picked{}", by(who)),
            Self::Done(who) => write!(f, "is done{}", by(who)),
            Self::Failed(who, why) => write!(f, "failed{}: {why}", by(who)),
            Self::Taken => f.write_str("was taken; how it ended is not kept here"),
            Self::NotTaken => f.write_str("was not taken by anybody"),
            Self::NotEnded(who) => write!(f, "was picked{} and has not ended", by(who)),
            Self::Unknown(why) => write!(f, "cannot be followed: {why}"),
        }
    }
}

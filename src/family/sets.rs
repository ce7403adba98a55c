//! Where a queue's tasks stand that do not wait: taken, for later, to be tried again, failed.

use crate::domain::Bytes;

/// Which tasks of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TaskSet {
    /// Those that wait.
    #[default]
    Waiting,
    /// Taken and not finished.
    InFlight,
    /// For later.
    Scheduled,
    /// Failed, to be tried again.
    Retry,
    /// Failed for good.
    Failed,
}

impl TaskSet {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::InFlight, Self::Scheduled, Self::Retry, Self::Failed];

    /// Stable word for the command line and JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InFlight => "in-flight",
            Self::Scheduled => "scheduled",
            Self::Retry => "retry",
            Self::Failed => "failed",
        }
    }

    /// What the two ends are called that are shown, the more interesting one first.
    pub fn ends(self) -> [&'static str; 2] {
        match self {
            Self::Waiting => ["next", "newest"],
            Self::InFlight => ["first", "last"],
            Self::Scheduled | Self::Retry => ["next", "last"],
            Self::Failed => ["newest", "oldest"],
        }
    }
}

/// A key with tasks of one set, of whatever type it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetPlace {
    /// Which tasks.
    pub set: TaskSet,
    /// The key.
    pub key: Bytes,
    /// Where in it.
    pub since: Since,
    /// True where tasks of other queues stand there as well.
    pub shared: bool,
    /// What the score of a sorted set tells.
    pub time: Option<Time>,
    /// True where the key is called so behind what tells the application, see [`super::QueueFamily::application`].
    pub prefixed: bool,
}

impl SetPlace {
    /// All that stands in that key.
    pub fn new(set: TaskSet, key: Bytes) -> Self {
        Self { set, key, since: Since::All, shared: false, time: None, prefixed: false }
    }

    /// Of a sorted set of times, only what is not due yet; the score has so many steps in a second.
    pub(super) fn not_due(self, per_second: u32) -> Self {
        Self { since: Since::NotDue(per_second), ..self.due(per_second) }
    }

    /// The score of a sorted set is when the task is due; it has so many steps in a second.
    pub(super) fn due(self, per_second: u32) -> Self {
        self.timed("due", per_second)
    }

    /// The score of a sorted set is a time, called so.
    pub(super) fn timed(self, word: &'static str, per_second: u32) -> Self {
        Self { time: Some(Time { word, per_second }), ..self }
    }

    /// Of a sorted set, only members with a score above zero.
    pub(super) fn with_a_time(self, per_second: u32) -> Self {
        Self { since: Since::AboveZero, ..self.due(per_second) }
    }

    /// Tasks of other queues stand there as well.
    pub(super) fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    /// The application's prefix stands before the key.
    pub(super) fn prefixed(self) -> Self {
        Self { prefixed: true, ..self }
    }

    /// The key in this application.
    pub fn key_in(&self, application: &Bytes) -> Bytes {
        let prefix = if self.prefixed { application.as_slice() } else { b"" };
        [prefix, self.key.as_slice()].concat().into()
    }
}

/// What the scores of a sorted set are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Time {
    /// What happens or happened then.
    pub word: &'static str,
    /// Steps in a second.
    pub per_second: u32,
}

/// Which part of a key is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Since {
    /// All of it.
    All,
    /// Entries of a stream behind this one.
    Entry(Bytes),
    /// Members of a sorted set with a score above zero.
    AboveZero,
    /// Members of a sorted set with a score in the future, by the server's clock; its steps in a second.
    NotDue(u32),
}

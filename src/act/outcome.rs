//! What became of an action. "Unknown" is an outcome of its own: it is re-read, never retried by itself.

use crate::domain::Reply;

/// Why nothing was done. Each stands for "the data is as it was".
#[derive(Clone, PartialEq, Debug)]
pub enum NotDone {
    /// The value is another one now: the lock changed hands.
    Changed,
    /// The key is gone.
    Gone,
    /// The key exists (for an undo: it was taken again).
    Taken,
    /// The key was touched since the dialog opened, or since the release.
    Touched,
    /// The key has another type.
    WrongType,
    /// The ACL denies it; which command, escaped.
    Denied(String),
    /// The plan's deadline had passed on the server's clock.
    Late,
    /// An undo, and its TTL has run out in the meantime.
    Expired,
    /// Read-only mode.
    ReadOnlyMode,
    /// The server is a replica; escaped text names its primary if known.
    Replica(String),
    /// The slot of its keys is on another node of the cluster, escaped, and the plan could not go there.
    Moved(String),
    /// The slot of its keys is on its way, some of them here and some there.
    Moving,
    /// Its keys are in different slots of the cluster; a sentence, escaped.
    CrossSlot(String),
    /// Another server process answers at that address.
    OtherServer,
    /// The audit file could not be written.
    NoAudit(String),
    /// It could not be sent at all.
    NotSent(String),
    /// The server refused; its words, escaped.
    Refused(String),
}

impl NotDone {
    /// Stable word for JSON and the audit file.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Taken => "taken",
            Self::Touched => "touched",
            Self::WrongType => "wrong_type",
            Self::Denied(_) => "denied",
            Self::Late => "late",
            Self::Expired => "expired",
            Self::ReadOnlyMode => "read_only",
            Self::Replica(_) => "replica",
            Self::Moved(_) => "moved",
            Self::Moving => "moving",
            Self::CrossSlot(_) => "cross_slot",
            Self::OtherServer => "other_server",
            Self::NoAudit(_) => "no_audit",
            Self::NotSent(_) => "not_sent",
            Self::Refused(_) => "refused",
        }
    }
}

impl std::fmt::Display for NotDone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed => f.write_str("another token holds it now: nothing was done"),
            Self::Gone => f.write_str("it is gone already: nothing was done"),
            Self::Taken => f.write_str("the key is in use again: nothing was done"),
            Self::Touched => f.write_str("it was touched in the meantime: nothing was done"),
            Self::WrongType => f.write_str("the key has another type now: nothing was done"),
            Self::Denied(what) => write!(f, "not permitted ({what}): nothing was done"),
            Self::Late => f.write_str("the server was too late: nothing was done"),
            Self::Expired => f.write_str("its TTL has run out meanwhile: nothing to restore"),
            Self::ReadOnlyMode => f.write_str("read-only mode: nothing was sent"),
            Self::Replica(what) => write!(f, "that node is a replica ({what}): nothing was done"),
            Self::Moved(to) => write!(f, "its slot is on {to} now: nothing was done, ask again"),
            Self::Moving => f.write_str(
                "its slot is being moved and its keys are on two nodes: nothing was done, try again when it has arrived",
            ),
            Self::CrossSlot(why) => write!(f, "{why}: nothing was sent"),
            Self::OtherServer => f.write_str("another server process answers there now: nothing was done"),
            Self::NoAudit(why) => write!(f, "the audit file cannot be written ({why}): nothing was sent"),
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::Refused(why) => write!(f, "the server refused: {why}"),
        }
    }
}

/// What became of a plan.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// All steps ran; their replies.
    Done {
        /// Replies of the steps.
        replies: Vec<Reply>,
        /// PTTL of the subject just before, milliseconds: -1 no TTL, -2 no key.
        pttl_before_ms: i64,
        /// The server's clock, milliseconds since the epoch.
        server_ms: u64,
    },
    /// Nothing was changed.
    NotDone(NotDone),
    /// A step failed midway: which ones ran before.
    Partly {
        /// Steps that ran.
        ran: usize,
        /// The server's words, escaped.
        error: String,
    },
    /// It was sent and no answer came: it may have run.
    Unknown(String),
}

impl Outcome {
    /// Exit code of the headless commands: 0 done, 1 not done, 3 unknown.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Done { .. } => 0,
            Self::NotDone(_) | Self::Partly { .. } => 1,
            Self::Unknown(_) => 3,
        }
    }

    /// Stable word for the audit file.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::NotDone(why) => why.code(),
            Self::Partly { .. } => "partly",
            Self::Unknown(_) => "unknown",
        }
    }
}

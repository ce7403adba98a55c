//! What goes wrong while working, sorted by what to do about it.

use std::time::Duration;

use crate::domain::node::Reason;
use crate::domain::reply::ReplyError;
use crate::redis_io::CallError;

/// A failure with its reason, escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The connection or the node: try again.
    Lost(String),
    /// The node refuses us; once a session ran this too is tried again.
    Refused(String),
    /// Nothing can be done here: end.
    Never(String),
}

impl Trouble {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Lost(text) | Self::Refused(text) | Self::Never(text) => text,
        }
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        let text = error.to_string();
        match error.reason {
            Reason::Noauth
            | Reason::Wrongpass
            | Reason::Noperm
            | Reason::Tls
            | Reason::NotRedis
            | Reason::ProtectedMode
            | Reason::Other => Self::Refused(text),
            _ => Self::Lost(text),
        }
    }
}

impl From<&ReplyError> for Trouble {
    fn from(error: &ReplyError) -> Self {
        let text = error.to_string();
        match error.code.as_str() {
            "LOADING" | "BUSY" | "MASTERDOWN" | "OOM" | "CLUSTERDOWN" | "TRYAGAIN" | "NOREPLICAS"
            | "MISCONF" | "UNBLOCKED" | "EXECABORT" | "READONLY" => Self::Lost(text),
            "WRONGTYPE" => Self::Never(format!("a key of another type is in the way ({text})")),
            // An error inside a script carries the code of the script.
            _ if text.contains("WRONGTYPE") => {
                Self::Never(format!("a key of another type is in the way ({text})"))
            }
            _ if text.contains("OOM ") || text.contains("command not allowed when used memory") => {
                Self::Lost(text)
            }
            _ => Self::Refused(text),
        }
    }
}

/// Capped, jittered back-off before the n-th try (from 0): 0.1 s doubling to 2 s, plus or minus half.
pub(super) fn pause_before(attempt: u32) -> Duration {
    let full = Duration::from_millis(100 << attempt.min(5)).min(Duration::from_secs(2));
    full.mul_f64(0.5 + fastrand::f64())
}

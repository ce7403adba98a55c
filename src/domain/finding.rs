//! "This looks wrong": one sentence with its weight.

use serde::{Serialize, Serializer};

use super::Stamp;

/// How much a finding weighs. The order is the order of the fleet verdict: worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, no action.
    Info,
    /// Something could not be read, so nothing can be said.
    Unknown,
    /// Look at it.
    Warning,
    /// Act now.
    Critical,
}

/// One thing found, about a node, a lock or a queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// Stable word for scripts, kebab-case, such as `never-expires`.
    pub code: &'static str,
    /// A sentence with the figures, already escaped.
    pub message: String,
    /// The next thing to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
    /// When it appeared; `None` where that is not known (findings of locks and queues, which have ages).
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub since: Option<Stamp>,
}

#[allow(clippy::ref_option, reason = "serde passes the field as it is")]
fn rfc3339<S: Serializer>(since: &Option<Stamp>, to: S) -> Result<S::Ok, S::Error> {
    match since {
        Some(stamp) => to.serialize_str(&stamp.rfc3339()),
        None => to.serialize_none(),
    }
}

impl Finding {
    /// A finding; `message` must hold no raw bytes from Redis.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), remedy: None, since: None }
    }

    /// The same with the next thing to try.
    #[must_use]
    pub fn with_remedy(self, remedy: &'static str) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// The same with the moment it appeared.
    #[must_use]
    pub fn since(self, since: impl Into<Option<Stamp>>) -> Self {
        Self { since: since.into(), ..self }
    }
}

//! Every way a connection or call can fail, told apart.

use crate::domain::bytes::escape_text;
use crate::domain::node::Reason;
use crate::domain::reply::ReplyError;

/// A call that gave no reply, or a connection that was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.words())]
pub struct CallError {
    /// Which kind.
    pub reason: Reason,
    /// The error's own words, escaped, without secrets.
    pub detail: String,
    /// The connection can't be used any more.
    pub broken: bool,
}

impl CallError {
    /// A failure after which the connection is dropped.
    pub fn new(reason: Reason, detail: impl AsRef<str>) -> Self {
        Self { reason, detail: escape_text(&without_number(detail.as_ref())), broken: true }
    }

    /// No answer in time.
    pub fn timeout(what: &str) -> Self {
        Self::new(Reason::Timeout, what)
    }

    /// What an error reply to PING or the handshake says about the node.
    pub fn from_reply(error: &ReplyError) -> Self {
        Self { reason: reason_of_reply(error), detail: error.to_string(), broken: true }
    }

    /// What an error of the client library says.
    pub(super) fn from_redis(error: &redis::RedisError) -> Self {
        use redis::ErrorKind;
        if let Some(code) = error.code() {
            let reply = ReplyError {
                code: code.to_string(),
                message: escape_text(error.detail().unwrap_or_default()),
            };
            return Self::from_reply(&reply);
        }
        let reason = match error.kind() {
            ErrorKind::Parse => Reason::NotRedis,
            ErrorKind::Io if error.is_timeout() => Reason::Timeout,
            ErrorKind::Io if error.is_connection_refusal() => Reason::Refused,
            // With TLS 1.3 a refused client certificate is only noticed at the first read.
            ErrorKind::Io if error.to_string().contains("fatal alert") => Reason::Tls,
            ErrorKind::Io => Reason::Reset,
            _ => Reason::Other,
        };
        Self::new(reason, error.to_string())
    }
}

/// The words of the operating system without its number: `Connection refused (os error 111)`.
fn without_number(words: &str) -> String {
    match words.split_once(" (os error ").and_then(|(head, tail)| Some((head, tail.split_once(')')?.1))) {
        Some((head, tail)) => format!("{head}{tail}"),
        None => words.to_owned(),
    }
}

/// Maps an error reply to what it means for liveness.
pub fn reason_of_reply(error: &ReplyError) -> Reason {
    let text = error.message.to_ascii_lowercase();
    match error.code.as_str() {
        "NOAUTH" => Reason::Noauth,
        "WRONGPASS" => Reason::Wrongpass,
        "NOPERM" => Reason::Noperm,
        "LOADING" => Reason::Loading,
        "MASTERDOWN" => Reason::Masterdown,
        "CLUSTERDOWN" => Reason::Clusterdown,
        "MISCONF" => Reason::Misconf,
        "BUSY" => Reason::Busy,
        "DENIED" => Reason::ProtectedMode,
        _ if text.contains("max number of clients") => Reason::MaxClients,
        _ if text.contains("protected mode") => Reason::ProtectedMode,
        _ if text.contains("invalid password") || text.contains("invalid username") => Reason::Wrongpass,
        _ => Reason::Other,
    }
}

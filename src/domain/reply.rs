//! A reply of a server, free of any client library's types.

use super::Bytes;

/// What a command answered. Errors stand in place, so that one refused command never spoils its pipeline.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// No such key, or no value.
    Nil,
    /// An integer.
    Int(i64),
    /// A string, exact.
    Bulk(Bytes),
    /// A status such as `OK`.
    Status(String),
    /// A list (also RESP3 sets).
    Array(Vec<Reply>),
    /// A RESP3 map.
    Map(Vec<(Reply, Reply)>),
    /// A RESP3 double.
    Double(f64),
    /// A RESP3 boolean.
    Bool(bool),
    /// The server refused this command.
    Error(ReplyError),
}

/// An error reply: its code word and its text, not yet escaped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplyError {
    /// First word, such as `NOPERM`, `WRONGTYPE` or `ERR`.
    pub code: String,
    /// The rest of the line, escaped for showing.
    pub message: String,
}

/// Where a node of a cluster sends us instead: words of a server, not to be dialled as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirect {
    /// ASK: for this one key only, while its slot is on the way. Else MOVED.
    pub asking: bool,
    /// The host; empty for the one that was asked.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Reply {
    /// The integer in it; also where a server sends one as a string.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Bulk(b) => b.as_utf8()?.parse().ok(),
            Self::Status(s) => s.parse().ok(),
            _ => None,
        }
    }

    /// The string in it.
    pub fn as_bytes(&self) -> Option<Bytes> {
        match self {
            Self::Bulk(b) => Some(b.clone()),
            Self::Status(s) => Some(s.as_str().into()),
            Self::Int(i) => Some((*i).into()),
            _ => None,
        }
    }

    /// Its elements, if it is a list.
    pub fn as_array(&self) -> Option<&[Reply]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The error in it.
    pub fn as_error(&self) -> Option<&ReplyError> {
        match self {
            Self::Error(e) => Some(e),
            _ => None,
        }
    }

    /// True for an error reply that says this user may not run the command.
    pub fn is_denied(&self) -> bool {
        self.as_error().is_some_and(ReplyError::is_denied)
    }
}

impl ReplyError {
    /// NOPERM, as Redis 6 and later and Valkey answer a command, key or channel outside the user's ACL. From within a
    /// script the same comes as ERR with a sentence: one of Redis 7.2, Valkey 8 and later, one of Redis before 7.
    pub fn is_denied(&self) -> bool {
        let in_script = ["ACL failure in script", "The user executing the script can't"];
        self.code == "NOPERM" || in_script.iter().any(|words| self.message.contains(words))
    }

    /// The same, also where only a script says so of what it runs. Part of the script may then have run.
    pub fn is_denied_somewhere(&self) -> bool {
        self.is_denied() || self.is_denied_inside()
    }

    /// The script itself is permitted, a command or key that it uses is not: in the words of 6 and 7.0, and of 7.2.
    pub fn is_denied_inside(&self) -> bool {
        ["The user executing the script can't", "ACL failure in script"]
            .iter()
            .any(|words| self.message.contains(words))
    }

    /// MOVED and ASK: `MOVED 3999 127.0.0.1:6381`. Nothing of the command was run.
    pub fn redirect(&self) -> Option<Redirect> {
        let asking = match self.code.as_str() {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let (host, port) = self.message.split(' ').nth(1)?.rsplit_once(':')?;
        let host = host.trim_matches(['[', ']']).to_string();
        Some(Redirect { asking, host, port: port.parse().ok()? })
    }

    /// The command does not exist there: too old, or renamed by the operator.
    pub fn is_unknown_command(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        text.starts_with("unknown command") || text.starts_with("unknown subcommand")
    }
}

impl std::fmt::Display for ReplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_read_and_nothing_else() {
        let of = |code: &str, message: &str| {
            ReplyError { code: code.into(), message: message.into() }
                .redirect()
                .map(|r| (r.asking, r.host, r.port))
        };
        assert_eq!(of("MOVED", "3999 127.0.0.1:6381"), Some((false, "127.0.0.1".into(), 6381)));
        assert_eq!(of("ASK", "3999 ::1:6381"), Some((true, "::1".into(), 6381)));
        assert_eq!(of("MOVED", "3999 :6381"), Some((false, String::new(), 6381)));
        for (code, message) in [("ERR", "3999 a:1"), ("MOVED", "3999"), ("MOVED", "3999 a:b"), ("ASK", "")] {
            assert_eq!(of(code, message), None, "{code} {message}");
        }
    }

    #[test]
    fn a_refusal_within_a_script_is_one_too() {
        let of =
            |code: &str, message: &str| ReplyError { code: code.into(), message: message.into() }.is_denied();
        assert!(of("NOPERM", "this user has no permissions"));
        // Valkey 9.1, Redis 7.2; and Redis 6.2.
        assert!(of("ERR", "ACL failure in script: User u has no permissions to run the 'hlen' command"));
        assert!(of("ERR", "The user executing the script can't run this command or subcommand"));
        assert!(!of("ERR", "user_script:1: attempt to index a nil value"));
    }
}

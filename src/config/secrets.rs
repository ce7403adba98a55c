//! Secrets: a type that cannot be shown.

use std::fmt;

/// A password or passphrase. `Debug` and `Display` print `***`; only [`Secret::expose`] gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Environment variables that hold our secrets (a URL may hold a password): child processes never inherit them.
pub const SECRET_VARIABLES: [&str; 4] =
    ["REDISCLI_AUTH", "REDWARDEN_PASSWORD", "REDWARDEN_URL", "REDWARDEN_URLS"];

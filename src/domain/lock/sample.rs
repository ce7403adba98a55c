//! A lock for the tests of the rules.

use super::{Lock, LockId, Renewal, Token, Ttl};
use crate::domain::{NodeId, Stamp};

/// A random value.
pub(crate) const RANDOM: &str = "4f9c0c5e-9b52-4d8e-8c0c";

/// A string with a random value, read and first seen now; nothing more is known of it, and it has no TTL.
pub(crate) fn sample(now: Stamp) -> Lock {
    Lock {
        id: LockId { node: NodeId::new("a"), db: 0, key: "lock:a".into() },
        family: "setnx",
        candidates: [].into(),
        no_ttl_is_normal: false,
        key_type: "string".into(),
        token: Token::Known(RANDOM.into()),
        holder: None,
        ttl: Ttl::Never,
        renewal: Renewal::Unknown,
        renewed_with: None,
        read_at: now,
        first_seen: now,
        held_before: None,
        waiters: None,
        presence: None,
        usual: None,
        holders: [].into(),
        holders_total: None,
    }
}

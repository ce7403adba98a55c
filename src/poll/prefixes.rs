//! Beginnings of keys, none of which is the beginning of another: the server refuses overlapping ones.

use crate::domain::Bytes;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Prefixes(Vec<Bytes>);

impl Prefixes {
    /// The fewest that cover all of these: of two that overlap the shorter one.
    pub(super) fn covering(all: impl IntoIterator<Item = Bytes>) -> Self {
        let mut sorted: Vec<Bytes> = all.into_iter().collect();
        sorted.sort_unstable();
        // What begins with a prefix comes right after it.
        sorted.dedup_by(|later, kept| later.as_slice().starts_with(kept.as_slice()));
        Self(sorted)
    }

    /// Which of them the key begins with.
    pub(super) fn of(&self, key: &[u8]) -> Option<usize> {
        let at = self.0.partition_point(|prefix| prefix.as_slice() <= key).checked_sub(1)?;
        self.0.get(at).filter(|prefix| key.starts_with(prefix.as_slice())).map(|_| at)
    }

    pub(super) fn as_slice(&self) -> &[Bytes] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_overlapping_ones_the_shorter_stays() {
        let all = ["lock:orders:", "queue:", "lock:", "bull:", "lock", "lock:", "lobby"];
        let prefixes = Prefixes::covering(all.map(Bytes::from));
        let expected = ["bull:", "lobby", "lock", "queue:"].map(Bytes::from);
        assert_eq!(prefixes.as_slice(), expected);
        assert_eq!(prefixes.of(b"lock:orders:7"), Some(2));
        assert_eq!(prefixes.of(b"lock"), Some(2));
        assert_eq!(prefixes.of(b"queue:\xff"), Some(3));
        for other in [&b"loc"[..], b"", b"a", b"zebra", b"queue"] {
            assert_eq!(prefixes.of(other), None);
        }
    }
}

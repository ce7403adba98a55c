//! Payloads that come again: where they do, finding the last newest element proves nothing.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::Bytes;

/// Newest elements of earlier looks that are known again, and looks after which a repetition is forgotten.
const KNOWN: usize = 64;

/// The newest elements of the last looks, as hashes.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    seen: VecDeque<u64>,
    /// Looks in which one that had been replaced may still come back into account.
    left: usize,
}

impl Repeats {
    /// Takes in the newest element of a look, and that of the look before.
    pub(super) fn take(&mut self, newest: Option<&Bytes>, before: Option<&Bytes>) {
        self.left = self.left.saturating_sub(1);
        let Some(newest) = newest.filter(|newest| Some(*newest) != before) else { return };
        let mut hasher = DefaultHasher::new();
        newest.hash(&mut hasher);
        let hash = hasher.finish();
        let again = self.seen.contains(&hash);
        if self.seen.len() == KNOWN {
            self.seen.pop_front();
        }
        self.seen.push_back(hash);
        if again {
            self.left = KNOWN;
        }
    }

    /// True where one came back lately that had been replaced.
    pub(super) fn any(&self) -> bool {
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(repeats: &mut Repeats, payloads: impl IntoIterator<Item = u32>) -> bool {
        let mut before = None;
        for payload in payloads {
            let newest = Bytes::from(payload.to_string());
            repeats.take(Some(&newest), before.as_ref());
            before = Some(newest);
        }
        repeats.any()
    }

    #[test]
    fn told_when_a_replaced_payload_comes_back_and_forgotten_again() {
        let mut repeats = Repeats::default();
        assert!(!feed(&mut repeats, [1, 2, 2, 2, 3]), "the same one may just stand there");
        assert!(feed(&mut repeats, [4, 1]));
        assert!(!feed(&mut repeats, 10..10 + KNOWN as u32));
    }
}

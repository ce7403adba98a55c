//! Is the holder of a lock alive? What speaks for it, and what speaks against it.
//!
//! "Gone" needs evidence: somebody who was there while the lock stood and is not any more. A holder that was never
//! seen is not gone, nobody can tell.

use std::sync::Arc;

use super::Stamp;

/// Is the holder alive? A closed list, documented in the README.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum HolderState {
    /// It was seen.
    Alive,
    /// Nobody can tell.
    Unknown,
    /// It was there and is not any more.
    Gone,
}

impl HolderState {
    /// The word that JSON and the filter use.
    pub fn code(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Unknown => "unknown",
            Self::Gone => "gone",
        }
    }

    /// As the screen says it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => "cannot tell",
            other => other.code(),
        }
    }
}

/// What something other than the lock itself tells of its holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presence {
    /// What it comes to.
    pub state: HolderState,
    /// A sentence, escaped.
    pub evidence: Arc<str>,
    /// Alive: when it was last seen. Gone: when it was last seen, or first missed. Else when somebody looked.
    pub at: Stamp,
}

impl Presence {
    /// Evidence of this moment; the sentence must hold no raw bytes from Redis.
    pub fn new(state: HolderState, evidence: impl Into<Arc<str>>, at: Stamp) -> Self {
        Self { state, evidence: evidence.into(), at }
    }
}

/// The words of a lock's value by which a client or worker may be called: what lies between its beginning, its end
/// and characters that are neither letters nor digits; longest first. Values with many such characters give few.
pub fn words(value: &[u8]) -> Vec<&[u8]> {
    /// Cuts that are tried, so that the words of any value are few.
    const MOST_CUTS: usize = 10;
    if is_uuid(value) {
        return Vec::new();
    }
    let cuts = value.iter().enumerate().filter(|(_, b)| b.is_ascii() && !b.is_ascii_alphanumeric());
    let cuts: Vec<usize> = cuts.map(|(at, _)| at).take(MOST_CUTS).collect();
    let starts = || std::iter::once(0).chain(cuts.iter().map(|at| at + 1));
    let ends = || cuts.iter().copied().chain(std::iter::once(value.len()));
    let mut words: Vec<&[u8]> = starts()
        .flat_map(|start| ends().filter(move |end| *end >= start + SHORTEST).map(move |end| (start, end)))
        .filter_map(|(start, end)| value.get(start..end))
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// A name of fewer bytes names nobody.
pub const SHORTEST: usize = 3;

/// A name of so many bytes comes from no chance, even if it is a number.
const LONG: usize = 16;

/// True for a name that can hardly stand in a random value by chance.
pub fn is_telling(name: &[u8]) -> bool {
    let letters = || name.iter().any(|b| b.is_ascii_alphabetic() && !b.is_ascii_hexdigit());
    name.len() >= LONG || (name.len() >= SHORTEST && letters())
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_value_are_few_and_whole() {
        let of = |value: &str| -> Vec<String> {
            words(value.as_bytes()).iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect()
        };
        assert_eq!(of("web-3:4711"), ["web-3:4711", "3:4711", "web-3", "4711", "web"]);
        assert_eq!(of("3dcb04b8-2e15-4208-8244-348d3fb4fa6c"), [""; 0]);
        assert_eq!(of(""), [""; 0]);
        assert!(words(&[b':'; 1024]).len() < 100);
        assert!(words(&[0xff; 1024]).len() == 1);
        assert!(
            is_telling(b"web-3") && !is_telling(b"4711") && !is_telling(b"0b9f6c1e") && !is_telling(b"w1")
        );
    }
}

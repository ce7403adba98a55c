//! Which keys of unknown meaning are worth asking for their type: a few of each shape of name.
//!
//! Streams and queues under unusual prefixes can't be told by their names alone, and asking for the type of every
//! key would double the cost of the search. Names that differ only in their numbers and ids share a shape; a
//! few of each shape are asked in every pass, and more only of shapes that proved worth it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

/// Keys of a shape that are asked in vain in one pass.
const TRIES: u32 = 3;
/// Shapes kept; names beyond have no shape in common, such as random letters.
const MOST_SHAPES: usize = 10_000;

/// See the module.
#[derive(Default)]
pub(super) struct Sampler {
    /// Hits and misses in this pass.
    shapes: HashMap<u64, (u32, u32)>,
}

impl Sampler {
    /// True when this key's type should be asked.
    pub(super) fn wants(&mut self, key: &[u8]) -> bool {
        let full = self.shapes.len() >= MOST_SHAPES;
        let shape = shape(key);
        match self.shapes.get_mut(&shape) {
            Some((hits, misses)) => {
                let more = *misses < TRIES + *hits * 10;
                *misses += u32::from(more);
                more
            }
            None if full => false,
            None => {
                self.shapes.insert(shape, (0, 1));
                true
            }
        }
    }

    /// The key proved worth asking.
    pub(super) fn hit(&mut self, key: &[u8]) {
        if let Some((hits, misses)) = self.shapes.get_mut(&shape(key)) {
            *hits = hits.saturating_add(1);
            *misses = misses.saturating_sub(1);
        }
    }

    /// A new pass: other keys of the same shapes get their turn.
    pub(super) fn next_pass(&mut self) {
        self.shapes.clear();
    }
}

/// A name without its numbers and ids: each run of letters and digits that holds a digit counts as one sign.
fn shape(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in key.split_inclusive(|b| !b.is_ascii_alphanumeric()) {
        if word.iter().any(u8::is_ascii_digit) {
            hasher.write_u8(b'#');
            hasher.write_u8(word.last().copied().filter(|b| !b.is_ascii_alphanumeric()).unwrap_or(0));
        } else {
            hasher.write(word);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_of_each_shape() {
        let mut sampler = Sampler::default();
        let asked = (0..1000).filter(|n| sampler.wants(format!("session:{n:x}a1").as_bytes())).count();
        assert_eq!(asked, TRIES as usize);
        assert!(sampler.wants(b"orders"));
        assert!(sampler.wants(b"events:1"));
        sampler.hit(b"events:1");
        let asked = (2..1000).filter(|n| sampler.wants(format!("events:{n}").as_bytes())).count();
        assert!((10..20).contains(&asked), "{asked}");
        sampler.next_pass();
        assert!(sampler.wants(b"session:77a1"));
    }
}

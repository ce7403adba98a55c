//! Hash slots of a Redis Cluster: ranges, and which slot a key belongs to. Pure.

use std::fmt;

/// Slots of a cluster.
pub const SLOTS: u32 = 16_384;

/// Slots from `first` to `last`, both included, both below [`SLOTS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct SlotRange {
    /// First slot.
    pub first: u16,
    /// Last slot.
    pub last: u16,
}

impl SlotRange {
    /// A range, if both ends are slots and in order.
    pub fn new(first: i64, last: i64) -> Option<Self> {
        let slot = |n: i64| u16::try_from(n).ok().filter(|n| u32::from(*n) < SLOTS);
        let (first, last) = (slot(first)?, slot(last)?);
        (first <= last).then_some(Self { first, last })
    }

    /// How many slots.
    pub fn count(self) -> u32 {
        u32::from(self.last - self.first) + 1
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// The slots that none of these ranges covers, as ranges.
pub fn uncovered(ranges: &[SlotRange]) -> Vec<SlotRange> {
    let mut sorted: Vec<SlotRange> = ranges.to_vec();
    sorted.sort_unstable();
    let mut next: i64 = 0;
    let mut out = Vec::new();
    for range in sorted {
        out.extend(SlotRange::new(next, i64::from(range.first) - 1));
        next = next.max(i64::from(range.last) + 1);
    }
    out.extend(SlotRange::new(next, i64::from(SLOTS) - 1));
    out
}

/// Ranges in few words: `0-5460, 16383`; of many the first ones and how many more.
pub fn told(ranges: &[SlotRange]) -> String {
    let shown: Vec<String> = ranges.iter().take(3).map(ToString::to_string).collect();
    let more = ranges.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The slot of a key: CRC16 (XMODEM) of the key, or of what stands in its first braces if that is not empty.
/// Source: Redis cluster specification, "Hash tags".
pub fn slot_of(key: &[u8]) -> u16 {
    let crc = hash_tag(key).unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % (SLOTS as u16)
}

/// What is hashed instead of the whole key: between the first `{` and the next `}`, unless that is empty.
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|b| *b == b'{')?;
    let rest = key.get(open + 1..)?;
    let close = rest.iter().position(|b| *b == b'}').filter(|n| *n > 0)?;
    rest.get(..close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_keys_and_hash_tags() {
        // As CLUSTER KEYSLOT of Redis 7.0 says.
        for (key, slot) in [("foo", 12182), ("bar", 5061), ("{foo}bar", 12182), ("a{foo}{bar}", 12182)] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(slot_of(b"{}foo"), 9500);
        assert_eq!(slot_of(b""), 0);
    }

    #[test]
    fn gaps_between_ranges() {
        let range = |a, b| SlotRange::new(a, b).expect("a range");
        assert_eq!(uncovered(&[]), [range(0, 16383)]);
        assert_eq!(uncovered(&[range(5, 16383), range(0, 3)]), [range(4, 4)]);
        assert_eq!(uncovered(&[range(0, 10_000), range(5, 16382)]), [range(16383, 16383)]);
        assert!(uncovered(&[range(0, 16383)]).is_empty());
        assert_eq!(SlotRange::new(3, 16384), None);
        assert_eq!(told(&[range(0, 1), range(4, 4), range(6, 7), range(9, 9)]), "0-1, 4, 6-7 and 1 more");
    }
}

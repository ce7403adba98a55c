//! Durations counted in fixed, roughly logarithmic classes: bounded, and the same for every screen.

use std::time::Duration;

/// Upper ends of the classes; a last one holds what is longer.
pub const BOUNDS: [Duration; 11] = [
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
];

/// How many durations fell into each class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Counts: one for each of [`BOUNDS`], then one for what is longer.
    pub counts: [u64; BOUNDS.len() + 1],
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, took: Duration) {
        let class = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        self.counts[class] += 1;
    }

    /// All durations counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// First and last class that is not empty.
    pub fn span(&self) -> Option<(usize, usize)> {
        let first = self.counts.iter().position(|n| *n > 0)?;
        let last = self.counts.iter().rposition(|n| *n > 0)?;
        Some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_falls_into_one_class() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.total(), histogram.span()), (0, None));
        for ms in [0, 1, 2, 1000, 1001, 3_600_000] {
            histogram.add(Duration::from_millis(ms));
        }
        assert_eq!(histogram.counts, [2, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1]);
        assert_eq!((histogram.total(), histogram.span()), (6, Some((0, 11))));
    }
}

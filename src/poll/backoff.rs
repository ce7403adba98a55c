//! How long to wait before the next try. Pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(2);

/// Wait after `misses` in a row (1 or more): small first, doubling, capped at two seconds or one interval,
/// spread by `jitter` (0 to 1) over 80 to 120 % so that many clients never come back together.
pub fn delay(misses: u32, interval: Duration, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << misses.saturating_sub(1).min(10));
    doubled.min(CAP.max(interval)).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_first_then_capped() {
        let second = Duration::from_secs(1);
        assert_eq!(delay(1, second, 0.5), Duration::from_millis(100));
        assert_eq!(delay(2, second, 0.5), Duration::from_millis(200));
        assert_eq!(delay(30, second, 0.5), CAP);
        assert_eq!(delay(30, Duration::from_secs(9), 0.5), Duration::from_secs(9));
        for misses in 1..50 {
            assert!(delay(misses, second, 1.0) >= delay(misses, second, 0.0));
            assert!(delay(misses + 1, second, 0.5) >= delay(misses, second, 0.5));
        }
    }
}

//! Retries: how long a failed task rests, and how it stands in the sorted set of those that rest.
//!
//! A member is `ATTEMPT:ID:PAYLOAD`, its score the server's time in ms at which it is due. The number of the attempt
//! goes with the task, so that neither a crash nor another worker starts it anew; the id keeps equal payloads apart.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::Bytes;

/// Of the pause, up to this share is left out at random: tasks that failed together don't come back together.
const JITTER: f64 = 0.5;

/// Pause before the n-th retry (from 1): doubling, capped, jittered between half and the whole of it.
pub(super) fn pause(retry: u32, first: Duration, most: Duration, random: f64) -> Duration {
    let doubled = first.as_secs_f64() * 2_f64.powi(retry.saturating_sub(1).min(62) as i32);
    let full = doubled.min(most.max(first).as_secs_f64());
    Duration::try_from_secs_f64(full * (1.0 - JITTER * random)).unwrap_or(most)
}

/// The member for a task whose next attempt has this number. Never twice the same: whoever takes it back out may
/// not meet another worker's.
pub(super) fn member(attempt: u32, payload: &Bytes) -> Bytes {
    [format!("{attempt}:{}:", Uuid::new_v4().simple()).as_bytes(), payload.as_slice()].concat().into()
}

/// Attempt and payload of a member; `None`: not one of ours.
pub(super) fn read(member: &Bytes) -> Option<(u32, Bytes)> {
    let mut parts = member.as_slice().splitn(3, |b| *b == b':');
    let attempt = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let id = parts.next()?;
    (id.len() == 32).then_some(())?;
    Some((attempt, parts.next()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let (first, most) = (Duration::from_secs(1), Duration::from_secs(60));
        let whole: Vec<u64> = (1..=8).map(|n| pause(n, first, most, 0.0).as_secs()).collect();
        assert_eq!(whole, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(3, first, most, 1.0), Duration::from_secs(2));
        assert_eq!(pause(u32::MAX, first, Duration::MAX, 0.0), pause(100, first, Duration::MAX, 0.0));
    }

    #[test]
    fn a_member_gives_back_what_went_in() {
        for payload in ["", "a:b:c", "\u{0}\n", "1:00000000000000000000000000000000:x"] {
            let payload = Bytes::from(payload);
            assert_eq!(read(&member(7, &payload)), Some((7, payload)));
        }
        for stranger in ["", "x", "2:short:x", "x:00000000000000000000000000000000:y", "2:"] {
            assert_eq!(read(&stranger.into()), None, "{stranger}");
        }
    }
}

//! When a task is due, or failed, where the score of its sorted set tells.

use std::time::{Duration, UNIX_EPOCH};

use super::{Item, Look, Scripts, note_of};
use crate::decode::Decoded;
use crate::domain::stamp::short;
use crate::domain::{Bytes, Reply, Stamp};
use crate::family::Read;

/// Years this far away are no times.
const MOST_SECONDS: f64 = 4_102_444_800.0;

impl Scripts<'_> {
    /// The time of each, as a part of the task.
    pub(super) async fn times(
        &mut self,
        look: &Look,
        items: &[Item],
        now: Stamp,
    ) -> Result<Vec<Option<(String, Decoded)>>, String> {
        let Some((key, time)) = &look.timed else { return Ok(vec![None; items.len()]) };
        let members: Vec<Option<Bytes>> = items.iter().map(Item::whole).collect();
        let reads: Vec<Read> =
            members.iter().flatten().map(|member| Read::ZScore(key.clone(), member.clone())).collect();
        let mut replies = self.read(&reads).await?.into_iter();
        let part = |member: &Option<Bytes>| {
            // Only those that are there were asked for.
            member.as_ref()?;
            let at = seconds(&replies.next()?)?;
            let said = said(at / f64::from(time.per_second), now)?;
            Some((time.word.to_owned(), note_of(&said)))
        };
        Ok(members.iter().map(part).collect())
    }
}

fn seconds(score: &Reply) -> Option<f64> {
    match score {
        Reply::Double(score) => Some(*score),
        Reply::Int(score) => Some(*score as f64),
        score => score.as_bytes()?.as_utf8()?.parse().ok(),
    }
}

/// The time by the clock of who wrote it, and how far it is by ours.
fn said(seconds: f64, now: Stamp) -> Option<String> {
    // Also neither infinite nor no number.
    if !(0.0..MOST_SECONDS).contains(&seconds) {
        return None;
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds))?;
    let text = humantime::format_rfc3339_seconds(at);
    Some(match at.duration_since(now.wall) {
        Ok(left) => format!("{text}, in {}", short(left)),
        Err(ago) => format!("{text}, {} ago", short(ago.duration())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_by_the_clock_and_from_now() {
        let now = Stamp { wall: UNIX_EPOCH + Duration::from_secs(1_000), ..Stamp::now() };
        assert_eq!(said(1_090.9, now).as_deref(), Some("1970-01-01T00:18:10Z, in 1m 30s"));
        assert_eq!(said(940.0, now).as_deref(), Some("1970-01-01T00:15:40Z, 1m ago"));
        for none in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(said(none, now), None, "{none}");
        }
    }
}

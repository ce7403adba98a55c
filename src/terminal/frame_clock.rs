//! Paces frames: asked for any number of times, drawn at most 60 times a second, never while nobody asks.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Least time between two frames.
pub const GAP: Duration = Duration::from_micros(16_667);

/// Coalesces wishes for a frame.
#[derive(Debug, Default)]
pub struct FrameClock {
    asked: bool,
    drawn: Option<Instant>,
}

impl FrameClock {
    /// A clock nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something changed: a frame is wanted.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// When the wanted frame may be drawn: at once, or [`GAP`] after the last one. `None`: none is wanted.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.asked.then(|| self.drawn.map_or(now, |last| (last + GAP).max(now)))
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, now: Instant) {
        self.asked = false;
        self.drawn = Some(now);
    }

    /// Resolves when a frame may be drawn; never while none is wanted. Safe to drop at any time.
    pub async fn wait(&self) {
        match self.due(Instant::now()) {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_unless_asked() {
        let now = Instant::now();
        let mut clock = FrameClock::new();
        assert_eq!(clock.due(now), None);
        clock.ask();
        assert_eq!(clock.due(now), Some(now), "the first frame comes at once");
        clock.drawn(now);
        assert_eq!(clock.due(now), None);
        clock.ask();
        clock.ask();
        assert_eq!(clock.due(now), Some(now + GAP), "two wishes are one frame, a gap later");
        let late = now + Duration::from_secs(1);
        assert_eq!(clock.due(late), Some(late), "after a quiet time there is no wait");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_wishes_is_drawn_at_most_60_times_a_second() {
        let start = Instant::now();
        let mut clock = FrameClock::new();
        let mut frames = 0;
        while start.elapsed() < Duration::from_secs(1) {
            clock.ask();
            clock.wait().await;
            clock.drawn(Instant::now());
            frames += 1;
        }
        assert!((55..=61).contains(&frames), "{frames} frames");
    }
}
